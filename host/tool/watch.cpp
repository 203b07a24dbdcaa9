#include "host/tool/watch.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace soho::host::tool {

namespace {

constexpr std::size_t piece_bytes = 4096;  // a pipe that can be written takes as much without blocking (PIPE_BUF)

std::runtime_error failure(const char* what) {
    return std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

// One that somebody wants ignored (nohup) stays so. SIGPIPE, too, comes as a value: a write fails.
bool is_ignored(int signal) {
    struct sigaction action {};
    return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Watch::Watch() {
    std::signal(SIGCHLD, SIG_DFL);
    sigset_t taken;
    ::sigemptyset(&taken);
    for (const int number : {SIGCHLD, SIGPIPE, SIGINT, SIGQUIT, SIGTERM, SIGHUP}) {
        if (!is_ignored(number)) ::sigaddset(&taken, number);
    }
    ::sigprocmask(SIG_BLOCK, &taken, &before_);
    signals_ = ::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals_ < 0) throw failure("no way to wait for signals");
}

Watch::~Watch() {
    take_signals();  // none is to come now that nobody waits for it
    ::close(signals_);
    if (output_ >= 0) ::close(output_);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

void Watch::become(const Words& words) const {
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    fmt::print(stderr, "soho-plugin: {}: {}\n", words[0], std::strerror(errno));
    ::_exit(127);
}

pid_t Watch::start(const Words& words, int input, int output, bool in_own_group) {
    const pid_t child = ::fork();
    if (child < 0) throw failure("no process");
    if (child == 0) {
        if (in_own_group) ::setpgid(0, 0);
        if (input >= 0) ::dup2(input, STDIN_FILENO);
        if (output >= 0) ::dup2(output, STDOUT_FILENO);
        become(words);
    }
    if (in_own_group) ::setpgid(child, child);
    return child;
}

void Watch::listen_to(int output, std::string address) {
    ::fcntl(output, F_SETFL, O_NONBLOCK);
    output_ = output;
    address_ = std::move(address);
}

// ---- waiting

void Watch::turn(Clock::time_point until) {
    // What was printed goes on before more is read: it is the host that waits for a reader who is slow.
    const bool prints = !pending_.empty();
    pollfd ready[]{{signals_, POLLIN, 0},
                   {prints ? STDOUT_FILENO : output_, static_cast<short>(prints ? POLLOUT : POLLIN), 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    const int wait_ms = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
    if (::poll(ready, std::size(ready), wait_ms) <= 0) return;
    if (ready[1].revents != 0) prints ? print_pending() : read_output();
    if (ready[0].revents != 0) take_signals();
}

void Watch::wait_for(pid_t child) {
    while (!has_ended(child) && stopped_by_ == 0) turn(Clock::now() + std::chrono::hours(1));
}

void Watch::end(pid_t child, int signal, std::chrono::milliseconds patience, bool with_group) {
    if (has_ended(child)) return;
    ::kill(child, signal);
    const auto until = Clock::now() + patience;
    const int stops = stops_;
    while (!has_ended(child) && stops_ == stops && Clock::now() < until) turn(until);
    if (has_ended(child)) return;
    ::kill(with_group ? -child : child, SIGKILL);
    while (!has_ended(child)) turn(Clock::now() + std::chrono::hours(1));
}

int Watch::exit_code(pid_t child) const {
    const int status = ended_.at(child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Watch::take_signals() {
    signalfd_siginfo info{};
    while (::read(signals_, &info, sizeof info) == sizeof info) {
        const int number = static_cast<int>(info.ssi_signo);
        const bool is_keyboards = number == SIGINT || number == SIGQUIT;
        if (number == SIGCHLD || number == SIGPIPE || (is_keyboards && !minds_keyboard_)) continue;
        if (stopped_by_ == 0) stopped_by_ = number;
        ++stops_;
    }
    int status = 0;
    for (pid_t child = 0; (child = ::waitpid(-1, &status, WNOHANG)) > 0;) ended_[child] = status;
}

// ---- what the host prints

void Watch::read_output() {
    char piece[piece_bytes];
    const ssize_t got = ::read(output_, piece, sizeof piece);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        ::close(std::exchange(output_, -1));
        pending_ += std::exchange(line_, {});
        return;
    }
    const std::string_view text(piece, static_cast<std::size_t>(got));
    if (greeting_ == Greeting::over) {
        pending_ += text;
        return;
    }
    line_ += text;
    for (std::size_t end = 0; greeting_ != Greeting::over && (end = line_.find('\n')) != std::string::npos;) {
        take_line(std::string_view(line_).substr(0, end + 1));
        line_.erase(0, end + 1);
    }
    // That long is no line of the greeting's.
    if (greeting_ == Greeting::over || line_.size() > piece_bytes) pending_ += std::exchange(line_, {});
}

// The greeting is for people who started a host: it goes from the line with the address to the end of the paragraph that says what
// to try.
void Watch::take_line(std::string_view line) {
    switch (greeting_) {
        case Greeting::awaited:
            if (line.ends_with(" listens on " + address_ + "\n")) {
                greeting_ = Greeting::begun;
            } else {
                pending_ += line;
            }
            return;
        case Greeting::begun:
            if (line.starts_with("Try,")) greeting_ = Greeting::last_paragraph;
            return;
        case Greeting::last_paragraph:
            if (line == "\n") greeting_ = Greeting::over;
            return;
        case Greeting::over: return;
    }
}

void Watch::print_pending() {
    const std::size_t size = std::min(pending_.size(), piece_bytes);
    const ssize_t put = is_printing_ ? ::write(STDOUT_FILENO, pending_.data(), size) : static_cast<ssize_t>(size);
    if (put < 0 && (errno == EAGAIN || errno == EINTR)) return;
    is_printing_ = put >= 0;
    pending_.erase(0, put >= 0 ? static_cast<std::size_t>(put) : std::string::npos);
}

// A pipe holds no more than its size. Others may have it open as well, processes that the plugin left behind: it may never end.
void Watch::print_rest() {
    const int most = output_ >= 0 ? ::fcntl(output_, F_GETPIPE_SZ) : 0;
    const auto pieces = static_cast<std::size_t>(std::max(most, 0)) / piece_bytes + 1;
    for (std::size_t i = 0; i < pieces && output_ >= 0; ++i) read_output();
    pending_ += std::exchange(line_, {});
    const int stops = stops_;
    while (!pending_.empty() && stops_ == stops) turn(Clock::now() + std::chrono::hours(1));
}

}  // namespace soho::host::tool
