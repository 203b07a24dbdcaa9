#include "bench/load/columns.hpp"

#ifdef SOHO_BENCH_WITH_CLIENT
#include <soho/client.hpp>
#endif

#include <stdexcept>

namespace soho::bench {

#ifdef SOHO_BENCH_WITH_CLIENT

bool has_client() { return true; }

Sample drive_client(const Server& server, const std::string& address, Work work, double seconds,
                    const std::vector<int>& cpus) {
    const auto client = Client::connect(address.starts_with("unix:") ? address : "tcp:127.0.0.1:" + address.substr(4));
    const Proxy pair = client.open("pair");
    if (work == Work::call) {
        return measure(server, cpus, seconds, true, [&] {
            if (pair.call<std::int64_t>("get_x") != 5) throw std::runtime_error("get_x is not 5");
            return 1;
        });
    }
    std::size_t answered = 0;
    bool over = false;
    std::function<void()> ask = [&] {
        pair.async_call<std::int64_t>("get_x", [&](const Outcome<std::int64_t>& outcome) {
            if (outcome.value() != 5) throw std::runtime_error("get_x is not 5");
            ++answered;
            if (!over) ask();
        });
    };
    for (std::size_t i = 0; i < window_calls; ++i) ask();
    const Sample sample = measure(server, cpus, seconds, false, [&] {
        answered = 0;
        client.run_for(std::chrono::milliseconds(1));
        return answered;
    });
    over = true;
    client.run_for(std::chrono::seconds(1));
    client.close();
    return sample;
}

#else

bool has_client() { return false; }

Sample drive_client(const Server&, const std::string&, Work, double, const std::vector<int>&) {
    throw std::runtime_error("built without the C++ client");
}

#endif

}  // namespace soho::bench
