#include "host/worker/supervisor.hpp"

#include "host/worker/worker_process.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>
#include <algorithm>
#include <asio/post.hpp>
#include <chrono>

namespace soho::host {

namespace {

constexpr auto end_time = std::chrono::seconds(3);

}  // namespace

Supervisor::Supervisor(Host host) : host_(std::move(host)), guard_(context_->get_executor()) {}

Supervisor::~Supervisor() { stop(); }

Result<Supervisor::Added> Supervisor::add(const std::string& plugin, const std::string& file,
                                          const WorkerLimits& limits, const Confinement& confinement, OrderOf order,
                                          bool replaces) {
    const auto worker =
        std::make_shared<WorkerProcess>(*this, plugin, file, limits, confinement, std::move(order), replaces);
    {
        const std::scoped_lock lock(mutex_);
        workers_.push_back(worker);
    }
    if (!thread_.joinable()) {
        thread_ = std::thread([this] {
            ::pthread_setname_np(::pthread_self(), "sohod-workers");
            context_->run();
        });
    }
    asio::post(*context_, [worker] { worker->start(); });
    auto provider = worker->wait();
    if (provider) return Added{worker, *std::move(provider)};
    forget(worker);
    return tl::unexpected<Error>(provider.error());
}

void Supervisor::forget(const std::shared_ptr<WorkerProcess>& worker) {
    const std::scoped_lock lock(mutex_);
    std::erase(workers_, worker);
}

void Supervisor::wake(std::string plugin) {
    asio::post(*context_, [this, plugin = std::move(plugin)] {
        const std::scoped_lock lock(mutex_);
        for (const auto& worker : workers_) {
            if (plugin.empty() || worker->plugin() == plugin) worker->wake();
        }
    });
}

void Supervisor::stop() {
    if (!thread_.joinable()) return;
    const auto until = std::chrono::steady_clock::now() + end_time;
    const auto all_have_ended = [this] {
        const std::scoped_lock lock(mutex_);
        return std::all_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->has_ended(); });
    };
    while (!all_have_ended() && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    asio::post(*context_, [this] {
        const std::scoped_lock lock(mutex_);
        for (const auto& worker : workers_) worker->kill();
    });
    guard_.reset();
    asio::post(*context_, [this] { context_->stop(); });
    thread_.join();
    events_.reset();
    launcher_.close();
}

std::vector<WorkerReport> Supervisor::report() const {
    std::vector<WorkerReport> reports;
    const std::scoped_lock lock(mutex_);
    for (const auto& worker : workers_) reports.push_back(worker->report());
    return reports;
}

Result<void> Supervisor::ensure_launcher() {
    if (launcher_.descriptor() >= 0) return {};
    if (auto started = launcher_.start(); !started) return started;
    events_ = std::make_unique<asio::posix::stream_descriptor>(*context_, ::dup(launcher_.descriptor()));
    await_launcher();
    return {};
}

void Supervisor::await_launcher() {
    events_->async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& failure) {
        if (!failure) on_launcher();
    });
}

void Supervisor::on_launcher() {
    for (;;) {
        LaunchEvent event;
        switch (launcher_.next(event)) {
            case Launcher::Next::none: return await_launcher();
            case Launcher::Next::event:
                if (const auto worker = find(event.number)) {
                    worker->on(event);
                } else if (event.pidfd >= 0) {
                    ::close(event.pidfd);
                }
                break;
            case Launcher::Next::ended: {
                host_.log.host.error("the launcher of workers has ended, and all workers with it");
                events_.reset();
                launcher_.close();
                const std::scoped_lock lock(mutex_);
                for (const auto& worker : workers_) worker->on_launcher_lost();
                return;
            }
        }
    }
}

void Supervisor::launch(WorkerProcess& worker, const LaunchRequest& request) {
    auto launched = ensure_launcher();
    if (launched) launched = launcher_.launch(request);
    if (launched) return;
    LaunchEvent failed;
    failed.number = request.number;
    failed.status = EAGAIN;
    host_.log.host.error("{}", launched.error().text);
    asio::post(*context_, [weak = worker.weak_from_this(), failed] {
        if (const auto self = weak.lock()) self->on(failed);
    });
}

std::shared_ptr<WorkerProcess> Supervisor::find(std::uint64_t launch) const {
    const std::scoped_lock lock(mutex_);
    for (const auto& worker : workers_) {
        if (worker->launch() == launch) return worker;
    }
    return nullptr;
}

}  // namespace soho::host
