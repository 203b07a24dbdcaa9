#pragma once
// TLS 1.3 over a connected socket, by OpenSSL: the client's side.

#include <soho/result.hpp>

#include <openssl/ssl.h>
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>

namespace soho {
struct ConnectOptions;
}

namespace soho::client {

// Like a non-blocking socket: -1 with EAGAIN where nothing can be done now. Thread-safe.
class TlsChannel {
public:
    // Shakes hands on a socket that is non-blocking, until the deadline, with the host of that name. The host's certificate is
    // checked against the options' authorities, or the system's. On failure the sentence says what is wrong.
    static Result<std::unique_ptr<TlsChannel>> connect(int descriptor, const std::string& name,
                                                       const ConnectOptions& options,
                                                       std::chrono::steady_clock::time_point until);

    ssize_t send(const void* from, std::size_t size);
    ssize_t receive(void* to, std::size_t size);
    // Bytes that have come already: the socket will not become readable for them.
    bool has_pending() const;
    // The channel has something to send on its own: the socket must be waited for.
    bool wants_to_write() const { return wants_to_write_.load(std::memory_order_relaxed); }
    // To bind a login to this channel.
    const std::string& binding() const { return binding_; }

private:
    explicit TlsChannel(SSL* ssl) : ssl_(ssl, &SSL_free) {}
    ssize_t outcome(int result);
    Result<void> shake_hands(int descriptor, std::chrono::steady_clock::time_point until);

    mutable std::mutex mutex_;  // OpenSSL's objects are for one thread at a time
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    std::atomic<bool> wants_to_write_ = false;
    std::string binding_;
};

}  // namespace soho::client
