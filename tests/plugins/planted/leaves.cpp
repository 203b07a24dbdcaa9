// Objects that leave something behind, each something else.
#include <soho/plugin.hpp>

#include <fcntl.h>
#include <unistd.h>
#include <chrono>
#include <thread>

namespace {

struct LeavesMemory {
    LeavesMemory() { last = new char[100]; }
    static inline char* volatile last = nullptr;
    void nothing() {}
};
struct LeavesMemoryInUse {
    static inline char* volatile last = nullptr;
    void take() { last = new char[100]; }
    void nothing() {}
};
struct LeavesFiles {
    LeavesFiles() { static_cast<void>(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }
    void nothing() {}
};
struct LeavesFilesInUse {
    void open() { static_cast<void>(::dup(STDIN_FILENO)); }
    void nothing() {}
};
struct LeavesThreads {
    void nothing() {
        std::thread([] { std::this_thread::sleep_for(std::chrono::seconds(2)); }).detach();
    }
};
// Keeps itself.
struct Keeps {
    soho::ObjectRef self;
    void keep(soho::ObjectRef other) { self = std::move(other); }
};

}  // namespace

SOHO_PLUGIN(leaves, "1.0", plugin) {
    plugin.methods<LeavesMemory>().method("nothing", &LeavesMemory::nothing);
    plugin.type<LeavesMemory>("LeavesMemory");
    plugin.methods<LeavesMemoryInUse>()
        .method("take", &LeavesMemoryInUse::take)
        .method("nothing", &LeavesMemoryInUse::nothing);
    plugin.type<LeavesMemoryInUse>("LeavesMemoryInUse");
    plugin.methods<LeavesFiles>().method("nothing", &LeavesFiles::nothing);
    plugin.type<LeavesFiles>("LeavesFiles");
    plugin.methods<LeavesFilesInUse>()
        .method("open", &LeavesFilesInUse::open)
        .method("nothing", &LeavesFilesInUse::nothing);
    plugin.type<LeavesFilesInUse>("LeavesFilesInUse");
    plugin.methods<LeavesThreads>().method("nothing", &LeavesThreads::nothing);
    plugin.type<LeavesThreads>("LeavesThreads");
    plugin.methods<Keeps>().method("keep", &Keeps::keep).args("other");
    plugin.type<Keeps>("Keeps").callable([](soho::Call& call) {
        auto kept = std::make_shared<Keeps>();
        kept->self = call.host().make_object<Keeps>("Keeps", kept, 0);
        return kept;
    });
}
