#include "tls.hpp"

#include <soho/client/options.hpp>
#include <soho/wire/login.hpp>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <new>

namespace soho::client {

namespace {

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

std::string openssl_failure() {
    const unsigned long code = ::ERR_peek_last_error();
    const char* const reason = ::ERR_reason_error_string(code);
    std::string text = ERR_SYSTEM_ERROR(code) ? std::strerror(ERR_GET_REASON(code))
                       : reason != nullptr    ? reason
                                              : "no reason given";
    ::ERR_clear_error();
    return text;
}

tl::unexpected<Error> fail(std::string_view what, const std::string& file) {
    return refuse(Code::bad_arguments, fmt::format("{} {}: {}", what, file, openssl_failure()));
}

Result<Context> make_context(const ConnectOptions& options) {
    ::ERR_clear_error();
    Context context(::SSL_CTX_new(::TLS_client_method()), &::SSL_CTX_free);
    if (context == nullptr) throw std::bad_alloc();
    SSL_CTX* const raw = context.get();
    SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
    SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(raw, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
    const std::string& authorities = options.tls_ca_file;
    if (authorities.empty() ? SSL_CTX_set_default_verify_paths(raw) != 1
                            : SSL_CTX_load_verify_locations(raw, authorities.c_str(), nullptr) != 1) {
        return fail("the certificate authorities in", authorities);
    }
    if (options.tls_certificate_file.empty()) return context;
    if (SSL_CTX_use_certificate_chain_file(raw, options.tls_certificate_file.c_str()) != 1)
        return fail("the certificate", options.tls_certificate_file);
    const std::string& key = options.tls_key_file.empty() ? options.tls_certificate_file : options.tls_key_file;
    if (SSL_CTX_use_PrivateKey_file(raw, key.c_str(), SSL_FILETYPE_PEM) != 1) return fail("the certificate's key", key);
    return context;
}

bool is_ip_address(const std::string& name) {
    in6_addr address;
    return ::inet_pton(AF_INET, name.c_str(), &address) == 1 || ::inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

// Whom the certificate must be of.
void expect_name(SSL* ssl, const std::string& name) {
    if (is_ip_address(name)) {
        X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl), name.c_str());
    } else {
        ::SSL_set1_host(ssl, name.c_str());
        SSL_set_tlsext_host_name(ssl, name.c_str());
    }
}

}  // namespace

Result<std::unique_ptr<TlsChannel>> TlsChannel::connect(int descriptor, const std::string& name,
                                                        const ConnectOptions& options,
                                                        std::chrono::steady_clock::time_point until) {
    const auto context = make_context(options);
    if (!context) return tl::unexpected<Error>(context.error());
    std::unique_ptr<TlsChannel> channel(new TlsChannel(::SSL_new(context->get())));
    SSL* const ssl = channel->ssl_.get();
    if (ssl == nullptr || ::SSL_set_fd(ssl, descriptor) != 1) throw std::bad_alloc();
    expect_name(ssl, options.tls_name.empty() ? name : options.tls_name);
    ::SSL_set_connect_state(ssl);
    if (auto shaken = channel->shake_hands(descriptor, until); !shaken) return tl::unexpected<Error>(shaken.error());

    std::string& binding = channel->binding_;
    binding.resize(wire::channel_size);
    ::SSL_export_keying_material(ssl, reinterpret_cast<unsigned char*>(binding.data()), binding.size(),
                                 wire::channel_label.data(), wire::channel_label.size(), nullptr, 0, 0);
    return channel;
}

Result<void> TlsChannel::shake_hands(int descriptor, std::chrono::steady_clock::time_point until) {
    for (;;) {
        ::ERR_clear_error();
        errno = 0;
        const int result = ::SSL_do_handshake(ssl_.get());
        if (result == 1) return {};
        const int error = ::SSL_get_error(ssl_.get(), result);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            if (const long verdict = ::SSL_get_verify_result(ssl_.get()); verdict != X509_V_OK) {
                return refuse(Code::unavailable, fmt::format("TLS: the host's certificate is refused: {}",
                                                             ::X509_verify_cert_error_string(verdict)));
            }
            const bool gone = error == SSL_ERROR_SYSCALL || error == SSL_ERROR_ZERO_RETURN;
            return refuse(Code::unavailable, "TLS: " + (gone ? "the host closed the connection" : openssl_failure()));
        }
        pollfd waited{descriptor, static_cast<short>(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT), 0};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        const int timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000'000));
        if (::poll(&waited, 1, timeout) == 0)
            return refuse(Code::unavailable, "TLS: no answer in time; is this a host that speaks TLS?");
    }
}

// With the mutex held. Sets errno.
ssize_t TlsChannel::outcome(int result) {
    const int error = ::SSL_get_error(ssl_.get(), result);
    wants_to_write_ = error == SSL_ERROR_WANT_WRITE;
    switch (error) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
        case SSL_ERROR_ZERO_RETURN: return 0;
        case SSL_ERROR_SYSCALL: return errno == 0 ? 0 : -1;
        default: errno = EPROTO; return -1;
    }
}

ssize_t TlsChannel::send(const void* from, std::size_t size) {
    const std::lock_guard lock(mutex_);
    ::ERR_clear_error();
    errno = 0;
    const int sent = ::SSL_write(ssl_.get(), from, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
    if (sent > 0) return sent;
    const ssize_t ended = outcome(sent);
    if (ended == 0) errno = EPIPE;
    return -1;
}

ssize_t TlsChannel::receive(void* to, std::size_t size) {
    const std::lock_guard lock(mutex_);
    ::ERR_clear_error();
    errno = 0;
    const int received = ::SSL_read(ssl_.get(), to, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
    return received > 0 ? received : outcome(received);
}

bool TlsChannel::has_pending() const {
    const std::lock_guard lock(mutex_);
    return SSL_pending(ssl_.get()) != 0;
}

}  // namespace soho::client
