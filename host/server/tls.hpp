#pragma once
// TLS 1.3 on a connection's socket, by OpenSSL.

#include <soho/result.hpp>

#include <openssl/ssl.h>
#include <sys/types.h>

#include <memory>
#include <mutex>
#include <string>

namespace soho::host {

struct TlsOptions {
    std::string certificate;  // files, PEM; a chain is fine
    std::string key;
    std::string client_ca;  // clients may show a certificate that this signed; empty: they are not asked for one

    bool configured() const { return !certificate.empty() || !key.empty(); }
};

using TlsContextPtr = std::shared_ptr<SSL_CTX>;

// What new connections begin with; a reload swaps it. Thread-safe.
class Tls {
public:
    // Fails with the file and what is wrong with it; then nothing has changed.
    static Result<TlsContextPtr> load(const TlsOptions& options);
    void set(TlsContextPtr context);
    TlsContextPtr get() const;

private:
    mutable std::mutex mutex_;
    TlsContextPtr context_;
};

// The host's side of one connection. Like a non-blocking socket: -1 with EAGAIN where nothing can be done now. Not thread-safe.
class TlsStream {
public:
    TlsStream(const TlsContextPtr& context, int descriptor);
    TlsStream(const TlsStream&) = delete;
    TlsStream& operator=(const TlsStream&) = delete;
    ~TlsStream();

    enum class Handshake : std::uint8_t { done, waits, failed };
    Handshake shake_hands();
    // Bytes, 0 at the end, or -1 with errno: EPROTO says that failure() knows more.
    ssize_t receive(std::uint8_t* to, std::size_t size);
    ssize_t send(const std::uint8_t* from, std::size_t size);
    // What waits for: the socket to take bytes, though nothing was sent.
    bool wants_to_write() const { return wants_to_write_; }
    // Bytes that have come already: no socket will wake anybody for them.
    bool has_pending() const { return SSL_pending(ssl_.get()) != 0; }
    const std::string& failure() const { return failure_; }

    // After the handshake: the common name of the client's certificate, empty if it has shown none. Fails if that is no name
    // for a principal.
    Result<std::string> client_name() const;
    // To bind a login to this channel.
    std::string channel() const;

private:
    ssize_t outcome(int result);

    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    bool wants_to_write_ = false;
    std::string failure_;
};

}  // namespace soho::host
