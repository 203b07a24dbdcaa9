#include "lock_core.hpp"

#include <algorithm>

namespace shared {

struct LockCore::Decided {
    LockCore& core;
    std::vector<std::uint64_t> sessions;  // to be watched
    std::vector<soho::Timer> timers;      // to be ended
    Answers<bool> answers;

    explicit Decided(LockCore& of) : core(of) {}
    ~Decided() {
        for (const std::uint64_t session : sessions) core.watch(session);
    }
};

namespace {

std::optional<std::chrono::nanoseconds> acquire_timeout(bool blocking, Seconds timeout) {
    if (!timeout || *timeout == -1) return std::nullopt;
    if (!blocking) throw value_error("can't specify a timeout for a non-blocking call");
    if (*timeout < 0) throw value_error("timeout value must be positive");
    return to_duration(*timeout);
}

}  // namespace

void LockCore::acquire(soho::Call& call, soho::Reply<bool> reply, bool blocking, Seconds seconds) {
    const auto timeout = acquire_timeout(blocking, seconds);
    Owner owner = owner_of(call);
    Decided decided(*this);
    const std::scoped_lock lock(mutex_);
    host_ = call.host();
    object_ = call.object();
    if (kind_ == Kind::reentrant && owned_by(owner)) {
        ++depth_;
        decided.answers.add({std::move(reply), {}, true, {}, [weak = weak_from_this(), hold = hold_] {
                                 if (const auto core = weak.lock()) core->not_delivered(hold, 1);
                             }});
    } else if (!held_) {
        hold({std::move(owner), 1, true, {}}, std::move(reply), {}, decided);
    } else if (!blocking || (timeout && timeout->count() == 0)) {
        decided.answers.add({std::move(reply), {}, false});
    } else {
        enqueue(waiters_, {}, call, std::move(reply), {std::move(owner), 1, true, {}}, timeout);
    }
}

// Waits in `waiters`, which are the lock's own, or a condition's.
void LockCore::enqueue(Waiters<bool, Claim>& waiters, const std::weak_ptr<ConditionQueue>& queue, soho::Call& call,
                       soho::Reply<bool> reply, Claim claim, std::optional<std::chrono::nanoseconds> timeout) {
    const std::uint64_t number = next_number();
    auto& waiter = waiters.add(number, {std::move(reply), {}, std::move(claim)});
    waiter.reply.on_cancel([weak = weak_from_this(), number, queue] {
        if (const auto core = weak.lock()) core->leave(number, queue);
    });
    if (!timeout) return;
    waiter.timer = call.host().after(0, *timeout, [weak = weak_from_this(), number, queue, waits = !queue.expired()] {
        const auto core = weak.lock();
        if (core != nullptr && waits) core->wait_timed_out(number, queue);
        if (core != nullptr && !waits) core->acquire_timed_out(number);
    });
}

void LockCore::release(const soho::Call& call) {
    Decided decided(*this);
    const std::scoped_lock lock(mutex_);
    if (kind_ == Kind::reentrant && !owned_by(owner_of(call)))
        throw soho::Error("RuntimeError", "cannot release un-acquired lock");
    if (!held_) throw soho::Error("RuntimeError", "release unlocked lock");
    if (--depth_ != 0) return;
    let_go();
    grant_next(decided);
}

bool LockCore::locked() const {
    const std::scoped_lock lock(mutex_);
    return held_;
}

bool LockCore::recovered() const {
    const std::scoped_lock lock(mutex_);
    return recovered_;
}

std::string LockCore::text(const soho::Call& call) const {
    const std::scoped_lock lock(mutex_);
    const std::string state = held_ ? "<locked " : "<unlocked ";
    if (kind_ == Kind::plain) return state + "_thread.lock object at " + address_of(call) + ">";
    return state + "_thread.RLock object owner=" + std::to_string(holder_.session) +
           " count=" + std::to_string(depth_) + " at " + address_of(call) + ">";
}

// A plain lock has no owner: as in Python, whoever calls while it is locked counts as one.
bool LockCore::owned_by(const Owner& owner) const { return held_ && (kind_ == Kind::plain || holder_ == owner); }

void LockCore::hold(Claim claim, soho::Reply<bool> reply, soho::Timer timer, Decided& decided) {
    held_ = true;
    holder_ = std::move(claim.owner);
    depth_ = claim.depth;
    hold_ = next_number();
    notified_by_ = std::move(claim.notified_by);
    recovered_ = std::exchange(recover_next_, false);
    if (holder_.session != 0 && watched_.try_emplace(holder_.session).second)
        decided.sessions.push_back(holder_.session);
    decided.answers.add(
        {std::move(reply), std::move(timer), claim.value, {}, [weak = weak_from_this(), hold = hold_, depth = depth_] {
             if (const auto core = weak.lock()) core->not_delivered(hold, depth);
         }});
}

void LockCore::let_go() {
    held_ = false;
    holder_ = {};
    depth_ = 0;
    recovered_ = false;
    notified_by_.reset();
}

void LockCore::grant_next(Decided& decided) {
    if (held_) return;
    if (auto next = waiters_.take_first())
        hold(std::move(next->wish), std::move(next->reply), std::move(next->timer), decided);
}

// ---- owners that go

// The registration is made without the mutex, for the session may have ended already.
void LockCore::watch(std::uint64_t session) {
    std::optional<soho::Host> host;
    {
        const std::scoped_lock lock(mutex_);
        host = host_;
    }
    soho::SessionEnd end = host->on_session_end(session, 0, [weak = weak_from_this(), session] {
        if (const auto core = weak.lock()) core->session_ended(session);
    });
    const std::scoped_lock lock(mutex_);
    const auto found = watched_.find(session);
    if (found != watched_.end()) std::swap(found->second, end);
}

void LockCore::session_ended(std::uint64_t session) {
    decltype(watched_)::node_type ended;  // goes after the mutex
    Decided decided(*this);
    const std::scoped_lock lock(mutex_);
    ended = watched_.extract(session);
    if (!held_ || holder_.session != session) return;
    host_->log(soho::LogLevel::warning, "session " + std::to_string(session) + " ended while it held lock #" +
                                            std::to_string(object_) + ", which was released");
    recover_next_ = true;
    let_go();
    grant_next(decided);
}

// The caller never heard that it has the lock `depth` times more.
void LockCore::not_delivered(std::uint64_t hold, std::uint64_t depth) {
    Decided decided(*this);
    const std::scoped_lock lock(mutex_);
    if (!held_ || hold_ != hold) return;
    depth_ -= std::min(depth, depth_);
    if (depth_ != 0) return;
    const std::weak_ptr<ConditionQueue> notified_by = notified_by_;
    recover_next_ = recovered_;
    let_go();
    pass_on(notified_by, decided);
    grant_next(decided);
}

// A waiting caller gives up.
void LockCore::leave(std::uint64_t number, const std::weak_ptr<ConditionQueue>& weak_queue) {
    std::optional<Waiters<bool, Claim>::Entry> left;  // goes after the mutex
    Decided decided(*this);
    const std::scoped_lock lock(mutex_);
    if (const auto queue = weak_queue.lock()) left = queue->waiters.take(number);
    if (left) return;
    left = waiters_.take(number);
    if (!left) return;
    pass_on(left->wish.notified_by, decided);
    grant_next(decided);
}

void LockCore::acquire_timed_out(std::uint64_t number) {
    Decided decided(*this);
    const std::scoped_lock lock(mutex_);
    if (auto waiter = waiters_.take(number))
        decided.answers.add({std::move(waiter->reply), std::move(waiter->timer), false});
}

// It waits for the lock now, to say that it was not notified; unless it was in the last moment.
void LockCore::wait_timed_out(std::uint64_t number, const std::weak_ptr<ConditionQueue>& weak_queue) {
    Decided decided(*this);
    const std::scoped_lock lock(mutex_);
    const auto queue = weak_queue.lock();
    if (queue == nullptr) return;
    auto waiter = queue->waiters.take(number);
    if (!waiter) return;
    decided.timers.push_back(std::move(waiter->timer));
    waiter->wish.value = false;
    waiters_.add(number, {std::move(waiter->reply), {}, std::move(waiter->wish)});
    grant_next(decided);
}

// ---- conditions

void LockCore::wait(const std::shared_ptr<ConditionQueue>& queue, soho::Call& call, soho::Reply<bool> reply,
                    Seconds seconds) {
    std::optional<std::chrono::nanoseconds> timeout;
    if (seconds) timeout = to_duration(*seconds);
    Owner owner = owner_of(call);
    Decided decided(*this);
    const std::scoped_lock lock(mutex_);
    if (!owned_by(owner)) throw soho::Error("RuntimeError", "cannot wait on un-acquired lock");
    const std::uint64_t depth = depth_;
    let_go();
    enqueue(queue->waiters, queue, call, std::move(reply), {std::move(owner), depth, true, {}}, timeout);
    grant_next(decided);
}

void LockCore::notify(const std::shared_ptr<ConditionQueue>& queue, const soho::Call& call, std::uint64_t count) {
    Decided decided(*this);
    const std::scoped_lock lock(mutex_);
    if (!owned_by(owner_of(call))) throw soho::Error("RuntimeError", "cannot notify on un-acquired lock");
    for (; count != 0 && !queue->waiters.empty(); --count) pass_on(queue, decided);
}

std::size_t LockCore::waiting(const ConditionQueue& queue) const {
    const std::scoped_lock lock(mutex_);
    return queue.waiters.size();
}

// Notifies the first who waits for that: from now on it waits for the lock.
void LockCore::pass_on(const std::weak_ptr<ConditionQueue>& weak_queue, Decided& decided) {
    const auto queue = weak_queue.lock();
    if (queue == nullptr) return;
    if (queue->waiters.empty()) return;
    const std::uint64_t number = queue->waiters.first_number();
    auto waiter = queue->waiters.take_first();
    decided.timers.push_back(std::move(waiter->timer));
    waiter->wish.notified_by = queue;
    waiters_.add(number, {std::move(waiter->reply), {}, std::move(waiter->wish)});
}

}  // namespace shared
