#include "host/object/spare_memory.hpp"

#include <sys/mman.h>
#include <atomic>
#include <mutex>
#include <new>

namespace soho::host::spare_memory {

namespace {

// Much for what runs and waits, which is bounded; little for a machine. It is never touched, so it takes no page.
constexpr std::size_t size = 16u << 20;

std::mutex mutex;
void* kept = nullptr;
std::atomic<bool> given{false};
std::atomic<std::uint64_t> times{0};

// Mapped, not allocated: what is unmapped is there for every arena of the allocator.
void* map(std::size_t bytes) {
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? nullptr : memory;
}

// The new-handler: the allocation is tried again when this returns.
void give() {
    thread_local std::uint64_t tried = 0;  // with what had been given by then
    const std::scoped_lock lock(mutex);
    if (kept != nullptr) {
        ::munmap(kept, size);
        kept = nullptr;
        given.store(true, std::memory_order_relaxed);
        times.fetch_add(1, std::memory_order_relaxed);
    } else if (tried == times.load(std::memory_order_relaxed)) {
        throw std::bad_alloc();
    }
    tried = times.load(std::memory_order_relaxed);
}

}  // namespace

void keep() {
    kept = map(size);
    given = kept == nullptr;
    std::set_new_handler(give);
}

bool is_given() { return given.load(std::memory_order_relaxed); }

void regain() {
    if (!is_given()) return;
    void* const memory = map(2 * size);
    if (memory == nullptr) return;
    ::munmap(static_cast<std::byte*>(memory) + size, size);
    const std::scoped_lock lock(mutex);
    kept = memory;
    given.store(false, std::memory_order_relaxed);
}

std::uint64_t times_given() { return times.load(std::memory_order_relaxed); }

}  // namespace soho::host::spare_memory
