#pragma once
// What each thread of the host runs of a plugin, in a table that a signal handler can read: it is written without locks, and its
// entries stay.

#include <atomic>
#include <cstdint>
#include <span>

namespace soho::host {

struct Method;
struct Type;

struct Running {
    std::atomic<int> thread{0};                  // the kernel's number of it; 0: the entry is free
    std::atomic<const Type*> type{nullptr};      // null: nothing of a plugin
    std::atomic<const Method*> method{nullptr};  // null: what `part` says
    std::atomic<const char*> part{nullptr};      // of the type

    void set(const Type* of_type, const Method* of_method, const char* of_part) {
        method.store(of_method, std::memory_order_relaxed);
        part.store(of_part, std::memory_order_relaxed);
        type.store(of_type, std::memory_order_release);  // whoever reads it reads what it points to
    }

    // This thread's entry, until the thread ends. More threads than there are entries share the last one.
    static Running& here();
    static std::span<Running> all();
};

}  // namespace soho::host
