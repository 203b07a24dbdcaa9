#include "host/worker/worker_process.hpp"

#include "host/worker/confinement.hpp"
#include "host/worker/order.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>

namespace soho::host {

namespace {

constexpr std::int64_t millisecond = 1'000'000;
constexpr std::int64_t backoff_ms = 100, backoff_ms_max = 10'000;
constexpr std::int64_t steady_ns = 60'000 * millisecond;  // one that lived so long begins anew
constexpr std::int64_t last_words_ms = 500;               // from the end of its connection to its own
constexpr std::int64_t retired_ms = 3'000;                // the same where it was told to end
constexpr std::int64_t late_offer_ms = 50;                // from its own end to an offer that is still to be read

void close_one(int& descriptor) {
    if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
}

// In its pages alone.
std::uint64_t memory_of(int process) {
    std::ifstream pages(fmt::format("/proc/{}/statm", process));
    std::uint64_t size = 0, resident = 0, shared = 0;
    pages >> size >> resident >> shared;
    return resident > shared ? (resident - shared) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

// All that a start needs; what is left open at the end is closed.
struct StartFiles {
    int link[2] = {-1, -1}, output[2] = {-1, -1}, errors[2] = {-1, -1}, denials[2] = {-1, -1};
    int order = -1, words = -1;

    StartFiles() = default;
    StartFiles(const StartFiles&) = delete;
    StartFiles& operator=(const StartFiles&) = delete;
    ~StartFiles() {
        for (int* descriptor : {&link[0], &link[1], &output[0], &output[1], &errors[0], &errors[1], &denials[0],
                                &denials[1], &order, &words})
            close_one(*descriptor);
    }
    bool open(const std::string& told) {
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) != 0) return false;
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, denials) != 0) return false;
        if (::pipe2(output, O_CLOEXEC) != 0 || ::pipe2(errors, O_CLOEXEC) != 0) return false;
        order = ::memfd_create("order", MFD_CLOEXEC);
        words = ::memfd_create("words", MFD_CLOEXEC);
        return order >= 0 && words >= 0 &&
               ::pwrite(order, told.data(), told.size(), 0) == static_cast<ssize_t>(told.size());
    }
};

}  // namespace

WorkerProcess::WorkerProcess(Supervisor& supervisor, std::string plugin, std::string file, const WorkerLimits& limits,
                             const Confinement& confinement, OrderOf order, bool replaces)
    : Worker(std::move(plugin), std::move(file)),
      supervisor_(supervisor),
      context_(supervisor.context_),
      limits_(limits),
      confinement_(confinement),
      order_(std::move(order)),
      is_replacing_(replaces),
      timer_(*context_),
      health_(*context_) {}

WorkerProcess::~WorkerProcess() { close_descriptors(); }

void WorkerProcess::close_descriptors() {
    for (int* descriptor : {&pidfd_, &socket_, &words_}) close_one(*descriptor);
}

void WorkerProcess::set(State state) {
    const std::scoped_lock lock(mutex_);
    state_ = state;
}

bool WorkerProcess::has_ended() const {
    const std::scoped_lock lock(mutex_);
    return state_ == State::ended || state_ == State::waiting || state_ == State::resting;
}

void WorkerProcess::after(std::int64_t ms, void (WorkerProcess::*then)()) {
    timer_.expires_after(std::chrono::milliseconds(ms));
    timer_.async_wait([weak = weak_from_this(), then](const asio::error_code& failure) {
        if (const auto self = weak.lock(); self != nullptr && !failure) ((*self).*then)();
    });
}

// ---- its beginning

void WorkerProcess::start() {
    launch_ = ++supervisor_.launches_;
    has_left_ = has_ended_ = is_settled_ = was_silent_ = false;
    asked_ns_ = 0;
    killed_because_.clear();
    how_.clear();
    provider_.reset();
    started_ns_ = monotonic_now();
    {
        const std::scoped_lock lock(mutex_);
        state_ = State::starting;
        ++starts_;
    }
    StartFiles files;
    if (!files.open(order_())) return start_failed(std::strerror(errno));
    Log& log = supervisor_.host_.log;
    output_ = std::make_shared<Output>(*context_, std::exchange(files.output[0], -1), log.plugin(plugin()),
                                       spdlog::level::info);
    errors_ = std::make_shared<Output>(*context_, std::exchange(files.errors[0], -1), log.plugin(plugin()),
                                       spdlog::level::warn);
    output_->read();
    errors_->read();
    denials_ = std::make_shared<Denials>(*context_, std::exchange(files.denials[0], -1), log.host,
                                         "worker of plugin " + plugin(), in_words(confinement_));
    denials_->await();
    const LaunchRequest request{
        launch_,
        plugin(),
        limits_,
        {files.output[1], files.errors[1], files.link[1], files.order, files.words, files.denials[1]}};
    words_ = std::exchange(files.words, -1);
    socket_ = ::fcntl(files.link[0], F_DUPFD_CLOEXEC, 0);
    supervisor_.launch(*this, request);
    supervisor_.host_.adopt(std::exchange(files.link[0], -1), shared_from_this());
    after(static_cast<std::int64_t>(supervisor_.host_.limits().worker_start_ms), &WorkerProcess::watch);
}

