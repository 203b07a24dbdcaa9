#include "host/tool/witnesses.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <fstream>
#include <utility>

// A sanitizer's allocator counts by itself; there is none of this without it.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes() __attribute__((weak));

namespace soho::host::tool {

std::int64_t bytes_in_use() {
    if (__sanitizer_get_current_allocated_bytes != nullptr)
        return static_cast<std::int64_t>(__sanitizer_get_current_allocated_bytes());
    const struct mallinfo2 now = ::mallinfo2();
    return static_cast<std::int64_t>(now.uordblks + now.hblkhd);
}

int open_descriptors() {
    constexpr int most = 512;  // as run_child() limits it
    int count = 0;
    for (int descriptor = 0; descriptor < most; ++descriptor) count += ::fcntl(descriptor, F_GETFD) >= 0 ? 1 : 0;
    return count;
}

int threads() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        int count = 0;
        if (word == "Threads:" && status >> count) return count;
    }
    return 0;  // with no descriptor left: the descriptors' own check says so
}

GuardDescriptor::GuardDescriptor() : descriptor_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

bool GuardDescriptor::is_open() const { return ::fcntl(descriptor_, F_GETFD) >= 0; }

int processes_left(bool kill) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    std::ifstream list(fmt::format("/proc/self/task/{}/children", ::getpid()));
    int count = 0;
    for (pid_t child = 0; list >> child; ++count) {
        if (kill) ::kill(child, SIGKILL);
    }
    for (int i = 0; kill && i < count; ++i) ::waitpid(-1, nullptr, 0);
    return count;
}

std::string OutputWatch::take() {
    constexpr std::size_t bytes_max = 256 * 1024;
    std::string text;
    char part[4096];
    const long size = ::lseek(STDOUT_FILENO, 0, SEEK_END);
    for (ssize_t got = 0; (got = ::pread(STDOUT_FILENO, part, sizeof part, at_)) > 0 && text.size() < bytes_max;
         at_ += got)
        text.append(part, static_cast<std::size_t>(got));
    at_ = std::max(at_, size);
    return text;
}

std::vector<LineKeeper::Line> LineKeeper::take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(lines_, {});
}

void LineKeeper::sink_it_(const spdlog::details::log_msg& message) {
    if (lines_.size() >= lines_max) return;
    lines_.push_back({{message.payload.data(), message.payload.size()}, message.level >= spdlog::level::err});
}

}  // namespace soho::host::tool
