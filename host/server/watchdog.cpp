#include "host/server/watchdog.hpp"

#include "host/server/service_manager.hpp"

namespace soho::host {

Watchdog::Watchdog(Timers& timers, Reactor& gate, const std::vector<std::unique_ptr<Reactor>>& reactors)
    : timers_(timers),
      gate_(std::make_shared<Pulse>(gate)) {
    for (const auto& reactor : reactors) reactors_.push_back(std::make_shared<Pulse>(*reactor));
}

// Twice within each half of the time.
void Watchdog::start(std::int64_t interval_ns) {
    pause_ns_ = interval_ns / 4;
    if (pause_ns_ > 0) look();
}

void Watchdog::look() {
    const auto ask = [](const std::shared_ptr<Pulse>& pulse) {
        if (pulse->asked.exchange(true)) return;  // not answered yet: one question is enough
        pulse->reactor.post([pulse] {
            pulse->asked = false;
            pulse->beats = true;
        });
    };
    bool reactor_beats = reactors_.empty();
    for (const auto& reactor : reactors_) reactor_beats |= reactor->beats.load();
    if (reactor_beats && gate_->beats.load()) {
        service_manager::still_alive();
        gate_->beats = false;
        for (const auto& reactor : reactors_) reactor->beats = false;
    }
    ask(gate_);
    for (const auto& reactor : reactors_) ask(reactor);
    timers_.start(monotonic_now() + pause_ns_, [this] { look(); });
}

}  // namespace soho::host
