#pragma once
// Tells the service manager, as often as it wants to hear it, that the host serves: that the listeners' thread turns, and at least
// one reactor does. Where all of them are stuck in plugins nobody is served, and a restart helps.

#include "host/object/timers.hpp"
#include "host/server/reactor.hpp"

#include <memory>
#include <vector>

namespace soho::host {

class Watchdog {
public:
    Watchdog(Timers& timers, Reactor& gate, const std::vector<std::unique_ptr<Reactor>>& reactors);

    // Does nothing if nobody wants to hear. The reactors run already, and the timers end before they do.
    void start(std::int64_t interval_ns);

private:
    // Of one thread. It may outlive this, posted.
    struct Pulse {
        explicit Pulse(Reactor& reactor_) : reactor(reactor_) {}
        Reactor& reactor;
        std::atomic<bool> asked{false};
        std::atomic<bool> beats{false};
    };

    void look();

    Timers& timers_;
    std::shared_ptr<Pulse> gate_;
    std::vector<std::shared_ptr<Pulse>> reactors_;
    std::int64_t pause_ns_ = 0;
};

}  // namespace soho::host
