#pragma once
// The host's counters for Prometheus, and its health for whoever balances load: an HTTP endpoint of its own, on its own thread.

#include "host/session/services.hpp"

#include <soho/wire/address.hpp>

#include <memory>

namespace soho::host {

// What GET /metrics answers: the text exposition format.
std::string metrics_text(const Services& services);

class MetricsServer {
public:
    // Listens on a TCP address (port 0: the system chooses) or a Unix socket, and serves from then on. Beyond loopback it must be
    // wanted: whoever reaches it reads the names of types and methods. Fails with a sentence.
    static Result<std::unique_ptr<MetricsServer>> start(const wire::Address& address, bool beyond_loopback,
                                                        const Services& services);
    MetricsServer(const MetricsServer&) = delete;
    MetricsServer& operator=(const MetricsServer&) = delete;
    ~MetricsServer();

    const wire::Address& address() const;

private:
    class Http;
    explicit MetricsServer(std::unique_ptr<Http> http);
    std::unique_ptr<Http> http_;
};

}  // namespace soho::host
