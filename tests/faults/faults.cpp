// Loaded before sohod (LD_PRELOAD) by tests/e2e/faults_test.py: has the system calls and allocations of a running host fail. The
// orders lie in a file, SOHO_FAULTS, that the test writes to while the host runs; what came of them is counted there too.

#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <mutex>

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);
}

namespace {

using Number = std::atomic<std::uint64_t>;

struct Kind {
    Number chance;  // of 2^32
    Number failed;
};

// soho_faults.py knows the order.
struct Orders {
    Number seed;
    Kind receive, send, accept, watch, thread, allocation;
    Number allocation_bytes_min;  // what is smaller does not fail by chance
    Number allocation_at;         // the how-manieth from now fails; 0: none
    Number bytes_max;             // what the process may have allocated, mapped memory included; 0: anything
    Number bytes;                 // … and has
};

Orders* orders = nullptr;
Number bytes{0};

__attribute__((constructor)) void open_orders() {
    const char* const file = std::getenv("SOHO_FAULTS");
    const int descriptor = file != nullptr ? ::open(file, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0) return;
    void* const mapped = ::mmap(nullptr, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    ::close(descriptor);
    if (mapped != MAP_FAILED) orders = static_cast<Orders*>(mapped);
}

// The next of a sequence that the seed decides.
std::uint64_t random_number() {
    std::uint64_t z = orders->seed.fetch_add(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

bool fails(Kind Orders::*kind) {
    if (orders == nullptr) return false;
    Kind& of = orders->*kind;
    const std::uint64_t chance = of.chance.load(std::memory_order_relaxed);
    if (chance == 0 || (random_number() >> 32) >= chance) return false;
    of.failed.fetch_add(1);
    return true;
}

template <std::size_t size>
int fail_with_one_of(const int (&failures)[size]) {
    errno = failures[random_number() % size];
    return -1;
}

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

bool allocation_fails(std::size_t size) {
    if (orders == nullptr) return false;
    if (size >= orders->allocation_bytes_min.load(std::memory_order_relaxed) && fails(&Orders::allocation)) return true;
    const std::uint64_t max = orders->bytes_max.load(std::memory_order_relaxed);
    bool failed = max != 0 && bytes.load(std::memory_order_relaxed) + size > max;
    std::uint64_t at = orders->allocation_at.load(std::memory_order_relaxed);
    while (!failed && at != 0) {
        if (orders->allocation_at.compare_exchange_weak(at, at - 1)) {
            failed = at == 1;
            break;
        }
    }
    if (failed) orders->allocation.failed.fetch_add(1);
    return failed;
}

void* counted(void* memory) {
    if (memory != nullptr) bytes.fetch_add(::malloc_usable_size(memory), std::memory_order_relaxed);
    if (orders != nullptr) orders->bytes.store(bytes.load(std::memory_order_relaxed), std::memory_order_relaxed);
    return memory;
}

void uncount(void* memory) {
    if (memory != nullptr) bytes.fetch_sub(::malloc_usable_size(memory), std::memory_order_relaxed);
}

// What the host waits for at each descriptor, and where.
struct Watch {
    int epoll = -1;
    epoll_event event{};
};
constexpr int watches_max = 4096;
Watch watches[watches_max];
std::mutex watches_mutex;

int control(int epoll, int operation, int descriptor, epoll_event* event) {
    static const auto real = next<decltype(&::epoll_ctl)>("epoll_ctl");
    return real(epoll, operation, descriptor, event);
}

// The kernel tells once of what has come. Who is told that there is no more of it, though there is, is told again.
void tell_again(int descriptor) {
    if (descriptor >= watches_max) return;
    const std::scoped_lock lock(watches_mutex);
    Watch& watch = watches[descriptor];
    const int before = errno;
    if (watch.epoll >= 0) control(watch.epoll, EPOLL_CTL_MOD, descriptor, &watch.event);
    errno = before;
}

void* no_memory() {
    errno = ENOMEM;
    return nullptr;
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) noexcept { return allocation_fails(size) ? no_memory() : counted(__libc_malloc(size)); }

void* calloc(std::size_t count, std::size_t size) noexcept {
    return allocation_fails(count * size) ? no_memory() : counted(__libc_calloc(count, size));
}

void* realloc(void* old, std::size_t size) noexcept {
    if (allocation_fails(size)) return no_memory();
    const std::size_t before = old != nullptr ? ::malloc_usable_size(old) : 0;
    void* const grown = __libc_realloc(old, size);
    if (grown != nullptr || size == 0) bytes.fetch_sub(before, std::memory_order_relaxed);
    return counted(grown);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    return allocation_fails(size) ? no_memory() : counted(__libc_memalign(alignment, size));
}

void* memalign(std::size_t alignment, std::size_t size) noexcept { return aligned_alloc(alignment, size); }

int posix_memalign(void** to, std::size_t alignment, std::size_t size) noexcept {
    *to = aligned_alloc(alignment, size);
    return *to != nullptr ? 0 : ENOMEM;
}

void free(void* memory) noexcept {
    const int before = errno;
    uncount(memory);
    __libc_free(memory);
    errno = before;
}

// Called by the host itself, that is; what the C library maps for its heap is counted as it is allocated.
void* mmap(void* at, std::size_t size, int protection, int flags, int descriptor, off_t offset) noexcept {
    static const auto real = next<decltype(&::mmap)>("mmap");
    const bool is_memory = (flags & MAP_ANONYMOUS) != 0 && (flags & MAP_STACK) == 0;
    if (is_memory && allocation_fails(size)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    void* const mapped = real(at, size, protection, flags, descriptor, offset);
    if (is_memory && mapped != MAP_FAILED) bytes.fetch_add(size, std::memory_order_relaxed);
    return mapped;
}

int munmap(void* at, std::size_t size) noexcept {
    static const auto real = next<decltype(&::munmap)>("munmap");
    const int result = real(at, size);
    if (result == 0) bytes.fetch_sub(size, std::memory_order_relaxed);
    return result;
}

ssize_t recv(int socket, void* to, std::size_t size, int flags) {
    static const auto real = next<decltype(&::recv)>("recv");
    if (!fails(&Orders::receive)) return real(socket, to, size, flags);
    if (size > 1 && random_number() % 2 == 0) {
        const ssize_t got = real(socket, to, 1 + random_number() % (size < 40 ? size : 40), flags);
        tell_again(socket);
        return got;
    }
    const int failed = fail_with_one_of({EINTR, EAGAIN, ENOMEM, ECONNRESET, ETIMEDOUT});
    tell_again(socket);
    return failed;
}

ssize_t send(int socket, const void* from, std::size_t size, int flags) {
    static const auto real = next<decltype(&::send)>("send");
    if (!fails(&Orders::send)) return real(socket, from, size, flags);
    if (size > 1 && random_number() % 2 == 0) return real(socket, from, 1 + random_number() % (size - 1), flags);
    return fail_with_one_of({EINTR, EAGAIN, ENOBUFS, EPIPE, ECONNRESET});
}

int accept(int socket, sockaddr* address, socklen_t* size) {
    static const auto real = next<decltype(&::accept)>("accept");
    return fails(&Orders::accept) ? fail_with_one_of({EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EINTR, EPERM})
                                  : real(socket, address, size);
}

int accept4(int socket, sockaddr* address, socklen_t* size, int flags) {
    static const auto real = next<decltype(&::accept4)>("accept4");
    return fails(&Orders::accept) ? fail_with_one_of({EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EINTR, EPERM})
                                  : real(socket, address, size, flags);
}

int epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event) noexcept {
    // A change of what is watched already needs no memory.
    if (operation == EPOLL_CTL_ADD && fails(&Orders::watch)) return fail_with_one_of({ENOMEM, ENOSPC});
    if (descriptor < watches_max) {
        const std::scoped_lock lock(watches_mutex);
        watches[descriptor] = operation == EPOLL_CTL_DEL ? Watch{} : Watch{epoll, *event};
    }
    return control(epoll, operation, descriptor, event);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument) {
    static const auto real = next<decltype(&::pthread_create)>("pthread_create");
    return fails(&Orders::thread) ? EAGAIN : real(thread, attributes, start, argument);
}

}  // extern "C"
