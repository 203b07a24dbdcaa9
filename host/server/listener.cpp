#include "host/server/listener.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <tuple>

namespace soho::host {

namespace {

using Generic = asio::generic::stream_protocol;

// Long enough for descriptors to be closed, short enough for a client to wait.
constexpr std::chrono::milliseconds accept_retry{100};
constexpr int backlog = 1024;

constexpr std::string_view another_host =
    "another host listens there: stop it (soho shutdown), or choose another address (--listen)";

// umask is the only way to make a socket that was never open to others.
class PrivateUmask {
public:
    PrivateUmask() : before_(::umask(0177)) {}
    PrivateUmask(const PrivateUmask&) = delete;
    PrivateUmask& operator=(const PrivateUmask&) = delete;
    ~PrivateUmask() { ::umask(before_); }

private:
    mode_t before_;
};

// Replies leave at once, and a peer that vanished without a word is found within a minute: by probes while the connection is
// silent, by the time that sent bytes may stay unacknowledged while it is not.
void tune(int descriptor) {
    constexpr std::tuple<int, int, int> options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},    {SOL_SOCKET, SO_KEEPALIVE, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, 30},
        {IPPROTO_TCP, TCP_KEEPINTVL, 10}, {IPPROTO_TCP, TCP_KEEPCNT, 3}, {IPPROTO_TCP, TCP_USER_TIMEOUT, 60'000}};
    for (const auto& [level, name, value] : options) ::setsockopt(descriptor, level, name, &value, sizeof value);
}

Peer tcp_peer_of(Connection::Socket& socket, const ListenerOptions& options) {
    tune(socket.native_handle());
    Peer peer{{"nobody"}};
    asio::error_code failure;
    Generic::endpoint remote = socket.remote_endpoint(failure);
    asio::ip::tcp::endpoint endpoint;
    if (!failure && remote.size() <= endpoint.capacity()) {
        endpoint.resize(remote.size());
        std::memcpy(endpoint.data(), remote.data(), remote.size());
        peer.from = fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
        peer.is_private = endpoint.address().is_loopback();
    }
    if (options.insecure_no_login) {
        peer.principal = {"anonymous", rights_all & ~std::uint32_t{right_admin | right_provide}};
        peer.identified = true;
    }
    return peer;
}

// A local process's: the kernel knows them, even those that its user has got since.
std::vector<std::uint32_t> groups_of(Connection::Socket& socket, const ucred& credentials) {
    std::vector<gid_t> groups(64);
    socklen_t size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    int failed = ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    if (failed != 0 && errno == ERANGE) {  // and `size` says how much
        groups.resize(size / sizeof(gid_t));
        failed = ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    }
    groups.resize(failed == 0 ? size / sizeof(gid_t) : 0);
    groups.push_back(credentials.gid);
    return {groups.begin(), groups.end()};
}

}  // namespace

bool Listener::is_at(const ListenerOptions& options, const wire::Address& address) {
    const auto own = wire::parse_address(options.address);
    const auto is_unix = [](const wire::Address& of) { return of.transport == wire::Address::Transport::unix_socket; };
    return own && is_unix(*own) == is_unix(address) && own->host == address.host && own->port == address.port;
}

Result<std::unique_ptr<Listener>> Listener::open(const ListenerOptions& options, int passed, Logins logins,
                                                 asio::io_context& context, spdlog::logger& log) {
    const auto address = wire::parse_address(options.address);
    if (!address) return tl::unexpected<Error>(address.error());
    std::unique_ptr<Listener> listener(new Listener(*address, options, context, log));
    const bool is_unix = address->transport == wire::Address::Transport::unix_socket;
    auto opened = check_logins(options, logins);
    if (opened)
        opened = passed >= 0 ? listener->take_over(passed) : is_unix ? listener->open_unix() : listener->open_tcp();
    if (!opened)
        return soho::refuse(opened.error().code,
                            fmt::format("cannot listen on {}: {}", address->text(), opened.error().text));
    return listener;
}

Listener::~Listener() { close(); }

void Listener::close() {
    asio::error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
    if (std::exchange(owns_path_, false)) ::unlink(address_.host.c_str());
    if (lock_ >= 0) ::close(std::exchange(lock_, -1));
}

Result<void> Listener::bind(const Generic::endpoint& endpoint) {
    asio::error_code failure;
    acceptor_.open(endpoint.protocol(), failure);
    if (!failure && address_.transport != wire::Address::Transport::unix_socket)
        acceptor_.set_option(asio::socket_base::reuse_address(true), failure);
    if (!failure) acceptor_.bind(endpoint, failure);
    if (!failure) acceptor_.listen(backlog, failure);
    if (!failure) acceptor_.non_blocking(true, failure);
    if (!failure) return {};
    asio::error_code ignored;
    acceptor_.close(ignored);
    return soho::refuse(failure == asio::error::address_in_use ? Code::exists : Code::unavailable, failure.message());
}

Result<void> Listener::open_unix() {
    if (address_.host == wire::user_address().host) {
        if (const std::string why = wire::private_directory_mismatch(wire::user_directory(), true); !why.empty())
            return soho::refuse(Code::denied, why);
    }
    if (auto locked = lock_path(); !locked) return locked;
    const Generic::endpoint endpoint = asio::local::stream_protocol::endpoint(address_.host);
    const PrivateUmask umask;
    auto bound = bind(endpoint);
    if (!bound && bound.error().code == Code::exists) {
        if (auto removed = remove_stale_socket(); !removed) return removed;
        bound = bind(endpoint);
    }
    owns_path_ = bound.has_value();
    return bound ? open_to_group() : bound;
}

// It is made private, and opened only when it has its group.
Result<void> Listener::open_to_group() const {
    if (!options_.socket_group.empty()) {
        const group* const members = ::getgrnam(options_.socket_group.c_str());
        if (members == nullptr)
            return soho::refuse(Code::bad_arguments, fmt::format("there is no group \"{}\"", options_.socket_group));
        if (::chown(address_.host.c_str(), static_cast<uid_t>(-1), members->gr_gid) != 0) {
            return soho::refuse(Code::denied,
                                fmt::format("cannot give the socket to group {}: {}; the host's user must "
                                            "be a member",
                                            options_.socket_group, std::strerror(errno)));
        }
    }
    const std::string& mode = options_.socket_mode;
    const unsigned long bits = !mode.empty()                   ? std::stoul(mode, nullptr, 8)
                               : options_.socket_group.empty() ? 0600
                                                               : 0660;
    if (::chmod(address_.host.c_str(), static_cast<mode_t>(bits)) == 0) return {};
    return soho::refuse(Code::denied, fmt::format("cannot set the socket's mode: {}", std::strerror(errno)));
}

// Two hosts that start together must not both find a stale socket, or the later would remove the earlier one's. The file stays
// when the host ends: to remove it would let two others lock two files of that name.
Result<void> Listener::lock_path() {
    const std::string path = address_.host + ".lock";
    lock_ = ::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock_ < 0) return soho::refuse(Code::unavailable, fmt::format("{}: {}", path, std::strerror(errno)));
    if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return {};
    return soho::refuse(Code::exists, std::string(another_host));
}

