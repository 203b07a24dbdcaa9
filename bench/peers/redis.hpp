#pragma once
// Redis, with the work in a module: driven by plain sockets and frames made beforehand, as soho is.

#include "bench/load/columns.hpp"

namespace soho::bench {

class RedisColumn final : public SocketColumn {
public:
    // Where the module lies; the server is looked for in PATH.
    explicit RedisColumn(std::string module) : SocketColumn("Redis"), module_(std::move(module)) {}

    bool takes(const Scenario& scenario) const override { return scenario.work != Work::many; }
    std::vector<std::string> command(const std::string& address, const Scenario& scenario) const override;
    std::unique_ptr<Caller> caller(Socket socket, const Scenario& scenario) const override;

protected:
    std::optional<Exchange> exchange_of_many(const Socket& socket) const override;

private:
    const std::string module_;
};

}  // namespace soho::bench
