// Event.

#include "families.hpp"
#include "waiting.hpp"

namespace shared {

namespace {

class EventCore final : public WaitingCore, public std::enable_shared_from_this<EventCore> {
public:
    void set() {
        Answers<bool> answers;
        const std::scoped_lock lock(mutex_);
        set_ = true;
        while (auto waiter = waiters_.take_first())
            answers.add({std::move(waiter->reply), std::move(waiter->timer), true});
    }
    void clear() {
        const std::scoped_lock lock(mutex_);
        set_ = false;
    }
    bool is_set() const {
        const std::scoped_lock lock(mutex_);
        return set_;
    }
    void wait(soho::Call& call, soho::Reply<bool> reply, Seconds seconds) {
        std::optional<std::chrono::nanoseconds> timeout;
        if (seconds) timeout = to_duration(*seconds);
        Answers<bool> answers;
        const std::scoped_lock lock(mutex_);
        if (set_ || (timeout && timeout->count() == 0)) return answers.add({std::move(reply), {}, set_});
        enqueue(*this, waiters_, call, std::move(reply), timeout);
    }

private:
    bool set_ = false;
};

struct Event {
    std::shared_ptr<EventCore> core = std::make_shared<EventCore>();
};

std::string text_of(const Event& self, const soho::Call& call) {
    return "<threading.Event at " + address_of(call) + ": " + (self.core->is_set() ? "set" : "unset") + ">";
}

}  // namespace

void add_event(soho::Plugin& plugin) {
    using namespace soho::literals;
    auto methods = plugin.methods<Event>();
    methods.method("set", [](Event& self) { self.core->set(); })
        .idempotent()
        .doc("Sets it, and wakes all that wait.")
        .method("clear", [](Event& self) { self.core->clear(); })
        .idempotent()
        .doc("From now on callers wait again.")
        .method("is_set", [](const Event& self) { return self.core->is_set(); })
        .readonly()
        .doc("Whether it is set.")
        .method("wait", [](Event& self, soho::Call& call, soho::Reply<bool> reply,
                           Seconds timeout) { self.core->wait(call, std::move(reply), timeout); })
        .args("timeout"_a = nullptr)
        .doc("Waits until it is set; False after timeout seconds.");
    add_text(methods, &text_of);
    plugin.type<Event>("Event")
        .concurrent()
        .proxytype("EventProxy", {"is_set", "set", "clear", "wait", "__repr__", "__str__"})
        .doc("A flag that callers can wait for.");
}

}  // namespace shared
