#include "bench/peers/peer.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>

namespace soho::bench {

namespace {

std::string quoted(const std::string& word) { return "'" + word + "'"; }

Sample driven(const Peer& peer, const std::vector<std::string>& words) {
    const Server server(static_cast<pid_t>(std::stol(words[1])));
    const auto work = static_cast<Work>(std::stoi(words[2]));
    const std::size_t bytes = std::stoul(words[3]);
    const double seconds = std::stod(words[4]);
    const auto where = static_cast<Where>(std::stoi(words[5]));
    const std::vector<int> cpus = all_cpus(where);
    run_on(client_cpus(where));
    const auto make = [&] { return peer.connect(words[0], work, bytes); };
    if (work == Work::threads) return drive_threads(server, many_connections, make, seconds, cpus);
    Caller* const caller = make().release();  // its library may call back until the program ends, which is soon
    return drive(server, *caller, seconds, work != Work::window, cpus);
}

}  // namespace

int peer_main(int argc, char** argv, const Peer& peer) {
    try {
        const std::vector<std::string> words(argv + 1, argv + argc);
        if (words.size() == 2 && words[0] == "serve") {
            peer.serve(words[1]);
            return 0;
        }
        if (words.size() != 7 || words[0] != "drive") return 2;
        const Sample sample = driven(peer, {words.begin() + 1, words.end()});
        std::cout << sample.calls << ' ' << sample.seconds << ' ' << sample.host_cpu_ns << ' ' << sample.client_cpu_ns
                  << ' ' << sample.p50_ns << ' ' << sample.p99_ns << ' ' << sample.foreign << std::endl;
        std::_Exit(0);  // libraries' own ends are not what is measured
    } catch (const std::exception& failure) {
        std::cerr << failure.what() << '\n';
        return 1;
    }
}

bool PeerColumn::takes(const Scenario& scenario) const {
    if (scenario.transport == Transport::unix_socket && !has_unix_) return false;
    return std::find(works_.begin(), works_.end(), scenario.work) != works_.end();
}

Sample PeerColumn::run(const Scenario& scenario, const std::string& address, double seconds) const {
    std::vector<std::string> serve = serve_;
    serve.push_back(address);
    const Server server(serve, host_cpus(scenario.where));
    run_on({});
    { const Socket up(address); }
    std::ostringstream command;
    command << "timeout -s KILL 20 ";
    for (const std::string& word : drive_) command << quoted(word) << ' ';
    command << quoted(address) << ' ' << server.pid() << ' ' << static_cast<int>(scenario.work) << ' ' << scenario.bytes
            << ' ' << seconds << ' ' << static_cast<int>(scenario.where);
    std::FILE* const out = ::popen(command.str().c_str(), "r");
    if (out == nullptr) throw std::runtime_error("the client does not start");
    std::array<char, 512> line{};
    const bool has_answered = std::fgets(line.data(), line.size(), out) != nullptr;
    const int status = ::pclose(out);
    Sample sample;
    std::istringstream in(line.data());
    if (!has_answered || status != 0 ||
        !(in >> sample.calls >> sample.seconds >> sample.host_cpu_ns >> sample.client_cpu_ns >> sample.p50_ns >>
          sample.p99_ns >> sample.foreign))
        throw std::runtime_error("its client failed");
    return sample;
}

}  // namespace soho::bench
