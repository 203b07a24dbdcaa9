#pragma once
// What is measured side by side. Each measurement has a fresh server, and the same clock, histogram and kernel's account of CPU time.

#include "bench/load/drive.hpp"

#include <optional>
#include <vector>

namespace soho::bench {

enum class Transport { unix_socket, tcp };
enum class Work {
    call,     // one at a time
    window,   // 128 in flight on one connection
    pairs,    // an object is made, and given back
    many,     // 64 connections with one call each, one thread that polls them
    threads,  // 64 connections with one call each, a thread for each
    echo,     // one at a time, of so many bytes
};
// Where client and host run.
enum class Where {
    one_cpu,   // both on the same one
    two_cpus,  // on one each
    anywhere,  // on all that there are, as the system likes, so that both may spin
};

struct Scenario {
    std::string name;
    Work work;
    Transport transport;
    Where where;
    std::size_t bytes = 0;  // of an echo
};

inline constexpr std::size_t window_calls = 128;
inline constexpr std::size_t many_connections = 64;

// CPUs of the client and of the host.
std::vector<int> client_cpus(Where where);
std::vector<int> host_cpus(Where where);
// Of both.
std::vector<int> all_cpus(Where where);

class Column {
public:
    explicit Column(std::string name) : name_(std::move(name)) {}
    Column(const Column&) = delete;
    Column& operator=(const Column&) = delete;
    virtual ~Column() = default;

    const std::string& name() const { return name_; }
    virtual bool takes(const Scenario& scenario) const = 0;
    // How it is reached, if not as the scenario says.
    virtual Transport transport_of(const Scenario& scenario) const { return scenario.transport; }
    // `address`: "unix:PATH" or "tcp:PORT", not used before. Throws std::runtime_error.
    virtual Sample run(const Scenario& scenario, const std::string& address, double seconds) const = 0;

private:
    const std::string name_;
};

// Servers that are driven by plain sockets and frames made beforehand.
class SocketColumn : public Column {
public:
    using Column::Column;

    bool takes(const Scenario&) const override { return true; }
    Sample run(const Scenario& scenario, const std::string& address, double seconds) const override;
    // Requests at random times, so many per second on average, on 16 connections, from another CPU than the server's: each is timed from when
    // it was due.
    Sample run_offered(Transport transport, const std::string& address, double calls_per_second, double seconds) const;

    virtual std::vector<std::string> command(const std::string& address, const Scenario& scenario) const = 0;
    // On a connection of its own, logged in.
    virtual std::unique_ptr<Caller> caller(Socket socket, const Scenario& scenario) const = 0;

protected:
    // For connections that a single thread drives; logs in.
    virtual std::optional<Exchange> exchange_of_many(const Socket&) const { return std::nullopt; }
};

// Where the programs are.
struct Programs {
    std::string sohod, plugin, echo, raw_epoll;
    // Of the build that this program belongs to.
    static Programs beside_this();
};

// Answers so many bytes with so many bytes.
class RawColumn final : public SocketColumn {
public:
    enum class Kind { epoll, two_epolls, blocking };
    RawColumn(std::string name, const Programs& programs, Kind kind = Kind::epoll)
        : SocketColumn(std::move(name)),
          program_(programs.raw_epoll),
          kind_(kind) {}

    bool takes(const Scenario& scenario) const override;
    std::vector<std::string> command(const std::string& address, const Scenario& scenario) const override;
    std::unique_ptr<Caller> caller(Socket socket, const Scenario& scenario) const override;

protected:
    std::optional<Exchange> exchange_of_many(const Socket& socket) const override;

private:
    const std::string program_;
    const Kind kind_;
};

// soho's wire on plain sockets: the host, without a client library.
class SohoColumn : public SocketColumn {
public:
    SohoColumn(std::string name, const Programs& programs, std::vector<std::string> options = {})
        : SocketColumn(std::move(name)),
          programs_(programs),
          options_(std::move(options)) {}

    std::vector<std::string> command(const std::string& address, const Scenario& scenario) const override;
    std::unique_ptr<Caller> caller(Socket socket, const Scenario& scenario) const override;

protected:
    std::optional<Exchange> exchange_of_many(const Socket& socket) const override;

private:
    const Programs programs_;
    const std::vector<std::string> options_;
};

// soho's C++ client. Null if this program was built without it.
std::unique_ptr<Column> client_column(const Programs& programs);

// Addresses for servers, in a folder that goes with this object.
class Addresses {
public:
    Addresses();
    Addresses(const Addresses&) = delete;
    Addresses& operator=(const Addresses&) = delete;
    ~Addresses();

    std::string next(Transport transport);
    const std::string& folder() const { return folder_; }

private:
    std::string folder_;
    int used_ = 0;
};

struct IdleMemory {
    double start_private_kb = 0, start_anonymous_kb = 0;
    double rss_kb_each = 0, private_kb_each = 0;  // growth for each connection
};
// Between so many connections that said hello, and so many. Run once.
IdleMemory idle_memory(const SocketColumn& column, const std::string& address, std::size_t from, std::size_t to);

// System calls of the server for each call: their names and numbers; empty if strace is not there or may not trace.
std::string system_calls(const SocketColumn& column, const std::string& address, const std::string& folder);

}  // namespace soho::bench
