// The reading side of a connection. Only the thread that leads is here, and it holds no lock unless it says so.
#include "class_check.hpp"
#include "connection.hpp"
#include "introductions.hpp"
#include "target.hpp"

#include <poll.h>
#include <cerrno>
#include <cstring>

namespace soho::client {

namespace {

constexpr std::size_t read_bytes_min = 16u << 10;
constexpr std::size_t kept_bytes_max = 1u << 20;

class DrainingNotice final : public Completion {
public:
    DrainingNotice(std::function<void(std::chrono::milliseconds)> callback, std::chrono::milliseconds left)
        : callback_(std::move(callback)),
          left_(left) {}
    bool receive(data::Bytes, ResultContext&) override { return true; }
    void fail(Failure) noexcept override {}
    void complete() noexcept override { callback_(left_); }

private:
    std::function<void(std::chrono::milliseconds)> callback_;
    std::chrono::milliseconds left_;
};

}  // namespace

Socket::Transfer Connection::receive_some(bool now) {
    std::uint8_t* const room = incoming_.reserve(read_bytes_min);
    const auto received = socket_.receive(room, incoming_.capacity() - incoming_.size(), now);
    incoming_.commit(room + received.bytes);
    return received;
}

// Before the thread sleeps: true if something has come meanwhile.
bool Connection::look() {
    if (spin_.now() == 0 || outbox_.is_waiting()) return false;
    const Deadline until = Clock::now() + std::chrono::nanoseconds(spin_.now());
    do {
        const auto received = receive_some(true);
        if (received.bytes != 0) {
            spin_.hit();
            return true;
        }
        if (received.failure != EAGAIN && received.failure != EWOULDBLOCK) return false;  // lost: sleep() says so
        wire::pause_processor();
    } while (Clock::now() < until);
    spin_.miss();
    return false;
}

// True when there is something new to look at, also a lost connection; false when time is up or callbacks are due.
bool Connection::receive(Deadline until) {
    if (!spin_.is_on()) return sleep(until);
    if (look()) return true;
    if (spin_.now() != 0) return sleep(until);
    const Deadline asleep = Clock::now();
    const bool has_come = sleep(until);
    spin_.slept(std::chrono::nanoseconds(Clock::now() - asleep).count());
    return has_come;
}

bool Connection::sleep(Deadline until) {
    for (;;) {
        const Deadline wake = std::min(until, next_expiry_.load(std::memory_order_relaxed));
        bool now = false;
        if (wake != no_deadline || is_nonblocking_ || outbox_.is_waiting()) {
            const short wanted = static_cast<short>(POLLIN | (outbox_.is_waiting() ? POLLOUT : 0));
            const short ready = socket_.wait(wanted, wake);
            if (ready & POLLOUT) outbox_.flush();
            if (ready == 0) {
                if (expire()) return false;
                if (until != no_deadline && Clock::now() >= until) return false;
                continue;
            }
            if ((ready & ~POLLOUT) == 0) continue;
            now = true;
        }
        const auto received = receive_some(now);
        if (received.bytes != 0) return true;
        if (received.failure == EAGAIN || received.failure == EWOULDBLOCK) {
            is_nonblocking_ = true;
            continue;
        }
        lose(received.failure == 0 ? "the host closed the connection" : std::strerror(received.failure));
        return true;
    }
}

// True when callbacks are due.
bool Connection::take_frames(Waiter& leader) {
    bool due = false;
    data::Bytes unread = incoming_.bytes();
    while (!unread.empty() && !is_lost()) {
        const auto status = frames_.scan(unread);
        if (status == wire::FrameReader::Status::incomplete) break;
        if (status == wire::FrameReader::Status::refused) {
            lose("the host sent " + frames_.error().text);
            return true;
        }
        const wire::Frame frame = frames_.frame(unread);
        due |= take_frame(frame, leader);
        unread = unread.subspan(frame.bytes.size());
        frames_.next();
    }
    incoming_.consume(incoming_.size() - unread.size());
    if (incoming_.empty() && incoming_.capacity() > kept_bytes_max) incoming_.release();
    return due || is_lost();
}

// True when a callback is due.
bool Connection::take_frame(const wire::Frame& frame, Waiter& leader) {
    const auto reply = wire::decode_reply(frame);
    if (reply) {
        return deliver({reply->ok(), reply->ok() ? reply->result : reply->error, frame.may_hold_handles}, reply->msgid,
                       leader);
    }
    if (!on_draining_ || !take_draining(frame)) lose("the host sent what is no reply: " + reply.error().text);
    return true;
}

// The one notification that a host sends, to those that asked for it.
bool Connection::take_draining(const wire::Frame& frame) {
    std::uint32_t msgid = 0;
    bool msgid_known = false;
    const auto request = wire::decode_request(frame, &msgid, &msgid_known);
    if (!request || request->wants_reply || request->method != "soho.draining") return false;
    data::Reader in(request->params);
    data::Token array, left_ms;
    if (!in.next(array) || array.size == 0 || !in.next(left_ms) || left_ms.kind != data::Kind::unsigned_integer)
        return false;
    auto notice = std::make_unique<DrainingNotice>(on_draining_, std::chrono::milliseconds(left_ms.unsigned_value));
    const std::lock_guard lock(mutex_);
    asynchronous_.fetch_add(1, std::memory_order_relaxed);
    push_due(std::move(notice));
    return true;
}

// True when a callback is due.
bool Connection::deliver(const ReplyBytes& reply, std::uint32_t msgid, Waiter& leader) {
    std::unique_lock lock(mutex_);
    if (pending_.find(msgid) == nullptr) return false;  // nobody asked: not ours to judge
    Pending pending = pending_.take(msgid);
    if (pending.waiter != nullptr || pending.completion) calls_.fetch_sub(1, std::memory_order_relaxed);

    if (Waiter* waiter = pending.waiter; waiter != nullptr && waiter != &leader) {
        waiter->copy->clear();
        waiter->copy->append(reply.body);
        waiter->copied_ok = reply.ok;
        waiter->copied_may_hold_handles = reply.may_hold_handles;
        waiter->state = Waiter::State::copied;
        waiter->wake.notify_one();
        return false;
    }
    lock.unlock();
    if (pending.waiter == &leader) {
        leader.failure = decode(reply, *leader.receiver, leader.unchecked);
        leader.state = Waiter::State::answered;
        return false;
    }
    if (!pending.completion) {
        drop(reply);
        return false;
    }
    auto failure = decode(reply, *pending.completion, pending.completion->unchecked);
    if (failure) pending.completion->fail(*std::move(failure));
    finish(std::move(pending.completion));
    return true;
}

std::optional<Failure> Connection::decode(const ReplyBytes& reply, Receiver& receiver,
                                          std::vector<ClassUse>& unchecked) {
    if (!reply.ok) {
        Error error = wire::decode_error(reply.body);
        return Failure(static_cast<CallCode>(error.code), std::move(error.text), std::move(error.type),
                       std::move(error.data));
    }
    try {
        Introductions introductions;
        if (reply.may_hold_handles && !introductions.collect(shared_from_this(), reply.body)) {
            return Failure(CallCode::bad_result, "the host sent a handle that cannot be read");
        }
        ResultContext context(reply.may_hold_handles ? &introductions : nullptr);
        if (!receiver.receive(reply.body, context)) {
            return Failure(CallCode::bad_result, "the result is not what was asked for: " + context.sentence());
        }
        unchecked = std::move(introductions.unchecked);
        return std::nullopt;
    } catch (const std::exception& failure) {
        return Failure(CallCode::bad_result, failure.what());
    }
}

// A result that nobody waits for any more: its handles were given all the same.
void Connection::drop(const ReplyBytes& reply) {
    if (!reply.ok || !reply.may_hold_handles) return;
    Introductions introductions;
    introductions.collect(shared_from_this(), reply.body);
}

// Fails the asynchronous calls whose time is up and which the host did not answer. True if there were any.
bool Connection::expire() {
    const Deadline now = Clock::now();
    if (now < next_expiry_.load(std::memory_order_relaxed)) return false;
    std::vector<std::uint32_t> expired;
    std::unique_lock lock(mutex_);
    Deadline next = no_deadline;
    pending_.each([&](std::uint32_t msgid, Pending& pending) {
        if (!pending.completion) return;
        if (pending.expires > now) {
            next = std::min(next, pending.expires);
            return;
        }
        calls_.fetch_sub(1, std::memory_order_relaxed);
        pending.completion->fail(
            Failure(CallCode::deadline, "the host at " + address_ + " did not answer in time; the call may have run"));
        push_due(std::move(pending.completion));
        expired.push_back(msgid);
    });
    next_expiry_ = next;
    lock.unlock();
    for (const auto msgid : expired) cancel(msgid);
    return !expired.empty();
}

void Connection::lose(std::string why) {
    std::unique_lock lock(mutex_);
    if (is_lost()) return;
    why_lost_ = why_closed_.empty() ? std::move(why) : why_closed_;
    lost_.store(true, std::memory_order_release);
    pending_.each([&](std::uint32_t, Pending& pending) {
        if (Waiter* waiter = std::exchange(pending.waiter, nullptr)) {
            waiter->failure = lost_failure_locked(!waiter->never_sent);
            waiter->state = Waiter::State::answered;
            waiter->wake.notify_one();
        }
        if (pending.completion) {
            pending.completion->fail(lost_failure_locked(true));
            push_due(std::move(pending.completion));
        }
    });
    calls_ = 0;
    for (Waiter* follower = followers_; follower != nullptr; follower = follower->next) follower->wake.notify_one();
    lock.unlock();
    socket_.shut_down();
}

void Connection::finish(std::unique_ptr<Completion> completion) {
    std::erase_if(completion->unchecked, [&](const ClassUse& use) { return is_checked(use); });
    if (!completion->unchecked.empty()) return ClassCheck::start(*this, std::move(completion));
    const std::lock_guard lock(mutex_);
    push_due(std::move(completion));
}

void Connection::push_due(std::unique_ptr<Completion> completion) {
    Completion* added = completion.get();
    (last_due_ != nullptr ? last_due_->next : due_) = std::move(completion);
    last_due_ = added;
}

}  // namespace soho::client
