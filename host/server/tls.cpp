#include "host/server/tls.hpp"

#include <soho/wire/login.hpp>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <cerrno>
#include <cstring>
#include <new>

namespace soho::host {

namespace {

// Why the last call failed; empties the thread's queue of errors.
std::string openssl_failure() {
    const unsigned long code = ::ERR_peek_last_error();
    const char* const reason = ::ERR_reason_error_string(code);
    const bool by_system = ERR_SYSTEM_ERROR(code);
    std::string text = by_system ? std::strerror(ERR_GET_REASON(code)) : reason != nullptr ? reason : "no reason given";
    ::ERR_clear_error();
    return text;
}

tl::unexpected<Error> fail(std::string_view what, const std::string& file) {
    return refuse(Code::bad_arguments, fmt::format("{} {}: {}", what, file, openssl_failure()));
}

}  // namespace

Result<TlsContextPtr> Tls::load(const TlsOptions& options) {
    if (options.certificate.empty() || options.key.empty())
        return refuse(Code::bad_arguments, "TLS takes both a certificate and its key (tls.certificate, tls.key)");
    ::ERR_clear_error();
    const TlsContextPtr context(::SSL_CTX_new(::TLS_server_method()), &::SSL_CTX_free);
    if (context == nullptr) throw std::bad_alloc();
    SSL_CTX* const raw = context.get();
    SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
    SSL_CTX_set_mode(raw,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    // Sessions last as long as connections: there is nothing to resume.
    SSL_CTX_set_options(raw, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_num_tickets(raw, 0);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_use_certificate_chain_file(raw, options.certificate.c_str()) != 1)
        return fail("TLS certificate", options.certificate);
    if (SSL_CTX_use_PrivateKey_file(raw, options.key.c_str(), SSL_FILETYPE_PEM) != 1)
        return fail("TLS key", options.key);
    if (SSL_CTX_check_private_key(raw) != 1) return fail("the TLS key is not the certificate's:", options.key);
    if (!options.client_ca.empty()) {
        if (SSL_CTX_load_verify_locations(raw, options.client_ca.c_str(), nullptr) != 1)
            return fail("TLS client CA", options.client_ca);
        SSL_CTX_set_client_CA_list(raw, ::SSL_load_client_CA_file(options.client_ca.c_str()));
        SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
    }
    return context;
}

void Tls::set(TlsContextPtr context) {
    const std::scoped_lock lock(mutex_);
    context_.swap(context);
}

TlsContextPtr Tls::get() const {
    const std::scoped_lock lock(mutex_);
    return context_;
}

TlsStream::TlsStream(const TlsContextPtr& context, int descriptor) : ssl_(::SSL_new(context.get()), &::SSL_free) {
    if (ssl_ == nullptr || ::SSL_set_fd(ssl_.get(), descriptor) != 1) throw std::bad_alloc();
    ::SSL_set_accept_state(ssl_.get());
}

TlsStream::~TlsStream() {
    // One that is not at its end is told; whether that leaves does not matter.
    if (SSL_is_init_finished(ssl_.get()) && failure_.empty()) ::SSL_shutdown(ssl_.get());
    ::ERR_clear_error();
}

// Sets errno, and what is waited for.
ssize_t TlsStream::outcome(int result) {
    const int error = ::SSL_get_error(ssl_.get(), result);
    wants_to_write_ = error == SSL_ERROR_WANT_WRITE;
    switch (error) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
        case SSL_ERROR_ZERO_RETURN: return 0;
        case SSL_ERROR_SYSCALL:
            if (errno == 0) return 0;
            failure_ = std::strerror(errno);
            return -1;
        default:
            failure_ = openssl_failure();
            errno = EPROTO;
            return -1;
    }
}

TlsStream::Handshake TlsStream::shake_hands() {
    ::ERR_clear_error();
    errno = 0;
    const int result = ::SSL_do_handshake(ssl_.get());
    if (result == 1) return Handshake::done;
    if (outcome(result) == 0) failure_ = "the client has gone";
    return failure_.empty() ? Handshake::waits : Handshake::failed;
}

ssize_t TlsStream::receive(std::uint8_t* to, std::size_t size) {
    std::size_t received = 0;
    while (received < size) {
        ::ERR_clear_error();
        errno = 0;
        const int got =
            ::SSL_read(ssl_.get(), to + received, static_cast<int>(std::min<std::size_t>(size - received, INT_MAX)));
        if (got > 0) {
            received += static_cast<std::size_t>(got);
            continue;
        }
        const ssize_t ended = outcome(got);
        if (received == 0) return ended;
        if (ended < 0 && errno != EAGAIN) failure_.clear();  // the next call will find it again
        break;
    }
    return static_cast<ssize_t>(received);
}

ssize_t TlsStream::send(const std::uint8_t* from, std::size_t size) {
    std::size_t sent = 0;
    while (sent < size) {
        ::ERR_clear_error();
        errno = 0;
        const int taken =
            ::SSL_write(ssl_.get(), from + sent, static_cast<int>(std::min<std::size_t>(size - sent, INT_MAX)));
        if (taken <= 0) {
            const ssize_t ended = outcome(taken);
            if (sent != 0) break;
            if (ended == 0) errno = EPIPE;
            return -1;
        }
        sent += static_cast<std::size_t>(taken);
    }
    return static_cast<ssize_t>(sent);
}

Result<std::string> TlsStream::client_name() const {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(::SSL_get1_peer_certificate(ssl_.get()), &X509_free);
    if (certificate == nullptr) return std::string();
    X509_NAME* const subject = ::X509_get_subject_name(certificate.get());
    const int index = ::X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    std::string name;
    if (index >= 0) {
        const ASN1_STRING* const text = ::X509_NAME_ENTRY_get_data(::X509_NAME_get_entry(subject, index));
        name.assign(reinterpret_cast<const char*>(::ASN1_STRING_get0_data(text)),
                    static_cast<std::size_t>(::ASN1_STRING_length(text)));
    }
    if (wire::is_key_name(name)) return name;
    return refuse(Code::unauthenticated,
                  "the common name of the client's certificate has other characters than letters, "
                  "digits, _ - . @, or more than 64");
}

std::string TlsStream::channel() const {
    std::string bytes(wire::channel_size, '\0');
    if (::SSL_export_keying_material(ssl_.get(), reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(),
                                     wire::channel_label.data(), wire::channel_label.size(), nullptr, 0, 0) != 1) {
        return {};
    }
    return bytes;
}

}  // namespace soho::host
