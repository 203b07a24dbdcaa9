// The floor: an epoll server that does nothing but answer. It reads all there is, and for each request of so many bytes it
// has, writes a reply of so many bytes, all replies of one read at once. It is told the sizes and looks at nothing but
// the msgid (the third byte of both), so that the client can check what it gets as it checks soho's.
//
//     raw_epoll [--threads=N|--blocking] [--spin-us=N] unix:PATH|tcp:PORT REQUEST_BYTES:REPLY_BYTES…
//     raw_epoll --relay-to=unix:PATH unix:PATH|tcp:PORT
//
// Several exchanges: request by request, over and over. Several threads: the connections in turns. With --spin-us it polls for so long
// before it sleeps. With --blocking there is no epoll, but a thread for each connection. With --relay-to it passes on what comes from
// either side, as it is, for one client after the other: the floor for what reaches its server through another process.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <thread>
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

sockaddr_un unix_address(const std::string& address) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    address.copy(at.sun_path, sizeof at.sun_path - 1, 5);
    return at;
}

int listen_on(const std::string& address) {
    int listener = -1;
    if (address.starts_with("unix:")) {
        const sockaddr_un at = unix_address(address);
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

std::int64_t now_us() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1'000'000 + time.tv_nsec / 1'000;
}

int wait(int epoll, std::vector<epoll_event>& events, std::int64_t spin_us) {
    const int most = static_cast<int>(events.size());
    for (const std::int64_t until = spin_us != 0 ? now_us() + spin_us : 0; spin_us != 0 && now_us() < until;) {
        if (const int ready = ::epoll_wait(epoll, events.data(), most, 0); ready != 0) return ready;
    }
    return ::epoll_wait(epoll, events.data(), most, -1);
}

// What a thread reads into, and answers from.
struct Buffers {
    explicit Buffers(const std::vector<Exchange>& exchanges) {
        std::size_t largest = 0;
        for (const Exchange& exchange : exchanges) largest = std::max(largest, exchange.request);
        in.resize(largest + buffer_bytes);
    }

    std::vector<char> in, out;
};

void accepted(int socket) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Reads once, and answers what is whole. False: the connection has ended.
bool answer(Connection& connection, const std::vector<Exchange>& exchanges, Buffers& buffers) {
    const std::size_t torn = connection.torn.size();
    connection.torn.copy(buffers.in.data(), torn);
    const ssize_t got = ::recv(connection.socket, buffers.in.data() + torn, buffers.in.size() - torn, 0);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    const char* at = buffers.in.data();
    const char* const end = at + torn + static_cast<std::size_t>(got);
    std::vector<char>& out = buffers.out;
    out.clear();
    for (;;) {
        const Exchange& exchange = exchanges[connection.exchange];
        if (static_cast<std::size_t>(end - at) < exchange.request) break;
        const std::size_t reply = out.size();
        out.resize(reply + exchange.reply);
        std::memcpy(out.data() + reply, "\x94\x01\x00\xc0", 4);
        out[reply + 2] = at[2];
        at += exchange.request;
        connection.exchange = (connection.exchange + 1) % exchanges.size();
    }
    connection.torn.assign(at, end);
    for (std::size_t sent = 0; sent < out.size();) {
        const ssize_t taken = ::send(connection.socket, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
        if (taken > 0) sent += static_cast<std::size_t>(taken);
        if (taken < 0 && errno != EAGAIN) break;
    }
    return true;
}

void serve_blocking(int listener, const std::vector<Exchange>& exchanges) {
    for (;;) {
        const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        accepted(socket);
        std::thread([socket, &exchanges] {
            Connection connection{socket};
            Buffers buffers(exchanges);
            while (answer(connection, exchanges, buffers)) {
            }
            ::close(socket);
        }).detach();
    }
}

// Passes on one read's bytes. False: the connection has ended.
bool pass_on(int from, int to, std::vector<char>& buffer) {
    const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    for (ssize_t sent = 0; sent < got;) {
        const ssize_t taken = ::send(to, buffer.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
        if (taken > 0) sent += taken;
        if (taken < 0 && errno != EAGAIN) return false;
    }
    return true;
}

[[noreturn]] void relay(int listener, const std::string& upstream) {
    std::vector<char> buffer(buffer_bytes);
    const sockaddr_un at = unix_address(upstream);
    for (;;) {
        const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        accepted(client);
        const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(server, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fail("connect");
        const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
        epoll_event entry{};
        entry.events = EPOLLIN;
        for (const int socket : {client, server}) {
            entry.data.fd = socket;
            ::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &entry);
        }
        for (bool goes_on = true; goes_on;) {
            if (::epoll_wait(epoll, &entry, 1, -1) != 1) continue;
            goes_on = pass_on(entry.data.fd, entry.data.fd == client ? server : client, buffer);
        }
        for (const int socket : {epoll, client, server}) ::close(socket);
    }
}

// The listener is in `epolls[0]`.
void serve(std::size_t which, const std::vector<int>& epolls, int listener, const std::vector<Exchange>& exchanges,
           std::int64_t spin_us) {
    std::size_t connections = 0;
    epoll_event entry{};
    entry.events = EPOLLIN;
    Buffers buffers(exchanges);
    std::vector<epoll_event> events(128);
    for (;;) {
        const int ready = wait(epolls[which], events, spin_us);
        for (int i = 0; i < ready; ++i) {
            auto* connection = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (connection == nullptr) {
                connection = new Connection{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
                accepted(connection->socket);
                entry.data.ptr = connection;
                ::epoll_ctl(epolls[connections++ % epolls.size()], EPOLL_CTL_ADD, connection->socket, &entry);
            } else if (!answer(*connection, exchanges, buffers)) {
                ::close(connection->socket);
                delete connection;
            }
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t threads = 1;
    std::int64_t spin_us = 0;
    bool blocking = false;
    std::vector<Exchange> exchanges;
    std::string address, upstream;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word.starts_with("--threads=")) {
            threads = std::stoul(word.substr(10));
        } else if (word.starts_with("--spin-us=")) {
            spin_us = std::stol(word.substr(10));
        } else if (word.starts_with("--relay-to=unix:")) {
            upstream = word.substr(11);
        } else if (word == "--blocking") {
            blocking = true;
        } else if (address.empty()) {
            address = word;
        } else {
            const std::size_t colon = word.find(':');
            if (colon == std::string::npos) return 2;
            exchanges.push_back({std::stoul(word), std::stoul(word.substr(colon + 1))});
            if (exchanges.back().request < 3 || exchanges.back().reply < 4) return 2;
        }
    }
    if (address.empty() || exchanges.empty() == upstream.empty() || threads == 0) return 2;
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);

    const int listener = listen_on(address);
    if (!upstream.empty()) relay(listener, upstream);
    if (blocking) serve_blocking(listener, exchanges);
    std::vector<int> epolls;
    for (std::size_t i = 0; i < threads; ++i) epolls.push_back(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event entry{};
    entry.events = EPOLLIN;
    entry.data.ptr = nullptr;
    ::epoll_ctl(epolls.front(), EPOLL_CTL_ADD, listener, &entry);
    for (std::size_t i = 1; i < threads; ++i)
        std::thread([&, i] { serve(i, epolls, listener, exchanges, spin_us); }).detach();
    serve(0, epolls, listener, exchanges, spin_us);
}
