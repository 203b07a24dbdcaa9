#pragma once
// One thread that waits for sockets and runs what they ask for; its seat is what it works with.

#include "host/session/seat.hpp"

#include <asio/io_context.hpp>
#include <thread>

namespace soho::host {

class Reactor final : public Executor {
public:
    // Read at once at most; larger frames gather in their connection.
    static constexpr std::size_t read_bytes = 256 * 1024;

    Reactor();
    ~Reactor() override;

    asio::io_context& context() { return context_; }
    Seat& seat() { return seat_; }

    void start(std::string thread_name);
    // Ends the thread after what it runs now, and waits for it. False if it does not end within `timeout_ns`.
    bool stop(std::int64_t timeout_ns);

    // What was posted and never ran, run on this thread; after stop().
    void run_rest();

    void post(Work work) override;
    Activity* activity() override { return &seat_.activity; }

private:
    // 2: the thread that sits here can be replaced while it is stuck in a plugin.
    asio::io_context context_{2};
    asio::executor_work_guard<asio::io_context::executor_type> guard_;
    Seat seat_;
    std::thread thread_;
    std::atomic<bool> ended_{false};
};

}  // namespace soho::host
