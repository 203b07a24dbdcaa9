// Requests that come when they come, whether the server keeps up or not: what a caller waits at a given load.

#include "bench/load/columns.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>
#include <random>
#include <stdexcept>

namespace soho::bench {

namespace {

constexpr std::size_t connections = 16;

// A connection on which requests queue up.
struct Lane {
    explicit Lane(Socket socket_) : socket(std::move(socket_)) {}

    // As much as the socket takes.
    void send_some() {
        while (!unsent.empty()) {
            const ssize_t sent = ::send(socket.descriptor(), unsent.data(), unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent < 0 && errno == EAGAIN) return;
            if (sent <= 0) throw std::runtime_error("the server has closed the connection");
            unsent.erase(0, static_cast<std::size_t>(sent));
        }
    }

    Socket socket;
    std::string unsent;
    std::string torn;                 // of the next reply
    std::deque<std::int64_t> due_ns;  // when each unanswered request was to be sent
};

class Offered {
public:
    Offered(std::vector<Socket> sockets, const Exchange& exchange, double calls_per_second)
        : exchange_(exchange),
          gap_(calls_per_second / 1e9),
          next_ns_(now_ns()) {
        for (Socket& socket : sockets) {
            socket.send(exchange.request);
            right_.resize(exchange.reply_bytes);
            for (std::size_t got = 0; got < right_.size();)
                got += socket.receive(right_.data() + got, right_.size() - got);
            epoll_event entry{};
            entry.events = EPOLLIN;
            entry.data.u64 = lanes_.size();
            ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.descriptor(), &entry);
            lanes_.emplace_back(std::move(socket));
        }
    }
    Offered(const Offered&) = delete;
    Offered& operator=(const Offered&) = delete;
    ~Offered() { ::close(epoll_); }

    // Sends what is due, and takes what has come.
    std::size_t step() {
        for (const std::int64_t now = now_ns(); next_ns_ <= now; next_ns_ += static_cast<std::int64_t>(gap_(random_))) {
            Lane& lane = lanes_[next_lane_++ % lanes_.size()];
            lane.unsent += exchange_.request;
            lane.due_ns.push_back(next_ns_);
        }
        for (Lane& lane : lanes_) lane.send_some();
        std::array<epoll_event, connections> events{};
        const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
        std::size_t answered = 0;
        for (int i = 0; i < ready; ++i) answered += take(lanes_[events[static_cast<std::size_t>(i)].data.u64]);
        return answered;
    }

    Histogram& times() { return times_; }

private:
    std::size_t take(Lane& lane) {
        const std::size_t got = lane.socket.receive(in_.data(), in_.size());
        const std::int64_t now = now_ns();
        lane.torn.append(in_.data(), got);
        std::size_t answered = 0;
        for (std::string_view rest = lane.torn; rest.size() >= right_.size(); rest.remove_prefix(right_.size())) {
            if (!rest.starts_with(right_) || lane.due_ns.empty()) throw std::runtime_error("a wrong answer");
            times_.record(static_cast<std::uint64_t>(now - lane.due_ns.front()));
            lane.due_ns.pop_front();
            ++answered;
        }
        lane.torn.erase(0, answered * right_.size());
        return answered;
    }

    const Exchange exchange_;
    const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    std::string right_;  // every reply is this
    std::vector<Lane> lanes_;
    std::size_t next_lane_ = 0;
    std::mt19937_64 random_{1};  // NOLINT(cert-msc51-cpp): the same for every server
    std::exponential_distribution<double> gap_;
    std::int64_t next_ns_;
    Histogram times_;
    std::vector<char> in_ = std::vector<char>(65536);
};

}  // namespace

Sample SocketColumn::run_offered(Transport transport, const std::string& address, double calls_per_second,
                                 double seconds) const {
    const Scenario scenario{"", Work::call, transport, Where::two_cpus};
    const Server server(command(address, scenario), host_cpus(scenario.where));
    run_on(client_cpus(scenario.where));
    std::vector<Socket> sockets;
    std::optional<Exchange> exchange;
    for (std::size_t i = 0; i < connections; ++i) {
        sockets.emplace_back(address);
        exchange = exchange_of_many(sockets.back());
    }
    if (!exchange) throw std::runtime_error("this column takes no offered load");
    const auto offered = std::make_unique<Offered>(std::move(sockets), *exchange, calls_per_second);
    const std::vector<int> cpus = all_cpus(scenario.where);
    measure(server, cpus, seconds / 5, false, [&] { return offered->step(); });
    offered->times().clear();
    Sample sample = measure(server, cpus, seconds, false, [&] { return offered->step(); });
    sample.p50_ns = static_cast<double>(offered->times().quantile(0.5));
    sample.p99_ns = static_cast<double>(offered->times().quantile(0.99));
    return sample;
}

}  // namespace soho::bench
