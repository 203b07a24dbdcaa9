// Replies that come later, or never, or twice; methods that block. Types: Mailbox, Slow, Clock, Counts.
#include <soho/plugin.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <thread>

namespace {

using namespace std::chrono_literals;

// How often each thing happened, for tests to compare. One for the plugin; its own object has the typeid Counts.
struct Counts {
    std::atomic<std::int64_t> constructed{0}, destroyed{0}, completed{0}, late{0}, cancelled{0}, discarded{0},
        sessions_ended{0};
};

// A thread that does things later.
class Worker {
public:
    Worker() : thread_([this] { run(); }) {}
    ~Worker() { stop(); }

    void after(std::chrono::milliseconds delay, std::function<void()> work) {
        const std::lock_guard lock(mutex_);
        work_.emplace(std::chrono::steady_clock::now() + delay, std::move(work));
        changed_.notify_one();
    }
    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            changed_.notify_one();
        }
        if (thread_.joinable()) thread_.join();
        work_.clear();
    }

private:
    void run() {
        std::unique_lock lock(mutex_);
        while (!stopping_) {
            if (work_.empty()) {
                changed_.wait(lock);
            } else if (const auto due = work_.begin()->first; due > std::chrono::steady_clock::now()) {
                changed_.wait_until(lock, due);
            } else {
                auto work = std::move(work_.extract(work_.begin()).mapped());
                lock.unlock();
                work();
                work = nullptr;
                lock.lock();
            }
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> work_;
    bool stopping_ = false;
    std::thread thread_;
};

struct Shared {
    std::shared_ptr<Counts> counts = std::make_shared<Counts>();
    Worker worker;
};

// A queue: get() waits for put(), without a thread. An item whose reply is not delivered comes back to the front.
class Mailbox {
public:
    explicit Mailbox(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) { ++counts().constructed; }
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    ~Mailbox() { ++counts().destroyed; }

    void put(soho::Value item) {
        items_.push_back(std::move(item));
        serve();
    }
    void get(soho::Reply<soho::Value> reply) {
        waiting_.push_back(std::move(reply));
        const auto place = std::prev(waiting_.end());
        place->on_cancel([this, place] {
            ++counts().cancelled;
            waiting_.erase(place);
        });
        serve();
    }
    std::uint64_t waiting() const { return waiting_.size(); }
    std::uint64_t size() const { return items_.size(); }

    // Completes from another thread, `ms` later.
    void later(soho::Reply<soho::Value> reply, soho::Value value, std::int64_t ms) {
        auto kept = std::make_shared<soho::Reply<soho::Value>>(std::move(reply));
        kept->on_cancel([shared = shared_] { ++shared->counts->cancelled; });
        kept->on_discarded([shared = shared_] { ++shared->counts->discarded; });
        shared_->worker.after(std::chrono::milliseconds(ms), [shared = shared_, kept, value = std::move(value)] {
            ++((*kept)(value) ? shared->counts->completed : shared->counts->late);
        });
    }
    void fail_later(soho::Reply<void> reply, std::string type, std::int64_t ms) {
        auto kept = std::make_shared<soho::Reply<void>>(std::move(reply));
        shared_->worker.after(std::chrono::milliseconds(ms),
                              [kept, type = std::move(type)] { kept->fail(soho::Error(type, "as asked, later")); });
    }
    // Never says anything, and gives the reply away later.
    void drop_later(soho::Reply<void> reply, std::int64_t ms) {
        auto kept = std::make_shared<soho::Reply<void>>(std::move(reply));
        shared_->worker.after(std::chrono::milliseconds(ms), [kept] { *kept = {}; });
    }
    void drop(soho::Reply<void>) {}
    // Never ends: neither completed nor dropped before the object goes.
    void never(soho::Reply<void> reply) { kept_.push_back(std::move(reply)); }
    void twice(soho::Reply<std::int64_t> reply) {
        reply(1);
        ++(reply(2) ? counts().completed : counts().late);
    }
    void twice_later(soho::Reply<std::int64_t> reply, std::int64_t ms) {
        auto kept = std::make_shared<soho::Reply<std::int64_t>>(std::move(reply));
        shared_->worker.after(std::chrono::milliseconds(ms), [shared = shared_, kept] {
            (*kept)(1);
            ++((*kept)(2) ? shared->counts->completed : shared->counts->late);
        });
    }
    // Hammers one reply from two threads at once; exactly one wins.
    void race(soho::Reply<std::int64_t> reply) {
        auto kept = std::make_shared<soho::Reply<std::int64_t>>(std::move(reply));
        const auto complete = [shared = shared_, kept](std::int64_t n) {
            ++((*kept)(n) ? shared->counts->completed : shared->counts->late);
        };
        shared_->worker.after(0ms, [complete] { complete(1); });
        complete(2);
    }
    // Waits inside the method, without `blocking`, until the caller has gone or `ms` are over.
    bool wait_until_gone(soho::Call& call, std::int64_t ms) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
        while (!call.caller_gone()) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::sleep_for(1ms);
        }
        return true;
    }
    // Hears of the end of the caller's session.
    void watch_session(soho::Call& call) {
        ends_.push_back(
            call.host().on_session_end(call.session(), call.object(), [this] { ++counts().sessions_ended; }));
    }
    // A result whose loss is noticed.
    soho::Value precious(soho::Call& call, soho::Value item) {
        call.on_discarded([shared = shared_] { ++shared->counts->discarded; });
        return item;
    }

