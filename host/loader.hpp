#pragma once
// The thread on which plugins are loaded and ended while the host runs: what they do there, nobody else may wait for. It knows how long that
// takes: one that does not come back is told of, and what would wait for it is refused.

#include "host/object/timers.hpp"
#include "host/session/log.hpp"

#include <soho/result.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace soho::host {

// Thread-safe.
class Loader {
public:
    // `settle` runs on the thread after each work and, as long as it says that there is more to come, every 100 ms.
    Loader(Timers& timers, Log& log, std::function<bool()> settle);
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    // What the thread is to do; `refuse` is called instead, on any thread, if it cannot be waited for.
    struct Work {
        std::function<void()> run;
        std::function<void(const Error&)> refuse;
    };
    void post(Work work);

    // Nothing is posted any more. False if what runs does not come to an end: then neither may this.
    bool stop();
    bool is_stopping() const;

    class Step;

private:
    // Of a plugin's code that others wait for. It may outlive the loader, in a timer.
    struct Watched {
        Watched(std::string_view plugin_, std::string_view what_, std::int64_t since_ns_)
            : plugin(plugin_),
              what(what_),
              since_ns(since_ns_) {}

        const std::string plugin;
        const std::string what;  // that has not returned: "its load()"
        const std::int64_t since_ns;
        std::mutex mutex;  // held by who tells of it, and taken to end it
        bool is_over = false;
        std::atomic<bool> is_long{false};
    };
    void watch(const std::shared_ptr<Watched>& watched, std::int64_t after_ns);
    void tell_of(Watched& watched);
    std::optional<Error> why_not_now() const;
    void run();

    Timers& timers_;
    Log& log_;
    const std::function<bool()> settle_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Work> waiting_;
    std::shared_ptr<const Watched> step_;  // of the thread
    bool is_busy_ = false, is_stopping_ = false;
    std::thread thread_;
};

// The thread is in that step for as long as this lives. Where memory is short nobody is told of it.
class Loader::Step {
public:
    // Until `due_ns` it may take its time.
    Step(Loader& loader, std::string_view plugin, std::string_view what, std::int64_t due_ns = 0) noexcept;
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step();

private:
    Loader& loader_;
    std::shared_ptr<Watched> watched_;
};

// Why nothing is reloaded any more.
Error is_shutting_down();

}  // namespace soho::host
