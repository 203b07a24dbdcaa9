// Semaphore and BoundedSemaphore.

#include "families.hpp"
#include "waiting.hpp"

namespace shared {

namespace {

class SemaphoreCore final : public WaitingCore, public std::enable_shared_from_this<SemaphoreCore> {
public:
    // `bound`: more than that is not released.
    SemaphoreCore(std::int64_t value, std::int64_t bound) : value_(value), bound_(bound) {}

    void acquire(soho::Call& call, soho::Reply<bool> reply, bool blocking, Seconds seconds) {
        if (!blocking && seconds) throw value_error("can't specify timeout for non-blocking acquire");
        std::optional<std::chrono::nanoseconds> timeout;
        if (seconds) timeout = to_duration(*seconds);
        Answers<bool> answers;
        const std::scoped_lock lock(mutex_);
        if (value_ > 0) return grant(std::move(reply), {}, answers);
        if (!blocking || (timeout && timeout->count() == 0)) return answers.add({std::move(reply), {}, false});
        enqueue(*this, waiters_, call, std::move(reply), timeout);
    }
    void release(std::int64_t count) {
        if (count < 1) throw value_error("n must be one or more");
        Answers<bool> answers;
        const std::scoped_lock lock(mutex_);
        if (count > bound_ - value_) {
            if (bound_ == INT64_MAX) throw soho::Error("OverflowError", "the semaphore's value is too large");
            throw value_error("Semaphore released too many times");
        }
        give_back(count, answers);
    }
    std::int64_t value() const {
        const std::scoped_lock lock(mutex_);
        return value_;
    }
    std::int64_t bound() const { return bound_; }

private:
    void grant(soho::Reply<bool> reply, soho::Timer timer, Answers<bool>& answers) {
        --value_;
        answers.add({std::move(reply), std::move(timer), true, {}, [weak = weak_from_this()] {
                         if (const auto core = weak.lock()) core->not_delivered();
                     }});
    }
    void give_back(std::int64_t count, Answers<bool>& answers) {
        value_ += count;
        while (value_ > 0 && !waiters_.empty()) {
            auto next = waiters_.take_first();
            grant(std::move(next->reply), std::move(next->timer), answers);
        }
    }
    void not_delivered() {
        Answers<bool> answers;
        const std::scoped_lock lock(mutex_);
        if (value_ < bound_) give_back(1, answers);
    }

    std::int64_t value_;
    const std::int64_t bound_;
};

// Two classes, for the two types differ in what they are called.
template <bool bounded>
struct SemaphoreOf {
    std::shared_ptr<SemaphoreCore> core;
};

template <bool bounded>
void add_one(soho::Plugin& plugin, const char* type_id, const char* doc) {
    using namespace soho::literals;
    using Semaphore = SemaphoreOf<bounded>;
    auto methods = plugin.methods<Semaphore>();
    methods
        .method("acquire",
                [](Semaphore& self, soho::Call& call, soho::Reply<bool> reply, const Value& blocking, Seconds timeout) {
                    self.core->acquire(call, std::move(reply), truth(blocking), timeout);
                })
        .args("blocking"_a = true, "timeout"_a = nullptr)
        .doc("Takes one, after all who asked before; False if there is none within timeout seconds.")
        .method("release", [](Semaphore& self, std::int64_t count) { self.core->release(count); })
        .args("n"_a = 1)
        .doc("Adds n, and wakes as many that wait.")
        .method("__enter__", [](Semaphore& self, soho::Call& call,
                                soho::Reply<bool> reply) { self.core->acquire(call, std::move(reply), true, {}); })
        .doc("acquire().")
        .method("__exit__", [](Semaphore& self, const soho::Args&) { self.core->release(1); })
        .doc("release(), whatever the arguments.");
    add_text(methods, [type = std::string(type_id)](const Semaphore& self, const soho::Call& call) {
        const std::string bound = bounded ? "/" + std::to_string(self.core->bound()) : "";
        return "<threading." + type + " at " + address_of(call) + ": value=" + std::to_string(self.core->value()) +
               bound + ">";
    });
    plugin.type<Semaphore>(type_id)
        .callable([](std::int64_t value) {
            if (value < 0) throw value_error("semaphore initial value must be >= 0");
            return Semaphore{std::make_shared<SemaphoreCore>(value, bounded ? value : INT64_MAX)};
        })
        .args("value"_a = 1)
        .concurrent()
        .proxytype("AcquirerProxy", {"acquire", "release", "__enter__", "__exit__", "__repr__", "__str__"})
        .doc(doc);
}

}  // namespace

void add_semaphores(soho::Plugin& plugin) {
    add_one<false>(
        plugin, "Semaphore",
        "A counter that callers take from and wait for. Anybody may release, so what a session that ended had "
        "taken is not given back.");
    add_one<true>(plugin, "BoundedSemaphore", "A Semaphore that never has more than it began with.");
}

}  // namespace shared
