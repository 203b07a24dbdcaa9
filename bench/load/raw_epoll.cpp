// The floor: an epoll server that does nothing but answer. It reads all there is, and for each request of so many bytes it
// has, writes a reply of so many bytes, all replies of one read at once. It is told the sizes and looks at nothing but
// the msgid (the third byte of both), so that the client can check what it gets as it checks soho's.
//
//     raw_epoll [--threads=N] [--spin-us=N] unix:PATH|tcp:PORT REQUEST_BYTES:REPLY_BYTES…
//
// Several exchanges: request by request, over and over. Several threads: the connections in turns. With --spin-us it polls for so long
// before it sleeps.

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

// The listener is in `epolls[0]`.
void serve(std::size_t which, const std::vector<int>& epolls, int listener, const std::vector<Exchange>& exchanges,
           std::int64_t spin_us) {
    std::size_t accepted = 0;
    epoll_event entry{};
    entry.events = EPOLLIN;
    std::size_t largest = 0;
    for (const Exchange& exchange : exchanges) largest = std::max(largest, exchange.request);
    std::vector<char> in(largest + buffer_bytes), out;
    std::vector<epoll_event> events(128);
    for (;;) {
        const int ready = wait(epolls[which], events, spin_us);
        for (int i = 0; i < ready; ++i) {
            auto* connection = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (connection == nullptr) {
                connection = new Connection{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
                const int on = 1;
                ::setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                entry.data.ptr = connection;
                ::epoll_ctl(epolls[accepted++ % epolls.size()], EPOLL_CTL_ADD, connection->socket, &entry);
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
                out.resize(reply + exchange.reply);
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

}  // namespace

int main(int argc, char** argv) {
    std::size_t threads = 1;
    std::int64_t spin_us = 0;
    std::vector<Exchange> exchanges;
    std::string address;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word.starts_with("--threads=")) {
            threads = std::stoul(word.substr(10));
        } else if (word.starts_with("--spin-us=")) {
            spin_us = std::stol(word.substr(10));
        } else if (address.empty()) {
            address = word;
        } else {
            const std::size_t colon = word.find(':');
            if (colon == std::string::npos) return 2;
            exchanges.push_back({std::stoul(word), std::stoul(word.substr(colon + 1))});
            if (exchanges.back().request < 3 || exchanges.back().reply < 4) return 2;
        }
    }
    if (exchanges.empty() || threads == 0) return 2;
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);

    const int listener = listen_on(address);
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
