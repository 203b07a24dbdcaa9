#pragma once
// A peer with a client library of its own is a program that serves, and drives what serves, by the load generator's clock:
//
//     peer serve ADDRESS
//     peer drive ADDRESS PID WORK BYTES SECONDS WHERE      prints a line: calls seconds host_cpu_ns client_cpu_ns p50_ns p99_ns foreign

#include "bench/load/columns.hpp"

#include <functional>

namespace soho::bench {

struct Peer {
    // Does not return. `address`: "tcp:PORT" or "unix:PATH".
    std::function<void(const std::string& address)> serve;
    // A caller with a connection of its own. It may be called before the server listens.
    std::function<std::unique_ptr<Caller>(const std::string& address, Work work, std::size_t bytes)> connect;
};

int peer_main(int argc, char** argv, const Peer& peer);

// The other side of that: starts both.
class PeerColumn final : public Column {
public:
    // `serve` and `drive`: commands, to which the address, and the rest, are added.
    PeerColumn(std::string name, std::vector<std::string> serve, std::vector<std::string> drive,
               std::vector<Work> works, bool has_unix, bool has_tcp = true)
        : Column(std::move(name)),
          serve_(std::move(serve)),
          drive_(std::move(drive)),
          works_(std::move(works)),
          has_unix_(has_unix),
          has_tcp_(has_tcp) {}

    bool takes(const Scenario& scenario) const override;
    Transport transport_of(const Scenario& scenario) const override {
        return has_tcp_ ? scenario.transport : Transport::unix_socket;
    }
    Sample run(const Scenario& scenario, const std::string& address, double seconds) const override;

private:
    const std::vector<std::string> serve_, drive_;
    const std::vector<Work> works_;
    const bool has_unix_, has_tcp_;
};

}  // namespace soho::bench