private:
    Counts& counts() { return *shared_->counts; }

    void serve() {
        while (!items_.empty() && !waiting_.empty()) {
            soho::Reply<soho::Value> reply = std::move(waiting_.front());
            waiting_.pop_front();
            soho::Value item = std::move(items_.front());
            items_.pop_front();
            reply.on_discarded([this, item] {
                ++counts().discarded;
                items_.push_front(item);
                serve();
            });
            ++(reply(item) ? counts().completed : counts().late);
        }
    }

    std::shared_ptr<Shared> shared_;
    std::deque<soho::Value> items_;
    std::list<soho::Reply<soho::Value>> waiting_;
    std::vector<soho::Reply<void>> kept_;
    std::vector<soho::SessionEnd> ends_;
};

// Methods that take their time.
struct Slow {
    static inline std::atomic<int> sleeping{0};  // now, of all, those that are being made included
    std::int64_t calls = 0;                      // concurrent types count at once

    static void pause(std::int64_t ms) {
        ++sleeping;
        std::this_thread::sleep_for(std::chrono::milliseconds(ms));
        --sleeping;
    }
    std::int64_t sleep(std::int64_t ms) {
        pause(ms);
        return ++std::atomic_ref(calls);
    }
    std::int64_t spin(std::int64_t ms) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
        while (std::chrono::steady_clock::now() < end) {
        }
        return ++std::atomic_ref(calls);
    }
};

// Whose end takes its time.
struct SlowEnd {
    SlowEnd() = default;
    SlowEnd(const SlowEnd&) = delete;
    SlowEnd& operator=(const SlowEnd&) = delete;
    ~SlowEnd() { std::this_thread::sleep_for(200ms); }
};

// Ticks in its own turn.
struct Clock {
    std::int64_t ticks = 0;
    soho::Timer timer;
};

}  // namespace

SOHO_PLUGIN(reply, "1.0", plugin) {
    auto shared = std::make_shared<Shared>();
    plugin.on_stop([shared] { shared->worker.stop(); });

    plugin.methods<Mailbox>()
        .method("put", &Mailbox::put)
        .args("item")
        .method("get", &Mailbox::get)
        .method("waiting", &Mailbox::waiting)
        .readonly()
        .method("size", &Mailbox::size)
        .readonly()
        .method("later", &Mailbox::later)
        .args("value", "ms"_a = 10)
        .method("fail_later", &Mailbox::fail_later)
        .args("type", "ms"_a = 10)
        .method("drop_later", &Mailbox::drop_later)
        .args("ms"_a = 10)
        .method("drop", &Mailbox::drop)
        .method("never", &Mailbox::never)
        .method("twice", &Mailbox::twice)
        .method("twice_later", &Mailbox::twice_later)
        .args("ms"_a = 10)
        .method("race", &Mailbox::race)
        .method("wait_until_gone", &Mailbox::wait_until_gone)
        .args("ms"_a = 10000)
        .method("watch_session", &Mailbox::watch_session)
        .method("precious", &Mailbox::precious)
        .args("item");
    plugin.type<Mailbox>("Mailbox").callable([shared] { return std::make_shared<Mailbox>(shared); });
    plugin.type<Mailbox>("LateMailbox")
        .callable([shared](soho::Reply<std::shared_ptr<Mailbox>> reply, std::int64_t ms) {
            auto kept = std::make_shared<soho::Reply<std::shared_ptr<Mailbox>>>(std::move(reply));
            shared->worker.after(std::chrono::milliseconds(ms),
                                 [shared, kept] { (*kept)(std::make_shared<Mailbox>(shared)); });
        })
        .args("ms"_a = 10)
        .doc("A Mailbox whose create completes late.");

    plugin.methods<Slow>()
        .method("sleep", &Slow::sleep)
        .args("ms"_a = 10)
        .blocking()
        .method("sleep_undeclared", &Slow::sleep)
        .args("ms"_a = 10)
        .method("spin", &Slow::spin)
        .args("ms"_a = 10)
        .method("undeclared_copy",
                [](Slow&, std::int64_t ms, soho::Value value) {
                    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
                    return value;
                })
        .args("ms", "value")
        .method("quick", [](Slow& slow) { return ++std::atomic_ref(slow.calls); })
        .method("sleeping", [](Slow&) { return Slow::sleeping.load(); });
    plugin.type<Slow>("Slow");
    plugin.type<Slow>("SlowConcurrent").concurrent();
    plugin.type<Slow>("SlowCreate")
        .callable([](std::int64_t ms) {
            Slow::pause(ms);
            return Slow();
        })
        .args("ms"_a = 10)
        .blocking();

    plugin.methods<SlowEnd>();
    plugin.type<SlowEnd>("SlowEnd");
    plugin.type<Slow>("SlowForever").callable([] {
        std::this_thread::sleep_for(1h);
        return Slow();
    });

    plugin.methods<Clock>()
        .method("start",
                [](Clock& clock, soho::Call& call, std::int64_t ms) {
                    clock.timer =
                        call.host().every(call.object(), std::chrono::milliseconds(ms), [&clock] { ++clock.ticks; });
                })
        .args("ms"_a = 1)
        .method("stop", [](Clock& clock) { clock.timer.reset(); })
        .method("ticks", [](const Clock& clock) { return clock.ticks; })
        .readonly();
    plugin.type<Clock>("Clock");

    plugin.methods<Counts>().method("get", [](const Counts& counts) {
        return std::map<std::string, std::int64_t>{
            {"constructed", counts.constructed},      {"destroyed", counts.destroyed},
            {"completed", counts.completed},          {"late", counts.late},
            {"cancelled", counts.cancelled},          {"discarded", counts.discarded},
            {"sessions_ended", counts.sessions_ended}};
    });
    plugin.type<Counts>("Counts").callable([shared] { return shared->counts; }).concurrent();
}
