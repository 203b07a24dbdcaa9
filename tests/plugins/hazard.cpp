// Does to its process what a plugin must not: for workers, which die of it alone.
#include <soho/plugin.hpp>

#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

std::vector<std::unique_ptr<char[]>> leaked;

struct Hazard {
    std::int64_t value = 0;

    std::int64_t add(std::int64_t by) { return value += by; }
    std::int64_t process() { return ::getpid(); }

    void segv() {
        volatile int* nothing = nullptr;
        *nothing = 1;
    }
    void abort() { std::abort(); }
    void exit(int code) { std::exit(code); }
    void raise(int number) { std::raise(number); }
    void throw_in_a_thread() {
        std::thread([] { throw std::runtime_error("nobody catches this"); }).join();
    }
    // What the allocator keeps beside its blocks is no longer what it was; sooner or later it looks.
    void corrupt_heap() {
        std::vector<char*> blocks;
        for (int i = 0; i < 100; ++i) blocks.push_back(static_cast<char*>(std::malloc(40)));
        for (char* block : blocks) {
            volatile char* const beyond = block;
            for (int i = 0; i < 64; ++i) beyond[i] = 'x';
        }
        for (char* block : blocks) std::free(block);
        std::free(std::malloc(100'000));
        std::abort();  // if it did not mind
    }
    void spin() {
        for (volatile bool on = true; on;) {
        }
    }
    void sleep() { std::this_thread::sleep_for(std::chrono::hours(1)); }
    // Bytes that are touched and never given back.
    std::int64_t leak(std::int64_t bytes) {
        leaked.push_back(std::make_unique<char[]>(static_cast<std::size_t>(bytes)));
        std::memset(leaked.back().get(), 1, static_cast<std::size_t>(bytes));
        return bytes;
    }
    // A process that outlives its parent, if it can; out of its group and session.
    std::int64_t fork_a_stray() {
        int ends[2];
        if (::pipe(ends) != 0) throw soho::Error("OSError", "pipe");
        const pid_t child = ::fork();
        if (child < 0) throw soho::Error("OSError", std::strerror(errno));
        if (child == 0) {
            ::setsid();
            const pid_t stray = ::fork();
            if (stray == 0) {
                for (;;) ::pause();
            }
            [[maybe_unused]] const ssize_t wrote = ::write(ends[1], &stray, sizeof stray);
            ::_exit(0);
        }
        pid_t stray = 0;
        [[maybe_unused]] const ssize_t got = ::read(ends[0], &stray, sizeof stray);
        ::waitpid(child, nullptr, 0);
        ::close(ends[0]);
        ::close(ends[1]);
        return stray;
    }
    // Lines to its standard output, and to its standard error.
    void print(const std::string& line, std::int64_t times) {
        for (std::int64_t i = 0; i < times; ++i) {
            std::printf("%s\n", line.c_str());
            std::fprintf(stderr, "%s (error)\n", line.c_str());
        }
        std::fflush(stdout);
    }
    std::int64_t open_files() {
        std::int64_t count = 0;
        while (::dup(0) >= 0) ++count;
        return count;
    }
    void close_all() {
        for (int descriptor = 0; descriptor < 1000; ++descriptor) ::close(descriptor);
    }
};

struct HazardEnd {
    HazardEnd() = default;
    HazardEnd(const HazardEnd&) = delete;
    HazardEnd& operator=(const HazardEnd&) = delete;
    ~HazardEnd() { std::raise(SIGBUS); }
};

}  // namespace

SOHO_PLUGIN(hazard, "1.0", plugin) {
    if (const char* crash = std::getenv("SOHO_TEST_HAZARD_LOAD"); crash != nullptr) {
        if (::access(crash, F_OK) == 0) std::raise(SIGSEGV);
    }
    plugin.methods<Hazard>()
        .method("add", &Hazard::add)
        .method("process", &Hazard::process)
        .method("segv", &Hazard::segv)
        .method("abort", &Hazard::abort)
        .method("exit", &Hazard::exit)
        .method("raise", &Hazard::raise)
        .method("throw_in_a_thread", &Hazard::throw_in_a_thread)
        .method("corrupt_heap", &Hazard::corrupt_heap)
        .method("spin", &Hazard::spin)
        .method("sleep", &Hazard::sleep)
        .blocking()
        .method("leak", &Hazard::leak)
        .method("fork_a_stray", &Hazard::fork_a_stray)
        .method("print", &Hazard::print)
        .method("open_files", &Hazard::open_files)
        .method("close_all", &Hazard::close_all)
        .method("log", [](Hazard&, soho::Call& call, const std::string& text) {
            call.host().log(soho::LogLevel::error, text);
        });
    plugin.type<Hazard>("Hazard");
    plugin.methods<HazardEnd>();
    plugin.type<HazardEnd>("HazardEnd");
    plugin.publish("hazard", "Hazard");
}
