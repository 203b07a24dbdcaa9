#include "bench/load/columns.hpp"

#ifdef SOHO_BENCH_WITH_CLIENT
#include <soho/client.hpp>
#endif

#include <stdexcept>

namespace soho::bench {

#ifdef SOHO_BENCH_WITH_CLIENT

namespace {

Client connected(const std::string& address) {
    return Client::connect(address.starts_with("unix:") ? address : "tcp:127.0.0.1:" + address.substr(4));
}

class ClientCaller final : public Caller {
public:
    explicit ClientCaller(const std::string& address) : pair_(connected(address).open("pair")) {}

    std::size_t step() override {
        if (pair_.call<std::int64_t>("get_x") != 5) throw std::runtime_error("get_x is not 5");
        return 1;
    }

private:
    Proxy pair_;
};

// Each answer's callback asks again.
class ClientWindow final : public Caller {
public:
    explicit ClientWindow(const std::string& address) : client_(connected(address)), pair_(client_.open("pair")) {
        for (std::size_t i = 0; i < window_calls; ++i) ask();
    }
    ~ClientWindow() override {
        over_ = true;
        client_.run_for(std::chrono::seconds(1));
    }

    std::size_t step() override {
        answered_ = 0;
        client_.run_for(std::chrono::milliseconds(1));
        return answered_;
    }

private:
    void ask() {
        pair_.async_call<std::int64_t>("get_x", [this](const Outcome<std::int64_t>& outcome) {
            if (outcome.value() != 5) throw std::runtime_error("get_x is not 5");
            ++answered_;
            if (!over_) ask();
        });
    }

    Client client_;
    Proxy pair_;
    std::size_t answered_ = 0;
    bool over_ = false;
};

class ClientColumn final : public Column {
public:
    explicit ClientColumn(const Programs& programs) : Column("soho, C++ client"), host_("", programs) {}

    bool takes(const Scenario& scenario) const override {
        return scenario.work == Work::call || scenario.work == Work::window || scenario.work == Work::threads;
    }
    Sample run(const Scenario& scenario, const std::string& address, double seconds) const override {
        const Server server(host_.command(address, scenario), host_cpus(scenario.where));
        run_on(client_cpus(scenario.where));
        { const Socket up(address); }  // before the client's own patience counts
        const std::vector<int> cpus = all_cpus(scenario.where);
        if (scenario.work == Work::threads) {
            const auto make = [&] { return std::make_unique<ClientCaller>(address); };
            return drive_threads(server, many_connections, make, seconds, cpus);
        }
        if (scenario.work == Work::window) {
            ClientWindow window(address);
            return drive(server, window, seconds, false, cpus);
        }
        ClientCaller caller(address);
        return drive(server, caller, seconds, true, cpus);
    }

private:
    const SohoColumn host_;
};

}  // namespace

std::unique_ptr<Column> client_column(const Programs& programs) { return std::make_unique<ClientColumn>(programs); }

#else

std::unique_ptr<Column> client_column(const Programs&) { return nullptr; }

#endif

}  // namespace soho::bench
