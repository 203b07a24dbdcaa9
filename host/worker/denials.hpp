#pragma once
// System calls that a worker's filter forbids: each waits until the host has answered that it fails, so that the host can log which it
// was. The plugin sees EPERM, and an author who did not know of the confinement finds out from the log.

#include "host/session/log.hpp"

#include <linux/seccomp.h>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <set>
#include <string>

namespace soho::host {

// In the worker: the listener of its filter (-1: there is none) goes to whoever has the other end of the socket. Nothing of it stays here,
// as who can answer could answer that a call may go on. Both descriptors are closed.
void hand_over(int listener, int socket);

// In the host, for one thread: answers until the worker has ended or this is destroyed.
class Denials : public std::enable_shared_from_this<Denials> {
public:
    // `socket` is the other end, and becomes its own. The texts are for the log: whose calls, and what forbids them.
    Denials(asio::io_context& context, int socket, spdlog::logger& log, std::string worker, std::string confinement);
    Denials(const Denials&) = delete;
    Denials& operator=(const Denials&) = delete;

    // Waits for the listener, and then for calls.
    void await();

private:
    void take_listener();
    void await_calls();
    void answer();
    void tell(const seccomp_data& call);

    asio::posix::stream_descriptor socket_, listener_;
    asio::steady_timer pause_;
    spdlog::logger& log_;
    const std::string worker_, confinement_;
    std::set<int> told_;  // each once
    int answers_ = 0;     // in this slice of time
    std::int64_t slice_ns_ = 0;
};

}  // namespace soho::host
