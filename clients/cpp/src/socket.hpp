#pragma once
// A connected stream socket. Every failure is an errno value; nothing here throws.

#include <soho/data/reader.hpp>
#include <soho/wire/address.hpp>

#include <sys/uio.h>
#include <chrono>
#include <utility>

namespace soho::client {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;
inline constexpr Deadline no_deadline = Deadline::max();

// Movable owner of one descriptor. send, receive and wait may be called by any thread; shut_down wakes them all.
class Socket {
public:
    Socket() = default;
    explicit Socket(int descriptor) : descriptor_(descriptor) {}
    Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~Socket();

    int descriptor() const { return descriptor_; }

    struct Transfer {
        std::size_t bytes = 0;
        int failure = 0;  // errno, 0 if bytes counts
    };
    // Takes what the socket takes at once; EAGAIN when it is full.
    Transfer send_now(const iovec* parts, std::size_t count);
    // 0 bytes without a failure: the other side has closed. Blocks unless `now`, or the descriptor was made non-blocking.
    Transfer receive(std::uint8_t* into, std::size_t size, bool now);
    // Waits until one of `events` (POLLIN, POLLOUT) or an error is there; returns what is there, 0 when time is up.
    short wait(short events, Deadline until);
    void shut_down();

private:
    int descriptor_ = -1;
};

// Connects until the deadline. On failure the sentence is without the address.
Result<Socket> connect_to(const wire::Address& address, Deadline until);

}  // namespace soho::client
