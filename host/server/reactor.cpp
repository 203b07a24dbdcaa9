#include "host/server/reactor.hpp"

#include <pthread.h>
#include <unistd.h>
#include <asio/post.hpp>
#include <chrono>

namespace soho::host {

Reactor::Reactor() : guard_(context_.get_executor()), seat_(*this) {}

Reactor::~Reactor() {
    if (thread_.joinable()) thread_.join();
}

void Reactor::start(std::string thread_name) {
    thread_ = std::thread([this, name = std::move(thread_name)] {
        ::pthread_setname_np(::pthread_self(), name.c_str());
        clockid_t cpu_clock = CLOCK_THREAD_CPUTIME_ID;
        ::pthread_getcpuclockid(::pthread_self(), &cpu_clock);
        seat_.activity.cpu_clock = cpu_clock;
        seat_.activity.thread = ::gettid();
        context_.run();
        ended_.store(true, std::memory_order_release);
    });
}

bool Reactor::stop(std::int64_t timeout_ns) {
    context_.stop();
    const std::int64_t until = monotonic_now() + timeout_ns;
    while (thread_.joinable() && !ended_.load(std::memory_order_acquire)) {
        if (monotonic_now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (thread_.joinable()) thread_.join();
    return true;
}

void Reactor::run_rest() {
    context_.restart();
    context_.poll();
}

void Reactor::post(Work work) { asio::post(context_, std::move(work)); }

}  // namespace soho::host
