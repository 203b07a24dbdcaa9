// Methods that never said that they block, and do: until somebody opens the door. Each of them blocks a reactor once only, as it runs
// on the pool from then on; so there are many.
#include <soho/plugin.hpp>

#include <unistd.h>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
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
    // Code that belongs to no object.
    void timer(soho::Call& call) {
        timer_ = call.host().after(0, std::chrono::milliseconds(1), [] { wait_at_the_door(); });
    }
    void task(soho::Call& call) {
        call.host().post_to_turn(0, [] { wait_at_the_door(); });
    }
    void reply_of(soho::Call& call, soho::ObjectRef other) {
        other.call<std::int64_t>(call, "calls").then([](soho::Outcome<std::int64_t>) { wait_at_the_door(); });
    }
    void session_end(soho::Call& call) {
        session_end_ = call.host().on_session_end(call.session(), 0, [] { wait_at_the_door(); });
    }
    std::int64_t brief(std::int64_t us) {
        std::this_thread::sleep_for(std::chrono::microseconds(us));
        return ++calls;
    }

    std::vector<soho::Reply<std::string>> kept_;
    soho::Timer timer_;
    soho::SessionEnd session_end_;
};

// An object made by a method is let go of inside it; and the method stays.
struct Node {
    int value = 0;
};
std::shared_ptr<Node> the_node = std::make_shared<Node>();

std::string make_twice(soho::Call& call) {
    const auto first = call.host().make_object<Node>("StallNode", the_node, call.object());
    const auto again = call.host().make_object<Node>("StallNode", the_node, call.object());
    wait_at_the_door();
    return "made";
}

struct StallEnd {
    StallEnd() = default;
    StallEnd(const StallEnd&) = delete;
    StallEnd& operator=(const StallEnd&) = delete;
    ~StallEnd() { wait_at_the_door(); }
};

// Loading takes until there is such a file.
void wait_for_file(const char* path) {
    while (path != nullptr && ::access(path, F_OK) != 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

}  // namespace

SOHO_PLUGIN(stall, "1.0", plugin) {
    wait_for_file(std::getenv("SOHO_TEST_STALL_LOAD"));
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
    stall.method("timer", &Stall::timer)
        .method("task", &Stall::task)
        .method("reply_of", &Stall::reply_of)
        .args("other")
        .method("session_end", &Stall::session_end)
        .method("make_twice", [](Stall&, soho::Call& call) { return make_twice(call); });
    plugin.methods<Node>().method("value", [](Node& node) { return node.value; });
    plugin.type<Node>("StallNode").concurrent();
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
