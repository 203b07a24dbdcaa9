#pragma once
// What is measured side by side: raw epoll, soho's wire on plain sockets, soho's C++ client, and that wire to a plugin in a worker
// process (the host's CPU time is without the worker's). Each measurement has a fresh server.

#include "bench/load/drive.hpp"

#include <vector>

namespace soho::bench {

enum class Transport { unix_socket, tcp };
enum class Work { call, window, pairs, many };

struct Scenario {
    std::string name;
    Work work;
    Transport transport;
    bool split;  // client and host on two CPUs, else both on one
    bool with_client;
};

inline constexpr std::size_t window_calls = 128;
inline constexpr std::size_t many_connections = 64;

// Where the programs are.
struct Programs {
    std::string sohod, plugin, raw_epoll;
};

enum class Column { raw_epoll, soho, client, worker };
inline constexpr std::string_view column_names[] = {"raw epoll", "soho", "soho, C++ client", "soho, in a worker"};

// Makes servers listen at addresses of its own.
class Bench {
public:
    explicit Bench(Programs programs);
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;
    ~Bench();

    Sample run(const Scenario& scenario, Column column, double seconds);

    struct IdleMemory {
        double start_private_kb = 0, start_anonymous_kb = 0;
        double rss_kb_each = 0, private_kb_each = 0;  // growth for each connection
    };
    // Between so many connections that said hello, and so many. Run once.
    IdleMemory idle_memory(Column column, std::size_t from, std::size_t to);

    // System calls of the server for each call: their names and numbers; empty if strace is not there or may not trace.
    std::string system_calls(const Scenario& scenario, Column column);

private:
    std::string address(Transport transport);
    std::unique_ptr<Server> start(Column column, const std::string& address, const std::vector<Exchange>& exchanges,
                                  const std::vector<int>& cpus);

    Programs programs_;
    std::string folder_;
    int addresses_ = 0;
};

// Whether this program was built with the C++ client.
bool has_client();
// The same work through the C++ client: sync calls, or a window of asynchronous ones.
Sample drive_client(const Server& server, const std::string& address, Work work, double seconds,
                    const std::vector<int>& cpus);

// CPUs of the client and of the host.
std::vector<int> client_cpus();
std::vector<int> host_cpus(bool split);

}  // namespace soho::bench
