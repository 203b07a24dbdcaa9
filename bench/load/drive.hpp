#pragma once
// The client's side of a measurement: plain sockets and frames that were encoded beforehand, the same for every server.

#include "bench/load/histogram.hpp"
#include "bench/load/server.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace soho::bench {

// One request and its reply. The msgid is the third byte of both, and below 128.
struct Exchange {
    std::string request;
    std::size_t reply_bytes = 0;
};

// A reply must be to this request, and no error: [1, msgid, nil, … Throws std::runtime_error.
void check_reply(const char* reply, char msgid);

// A connection to a server, blocking. Throws std::runtime_error when anything fails.
class Socket {
public:
    // "unix:PATH" or "tcp:PORT"; waits until somebody listens there.
    explicit Socket(const std::string& address);
    Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), spin_ns_(other.spin_ns_) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        std::swap(spin_ns_, other.spin_ns_);
        return *this;
    }
    ~Socket();

    int descriptor() const { return descriptor_; }
    void send(std::string_view bytes) const;
    // From here on receive() looks for so long before it sleeps.
    void spin(std::int64_t ns) { spin_ns_ = ns; }
    // At least one byte; how many.
    std::size_t receive(char* to, std::size_t room) const;
    // One reply to a small request, whatever its size.
    std::string ask(std::string_view request) const;

private:
    int descriptor_ = -1;
    std::int64_t spin_ns_ = 0;
};

// What one measurement gave.
struct Sample {
    double calls = 0;
    double seconds = 0;
    double host_cpu_ns = 0;
    double client_cpu_ns = 0;
    double p50_ns = 0, p99_ns = 0;  // 0 where single calls are not timed
    double foreign = 0;             // part of the CPUs' time that others took
};

// Where a call is measured: what makes it, on a connection of its own.
class Caller {
public:
    virtual ~Caller() = default;
    // Makes a call, or a pair of them, or takes what has come of those in flight; how many are done. Throws if an answer is wrong.
    virtual std::size_t step() = 0;
};
using MakeCaller = std::function<std::unique_ptr<Caller>()>;

// `window` requests in flight on one connection. The frames of soho's wire, and raw ones: requests are told apart by their msgids.
std::unique_ptr<Caller> window_caller(Socket socket, const Exchange& exchange, std::size_t window);
// One request in flight on each connection, one thread that polls them all.
Sample drive_many(const Server& server, const std::vector<Socket>& sockets, const Exchange& exchange, double seconds,
                  const std::vector<int>& cpus);
// A thread for each of `count` callers.
Sample drive_threads(const Server& server, std::size_t count, const MakeCaller& make, double seconds,
                     const std::vector<int>& cpus);

std::int64_t now_ns();
std::int64_t process_cpu_ns();

// Watches clocks and CPUs over one measurement.
class Stopwatch {
public:
    Stopwatch(const Server& server, const std::vector<int>& cpus)
        : server_(server),
          cpus_(cpus),
          busy_(busy_ns(cpus)),
          host_(server.cpu_ns()),
          client_(process_cpu_ns()),
          start_(now_ns()) {}
    Sample stop(double calls, const Histogram& times) const;

private:
    const Server& server_;
    const std::vector<int>& cpus_;
    std::int64_t busy_, host_, client_, start_;
};

// `step` makes some calls and returns how many; a step of one call is timed.
template <class Step>
Sample measure(const Server& server, const std::vector<int>& cpus, double seconds, bool timed, Step step) {
    const auto until = [](double from_now) { return now_ns() + static_cast<std::int64_t>(from_now * 1e9); };
    for (const std::int64_t end = until(seconds / 5); now_ns() < end;) step();
    const auto times = std::make_unique<Histogram>();
    const Stopwatch stopwatch(server, cpus);
    double calls = 0;
    std::int64_t last = now_ns();
    for (const std::int64_t end = until(seconds); last < end;) {
        calls += static_cast<double>(step());
        const std::int64_t now = now_ns();
        if (timed) times->record(static_cast<std::uint64_t>(now - last));
        last = now;
    }
    return stopwatch.stop(calls, *times);
}

inline Sample drive(const Server& server, Caller& caller, double seconds, bool timed, const std::vector<int>& cpus) {
    return measure(server, cpus, seconds, timed, [&caller] { return caller.step(); });
}

}  // namespace soho::bench
