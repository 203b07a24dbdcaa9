// Methods that never said that they block, and do: until somebody opens the door. Each of them blocks a reactor once only, as it runs
// on the pool from then on; so there are many.
#include <soho/plugin.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace {

using namespace soho::literals;

std::mutex mutex;
std::condition_variable changed;
bool open = false;
int inside = 0;
std::atomic<int> discarded = 0, cancelled = 0;

void wait_at_the_door() {
    std::unique_lock lock(mutex);
    ++inside;
    changed.notify_all();
    changed.wait(lock, [] { return open; });
    --inside;
    changed.notify_all();
}

struct Door {
    void set(bool to) {
        const std::scoped_lock lock(mutex);
        open = to;
        changed.notify_all();
    }
    int waiting() {
        const std::scoped_lock lock(mutex);
        return inside;
    }
};

struct Stall {
    std::int64_t calls = 0;

    // The text, so often.
    std::string hold(const std::string& text, std::int64_t times) {
        ++calls;
        std::string result;
        for (std::int64_t i = 0; i < times / 2; ++i) result += text;
        wait_at_the_door();
        for (std::int64_t i = times / 2; i < times; ++i) result += text;
        return result;
    }
    void fail(const std::string& text) {
        wait_at_the_door();
        throw soho::Error("Stalled", text);
    }
    soho::Value precious(soho::Call& call, soho::Value item) {
        call.on_discarded([] { ++discarded; });
        wait_at_the_door();
        return item;
    }
    // Defers, and then stays.
    void later(soho::Reply<std::string> reply, const std::string& text) {
        auto kept = std::make_shared<soho::Reply<std::string>>(std::move(reply));
        wait_at_the_door();
        (*kept)(text);
    }
    void cancel_stalls(soho::Reply<std::string> reply) {
        reply.on_cancel([this] {
            ++cancelled;
            wait_at_the_door();
            kept_.clear();
        });
        kept_.push_back(std::move(reply));
    }
    std::int64_t brief(std::int64_t us) {
        std::this_thread::sleep_for(std::chrono::microseconds(us));
        return ++calls;
    }

    std::vector<soho::Reply<std::string>> kept_;
};

struct StallEnd {
    StallEnd() = default;
    StallEnd(const StallEnd&) = delete;
    StallEnd& operator=(const StallEnd&) = delete;
    ~StallEnd() { wait_at_the_door(); }
};

}  // namespace

SOHO_PLUGIN(stall, "1.0", plugin) {
    plugin.methods<Door>()
        .method("open", [](Door& door) { door.set(true); })
        .method("close", [](Door& door) { door.set(false); })
        .method("waiting", &Door::waiting)
        .method("discarded", [](Door&) { return discarded.load(); })
        .method("cancelled", [](Door&) { return cancelled.load(); });
    plugin.type<Door>("Door");

    auto stall = plugin.methods<Stall>();
    for (int i = 0; i < 100; ++i) {
        const std::string number = std::to_string(i);
        stall.method("hold" + number, &Stall::hold).args("text", "times"_a = 1);
        stall.method("fail" + number, &Stall::fail).args("text");
        stall.method("precious" + number, &Stall::precious).args("item");
        stall.method("later" + number, &Stall::later).args("text");
    }
    for (int i = 0; i < 1000; ++i) stall.method("brief" + std::to_string(i), &Stall::brief).args("us");
    stall.method("cancel_stalls", &Stall::cancel_stalls)
        .method("echo", [](Stall&, soho::Value value) { return value; })
        .args("value")
        .method("calls", [](const Stall& of) { return of.calls; });
    plugin.type<Stall>("Stall");
    plugin.methods<StallEnd>();
    plugin.type<StallEnd>("StallEnd");
    for (int i = 0; i < 10; ++i) {
        plugin.type<Stall>("StallCreate" + std::to_string(i)).callable([] {
            wait_at_the_door();
            return Stall();
        });
    }
}
