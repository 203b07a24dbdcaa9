#pragma once
// A socket that waits for clients, and decides who they are.

#include "host/server/connection.hpp"
#include "host/server/options.hpp"

#include <asio/basic_socket_acceptor.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/steady_timer.hpp>

namespace soho::host {

class Listener {
public:
    using ChooseReactor = std::function<Reactor&()>;
    using OnAccept = std::function<void(Connection::Socket socket, Reactor& reactor, const Listener& listener)>;

    // What of the host's security there is for TCP to stand on.
    struct Logins {
        bool by_secret = false;       // keys or tokens
        bool by_certificate = false;  // of clients
        bool tls = false;             // there is a certificate of our own
    };

    // Binds and listens; or takes over `passed`, a descriptor that listens at that address already, whose mode and group are as its
    // maker wants them, and whose path stays. -1: none. Fails with a sentence that says what to do.
    static Result<std::unique_ptr<Listener>> open(const ListenerOptions& options, int passed, Logins logins,
                                                  asio::io_context& context, spdlog::logger& log);
    // Whether that is the address, which is in numbers; whether in TLS or not.
    static bool is_at(const ListenerOptions& options, const wire::Address& address);
    ~Listener();

    // Whether that is enough for clients of such a listener to be let in. Fails with a sentence that says what to do.
    static Result<void> check_logins(const ListenerOptions& options, Logins logins);
    // Begins to accept; both functions run on the thread of the listener's io_context. [that thread, as close()]
    void start(ChooseReactor choose, OnAccept on_accept);
    void close();

    // With the port that the system chose, if it was 0.
    const wire::Address& address() const { return address_; }
    const ListenerOptions& options() const { return options_; }
    bool uses_tls() const { return address_.transport == wire::Address::Transport::tls; }
    // Who is at the other end, as far as that is known already.
    Peer peer_of(Connection::Socket& socket) const;

private:
    using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

    Listener(wire::Address address, const ListenerOptions& options, asio::io_context& context, spdlog::logger& log)
        : address_(std::move(address)),
          options_(options),
          acceptor_(context),
          retry_(context),
          log_(log) {}
    Result<void> open_unix();
    Result<void> open_tcp();
    Result<void> take_over(int descriptor);
    Result<void> check_plaintext(bool is_loopback) const;
    Result<void> lock_path();
    Result<void> open_to_group() const;
    Result<void> remove_stale_socket() const;
    Result<void> bind(const asio::generic::stream_protocol::endpoint& endpoint);
    void wait();
    void accept();
    void retry_later();

    wire::Address address_;
    const ListenerOptions options_;
    Acceptor acceptor_;
    asio::steady_timer retry_;
    spdlog::logger& log_;
    ChooseReactor choose_;
    OnAccept on_accept_;
    bool owns_path_ = false;
    int lock_ = -1;  // descriptor of the lock file
};

}  // namespace soho::host
