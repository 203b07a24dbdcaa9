#pragma once
// A connected stream socket. Every failure is an errno value; nothing here throws.

#include "tls.hpp"

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
    Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), tls_(std::move(other.tls_)) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        tls_.swap(other.tls_);
        return *this;
    }
    ~Socket();

    // From here on everything travels in TLS; the descriptor stays non-blocking. `name` is the host's.
    Result<void> begin_tls(const std::string& name, const ConnectOptions& options, Deadline until);
    // What TLS exports, to bind a login to it; empty without TLS.
    std::string channel() const { return tls_ != nullptr ? tls_->binding() : std::string(); }

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
    Transfer send_tls(const iovec* parts, std::size_t count);
    Transfer receive_tls(std::uint8_t* into, std::size_t size, bool now);

    int descriptor_ = -1;
    std::unique_ptr<TlsChannel> tls_;
};

// Connects until the deadline, with TLS where the address says so. On failure the sentence is without the address.
Result<Socket> connect_to(const wire::Address& address, const ConnectOptions& options, Deadline until);

}  // namespace soho::client
