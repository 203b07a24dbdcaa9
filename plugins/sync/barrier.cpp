// Barrier.

#include "families.hpp"
#include "waiting.hpp"

namespace shared {

namespace {

soho::Error broken_barrier() { return soho::Error("BrokenBarrierError", ""); }

class BarrierCore : public std::enable_shared_from_this<BarrierCore> {
public:
    BarrierCore(std::uint64_t parties, std::optional<std::chrono::nanoseconds> timeout)
        : parties_(parties),
          timeout_(timeout) {}

    void wait(soho::Call& call, soho::Reply<std::uint64_t> reply, Seconds seconds) {
        std::optional<std::chrono::nanoseconds> timeout = timeout_;
        if (seconds) timeout = to_duration(*seconds);
        Answers<std::uint64_t> answers;
        const std::scoped_lock lock(mutex_);
        if (broken_) throw broken_barrier();
        const std::uint64_t index = waiters_.size();
        if (index + 1 != parties_ && timeout && timeout->count() == 0) {
            broken_ = true;
            refuse_all(answers);
            throw broken_barrier();
        }
        if (index + 1 != parties_) return enqueue(*this, waiters_, call, std::move(reply), timeout, index);
        while (auto waiter = waiters_.take_first())
            answers.add({std::move(waiter->reply), std::move(waiter->timer), waiter->wish});
        answers.add({std::move(reply), {}, index});
    }
    void abort() {
        Answers<std::uint64_t> answers;
        const std::scoped_lock lock(mutex_);
        broken_ = true;
        refuse_all(answers);
    }
    void reset() {
        Answers<std::uint64_t> answers;
        const std::scoped_lock lock(mutex_);
        broken_ = false;
        refuse_all(answers);
    }
    std::uint64_t parties() const { return parties_; }
    std::uint64_t waiting() const {
        const std::scoped_lock lock(mutex_);
        return waiters_.size();
    }
    bool broken() const {
        const std::scoped_lock lock(mutex_);
        return broken_;
    }

    // Whoever gives up breaks it, for the others wait for somebody who does not come.
    void leave(std::uint64_t number) {
        std::optional<Waiter<std::uint64_t, std::uint64_t>> left;  // goes after the mutex
        Answers<std::uint64_t> answers;
        const std::scoped_lock lock(mutex_);
        left = waiters_.take(number);
        if (!left) return;
        broken_ = true;
        refuse_all(answers);
    }
    void time_out(std::uint64_t number) {
        Answers<std::uint64_t> answers;
        const std::scoped_lock lock(mutex_);
        auto late = waiters_.take(number);
        if (!late) return;
        broken_ = true;
        answers.add({std::move(late->reply), std::move(late->timer), 0, broken_barrier()});
        refuse_all(answers);
    }

private:
    void refuse_all(Answers<std::uint64_t>& answers) {
        while (auto waiter = waiters_.take_first())
            answers.add({std::move(waiter->reply), std::move(waiter->timer), 0, broken_barrier()});
    }

    const std::uint64_t parties_;
    const std::optional<std::chrono::nanoseconds> timeout_;
    mutable std::mutex mutex_;
    bool broken_ = false;
    Waiters<std::uint64_t, std::uint64_t> waiters_;  // each with its index
};

struct Barrier {
    std::shared_ptr<BarrierCore> core;
};

Barrier make_barrier(std::int64_t parties, const Value& action, Seconds timeout) {
    if (parties < 1) throw value_error("parties must be > 0");
    if (!action.is_nil())
        throw type_error("a function cannot travel to the host: act after wait() in the caller that got index 0");
    std::optional<std::chrono::nanoseconds> usual;
    if (timeout) usual = to_duration(*timeout);
    return {std::make_shared<BarrierCore>(static_cast<std::uint64_t>(parties), usual)};
}

std::string text_of(const Barrier& self, const soho::Call& call) {
    const std::string front = "<threading.Barrier at " + address_of(call) + ": ";
    if (self.core->broken()) return front + "broken>";
    return front + "waiters=" + std::to_string(self.core->waiting()) + "/" + std::to_string(self.core->parties()) + ">";
}

}  // namespace

void add_barrier(soho::Plugin& plugin) {
    using namespace soho::literals;
    auto methods = plugin.methods<Barrier>();
    methods
        .method("wait", [](Barrier& self, soho::Call& call, soho::Reply<std::uint64_t> reply,
                           Seconds timeout) { self.core->wait(call, std::move(reply), timeout); })
        .args("timeout"_a = nullptr)
        .doc(
            "Waits until all parties do; the index of the caller among them. Whoever gives up (timeout, cancelled, "
            "gone) "
            "breaks the barrier: BrokenBarrierError for all.")
        .method("abort", [](Barrier& self) { self.core->abort(); })
        .idempotent()
        .doc("Breaks it: those who wait, and will, get BrokenBarrierError.")
        .method("reset", [](Barrier& self) { self.core->reset(); })
        .idempotent()
        .doc("Makes it as new; those who wait get BrokenBarrierError.")
        .method("parties", [](const Barrier& self) { return self.core->parties(); })
        .readonly()
        .doc("How many it takes.")
        .method("n_waiting", [](const Barrier& self) { return self.core->waiting(); })
        .readonly()
        .doc("How many wait.")
        .method("broken", [](const Barrier& self) { return self.core->broken(); })
        .readonly()
        .doc("Whether it is broken.");
    add_text(methods, &text_of);
    plugin.type<Barrier>("Barrier")
        .callable(&make_barrier)
        .args("parties", "action"_a = nullptr, "timeout"_a = nullptr)
        .concurrent()
        .proxytype("BarrierProxy", {"wait", "abort", "reset", "parties", "n_waiting", "broken", "__repr__", "__str__"})
        .doc("Where a number of callers wait for each other; timeout is for each wait() that says none.");
}

}  // namespace shared