void WorkerProcess::on(const LaunchEvent& event) {
    switch (event.what) {
        case LaunchEvent::What::started: return started(event);
        case LaunchEvent::What::failed: return start_failed(std::strerror(event.status));
        case LaunchEvent::What::ended: return ended(event.status);
    }
}

void WorkerProcess::start_failed(const std::string& why) {
    how_ = "could not be started: " + why;
    has_ended_ = true;
    settle();
}

void WorkerProcess::started(const LaunchEvent& event) {
    pidfd_ = event.pidfd;
    if (!killed_because_.empty()) kill();  // its time was over before it could be
    const std::scoped_lock lock(mutex_);
    process_ = event.process;
}

void WorkerProcess::offered(std::shared_ptr<Provider> provider) {
    asio::post(*context_, [self = shared_from_this(), provider = std::move(provider)]() mutable {
        self->has_offered(std::move(provider));
    });
}

void WorkerProcess::has_offered(std::shared_ptr<Provider> provider) {
    if (is_settled_) return provider->died(how_);
    provider_ = std::move(provider);
    Plugin& plugin = provider_->offer().plugin();
    bool first = false;
    {
        const std::scoped_lock lock(mutex_);
        state_ = State::running;
        first = std::exchange(first_, false);
        if (first) {
            first_result_ = provider_;
            has_first_result_ = true;
            settled_.notify_all();
        }
    }
    if (has_ended_) return after(last_words_ms, &WorkerProcess::settle);
    timer_.cancel();
    ping();
    if (first) return;
    supervisor_.host_.log.host.info("plugin {} is there again, in worker process {}", this->plugin(), process_);
    supervisor_.host_.returned(plugin);
}

Result<std::shared_ptr<Provider>> WorkerProcess::wait() {
    std::unique_lock lock(mutex_);
    settled_.wait(lock, [this] { return has_first_result_; });
    return std::exchange(first_result_, nullptr);
}

// ---- its health

// Its time is over: to start, or to end after its connection has.
void WorkerProcess::watch() {
    if (has_ended_) return;
    if (!has_left_ && !is_retired_) {
        if (provider_ != nullptr) return;  // it offered when this was about to run
        killed_because_ = fmt::format("it had not loaded its plugin after {} ms (worker_start_ms)",
                                      supervisor_.host_.limits().worker_start_ms);
    }
    kill();
}

void WorkerProcess::kill() {
    if (pidfd_ >= 0) ::syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, nullptr, 0);
}

// Asks for a sign of life, and looks whether the one before has come.
void WorkerProcess::ping() {
    const auto silent_ms = static_cast<std::int64_t>(supervisor_.host_.limits().worker_silent_ms);
    if (has_ended_ || has_left_ || provider_ == nullptr) return;
    const std::int64_t now = monotonic_now();
    if (silent_ms == 0) {
        asked_ns_ = 0;
    } else if (asked_ns_ == 0) {
        asked_ns_ = now;
        was_silent_ = false;
        const auto answered = [weak = weak_from_this(), launch = launch_](const Result<data::Bytes>&) {
            const auto self = weak.lock();
            if (self == nullptr) return;
            asio::post(*self->context_, [self, launch] {
                if (self->launch_ == launch) self->asked_ns_ = 0;
            });
        };
        provider_->ask(
            "soho.ping", [](wire::Out& out) { out.array(0); }, answered);
    } else if (now - asked_ns_ > silent_ms * millisecond) {
        // The second look in a row: after the whole machine slept, the answer needs a moment.
        if (std::exchange(was_silent_, true)) {
            killed_because_ = fmt::format("it gave no sign of life for {} ms (worker_silent_ms)", silent_ms);
            return kill();
        }
    }
    health_.expires_after(std::chrono::milliseconds(std::clamp<std::int64_t>(silent_ms / 4, 5, 1000)));
    health_.async_wait([weak = weak_from_this(), launch = launch_](const asio::error_code& failure) {
        const auto self = weak.lock();
        if (self != nullptr && !failure && self->launch_ == launch) self->ping();
    });
}

