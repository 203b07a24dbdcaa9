#include "socket.hpp"

#include <soho/client/options.hpp>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

namespace soho::client {

namespace {

using namespace std::chrono_literals;

int milliseconds_until(Deadline until) {
    if (until == no_deadline) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000'000));
}

std::string text_of(int failure) {
    if (failure == ENOENT) return "no such socket";
    if (failure == ECONNREFUSED) return "nobody listens there";
    if (failure == ETIMEDOUT) return "no answer in time";
    return std::strerror(failure);
}

// 0, or the errno of why not.
int connect_until(const Socket& socket, const sockaddr* address, socklen_t size, Deadline until) {
    const int descriptor = socket.descriptor();
    for (;;) {
        if (::connect(descriptor, address, size) == 0) return 0;
        if (errno == EINTR) continue;
        if (errno != EAGAIN) break;
        // A Unix socket whose backlog is full says so at once.
        if (Clock::now() >= until) return ETIMEDOUT;
        std::this_thread::sleep_for(1ms);
    }
    if (errno != EINPROGRESS) return errno;
    pollfd writable{descriptor, POLLOUT, 0};
    int ready = 0;
    while ((ready = ::poll(&writable, 1, milliseconds_until(until))) < 0 && errno == EINTR) {
    }
    if (ready == 0) return ETIMEDOUT;
    int failure = 0;
    socklen_t failure_size = sizeof failure;
    ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &failure_size);
    return failure;
}

// Connected, and blocking again; or 0 with an errno.
Socket connect_one(int family, const sockaddr* address, socklen_t size, Deadline until, int& failure) {
    Socket socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    failure = socket.descriptor() < 0 ? errno : connect_until(socket, address, size, until);
    if (failure != 0) return {};
    const int on = 1;
    if (family != AF_UNIX) ::setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const int flags = ::fcntl(socket.descriptor(), F_GETFL);
    ::fcntl(socket.descriptor(), F_SETFL, flags & ~O_NONBLOCK);
    return socket;
}

Result<Socket> connect_unix(const std::string& path, Deadline until) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return refuse(Code::bad_arguments, "the path is too long for a socket");
    std::memcpy(address.sun_path, path.data(), path.size());
    int failure = 0;
    Socket socket = connect_one(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address, until, failure);
    if (failure != 0) return refuse(Code::unavailable, text_of(failure));
    return socket;
}

Result<Socket> connect_tcp(const wire::Address& to, Deadline until) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int failure = ::getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &found);
        failure != 0) {
        return refuse(Code::unavailable, ::gai_strerror(failure));
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
    int failure = ENOENT;
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
        Socket socket = connect_one(at->ai_family, at->ai_addr, at->ai_addrlen, until, failure);
        if (failure == 0) return socket;
    }
    return refuse(Code::unavailable, text_of(failure));
}

}  // namespace

Socket::~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> Socket::begin_tls(const std::string& name, const ConnectOptions& options, Deadline until) {
    const int flags = ::fcntl(descriptor_, F_GETFL);
    ::fcntl(descriptor_, F_SETFL, flags | O_NONBLOCK);
    auto channel = TlsChannel::connect(descriptor_, name, options, until);
    if (!channel) return tl::unexpected<Error>(channel.error());
    tls_ = *std::move(channel);
    return {};
}

// One part after the other: what is not whole waits for its turn.
Socket::Transfer Socket::send_tls(const iovec* parts, std::size_t count) {
    Transfer transfer;
    for (std::size_t i = 0; i < count; ++i) {
        const auto* bytes = static_cast<const std::uint8_t*>(parts[i].iov_base);
        for (std::size_t sent = 0; sent < parts[i].iov_len;) {
            const ssize_t more = tls_->send(bytes + sent, parts[i].iov_len - sent);
            if (more < 0 && errno == EINTR) continue;
            if (more < 0) {
                // What OpenSSL holds of an unfinished record must come again first, so only the first part's failure counts.
                if (transfer.bytes == 0) transfer.failure = errno;
                return transfer;
            }
            sent += static_cast<std::size_t>(more);
            transfer.bytes += static_cast<std::size_t>(more);
        }
    }
    return transfer;
}

Socket::Transfer Socket::receive_tls(std::uint8_t* into, std::size_t size, bool now) {
    for (;;) {
        const ssize_t received = tls_->receive(into, size);
        if (received >= 0) return {static_cast<std::size_t>(received), 0};
        if (errno == EINTR) continue;
        if (errno != EAGAIN || now) return {0, errno};
        if (wait(POLLIN, no_deadline) == 0) return {0, EAGAIN};
    }
}

Socket::Transfer Socket::send_now(const iovec* parts, std::size_t count) {
    if (tls_ != nullptr) return send_tls(parts, count);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = count;
    for (;;) {
        const ssize_t sent = count == 1
                                 ? ::send(descriptor_, parts->iov_base, parts->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT)
                                 : ::sendmsg(descriptor_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) return {static_cast<std::size_t>(sent), 0};
        if (errno != EINTR) return {0, errno};
    }
}

Socket::Transfer Socket::receive(std::uint8_t* into, std::size_t size, bool now) {
    if (tls_ != nullptr) return receive_tls(into, size, now);
    for (;;) {
        const ssize_t received = ::recv(descriptor_, into, size, now ? MSG_DONTWAIT : 0);
        if (received >= 0) return {static_cast<std::size_t>(received), 0};
        if (errno != EINTR) return {0, errno};
    }
}

short Socket::wait(short events, Deadline until) {
    if (tls_ != nullptr) {
        if ((events & POLLIN) != 0 && tls_->has_pending()) return POLLIN;
        if (tls_->wants_to_write()) events |= POLLOUT;
    }
    pollfd waited{descriptor_, events, 0};
    for (;;) {
        const int ready = ::poll(&waited, 1, milliseconds_until(until));
        if (ready >= 0) return ready == 0 ? short{0} : waited.revents;
        if (errno != EINTR) return POLLERR;
    }
}

void Socket::shut_down() { ::shutdown(descriptor_, SHUT_RDWR); }

Result<Socket> connect_to(const wire::Address& address, const ConnectOptions& options, Deadline until) {
    if (address.transport == wire::Address::Transport::unix_socket) return connect_unix(address.host, until);
    auto socket = connect_tcp(address, until);
    if (!socket || address.transport == wire::Address::Transport::tcp) return socket;
    if (auto begun = socket->begin_tls(address.host, options, until); !begun)
        return tl::unexpected<Error>(begun.error());
    return socket;
}

}  // namespace soho::client
