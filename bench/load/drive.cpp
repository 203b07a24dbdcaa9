#include "bench/load/drive.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <exception>
#include <stdexcept>
#include <thread>

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

}  // namespace

void check_reply(const char* reply, char msgid) {
    if (reply[0] != '\x94' || reply[1] != 1 || reply[2] != msgid || reply[3] != '\xc0')
        throw std::runtime_error("a reply that is an error, or not to this request");
}

std::int64_t now_ns() { return clock_ns(CLOCK_MONOTONIC); }
std::int64_t process_cpu_ns() { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

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
    ssize_t got = -1;
    errno = EAGAIN;
    for (const std::int64_t until = spin_ns_ != 0 ? now_ns() + spin_ns_ : 0;
         got < 0 && errno == EAGAIN && now_ns() < until;)
        got = ::recv(descriptor_, to, room, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) got = ::recv(descriptor_, to, room, 0);
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
    sample.client_cpu_ns = static_cast<double>(process_cpu_ns() - client_);
    sample.host_cpu_ns = static_cast<double>(server_.cpu_ns() - host_);
    sample.p50_ns = static_cast<double>(times.quantile(0.5));
    sample.p99_ns = static_cast<double>(times.quantile(0.99));
    const double others = static_cast<double>(busy_ns(cpus_) - busy_) - sample.client_cpu_ns - sample.host_cpu_ns;
    sample.foreign = std::max(0.0, others / (elapsed * static_cast<double>(cpus_.size())));
    return sample;
}

namespace {

class WindowCaller final : public Caller {
public:
    WindowCaller(Socket socket, const Exchange& exchange, std::size_t window)
        : socket_(std::move(socket)),
          request_bytes_(exchange.request.size()),
          reply_bytes_(exchange.reply_bytes),
          window_(window) {
        // Every request of the window twice in a row: whatever was answered, what comes next is one stretch.
        for (std::size_t i = 0; i < 2 * window; ++i) {
            requests_ += exchange.request;
            requests_[i * request_bytes_ + 2] = static_cast<char>(i % window);
        }
        socket_.send(stretch(0, window));
    }

    std::size_t step() override {
        const std::size_t got = torn_ + socket_.receive(in_.data() + torn_, in_.size() - torn_);
        const std::size_t replies = got / reply_bytes_;
        for (std::size_t i = 0; i < replies; ++i)
            check_reply(in_.data() + i * reply_bytes_, static_cast<char>((next_ + i) % window_));
        torn_ = got - replies * reply_bytes_;
        std::memmove(in_.data(), in_.data() + replies * reply_bytes_, torn_);
        if (replies != 0) socket_.send(stretch(next_, replies));
        next_ = (next_ + replies) % window_;
        return replies;
    }

private:
    std::string_view stretch(std::size_t from, std::size_t count) const {
        return std::string_view(requests_).substr(from * request_bytes_, count * request_bytes_);
    }

    Socket socket_;
    std::size_t request_bytes_, reply_bytes_, window_;
    std::string requests_;
    std::vector<char> in_ = std::vector<char>(65536);
    std::size_t torn_ = 0, next_ = 0;
};

struct Threads;

// A thread that calls, one call after the other.
struct Calling {
    explicit Calling(std::unique_ptr<Caller> caller_) : caller(std::move(caller_)) {}
    void run(const Threads& all);

    std::unique_ptr<Caller> caller;
    Histogram times;
    std::thread thread;
    std::exception_ptr failure;
};

struct Threads {
    ~Threads() { join(); }
    void join() {
        over = true;
        for (const auto& one : all) {
            if (one->thread.joinable()) one->thread.join();
        }
    }

    std::vector<std::unique_ptr<Calling>> all;
    std::atomic<bool> counts{false}, over{false};
};

void Calling::run(const Threads& all) try {
    for (std::int64_t last = now_ns(); !all.over.load(std::memory_order_relaxed);) {
        caller->step();
        const std::int64_t now = now_ns();
        if (all.counts.load(std::memory_order_relaxed)) times.record(static_cast<std::uint64_t>(now - last));
        last = now;
    }
} catch (...) {
    failure = std::current_exception();
}

}  // namespace

std::unique_ptr<Caller> window_caller(Socket socket, const Exchange& exchange, std::size_t window) {
    return std::make_unique<WindowCaller>(std::move(socket), exchange, window);
}

Sample drive_threads(const Server& server, std::size_t count, const MakeCaller& make, double seconds,
                     const std::vector<int>& cpus) {
    Threads threads;
    for (std::size_t i = 0; i < count; ++i) threads.all.push_back(std::make_unique<Calling>(make()));
    for (const auto& one : threads.all) one->thread = std::thread([&threads, &one = *one] { one.run(threads); });
    const auto sleep = [](double some) { std::this_thread::sleep_for(std::chrono::duration<double>(some)); };
    sleep(seconds / 5);
    const Stopwatch stopwatch(server, cpus);
    threads.counts = true;
    sleep(seconds);
    threads.counts = false;
    Sample sample = stopwatch.stop(0, {});
    threads.join();
    Histogram times;
    for (const auto& one : threads.all) {
        if (one->failure) std::rethrow_exception(one->failure);
        times.add(one->times);
    }
    sample.calls = static_cast<double>(times.total());
    sample.p50_ns = static_cast<double>(times.quantile(0.5));
    sample.p99_ns = static_cast<double>(times.quantile(0.99));
    return sample;
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