// ---- its end

void WorkerProcess::left(std::shared_ptr<Provider> provider) {
    asio::post(*context_, [self = shared_from_this(), provider = std::move(provider)] { self->has_left(provider); });
}

void WorkerProcess::has_left(const std::shared_ptr<Provider>& provider) {
    if (provider != provider_) return;  // one before
    has_left_ = true;
    if (has_ended_) return settle();
    after(is_retired_ ? retired_ms : last_words_ms, &WorkerProcess::watch);
}

void WorkerProcess::ended(int status) {
    has_ended_ = true;
    how_ = how_it_ended(status);
    if (has_left_) return settle();
    // What it has replied is still to be read, and then there is no more: nobody else has its end of the connection.
    if (provider_ == nullptr) return after(late_offer_ms, &WorkerProcess::settle);
    timer_.expires_after(std::chrono::milliseconds(last_words_ms));
    timer_.async_wait([weak = weak_from_this(), launch = launch_](const asio::error_code& failure) {
        const auto self = weak.lock();
        if (self != nullptr && !failure && self->launch_ == launch && self->socket_ >= 0)
            ::shutdown(self->socket_, SHUT_RDWR);
    });
}

void WorkerProcess::on_launcher_lost() {
    const bool has_process = state_ == State::starting || state_ == State::running;
    if (has_process && !has_ended_) ended(SIGKILL);
}

