#include "tests/unit/steady_path/counted_memory.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace {

std::atomic<std::uint64_t> count{0};

void counted() { count.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

std::uint64_t soho::test::allocations() { return count.load(std::memory_order_relaxed); }

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SOHO_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SOHO_TEST_SANITIZED 1
#endif
#endif

#ifdef SOHO_TEST_SANITIZED

// The sanitizers have their own allocator, and tell of each use.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                                         void (*on_free)(const volatile void*));

namespace {

[[maybe_unused]] const int installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { counted(); }, [](const volatile void*) {});

}  // namespace

#else

// Put in front of glibc's own: every library of this program, and every plugin it loads, gets these.
extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t number, std::size_t size);
void* __libc_realloc(void* at, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

[[gnu::visibility("default")]] void* malloc(std::size_t size) {
    counted();
    return __libc_malloc(size);
}
[[gnu::visibility("default")]] void* calloc(std::size_t number, std::size_t size) {
    counted();
    return __libc_calloc(number, size);
}
[[gnu::visibility("default")]] void* realloc(void* at, std::size_t size) {
    counted();
    return __libc_realloc(at, size);
}
[[gnu::visibility("default")]] void* memalign(std::size_t alignment, std::size_t size) {
    counted();
    return __libc_memalign(alignment, size);
}
[[gnu::visibility("default")]] void* aligned_alloc(std::size_t alignment, std::size_t size) {
    counted();
    return __libc_memalign(alignment, size);
}
[[gnu::visibility("default")]] int posix_memalign(void** at, std::size_t alignment, std::size_t size) {
    counted();
    *at = __libc_memalign(alignment, size);
    return *at != nullptr ? 0 : ENOMEM;
}

}  // extern "C"

#endif
