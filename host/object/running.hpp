#pragma once
// What each thread of the host runs of a plugin, in a table that a signal handler can read: it is written without locks, and its
// entries stay.

#include <atomic>
#include <cstdint>
#include <span>

namespace soho::host {

struct Method;
class Plugin;
struct Type;

struct Running {
    std::atomic<int> thread{0};                  // the kernel's number of it; 0: the entry is free
    std::atomic<const Type*> type{nullptr};      // null: nothing of a type
    std::atomic<const Method*> method{nullptr};  // null: what `part` says
    std::atomic<const char*> part{nullptr};      // of the type, or of the plugin; null with both of them: nothing runs
    std::atomic<const Plugin*> plugin{nullptr};  // whose part that is, without a type

    struct What {
        const Type* type = nullptr;
        const Method* method = nullptr;
        const char* part = nullptr;
        const Plugin* plugin = nullptr;

        explicit operator bool() const { return type != nullptr || plugin != nullptr; }
    };
    void set(const What& what) {
        method.store(what.method, std::memory_order_relaxed);
        part.store(what.part, std::memory_order_relaxed);
        plugin.store(what.plugin, std::memory_order_release);
        type.store(what.type, std::memory_order_release);  // whoever reads it reads what it points to
    }
    What get() const {
        const Type* const of_type = type.load(std::memory_order_acquire);
        const Plugin* const of_plugin = plugin.load(std::memory_order_acquire);
        return {of_type, method.load(std::memory_order_relaxed), part.load(std::memory_order_relaxed), of_plugin};
    }

    // This thread's entry, until the thread ends. More threads than there are entries share the last one.
    static Running& here();
    static std::span<Running> all();
};

}  // namespace soho::host
