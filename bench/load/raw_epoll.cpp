// The floor: an epoll server that does nothing but answer. It reads all there is, and for each request of so many bytes it
// has, writes a reply of so many bytes, all replies of one read at once. It is told the sizes and looks at nothing but
// the msgid (the third byte of both), so that the client can check what it gets as it checks soho's.
//
//     raw_epoll unix:PATH|tcp:PORT REQUEST_BYTES:REPLY_BYTES…     several: request by request, over and over

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Exchange {
    std::size_t request = 0, reply = 0;
};

struct Connection {
    int socket;
    std::size_t exchange = 0;  // of the request that comes next
    std::string torn;          // the beginning of a request
};

constexpr std::size_t buffer_bytes = 256 * 1024;

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

int listen_on(const std::string& address) {
    int listener = -1;
    if (address.starts_with("unix:")) {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        address.copy(at.sun_path, sizeof at.sun_path - 1, 5);
        listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::bind(listener, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fail("bind");
    } else {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        at.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(4))));
        listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(listener, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fail("bind");
    }
    if (::listen(listener, 1024) != 0) fail("listen");
    return listener;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    std::vector<Exchange> exchanges;
    for (int i = 2; i < argc; ++i) {
        char* colon = nullptr;
        const std::size_t request = std::strtoul(argv[i], &colon, 10);
        exchanges.push_back({request, std::strtoul(colon + 1, nullptr, 10)});
        if (request < 3 || exchanges.back().reply < 4) return 2;
    }
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);

    const int listener = listen_on(argv[1]);
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event entry{};
    entry.events = EPOLLIN;
    entry.data.ptr = nullptr;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &entry);

    std::vector<char> in(buffer_bytes), out;
    std::vector<epoll_event> events(128);
    for (;;) {
        const int ready = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < ready; ++i) {
            auto* connection = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (connection == nullptr) {
                connection = new Connection{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
                const int on = 1;
                ::setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                entry.data.ptr = connection;
                ::epoll_ctl(epoll, EPOLL_CTL_ADD, connection->socket, &entry);
                continue;
            }
            const std::size_t torn = connection->torn.size();
            connection->torn.copy(in.data(), torn);
            const ssize_t got = ::recv(connection->socket, in.data() + torn, in.size() - torn, 0);
            if (got <= 0) {
                if (got < 0 && errno == EAGAIN) continue;
                ::close(connection->socket);
                delete connection;
                continue;
            }
            const char* at = in.data();
            const char* const end = at + torn + static_cast<std::size_t>(got);
            out.clear();
            for (;;) {
                const Exchange& exchange = exchanges[connection->exchange];
                if (static_cast<std::size_t>(end - at) < exchange.request) break;
                const std::size_t reply = out.size();
                out.resize(reply + exchange.reply, '\0');
                std::memcpy(out.data() + reply, "\x94\x01\x00\xc0", 4);
                out[reply + 2] = at[2];
                at += exchange.request;
                connection->exchange = (connection->exchange + 1) % exchanges.size();
            }
            connection->torn.assign(at, end);
            for (std::size_t sent = 0; sent < out.size();) {
                const ssize_t taken = ::send(connection->socket, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
                if (taken > 0) sent += static_cast<std::size_t>(taken);
                if (taken < 0 && errno != EAGAIN) break;
            }
        }
    }
}
