#pragma once
// Plugins in processes of their own: starts them, listens to what they say, notices how they end, and starts them again.

#include "host/session/limits.hpp"
#include "host/session/log.hpp"
#include "host/session/provider.hpp"
#include "host/worker/launcher.hpp"

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <condition_variable>
#include <list>
#include <thread>

namespace soho::host {

class WorkerProcess;

// What a worker is told (host/worker/order.hpp), each time that it starts.
using OrderOf = std::function<std::string()>;

// One thread of its own does all of it, once there is a worker.
class Supervisor {
public:
    struct Host {
        Log& log;
        std::function<const Limits&()> limits;
        std::function<bool()> is_ending;
        // Serves what is at the other end of that socket, as that worker's. [any thread]
        std::function<void(int socket, std::shared_ptr<Worker> worker)> adopt;
        // Its types are there again, after it died. [any thread]
        std::function<void(const Plugin& plugin)> returned;
        // One that was replaced has died, with the objects that it had. [any thread]
        std::function<void(const std::string& plugin)> lost;
    };

    explicit Supervisor(Host host);
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;
    ~Supervisor();

    // [one thread] A further worker: `order` says what it is told. Waits until its types are there; fails with a
    // sentence. One that `replaces` another waits, with its types, for Offers::replace().
    struct Added {
        std::shared_ptr<WorkerProcess> worker;
        std::shared_ptr<Provider> provider;
    };
    Result<Added> add(const std::string& plugin, const std::string& file, const WorkerLimits& limits,
                      const Confinement& confinement, OrderOf order, bool replaces = false);
    // Those that have died, and wait or rest, start again at once: all, or those of that plugin.
    void wake(std::string plugin = {});
    // The host ends: waits until all have ended, and kills those that do not.
    void stop();
    std::vector<WorkerReport> report() const;

private:
    friend class WorkerProcess;

    Result<void> ensure_launcher();
    void await_launcher();
    void on_launcher();
    void launch(WorkerProcess& worker, const LaunchRequest& request);
    std::shared_ptr<WorkerProcess> find(std::uint64_t launch) const;
    void forget(const std::shared_ptr<WorkerProcess>& worker);

    const Host host_;
    const std::shared_ptr<asio::io_context> context_ = std::make_shared<asio::io_context>();
    asio::executor_work_guard<asio::io_context::executor_type> guard_;
    Launcher launcher_;
    std::unique_ptr<asio::posix::stream_descriptor> events_;  // of the launcher
    std::uint64_t launches_ = 0;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<WorkerProcess>> workers_;
    std::thread thread_;
};

}  // namespace soho::host
