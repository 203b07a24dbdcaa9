#include "host/session/caller.hpp"

#include "host/session/call_log.hpp"

#include "host/session/dispatcher.hpp"
#include "host/session/login.hpp"
#include "host/session/provider.hpp"

#include <fmt/format.h>
#include <new>

namespace soho::host {

namespace {

// What is no larger is bounded by the number of calls.
constexpr std::size_t small_bytes = 1024;

}  // namespace

Caller::Caller(Services& services, const Dispatcher& dispatcher, Peer peer, wire::ErrorForm error_form)
    : services_(services),
      dispatcher_(dispatcher),
      peer_(std::move(peer)),
      allowance_(&services.allowances.of(peer_.listener, peer_.principal.name)),
      access_(services.access, peer_.principal),
      replies_(services, peer_.principal, session_, error_form) {}

Caller::~Caller() {
    if (counted_ != nullptr) counted_->connections.give_back(1);
}

void Caller::set_peer(Peer peer) {
    peer_ = std::move(peer);
    access_.forget();
    allowance_ = &services_.allowances.of(peer_.listener, peer_.principal.name);
}

void Caller::hit(std::uint64_t Limits::*limit) {
    session_ != nullptr ? session_->hit(limit) : services_.allowances.hits().hit(limit, principal().name);
}

Result<void> Caller::count_connection() {
    if (counted_ != nullptr) std::exchange(counted_, nullptr)->connections.give_back(1);
    Account& account = allowance().account();
    if (!account.take_connection()) {
        hit(&Limits::principal_connections_max);
        return soho::refuse(Code::limit,
                            fmt::format("{} has {} connections already, counting those that it closed while their "
                                        "calls run (principal_connections)",
                                        principal().name, account.connections.used()));
    }
    counted_ = &account;
    return {};
}

// What waits for its turn is refused at once, so that its client can make it again elsewhere.
void Caller::refuse_waiting() {
    std::list<std::shared_ptr<Call>> waiting;  // which grows by little
    {
        const std::scoped_lock lock(mutex_);
        if (calls_ == nullptr) return;
        for (const auto& [msgid, call] : calls_->unanswered) {
            if (!call->begun()) waiting.push_back(call);
        }
    }
    for (const auto& call : waiting) call->refuse_to_start();
}

void Caller::tell_draining() {
    if (!wants_draining_) return;
    const std::int64_t left_ns = services_.drain_until_ns.load(std::memory_order_relaxed) - monotonic_now();
    data::Buffer frame;
    wire::Out out(frame);
    wire::begin_notification(out, "soho.draining");
    out.array(1);
    out.unsigned_integer(static_cast<std::uint64_t>(std::max<std::int64_t>(left_ns / 1'000'000, 0)));
    const std::scoped_lock lock(mutex_);
    if (outlet_ != nullptr) outlet_->deliver(std::move(frame), {});
}

LoginState& Caller::login() {
    if (login_ == nullptr) login_ = std::make_unique<LoginState>();
    return *login_;
}

void Caller::forget_login() { login_.reset(); }

void Caller::log_in(Principal principal) {
    peer_.principal = std::move(principal);
    peer_.identified = true;
    access_.forget();
    allowance_ = &services_.allowances.of(peer_.listener, peer_.principal.name);
}

bool Caller::close(std::string reason) {
    closing_reason_ = std::move(reason);
    return false;
}

void Caller::open_session() { session_ = services_.sessions.open(principal(), "", allowance()); }

bool Caller::take(const wire::Frame& frame, Seat& seat) {
    if (link_ != nullptr && wire::is_reply(frame)) return link_->take(frame, closing_reason_);
    Seat::count(seat.requests);
    wire::Request request;
    if (!wire::decode_usual(frame, request) && !decode(frame, request, seat)) return closing_reason_.empty();
    // Only this thread adds to those, so if it sees none, there is none.
    if (unanswered_size_.load(std::memory_order_relaxed) != 0 && request.wants_reply && in_flight(request.msgid)) {
        return close(fmt::format("msgid {} was used for \"{}\" while the request of that msgid is unanswered",
                                 request.msgid, request.method));
    }
    ++requests_;
    dispatcher_.dispatch(*this, request, seat);
    return closing_reason_.empty();
}

// False if there is nothing to dispatch: it is answered already, or the connection is to be closed.
bool Caller::decode(const wire::Frame& frame, wire::Request& request, Seat& seat) {
    std::uint32_t msgid = 0;
    bool msgid_known = false;
    const auto decoded = wire::decode_request(frame, &msgid, &msgid_known);
    if (decoded) {
        request = *decoded;
        return true;
    }
    if (!msgid_known) return close(decoded.error().text);
    wire::Out out(seat.out);
    wire::write_error_reply(out, msgid, decoded.error(), replies_.error_form());
    Seat::count(seat.errors);
    return false;
}

bool Caller::in_flight(std::uint32_t msgid) const {
    const std::scoped_lock lock(mutex_);
    return unanswered(msgid) != nullptr;
}

// With the mutex held.
std::shared_ptr<Call> Caller::unanswered(std::uint32_t msgid) const {
    if (calls_ == nullptr) return nullptr;
    const auto found = calls_->unanswered.find(msgid);
    return found == calls_->unanswered.end() ? nullptr : found->second;
}

ObjectPtr Caller::find(std::uint64_t id) {
    if (session_ != nullptr) {
        if (ObjectPtr object = session_->find(id)) return object;
    }
    if (ObjectPtr object = services_.sessions.find_held(id, principal().name)) return object;
    return services_.tickets.find_held(id, principal().name);
}

Result<void> Caller::may_wait() {
    const std::scoped_lock lock(mutex_);
    if (waiting_ < limits().calls_waiting_max) return {};
    hit(&Limits::calls_waiting_max);
    return soho::refuse(
        Code::overloaded,
        fmt::format("{} calls of this connection wait already (calls_waiting); this one was not started", waiting_));
}

// With the mutex held.
std::size_t Caller::bytes_kept() const { return bytes_ + (outlet_ != nullptr ? outlet_->unsent_bytes() : 0); }

// With the mutex held.
tl::unexpected<Error> Caller::too_many_block() {
    hit(&Limits::calls_running_max);
    return soho::refuse(
        Code::overloaded,
        fmt::format("{} blocking calls of this connection run already (calls_running); this one was not started",
                    blocking_));
}

Result<void> Caller::may_block() {
    const std::scoped_lock lock(mutex_);
    if (blocking_ >= limits().calls_running_max) return too_many_block();
    return {};
}

Result<void> Caller::may_keep(std::size_t bytes) {
    const std::scoped_lock lock(mutex_);
    const std::size_t kept = bytes_kept();
    if (bytes <= small_bytes || kept + bytes <= limits().waiting_bytes_max) return {};
    hit(&Limits::waiting_bytes_max);
    return soho::refuse(Code::overloaded,
                        fmt::format("{} bytes of arguments and replies of this connection wait already, and {} more "
                                    "would be too many (waiting_bytes); this call was not started",
                                    kept, bytes));
}

Result<std::shared_ptr<Call>> Caller::make_call(const wire::Request& request, const CallContext& context,
                                                std::size_t bytes, bool blocking, Seat& seat,
                                                std::shared_ptr<Completion> completion, bool runs) {
    const Limits& limits = this->limits();
    session();
    if (completion == nullptr) completion = shared_from_this();
    auto call = std::make_shared<Call>(services_.objects, services_.pool, seat.home, std::move(completion), context,
                                       Call::Limits{limits.frame_bytes_max, limits.depth_max});
    call->tag = request.msgid;
    call->oneway = !request.wants_reply;
    call->blocking = blocking;
    call->bytes = bytes;
    call->arrived_ns = seat.arrived_ns;
    const std::scoped_lock lock(mutex_);
    // A method that cannot wait may free those that do: it may pass the cap of waiting calls, within the other cap.
    if (!runs && waiting_ >= limits.calls_waiting_max + limits.calls_running_max) {
        hit(&Limits::calls_waiting_max);
        return soho::refuse(
            Code::overloaded,
            fmt::format("{} calls of this connection wait already (calls_waiting); this one was not started",
                        waiting_));
    }
    if (blocking && blocking_ >= limits.calls_running_max) return too_many_block();
    if (call->oneway) {
        calls().oneway.emplace(call.get(), call);
    } else {
        calls().unanswered.emplace(call->tag, call);
        unanswered_size_.store(calls_->unanswered.size(), std::memory_order_relaxed);
    }
    ++waiting_;
    bytes_ += bytes;
    blocking_ += blocking;
    session_->waiting.fetch_add(1, std::memory_order_relaxed);
    services_.calls_in_flight.fetch_add(1, std::memory_order_relaxed);
    return call;
}

void Caller::watch_deadline(const std::shared_ptr<Call>& call) {
    const std::int64_t deadline_ns = call->context().deadline_ns;
    if (deadline_ns == 0 || serves_host()) return;  // a host looks after the time itself
    call->timer = services_.timers.start(deadline_ns, [weak = std::weak_ptr<Call>(call)] {
        if (const auto late = weak.lock())
            late->cancel(Code::deadline, fmt::format("{} has not replied in time (timeout_ms)", late->callee_text()));
    });
}

void Caller::set_link(std::shared_ptr<Link> link) {
    link_ = std::move(link);
    replies_.set_link(link_.get());
}

Provider* Caller::provider() const { return link_ != nullptr ? link_->provider() : nullptr; }

bool Caller::push(data::Buffer frame) {
    const std::scoped_lock lock(mutex_);
    if (outlet_ == nullptr) return false;
    outlet_->deliver(std::move(frame), {});
    return true;
}

std::size_t Caller::unsent_bytes() const {
    const std::scoped_lock lock(mutex_);
    return outlet_ != nullptr ? outlet_->unsent_bytes() : 0;
}

bool Caller::waits() const {
    if (link_ != nullptr) return true;
    const std::scoped_lock lock(mutex_);
    return waiting_ != 0;
}

void Caller::cancel(std::uint32_t msgid) {
    std::shared_ptr<Call> call;
    {
        const std::scoped_lock lock(mutex_);
        call = unanswered(msgid);
    }
    if (call == nullptr) return;
    if (serves_host()) return call->abandon();  // which wants to hear when the plugin is through with it
    call->cancel(Code::cancelled, fmt::format("{} was cancelled", call->callee_text()));
}

bool Caller::serves_host() const { return link_ != nullptr && link_->upstream() != nullptr; }

// The host has cancelled it, and nothing was replied.
void Caller::reply_cancelled(Call& call) {
    data::Buffer frame;
    wire::Out out(frame);
    wire::write_error_reply(out, call.tag, Error(Code::cancelled, fmt::format("{} was cancelled", call.callee_text())),
                            replies_.error_form());
    std::shared_ptr<Call> last;  // goes after the lock
    const std::scoped_lock lock(mutex_);
    last = unanswered(call.tag);
    if (last.get() != &call) return;
    calls_->unanswered.erase(call.tag);
    unanswered_size_.store(calls_->unanswered.size(), std::memory_order_relaxed);
    if (outlet_ != nullptr) outlet_->deliver(std::move(frame), {});
}

void Caller::replied(Call& call, Outcome outcome) noexcept {
    record_replied(services_, call, outcome);
    if (call.oneway) {
        if (!outcome.ok()) replies_.log_oneway_failure(call.callee_text(), outcome.error);
        if (outcome.discardable != nullptr) outcome.discardable->discard();
        return;
    }
    Undelivered undelivered;
    data::Buffer frame;
    const auto refuse_instead = [&](Error error) {
        undelivered.discard();
        undelivered = {};
        Outcome refused;
        refused.error = std::move(error);
        frame = replies_.frame_of(call, std::move(refused), undelivered);
    };
    try {
        frame = replies_.frame_of(call, std::move(outcome), undelivered);
    } catch (const std::bad_alloc&) {  // for a large one; a small one is sure to find memory
        refuse_instead(out_of_memory());
    }
    std::unique_lock lock(mutex_);
    calls_->unanswered.erase(call.tag);
    unanswered_size_.store(calls_->unanswered.size(), std::memory_order_relaxed);
    if (!call.begun()) bytes_ -= std::exchange(call.bytes, 0);  // it has given them back already
    if (const std::size_t kept = bytes_kept() - call.bytes;
        frame.size() > small_bytes && kept + frame.size() > limits().waiting_bytes_max) {
        lock.unlock();
        hit(&Limits::waiting_bytes_max);
        refuse_instead(
            Error(Code::limit, fmt::format("{} ran, but its reply of {} bytes was not kept: {} bytes of arguments "
                                           "and replies of this connection wait already (waiting_bytes)",
                                           call.callee_text(), frame.size(), kept)));
        lock.lock();
    }
    if (outlet_ != nullptr) {
        outlet_->deliver(std::move(frame), std::move(undelivered));
    } else {
        lock.unlock();
        undelivered.discard();
    }
}

void Caller::finished(Call& call) noexcept {
    if (call.timer != 0) services_.timers.cancel(call.timer);
    if (!call.oneway && serves_host()) reply_cancelled(call);
    session_->waiting.fetch_sub(1, std::memory_order_relaxed);
    services_.calls_in_flight.fetch_sub(1, std::memory_order_relaxed);
    std::shared_ptr<Call> last;  // goes after the lock
    const std::scoped_lock lock(mutex_);
    --waiting_;
    bytes_ -= std::exchange(call.bytes, 0);
    blocking_ -= call.blocking;
    if (!call.oneway) return;
    const auto found = calls_->oneway.find(&call);
    last = std::move(found->second);
    calls_->oneway.erase(found);
}

void Caller::gone(Seat& seat, std::string_view why) {
    std::list<std::shared_ptr<Call>> abandoned;  // which grows by little
    {
        const std::scoped_lock lock(mutex_);
        outlet_ = nullptr;
        if (calls_ != nullptr) {
            for (auto& [msgid, call] : calls_->unanswered) abandoned.push_back(std::move(call));
            for (auto& [key, call] : calls_->oneway) abandoned.push_back(call);
            calls_->unanswered.clear();
        }
        unanswered_size_.store(0, std::memory_order_relaxed);
    }
    if (link_ != nullptr) link_->gone(why);
    for (const auto& call : abandoned) call->abandon();
    auto notices = replies_.take_notices();
    for (auto notice = notices.rbegin(); notice != notices.rend(); ++notice) notice->undelivered.discard();
    if (session_ != nullptr) services_.sessions.leave(session_, seat.home);
}

}  // namespace soho::host
