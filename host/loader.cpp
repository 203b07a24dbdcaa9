#include "host/loader.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <algorithm>
#include <chrono>
#include <new>
#include <system_error>
#include <utility>

namespace soho::host {

namespace {

constexpr auto look_again = std::chrono::milliseconds(100);
constexpr auto end_time = std::chrono::seconds(2);
constexpr std::size_t waiting_max = 64;
constexpr std::int64_t long_ns = 5'000'000'000;

std::int64_t seconds_since(std::int64_t ns) { return (monotonic_now() - ns) / 1'000'000'000; }

Error is_stuck(const std::string& plugin, const std::string& what, std::int64_t since_ns) {
    return Error(
        Code::overloaded,
        fmt::format("this reload was not started, as plugin {} keeps the loader: {} has not returned for {} s; "
                    "if it never does, restart the host",
                    plugin, what, seconds_since(since_ns)));
}

}  // namespace

Error is_shutting_down() { return Error(Code::not_started, "the host is shutting down: it reloads nothing"); }

// ---- steps

Loader::Step::Step(Loader& loader, std::string_view plugin, std::string_view what, std::int64_t due_ns) noexcept
    : loader_(loader) {
    try {
        watched_ = std::make_shared<Watched>(plugin, what, std::max(due_ns, monotonic_now()));
        loader_.watch(watched_, long_ns);
    } catch (const std::bad_alloc&) {
    }
    const std::scoped_lock lock(loader_.mutex_);
    loader_.step_ = watched_;
}

Loader::Step::~Step() {
    {
        const std::scoped_lock lock(loader_.mutex_);
        loader_.step_ = nullptr;
    }
    if (watched_ == nullptr) return;
    const std::scoped_lock lock(watched_->mutex);
    watched_->is_over = true;
    if (watched_->is_long)
        loader_.log_.host.info("plugin {}: {} has returned, after {} s", watched_->plugin, watched_->what,
                               seconds_since(watched_->since_ns));
}

void Loader::watch(const std::shared_ptr<Watched>& watched, std::int64_t after_ns) {
    timers_.start(watched->since_ns + after_ns, [this, watched, after_ns] {
        const std::scoped_lock lock(watched->mutex);
        if (watched->is_over) return;  // and perhaps the loader as well
        tell_of(*watched);
        watch(watched, 2 * after_ns);
    });
}

void Loader::tell_of(Watched& watched) {
    log_.host.warn(
        "plugin {}: {} has not returned for {} s; no plugin is reloaded until it does, or the host is restarted",
        watched.plugin, watched.what, seconds_since(watched.since_ns));
    watched.is_long = true;
    std::deque<Work> refused;
    {
        const std::scoped_lock lock(mutex_);
        std::swap(refused, waiting_);
    }
    for (const Work& work : refused) work.refuse(is_stuck(watched.plugin, watched.what, watched.since_ns));
}

// ---- the thread

Loader::Loader(Timers& timers, Log& log, std::function<bool()> settle)
    : timers_(timers),
      log_(log),
      settle_(std::move(settle)) {}

void Loader::post(Work work) {
    std::optional<Error> why_not;
    try {
        const std::scoped_lock lock(mutex_);
        why_not = why_not_now();
        if (!why_not) {
            if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
            waiting_.push_back(std::move(work));
            changed_.notify_all();
        }
    } catch (const std::system_error&) {
        why_not = Error(Code::overloaded, "the system has no thread for it: nothing was reloaded");
    }
    if (why_not) work.refuse(*why_not);
}

// With the mutex held.
std::optional<Error> Loader::why_not_now() const {
    if (is_stopping_) return is_shutting_down();
    if (step_ != nullptr && step_->is_long) return is_stuck(step_->plugin, step_->what, step_->since_ns);
    if (waiting_.size() >= waiting_max)
        return Error(Code::overloaded, "too many reloads wait already: this one was not started");
    return std::nullopt;
}

void Loader::run() {
    ::pthread_setname_np(::pthread_self(), "sohod-loader");
    const auto due = [this] { return is_stopping_ || !waiting_.empty(); };
    bool is_more_to_settle = false;
    std::unique_lock lock(mutex_);
    for (;;) {
        if (!is_more_to_settle) {
            changed_.wait(lock, due);
        } else {
            changed_.wait_for(lock, look_again, due);
        }
        if (is_stopping_ && waiting_.empty()) break;
        Work work;
        if (!waiting_.empty()) {
            work = std::move(waiting_.front());
            waiting_.pop_front();
        }
        is_busy_ = true;
        lock.unlock();
        if (work.run) work.run();
        is_more_to_settle = settle_();
        lock.lock();
        is_busy_ = false;
        changed_.notify_all();
    }
}

bool Loader::stop() {
    {
        std::unique_lock lock(mutex_);
        is_stopping_ = true;
        changed_.notify_all();
        if (!changed_.wait_for(lock, end_time, [this] { return !is_busy_ && waiting_.empty(); })) return false;
    }
    if (thread_.joinable()) thread_.join();
    return true;
}

bool Loader::is_stopping() const {
    const std::scoped_lock lock(mutex_);
    return is_stopping_;
}

}  // namespace soho::host
