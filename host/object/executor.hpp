#pragma once
// Where work runs later, in order: a reactor's thread (host/server), or what tests have instead.

#include <atomic>
#include <cstdint>
#include <functional>

namespace soho::host {

struct Method;
struct Type;

using Work = std::function<void()>;

// What a reactor's thread is running at the moment: written by that thread around each call into a plugin, read by the
// watchdog. `sequence` changes with every call, so that the watchdog needs no clock on the call's way.
struct Activity {
    std::atomic<const Method*> method{nullptr};
    std::atomic<const Type*> type{nullptr};
    std::atomic<std::uint64_t> sequence{0};
    std::atomic<int> thread{0};      // the kernel's number of it; 0 before it runs
    std::atomic<int> cpu_clock{0};   // a clockid_t: what CPU time it has had
    std::atomic<bool> stuck{false};  // the watchdog's word: what it runs keeps it longer than it may
};

class Executor {
public:
    virtual ~Executor() = default;
    // Runs `work` later, never inside post(). [any thread]
    virtual void post(Work work) = 0;
    // Of the one thread it runs work on; null where there are several.
    virtual Activity* activity() { return nullptr; }
};

// Nanoseconds of CLOCK_MONOTONIC, as in the ABI.
std::int64_t monotonic_now();

}  // namespace soho::host
