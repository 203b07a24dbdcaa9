// The waiting side of a connection: who leads, who follows, and what a wait ends with.
#include "connection.hpp"

#include <poll.h>

namespace soho::client {

namespace {

constexpr std::size_t waiting_bytes_max = 64u << 20;  // of asynchronous requests that a full socket does not take

// The connection whose callbacks this thread is running, if any.
thread_local const Connection* runs_callbacks_of = nullptr;

void set_msgid(data::Buffer& frame, std::uint32_t msgid) {
    data::detail::store_big_endian(frame.data() + Connection::msgid_at, msgid);
}

Deadline deadline_of(std::chrono::nanoseconds timeout) {
    return timeout.count() == 0 ? no_deadline : Clock::now() + timeout + Connection::grace;
}

bool has_passed(Deadline until) { return until != no_deadline && Clock::now() >= until; }

}  // namespace

Connection::Connection(Socket socket, std::string address, std::chrono::microseconds spin)
    : socket_(std::move(socket)),
      address_(std::move(address)),
      spin_(wire::usable_processors() > 1 ? std::chrono::nanoseconds(spin).count() : 0),
      // A host is trusted with more than it trusts us with, but not with all there is.
      frames_({.bytes_max = 256u << 20, .depth_max = wire::FrameReader::depth_capacity, .items_max = 64u << 20}) {}

void Connection::exchange(data::Buffer& frame, Waiter& waiter, std::chrono::nanoseconds timeout) {
    const Deadline until = deadline_of(timeout);
    std::unique_lock lock(mutex_);
    if (is_lost()) {
        waiter.never_sent = true;
        waiter.failure = lost_failure_locked(false);
        return;
    }
    waiter.msgid = pending_.add({.waiter = &waiter});
    calls_.fetch_add(1, std::memory_order_relaxed);
    if (!led_) led_ = waiter.leads = true;
    lock.unlock();

    set_msgid(frame, waiter.msgid);
    const bool never_sent = outbox_.send(frame.bytes()) == Outbox::Sent::never;
    if (never_sent) socket_.shut_down();  // whoever reads learns it now

    if (waiter.leads && !never_sent) {
        lead(lock, waiter, until);
    } else {
        lock.lock();
    }
    if (never_sent) {
        waiter.never_sent = true;
        if (is_lost()) waiter.failure = lost_failure_locked(false);
    }
    await(lock, waiter, until, nullptr);
}

std::uint32_t Connection::start(data::Buffer& frame, std::unique_ptr<Completion> completion,
                                std::chrono::nanoseconds timeout) {
    const Deadline expires = deadline_of(timeout);
    std::unique_lock lock(mutex_);
    if (is_lost()) {
        completion->fail(lost_failure_locked(false));
        asynchronous_.fetch_add(1, std::memory_order_relaxed);
        push_due(std::move(completion));
        return 0;
    }
    if (expires < next_expiry_.load(std::memory_order_relaxed)) next_expiry_ = expires;
    const std::uint32_t msgid = pending_.add({.completion = std::move(completion), .expires = expires});
    calls_.fetch_add(1, std::memory_order_relaxed);
    asynchronous_.fetch_add(1, std::memory_order_relaxed);
    lock.unlock();

    set_msgid(frame, msgid);
    // What callbacks start leaves together, once those that are due have run.
    const bool leaves_later = runs_callbacks_of == this;
    switch (leaves_later ? outbox_.cork(frame.bytes(), waiting_bytes_max)
                         : outbox_.send(frame.bytes(), waiting_bytes_max)) {
        case Outbox::Sent::whole: break;
        case Outbox::Sent::never: socket_.shut_down(); break;
        case Outbox::Sent::waiting:
            lock.lock();
            push_out(lock, no_deadline);
            break;
        case Outbox::Sent::full: {
            lock.lock();
            if (is_lost()) break;  // meanwhile, and the completion knows
            Pending withdrawn = pending_.take(msgid);
            calls_.fetch_sub(1, std::memory_order_relaxed);
            withdrawn.completion->fail(Failure(
                CallCode::overloaded,
                "the host at " + address_ + " does not read: 64 MiB of requests wait for it; the call was not sent"));
            push_due(std::move(withdrawn.completion));
            break;
        }
    }
    return msgid;
}

void Connection::cancel(std::uint32_t msgid) {
    {
        const std::lock_guard lock(mutex_);
        if (pending_.find(msgid) == nullptr) return;
    }
    data::Buffer frame;
    wire::Out out(frame);
    wire::begin_notification(out, "soho.cancel");
    out.array(1);
    out.unsigned_integer(msgid);
    outbox_.send(frame.bytes());
}

std::size_t Connection::drive(Deadline until) {
    Waiter waiter(nullptr, nullptr);
    std::size_t callbacks = 0;
    std::unique_lock lock(mutex_);
    await(lock, waiter, until, &callbacks);
    return callbacks;
}

// Callbacks run with nobody's lead in hand: they may call the host, too.
void Connection::await(std::unique_lock<std::mutex>& lock, Waiter& waiter, Deadline until, std::size_t* callbacks) {
    const bool drives = waiter.receiver == nullptr;
    for (bool has_led = false;; has_led = true) {
        if (waiter.leads) {
            lock.unlock();
            lead(lock, waiter, until);
        }
        while (due_) {
            const std::size_t ran = run_due(lock);
            if (drives) *callbacks += ran;
        }
        if (waiter.state != Waiter::State::waiting) break;
        if (drives && callbacks_due() == 0) break;
        if ((has_led || led_) && has_passed(until)) {
            if (!drives) give_up(lock, waiter);
            break;
        }
        if (led_) {
            follow(lock, waiter, until);
        } else {
            led_ = waiter.leads = true;
        }
    }
    lock.unlock();
    if (waiter.state == Waiter::State::copied) {
        const ReplyBytes reply{waiter.copied_ok, waiter.copy->bytes(), waiter.copied_may_hold_handles};
        waiter.failure = decode(reply, *waiter.receiver, waiter.unchecked);
    }
    if (outbox_.has_releases() && calls_in_flight() == 0) outbox_.flush_releases();
}

// Until the waiter's reply is there, its time is up, or callbacks are due. Takes the lock when it hands the lead on.
void Connection::lead(std::unique_lock<std::mutex>& lock, Waiter& waiter, Deadline until) {
    try {
        while (waiter.state == Waiter::State::waiting && !is_lost()) {
            if (!receive(until) || take_frames(waiter)) break;
        }
    } catch (const std::exception& failure) {
        lose(failure.what());
    }
    lock.lock();
    waiter.leads = false;
    resign();
}

void Connection::follow(std::unique_lock<std::mutex>& lock, Waiter& waiter, Deadline until) {
    if (outbox_.is_waiting()) push_out(lock, until);
    if (!led_ || waiter.state != Waiter::State::waiting) return;

    Waiter** last = &followers_;
    for (waiter.previous = nullptr; *last != nullptr; last = &(*last)->next) waiter.previous = *last;
    *last = &waiter;
    waiter.next = nullptr;

    const auto is_called = [&] {
        return waiter.leads || waiter.state != Waiter::State::waiting ||
               (waiter.receiver == nullptr && callbacks_due() == 0);
    };
    if (until == no_deadline) {
        waiter.wake.wait(lock, is_called);
    } else {
        waiter.wake.wait_until(lock, until, is_called);
    }

    (waiter.previous != nullptr ? waiter.previous->next : followers_) = waiter.next;
    if (waiter.next != nullptr) waiter.next->previous = waiter.previous;
}

void Connection::resign() {
    led_ = false;
    for (Waiter* follower = followers_; follower != nullptr; follower = follower->next) {
        if (follower->state != Waiter::State::waiting) continue;
        led_ = follower->leads = true;
        follower->wake.notify_one();
        return;
    }
}

// Its time is up and the grace, too: the reply, should it still come, is for nobody.
void Connection::give_up(std::unique_lock<std::mutex>& lock, Waiter& waiter) {
    if (Pending* pending = pending_.find(waiter.msgid)) pending->waiter = nullptr;
    calls_.fetch_sub(1, std::memory_order_relaxed);
    waiter.state = Waiter::State::answered;
    waiter.failure =
        Failure(CallCode::deadline, "the host at " + address_ + " did not answer in time; the call may have run");
    lock.unlock();
    cancel(waiter.msgid);
    lock.lock();
}

// The socket is full, and the thread that leads may sit in a read: so this thread waits for room, and looks now and then
// whether anybody leads still, because a host that waits for us to read its replies makes no room.
void Connection::push_out(std::unique_lock<std::mutex>& lock, Deadline until) {
    while (led_ && outbox_.is_waiting() && !is_lost() && !has_passed(until)) {
        lock.unlock();
        socket_.wait(POLLOUT, std::min(until, Clock::now() + std::chrono::milliseconds(20)));
        outbox_.flush();
        lock.lock();
    }
}

std::size_t Connection::run_due(std::unique_lock<std::mutex>& lock) {
    std::unique_ptr<Completion> first = std::move(due_);
    last_due_ = nullptr;
    lock.unlock();
    const Connection* const outer = std::exchange(runs_callbacks_of, this);
    std::size_t ran = 0;
    while (first) {
        std::unique_ptr<Completion> rest = std::move(first->next);
        first->complete();
        first = std::move(rest);
        ++ran;
    }
    runs_callbacks_of = outer;
    if (outbox_.is_waiting()) outbox_.flush();
    lock.lock();
    if (asynchronous_.fetch_sub(ran, std::memory_order_relaxed) == ran) {
        for (Waiter* follower = followers_; follower != nullptr; follower = follower->next) {
            if (follower->receiver == nullptr) follower->wake.notify_one();
        }
    }
    return ran;
}

void Connection::close(const std::string& why) {
    std::unique_lock lock(mutex_);
    if (is_lost()) return;
    why_closed_ = why;
    if (led_) return socket_.shut_down();  // the leader ends it
    led_ = true;
    lock.unlock();
    lose(why);
    lock.lock();
    resign();
}

std::string Connection::why_lost() {
    const std::lock_guard lock(mutex_);
    return why_lost_locked();
}

std::string Connection::why_lost_locked() const { return "the connection to " + address_ + " is lost: " + why_lost_; }

Failure Connection::lost_failure(bool may_have_run) {
    const std::lock_guard lock(mutex_);
    return lost_failure_locked(may_have_run);
}

Failure Connection::lost_failure_locked(bool may_have_run) const {
    return Failure(CallCode::connection_lost,
                   why_lost_locked() + (may_have_run ? "; the call may have run" : "; the call was not sent"));
}

bool Connection::is_checked(const ClassUse& use) {
    const std::lock_guard lock(mutex_);
    for (const ClassUse& checked : checked_) {
        if (checked.proxy_class == use.proxy_class && checked.type == use.type) return true;
    }
    return false;
}

void Connection::note_checked(const ClassUse& use) {
    const std::lock_guard lock(mutex_);
    checked_.push_back(use);
}

}  // namespace soho::client
