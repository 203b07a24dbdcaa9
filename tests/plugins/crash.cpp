// Crashes in each way that a plugin can.
#include <soho/plugin.hpp>

#include <alloca.h>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace {

struct Crash {
    void segv() {
        volatile int* nothing = nullptr;
        *nothing = 1;
    }
    void abort() { std::abort(); }
    // Whoever walks the stack from here on reads at an address where nothing is. What has alloca() finds its frame by that register.
    void abort_on_a_broken_stack(std::int64_t size) {
        volatile char* const room = static_cast<char*>(alloca(static_cast<std::size_t>(size)));
        room[0] = 1;
#ifdef __x86_64__
        asm volatile("movq $16, %%rbp\n\tcall abort@PLT" ::: "memory");
#endif
        std::abort();
    }
    // Deep enough for any stack; the volatile keeps it from becoming a loop.
    int overflow(int depth) {
        volatile char room[4096] = {};
        room[depth % 4096] = 1;
        return depth == 0 ? 0 : overflow(depth + 1) + room[0];
    }
    void in_a_thread() {
        std::thread([] { throw std::runtime_error("nobody catches this"); }).join();
    }
};

struct CrashEnd {
    CrashEnd() = default;
    CrashEnd(const CrashEnd&) = delete;
    CrashEnd& operator=(const CrashEnd&) = delete;
    ~CrashEnd() { std::raise(SIGFPE); }
};

}  // namespace

SOHO_PLUGIN(crash, "1.0", plugin) {
    plugin.methods<Crash>()
        .method("segv", &Crash::segv)
        .method("segv_on_pool", &Crash::segv)
        .blocking()
        .method("abort", &Crash::abort)
        .method("abort_on_a_broken_stack", &Crash::abort_on_a_broken_stack)
        .method("overflow", [](Crash& crash) { return crash.overflow(1); })
        .method("in_a_thread", &Crash::in_a_thread);
    plugin.type<Crash>("Crash");
    plugin.methods<CrashEnd>();
    plugin.type<CrashEnd>("CrashEnd");
}
