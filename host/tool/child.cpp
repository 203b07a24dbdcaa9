#include "host/tool/child.hpp"

#include "host/tool/sanitized.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

namespace soho::host::tool {

namespace {

using namespace std::chrono_literals;

template <std::size_t size>
void copy_to(char (&to)[size], std::string_view text) {
    const std::size_t taken = text.copy(to, size - 1);
    to[taken] = '\0';
}

constexpr rlim_t file_bytes_max = rlim_t{256} << 20;

constexpr char field = '\x1f', line_end = '\x1e';

std::vector<pid_t> children() {
    std::ifstream list(fmt::format("/proc/self/task/{}/children", ::gettid()));
    std::vector<pid_t> all;
    for (pid_t child = 0; list >> child;) all.push_back(child);
    return all;
}

// Orphans come to this process as their reaper, which has no other children.
void kill_strays() {
    for (int round = 0; round < 100; ++round) {
        const auto strays = children();
        if (strays.empty()) return;
        for (const pid_t stray : strays) ::kill(stray, SIGKILL);
        for (const pid_t stray : strays) ::waitpid(stray, nullptr, 0);
    }
}

std::string tail_of(int descriptor) {
    constexpr off_t most = 4096;
    const off_t size = ::lseek(descriptor, 0, SEEK_END);
    std::string text(static_cast<std::size_t>(std::clamp<off_t>(size, 0, most)), '\0');
    const ssize_t got = ::pread(descriptor, text.data(), text.size(), size - static_cast<off_t>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    text.erase(0, text.rfind('\n') + 1);
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, ' ');
    return text.substr(0, 300);
}

// Limits that a decent plugin never sees, so that a wild one does not take the machine along.
void limit_child() {
    const auto limit = [](int what, rlim_t most) {
        struct rlimit now {};
        ::getrlimit(static_cast<__rlimit_resource_t>(what), &now);
        now.rlim_cur = std::min(now.rlim_max, most);
        ::setrlimit(static_cast<__rlimit_resource_t>(what), &now);
    };
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, 512);
    limit(RLIMIT_FSIZE, file_bytes_max);  // of its output as well, which lies in memory
    if (!is_sanitized) limit(RLIMIT_DATA, rlim_t{3} << 30);
}

[[noreturn]] void be_child(Board& board, int errors, pid_t parent, const std::function<void(Board&)>& work) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (::getppid() != parent) ::_exit(0);
    ::dup2(errors, STDOUT_FILENO);
    ::dup2(errors, STDERR_FILENO);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_DFL);
    for (const int number : {SIGPIPE, SIGXFSZ}) std::signal(number, SIG_IGN);  // a write fails, and says so
    limit_child();
    try {
        work(board);
        board.finish();
    } catch (const std::exception& failure) {
        board.find("crash", board.where(), fmt::format("an exception came through to the host: {}", failure.what()));
        board.finish();
    }
    ::_exit(0);
}

// Waits for the child, and ends it where it does not get on, or where `parent` has gone: nobody wants to know any more.
void watch(Board& board, pid_t child, pid_t parent, std::chrono::milliseconds silence_max) {
    int status = 0;
    bool hung = false;
    std::uint64_t beats = board.beats();
    auto since = std::chrono::steady_clock::now();
    for (auto pause = 1ms; ::waitpid(child, &status, WNOHANG) == 0;
         pause = std::min<decltype(pause)>(pause * 2, 20ms)) {
        std::this_thread::sleep_for(pause);
        const auto now = std::chrono::steady_clock::now();
        if (::getppid() != parent) {
            ::kill(child, SIGKILL);
        } else if (board.beats() != beats) {
            beats = board.beats();
            since = now;
        } else if (now - since > silence_max && !hung) {
            hung = true;
            ::kill(child, SIGKILL);
        }
    }
    board.end(status, hung);
}

// A process between the two, for what the child leaves behind: whatever comes to it is the child's, and nobody else's. The tool
// itself may have children that it was born with, of the program that it took the place of.
[[noreturn]] void keep_child(Board& board, int errors, std::chrono::milliseconds silence_max, pid_t parent,
                             const std::function<void(Board&)>& work, const std::function<void()>& if_alone) {
    ::setpgid(0, 0);  // a Ctrl-C ends the tool, and this sees that it has gone
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const pid_t self = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) ::_exit(errno);
    if (child == 0) be_child(board, errors, self, work);
    ::setpgid(child, child);
    watch(board, child, parent, silence_max);
    ::kill(-child, SIGKILL);
    kill_strays();
    if (::getppid() != parent && if_alone) if_alone();
    ::_exit(0);
}