std::string WorkerProcess::words() const {
    std::array<char, 4096> text{};
    const ssize_t size = words_ >= 0 ? ::pread(words_, text.data(), text.size(), 0) : 0;
    std::string said(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    std::replace_if(
        said.begin(), said.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
    return said;
}

// A sentence's end: "died: signal 11 (SIGSEGV) in Crash.now".
std::string WorkerProcess::how_it_ended(int status) const {
    const std::string said = words();
    if (!killed_because_.empty()) return "was killed: " + killed_because_;
    const std::string where = said.empty() ? "" : " in " + said;
    if (WIFSIGNALED(status)) {
        const char* const name = ::sigabbrev_np(WTERMSIG(status));
        if (WTERMSIG(status) == SIGXCPU && limits_.cpu_s != 0)
            return fmt::format("was ended: it has used {} s of processor time (worker_cpu_s)", limits_.cpu_s);
        return fmt::format("died: signal {} (SIG{}){}", WTERMSIG(status), name != nullptr ? name : "?", where);
    }
    const int code = WEXITSTATUS(status);
    if (code == worker_refused && !said.empty()) return "refused it: " + said;
    if (code == worker_not_started && !said.empty()) return said;
    return fmt::format("ended by itself with exit code {}{}", code, where);
}

// It has ended, and all that it said is there.
void WorkerProcess::settle() {
    if (std::exchange(is_settled_, true)) return;
    timer_.cancel();
    if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
    health_.cancel();
    output_.reset();
    errors_.reset();
    denials_.reset();
    close_descriptors();
    const std::string how = how_;
    const bool steady = monotonic_now() - started_ns_ > steady_ns;
    deaths_in_a_row_ = steady ? 1 : deaths_in_a_row_ + 1;
    const bool rests = deaths_in_a_row_ >= supervisor_.host_.limits().worker_deaths_max;
    const std::int64_t next_ms = pause_ms(rests);
    const bool ending = supervisor_.host_.is_ending();
    const bool replaced = is_replaced_;
    const bool starts_again = !first_ && !replaced && !ending;
    const bool is_missed = replaced && !is_retired_ && !ending;
    // Before anybody can see it elsewhere: who does, finds the reason in the log.
    if (starts_again) log_death(rests, next_ms);
    if (is_missed) log_death_of_replaced();
    {
        const std::scoped_lock lock(mutex_);
        process_ = 0;
        if (starts_again) {
            state_ = rests ? State::resting : State::waiting;
            ++deaths_;
            last_death_ = how;
            next_start_ns_ = monotonic_now() + next_ms * millisecond;
        } else {
            state_ = State::ended;
        }
        if (std::exchange(first_, false)) {
            first_result_ = refuse(Code::unavailable, fmt::format("{}: its worker {}", file(), how));
            has_first_result_ = true;
            settled_.notify_all();
        }
    }
    if (const auto provider = std::exchange(provider_, nullptr)) provider->died(how);
    if (replaced) asio::post(*context_, [self = shared_from_this()] { self->supervisor_.forget(self); });
    if (is_missed) {
        is_retired_ = true;
        supervisor_.host_.lost(plugin());
    }
    if (starts_again) after(next_ms, &WorkerProcess::begin_again);
}

// How long it is not there after that many deaths.
std::int64_t WorkerProcess::pause_ms(bool rests) const {
    if (rests) return static_cast<std::int64_t>(supervisor_.host_.limits().worker_rest_ms);
    const auto doublings = std::min<std::uint64_t>(deaths_in_a_row_ - 1, 10);
    return std::min(backoff_ms << doublings, backoff_ms_max);
}

void WorkerProcess::log_death(bool rests, std::int64_t next_ms) const {
    spdlog::logger& log = supervisor_.host_.log.host;
    if (rests) {
        log.error(
            "worker of plugin {} {}: {} times in a row, so it is left alone for {} ms (a reload starts it at once)",
            plugin(), how_, deaths_in_a_row_, next_ms);
    } else {
        log.error("worker of plugin {} {}; it starts again in {} ms", plugin(), how_, next_ms);
    }
}

void WorkerProcess::log_death_of_replaced() const {
    supervisor_.host_.log.host.error(
        "worker of plugin {} {}: a reload had replaced it, so it does not start again, and the objects that it still "
        "had are lost",
        plugin(), how_);
}

void WorkerProcess::be_replaced() {
    is_replaced_ = true;
    asio::post(*context_, [self = shared_from_this()] {
        // Without a process it has nothing to serve, and the one that serves can publish what it had published.
        if (!self->has_ended() || self->is_retired_) return;
        self->end();
        if (!self->supervisor_.host_.is_ending()) self->supervisor_.host_.lost(self->plugin());
    });
}

void WorkerProcess::retire() {
    is_replaced_ = true;
    asio::post(*context_, [self = shared_from_this()] { self->end(); });
}

void WorkerProcess::end() {
    if (std::exchange(is_retired_, true)) return;
    timer_.cancel();
    if (has_ended()) {
        set(State::ended);
        return supervisor_.forget(shared_from_this());
    }
    health_.cancel();
    // It ends in order when its connection does.
    if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
    after(retired_ms, &WorkerProcess::watch);
}

void WorkerProcess::begin_again() {
    const bool waits =
        state_ == State::waiting || state_ == State::resting;  // else it was woken when this was about to run
    if (waits && !supervisor_.host_.is_ending()) start();
}

void WorkerProcess::wake() {
    {
        const std::scoped_lock lock(mutex_);
        if (is_replaced_ || (state_ != State::resting && state_ != State::waiting)) return;
    }
    deaths_in_a_row_ = 0;
    timer_.cancel();
    start();
}

// ---- what is told of it

std::string WorkerProcess::why_absent() const {
    const WorkerReport now = report();
    std::string text =
        fmt::format("worker of plugin {} {}", plugin(), now.last_death.empty() ? "is not there" : now.last_death);
    if (now.next_start_ms != 0) text += fmt::format("; it starts again in {} ms", now.next_start_ms);
    if (now.state == "resting") text += " (it has died too often; a reload starts it at once)";
    return text;
}

WorkerReport WorkerProcess::report() const {
    constexpr std::string_view names[] = {"starting", "running", "waiting", "resting", "ended"};
    WorkerReport report;
    report.plugin = plugin();
    report.confinement = confinement_;
    int process = 0;
    {
        const std::scoped_lock lock(mutex_);
        report.state = names[static_cast<std::size_t>(state_)];
        if (is_replaced_ && state_ == State::running) report.state = "draining";
        report.process = static_cast<std::uint64_t>(process = process_);
        report.starts = starts_;
        report.deaths = deaths_;
        report.last_death = last_death_;
        if (state_ == State::waiting || state_ == State::resting)
            report.next_start_ms =
                static_cast<std::uint64_t>(std::max<std::int64_t>((next_start_ns_ - monotonic_now()) / millisecond, 1));
    }
    if (process != 0) report.memory_bytes = memory_of(process);
    return report;
}

}  // namespace soho::host
