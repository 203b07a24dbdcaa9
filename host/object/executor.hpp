#pragma once
// Where work runs later, in order: a reactor's thread (host/server), or what tests have instead.

#include "host/object/activity.hpp"

#include <functional>

namespace soho::host {

using Work = std::function<void()>;

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
// The same at the kernel's last tick, some milliseconds ago: to look costs next to nothing.
std::int64_t monotonic_tick();

}  // namespace soho::host
