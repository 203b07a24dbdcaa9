#include "bench/load/drive.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>

namespace soho::bench {

namespace {

constexpr std::int64_t connect_ns_max = 5'000'000'000;

std::int64_t clock_ns(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

[[noreturn]] void fail(const char* what) { throw std::runtime_error(std::string(what) + ": " + std::strerror(errno)); }

int connected(const std::string& address) {
    int descriptor = -1;
    int outcome = -1;
    if (address.starts_with("unix:")) {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        address.copy(at.sun_path, sizeof at.sun_path - 1, 5);
        descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        outcome = ::connect(descriptor, reinterpret_cast<const sockaddr*>(&at), sizeof at);
    } else {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        at.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
        descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        outcome = ::connect(descriptor, reinterpret_cast<const sockaddr*>(&at), sizeof at);
    }
    if (outcome == 0) return descriptor;
    ::close(descriptor);
    return -1;
}

// A reply must be to this request, and no error: [1, msgid, nil, …
void check_reply(const char* reply, char msgid) {
    if (reply[0] != '\x94' || reply[1] != 1 || reply[2] != msgid || reply[3] != '\xc0')
        throw std::runtime_error("a reply that is an error, or not to this request");
}

}  // namespace

std::int64_t now_ns() { return clock_ns(CLOCK_MONOTONIC); }
std::int64_t thread_cpu_ns() { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }

Socket::Socket(const std::string& address) {
    const std::int64_t until = now_ns() + connect_ns_max;
    while ((descriptor_ = connected(address)) < 0) {
        if (now_ns() > until) fail("connect");
        ::usleep(2'000);
    }
}

Socket::~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void Socket::send(std::string_view bytes) const {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) fail("send");
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

std::size_t Socket::receive(char* to, std::size_t room) const {
    const ssize_t got = ::recv(descriptor_, to, room, 0);
    if (got == 0) throw std::runtime_error("the server has closed the connection");
    if (got < 0) fail("recv");
    return static_cast<std::size_t>(got);
}

std::string Socket::ask(std::string_view request) const {
    send(request);
    std::string reply(4096, '\0');
    reply.resize(receive(reply.data(), reply.size()));
    check_reply(reply.data(), request[2]);
    return reply;
}

Sample Stopwatch::stop(double calls, const Histogram& times) const {
    Sample sample;
    sample.calls = calls;
    const auto elapsed = static_cast<double>(now_ns() - start_);
    sample.seconds = elapsed / 1e9;
    sample.client_cpu_ns = static_cast<double>(thread_cpu_ns() - client_);
    sample.host_cpu_ns = static_cast<double>(server_.cpu_ns() - host_);
    sample.p50_ns = static_cast<double>(times.quantile(0.5));
    sample.p99_ns = static_cast<double>(times.quantile(0.99));
    const double others = static_cast<double>(busy_ns(cpus_) - busy_) - sample.client_cpu_ns - sample.host_cpu_ns;
    sample.foreign = std::max(0.0, others / (elapsed * static_cast<double>(cpus_.size())));
    return sample;
}

Sample drive_sync(const Server& server, const Socket& socket, std::vector<Exchange> exchanges, double seconds,
                  const std::vector<int>& cpus) {
    std::vector<char> in(65536);
    return measure(server, cpus, seconds, true, [&] {
        for (const Exchange& exchange : exchanges) {
            socket.send(exchange.request);
            for (std::size_t got = 0; got < exchange.reply_bytes;)
                got += socket.receive(in.data() + got, in.size() - got);
            check_reply(in.data(), exchange.request[2]);
        }
        return 1;
    });
}

Sample drive_window(const Server& server, const Socket& socket, const Exchange& exchange, std::size_t window,
                    double seconds, const std::vector<int>& cpus) {
    // Every request of the window twice in a row: whatever was answered, what comes next is one stretch.
    std::string requests;
    for (std::size_t i = 0; i < 2 * window; ++i) {
        requests += exchange.request;
        requests[i * exchange.request.size() + 2] = static_cast<char>(i % window);
    }
    const auto stretch = [&](std::size_t from, std::size_t count) {
        return std::string_view(requests).substr(from * exchange.request.size(), count * exchange.request.size());
    };
    std::vector<char> in(65536);
    std::size_t torn = 0;
    std::size_t next = 0;
    socket.send(stretch(0, window));
    return measure(server, cpus, seconds, false, [&] {
        const std::size_t got = torn + socket.receive(in.data() + torn, in.size() - torn);
        const std::size_t replies = got / exchange.reply_bytes;
        for (std::size_t i = 0; i < replies; ++i)
            check_reply(in.data() + i * exchange.reply_bytes, static_cast<char>((next + i) % window));
        torn = got - replies * exchange.reply_bytes;
        std::memmove(in.data(), in.data() + replies * exchange.reply_bytes, torn);
        if (replies != 0) socket.send(stretch(next, replies));
        next = (next + replies) % window;
        return replies;
    });
}

Sample drive_many(const Server& server, const std::vector<Socket>& sockets, const Exchange& exchange, double seconds,
                  const std::vector<int>& cpus) {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<std::int64_t> sent_ns(sockets.size());
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        epoll_event entry{};
        entry.events = EPOLLIN;
        entry.data.u64 = i;
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[i].descriptor(), &entry);
        sockets[i].send(exchange.request);
    }
    const auto times = std::make_unique<Histogram>();
    std::array<epoll_event, 64> events{};
    std::array<char, 4096> in{};
    Sample sample = measure(server, cpus, seconds, false, [&] {
        const int ready = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < ready; ++i) {
            const std::size_t which = events[static_cast<std::size_t>(i)].data.u64;
            if (sockets[which].receive(in.data(), in.size()) != exchange.reply_bytes)
                throw std::runtime_error("a torn reply");
            check_reply(in.data(), exchange.request[2]);
            const std::int64_t now = now_ns();
            if (sent_ns[which] != 0) times->record(static_cast<std::uint64_t>(now - sent_ns[which]));
            sockets[which].send(exchange.request);
            sent_ns[which] = now;
        }
        return std::max(ready, 0);
    });
    ::close(epoll);
    sample.p50_ns = static_cast<double>(times->quantile(0.5));
    sample.p99_ns = static_cast<double>(times->quantile(0.99));
    return sample;
}

}  // namespace soho::bench