Ending ending_of(int status, bool finished, bool hung, std::chrono::milliseconds silence_max) {
    using How = Ending::How;
    if (hung) return {How::hung, fmt::format("did not get on for {} s", silence_max / 1s), {}};
    if (WIFSIGNALED(status)) {
        const char* const name = ::sigabbrev_np(WTERMSIG(status));
        return {
            How::crashed, fmt::format("died of signal {} (SIG{})", WTERMSIG(status), name != nullptr ? name : "?"), {}};
    }
    if (finished) return {};
    return {How::exited, fmt::format("ended by itself with exit code {}", WEXITSTATUS(status)), {}};
}

}  // namespace

void Board::at(std::string_view where, std::string_view what) {
    copy_to(where_, where);
    doing(what);
}

void Board::doing(std::string_view doing) {
    copy_to(doing_, doing);
    beat();
}

void Board::blame(std::string_view check) { copy_to(blame_, check); }

void Board::line(char kind, std::string_view text) {
    const std::uint32_t size = size_;
    if (text.size() + 2 > lines_max - size) return;
    lines_[size] = kind;
    text.copy(lines_ + size + 1, text.size());
    lines_[size + 1 + text.size()] = line_end;
    size_ = static_cast<std::uint32_t>(size + text.size() + 2);
}

void Board::count_arguments(std::string_view where, std::string_view arguments) {
    std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (const std::string_view part : {where, std::string_view(&field, 1), arguments}) {
        for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    arguments_ += hash;
}

void Board::find(std::string_view check, std::string_view where, std::string_view what) {
    line('f', fmt::format("{}{}{}{}{}", check, field, where, field, what));
}

void Board::note(std::string_view text) { line('n', text); }
void Board::put(std::string_view text) { line('p', text); }

std::string Board::take_put() const {
    const std::string_view all(lines_, std::min<std::size_t>(size_, lines_max));
    for (std::string_view rest = all; !rest.empty();) {
        const auto end = std::min(rest.find(line_end), rest.size());
        if (rest.front() == 'p') return std::string(rest.substr(1, end - 1));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return {};
}

void Board::tell(Report& report) const {
    for (std::string_view rest(lines_, std::min<std::size_t>(size_, lines_max)); !rest.empty();) {
        const auto end = std::min(rest.find(line_end), rest.size());
        const std::string_view text = rest.substr(1, end - 1);
        if (rest.front() == 'n') report.notes.emplace_back(text);
        if (rest.front() == 'f') {
            const auto first = text.find(field);
            const auto second = text.find(field, first + 1);
            report.add({std::string(text.substr(0, first)), std::string(text.substr(first + 1, second - first - 1)),
                        std::string(text.substr(second + 1))});
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    report.calls += calls_;
    report.arguments += arguments_;
}

BoardMemory::BoardMemory() {
    void* const memory = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    board_ = new (memory) Board;
}

BoardMemory::~BoardMemory() { ::munmap(board_, sizeof(Board)); }

Ending run_child(Board& board, std::chrono::milliseconds silence_max, const std::function<void(Board&)>& work,
                 const std::function<void()>& if_alone) {
    const int errors = ::memfd_create("errors", MFD_CLOEXEC);
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    const auto none = [](int why) {
        return std::runtime_error(fmt::format("no process for the plugin: {}", std::strerror(why)));
    };
    const pid_t keeper = ::fork();
    if (keeper < 0) throw none(errno);
    if (keeper == 0) keep_child(board, errors, silence_max, parent, work, if_alone);
    int status = 0;
    while (::waitpid(keeper, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) throw none(WEXITSTATUS(status));
    Ending ending = WIFEXITED(status) ? ending_of(board.status(), board.is_finished(), board.was_hung(), silence_max)
                                      : Ending{Ending::How::crashed, "is gone, and so is the one that watched it", {}};
    ending.last_words = tail_of(errors);
    ::close(errors);
    return ending;
}

}  // namespace soho::host::tool
