// Types that say they are concurrent, and are not: one is torn, in another threads wait for each other.
#include <soho/plugin.hpp>

#include <mutex>
#include <string>
#include <thread>

namespace {

// Two threads that replace the same text at once both give it back.
struct Torn {
    std::string* text = new std::string;
    Torn() = default;
    Torn(const Torn&) = delete;
    Torn& operator=(const Torn&) = delete;
    ~Torn() { delete text; }

    void put(std::int64_t) {
        std::string* const before = text;
        std::this_thread::yield();
        text = new std::string(100, 'x');
        delete before;
    }
    std::uint64_t size() const { return text->size(); }
};

struct Crossed {
    std::mutex first, second;
    std::int64_t calls = 0;
    void there() {
        const std::scoped_lock a(first);
        std::this_thread::yield();
        const std::scoped_lock b(second);
        ++calls;
    }
    void back() {
        const std::scoped_lock a(second);
        std::this_thread::yield();
        const std::scoped_lock b(first);
        ++calls;
    }
};

}  // namespace

SOHO_PLUGIN(hasty, "1.0", plugin) {
    plugin.methods<Torn>().method("put", &Torn::put).args("key").method("size", &Torn::size);
    plugin.type<Torn>("Torn").concurrent();
    plugin.methods<Crossed>().method("there", &Crossed::there).method("back", &Crossed::back);
    plugin.type<Crossed>("Crossed").callable([] { return std::make_shared<Crossed>(); }).concurrent();
}
