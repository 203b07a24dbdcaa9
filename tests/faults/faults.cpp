// Preloaded into a host, it has system calls and large allocations fail now and then: how often is said in a file that the test
// writes while the host runs ($SOHO_FAULTS: Rates, mapped).
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace {

// Failures in a million calls, and how many there were.
struct Rates {
    std::uint32_t accept, recv, send, allocation;
    std::uint32_t allocation_bytes_min;
    std::uint32_t failed[4];
};

Rates none{};
std::atomic<Rates*> rates{&none};

struct Mapping {
    Mapping() {
        const char* const file = std::getenv("SOHO_FAULTS");
        const int descriptor = file != nullptr ? ::open(file, O_RDWR | O_CLOEXEC) : -1;
        if (descriptor < 0) return;
        void* const at = ::mmap(nullptr, sizeof(Rates), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        ::close(descriptor);
        if (at != MAP_FAILED) rates = static_cast<Rates*>(at);
    }
} mapping;

// Of each thread its own, without locks or memory.
std::uint32_t random_number() {
    thread_local std::uint64_t state = reinterpret_cast<std::uintptr_t>(&state) | 1;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<std::uint32_t>(state >> 32);
}

bool fails(std::uint32_t Rates::*rate, int counter) {
    Rates& now = *rates.load(std::memory_order_relaxed);
    const std::uint32_t often = std::atomic_ref(now.*rate).load(std::memory_order_relaxed);
    if (often == 0 || random_number() % 1'000'000 >= often) return false;
    std::atomic_ref(now.failed[counter]).fetch_add(1, std::memory_order_relaxed);
    return true;
}

template <class Function>
Function* real(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int one_of(std::initializer_list<int> errors) { return errors.begin()[random_number() % errors.size()]; }

bool allocation_fails(std::size_t size) {
    return size >= rates.load(std::memory_order_relaxed)->allocation_bytes_min && fails(&Rates::allocation, 3);
}

}  // namespace

extern "C" {

// The allocator's own names: dlsym would allocate itself.
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);

void* malloc(std::size_t size) {
    if (!allocation_fails(size)) return __libc_malloc(size);
    errno = ENOMEM;
    return nullptr;
}
void* calloc(std::size_t count, std::size_t size) {
    if (!allocation_fails(count * size)) return __libc_calloc(count, size);
    errno = ENOMEM;
    return nullptr;
}
void* realloc(void* at, std::size_t size) {
    if (!allocation_fails(size)) return __libc_realloc(at, size);
    errno = ENOMEM;
    return nullptr;
}

[[gnu::visibility("default")]] int accept(int listener, sockaddr* address, socklen_t* size) {
    static auto* const function = real<int(int, sockaddr*, socklen_t*)>("accept");
    if (!fails(&Rates::accept, 0)) return function(listener, address, size);
    errno = one_of({EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EINTR});
    return -1;
}

[[gnu::visibility("default")]] ssize_t recv(int descriptor, void* to, std::size_t size, int flags) {
    static auto* const function = real<ssize_t(int, void*, std::size_t, int)>("recv");
    if (!fails(&Rates::recv, 1)) return function(descriptor, to, size, flags);
    const int error = one_of({0, 0, EAGAIN, EINTR, ECONNRESET, ETIMEDOUT});
    if (error == 0) return function(descriptor, to, std::min<std::size_t>(size, 1), flags);  // a torn read
    errno = error;
    return -1;
}

[[gnu::visibility("default")]] ssize_t send(int descriptor, const void* from, std::size_t size, int flags) {
    static auto* const function = real<ssize_t(int, const void*, std::size_t, int)>("send");
    if (!fails(&Rates::send, 2)) return function(descriptor, from, size, flags);
    const int error = one_of({0, 0, EAGAIN, EINTR, ECONNRESET, EPIPE, ENOBUFS});
    if (error == 0) return function(descriptor, from, std::min<std::size_t>(size, 1), flags);
    errno = error;
    return -1;
}

}  // extern "C"