// A host that was killed leaves its socket behind: nobody answers there, and it can go.
Result<void> Listener::remove_stale_socket() const {
    asio::io_context context;
    asio::local::stream_protocol::socket probe(context);
    asio::error_code failure;
    probe.connect(asio::local::stream_protocol::endpoint(address_.host), failure);
    if (!failure) return soho::refuse(Code::exists, std::string(another_host));
    struct stat status {};
    const bool is_socket = ::lstat(address_.host.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
    if (failure != asio::error::connection_refused || !is_socket) {
        return soho::refuse(Code::exists, fmt::format("something is there already that is no stale socket ({}): remove "
                                                      "it, or choose another address (--listen)",
                                                      failure.message()));
    }
    log_.info("removed the stale socket {} of a host that has gone", address_.host);
    ::unlink(address_.host.c_str());
    return {};
}

// Whoever reaches the port could do what the host's user can, if nothing asked who it is.
Result<void> Listener::check_logins(const ListenerOptions& options, Logins logins) {
    const auto address = wire::parse_address(options.address);
    if (!address) return tl::unexpected<Error>(address.error());
    if (address->transport == wire::Address::Transport::unix_socket) return {};
    const bool uses_tls = address->transport == wire::Address::Transport::tls;
    if (uses_tls && !logins.tls)
        return soho::refuse(Code::denied,
                            "TLS takes a certificate and its key: add --tls-certificate FILE --tls-key FILE");
    if (options.insecure_no_login || logins.by_secret || (uses_tls && logins.by_certificate)) return {};
    return soho::refuse(
        Code::denied,
        fmt::format(
            "nothing says who may use it. Add keys for its clients (soho keygen NAME > FILE, then --keys FILE){}; "
            "or use a Unix socket; or, where all who can reach the port may use the host, --insecure-no-login",
            uses_tls ? ", or --tls-client-ca FILE for clients with certificates" : ""));
}

Result<void> Listener::check_plaintext(bool is_loopback) const {
    if (is_loopback || uses_tls() || options_.insecure_plaintext) return {};
    return soho::refuse(Code::denied,
                        "everybody on the network could read and change what is sent: use tls:HOST:PORT, listen on "
                        "127.0.0.1, or add --insecure-plaintext");
}

Result<void> Listener::take_over(int descriptor) {
    asio::error_code failure;
    if (address_.transport == wire::Address::Transport::unix_socket) {
        acceptor_.assign(Generic(AF_UNIX, 0), descriptor, failure);
    } else {
        const auto address = asio::ip::make_address(address_.host, failure);
        if (auto sound = check_plaintext(!failure && address.is_loopback()); !sound) return sound;
        acceptor_.assign(Generic(address.is_v6() ? AF_INET6 : AF_INET, IPPROTO_TCP), descriptor, failure);
    }
    if (!failure) acceptor_.non_blocking(true, failure);
    return failure ? soho::refuse(Code::unavailable, failure.message()) : Result<void>();
}

Result<void> Listener::open_tcp() {
    asio::io_context context;
    asio::ip::tcp::resolver resolver(context);
    asio::error_code failure;
    const auto found =
        resolver.resolve(address_.host, std::to_string(address_.port), asio::ip::resolver_base::passive, failure);
    if (failure || found.empty())
        return soho::refuse(Code::bad_arguments, fmt::format("{}: {}", address_.host, failure.message()));
    const asio::ip::tcp::endpoint endpoint = found.begin()->endpoint();
    if (auto sound = check_plaintext(endpoint.address().is_loopback()); !sound) return sound;
    auto bound = bind(Generic::endpoint(endpoint));
    if (!bound) return bound;
    const auto local = acceptor_.local_endpoint(failure);
    if (local.data()->sa_family == AF_INET6) {
        address_.port = ntohs(reinterpret_cast<const sockaddr_in6*>(local.data())->sin6_port);
    } else {
        address_.port = ntohs(reinterpret_cast<const sockaddr_in*>(local.data())->sin_port);
    }
    return {};
}

void Listener::start(ChooseReactor choose, OnAccept on_accept) {
    choose_ = std::move(choose);
    on_accept_ = std::move(on_accept);
    wait();
}

void Listener::wait() {
    acceptor_.async_wait(Acceptor::wait_read, [this](const asio::error_code& failure) {
        if (failure == asio::error::operation_aborted) return;  // closed
        if (failure) {
            log_.warn("{}: cannot wait for connections: {}", address_.text(), failure.message());
            return retry_later();
        }
        try {
            accept();
        } catch (const std::exception& thrown) {
            log_.error("{}: lost a connection: {}", address_.text(), thrown.what());
            retry_later();
        }
    });
}

void Listener::accept() {
    // Chosen when the client is there: one chosen before might be stuck in a plugin by now.
    Reactor& reactor = choose_();
    Connection::Socket socket(reactor.context());
    asio::error_code failure;
    acceptor_.accept(socket, failure);
    if (!failure) {
        on_accept_(std::move(socket), reactor, *this);
    } else if (failure != asio::error::would_block && failure != asio::error::connection_aborted) {
        // Out of descriptors or memory: the client stays in the backlog, and to try at once would only spin.
        log_.warn("{}: cannot accept a connection: {}", address_.text(), failure.message());
        return retry_later();
    }
    wait();
}

void Listener::retry_later() {
    retry_.expires_after(accept_retry);
    retry_.async_wait([this](const asio::error_code& failure) {
        if (!failure) wait();
    });
}

Peer Listener::peer_of(Connection::Socket& socket) const {
    Peer peer;
    if (address_.transport != wire::Address::Transport::unix_socket) {
        peer = tcp_peer_of(socket, options_);
        peer.listener = options_.address;
        return peer;
    }
    peer.listener = options_.address;
    peer.is_private = true;
    peer.identified = true;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        peer.principal.name = "unknown";
        return peer;
    }
    const bool ours = credentials.uid == ::geteuid() || credentials.uid == 0;
    peer.principal = {fmt::format("uid:{}", credentials.uid), ours ? rights_all : 0, groups_of(socket, credentials)};
    peer.from = fmt::format("process {}", credentials.pid);
    return peer;
}

}  // namespace soho::host
