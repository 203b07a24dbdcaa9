#include "host/session/caller.hpp"

#include "host/registry/plugin.hpp"
#include "host/session/dispatcher.hpp"

#include <fmt/format.h>

namespace soho::host {

void Undelivered::discard() {
    if (discardable != nullptr) discardable->discard();
    if (session != nullptr) {
        for (const std::uint64_t id : held) session->release(id, 1);
    }
}

bool Caller::close(std::string reason) {
    closing_reason_ = std::move(reason);
    return false;
}

const SessionPtr& Caller::session() {
    if (session_ == nullptr) session_ = services_.sessions.open(principal_, "");
    return session_;
}

bool Caller::take(const wire::Frame& frame, Seat& seat) {
    Seat::count(seat.requests);
    std::uint32_t msgid = 0;
    bool msgid_known = false;
    const auto request = wire::decode_request(frame, &msgid, &msgid_known);
    if (!request) {
        if (!msgid_known) return close(request.error().text);
        wire::Out out(seat.out);
        wire::write_error_reply(out, msgid, request.error(), error_form_);
        Seat::count(seat.errors);
        return true;
    }
    if (request->wants_reply && in_flight(request->msgid)) {
        return close(fmt::format("msgid {} was used for \"{}\" while the request of that msgid is unanswered",
                                 request->msgid, request->method));
    }
    ++requests_;
    dispatcher_.dispatch(*this, *request, seat);
    return true;
}

bool Caller::in_flight(std::uint32_t msgid) const {
    if (unanswered_size_.load(std::memory_order_relaxed) == 0) return false;
    const std::scoped_lock lock(mutex_);
    return unanswered_.find(msgid) != unanswered_.end();
}

void Caller::refuse(const wire::Request& request, const Error& error, std::string_view trace, Seat& seat) {
    Seat::count(seat.errors);
    if (!request.wants_reply) return log_oneway_failure(request.method, error);
    wire::Out out(seat.out);
    wire::write_error_reply(out, request.msgid, error, error_form_, trace);
}

void Caller::log_oneway_failure(std::string_view method, const Error& error) {
    services_.oneway_failures.fetch_add(1, std::memory_order_relaxed);
    services_.log.info("session {} ({}): notification \"{}\" failed: {}: {}", has_session() ? session_->id() : 0,
                       principal_.name, method, code_name(error.code), error.text);
}

// Counts each handle of a result for the session, and remembers that in case the reply is not delivered. What the plugin says
// of its type does not matter: the host knows.
wire::HandleVisitor Caller::holder(Undelivered& undelivered) {
    return [this, &undelivered](wire::Handle& handle) -> Result<void> {
        const ObjectPtr object = services_.objects.find(handle.id);
        if (object == nullptr) {
            return soho::refuse(Code::internal,
                                fmt::format("the result holds a handle #{} of no living object", handle.id));
        }
        if (auto held = session_->hold(object); !held) return held;
        undelivered.session = session_;
        undelivered.held.push_back(handle.id);
        handle.type_id = object->type().type_id;  // which outlives it
        return {};
    };
}

// A checked value with handles in it, in the form of this connection, behind what `buffer` has.
Result<void> Caller::write_value(data::Bytes value, data::Buffer& buffer, Undelivered& undelivered) {
    wire::Out out(buffer);
    auto written = handle_form_ == wire::HandleForm::map ? wire::to_map_form(value, out, holder(undelivered))
                                                         : wire::to_ext_form(value, out, holder(undelivered));
    // What the walk itself finds wrong is the plugin's doing, not the caller's.
    if (!written && written.error().code == Code::bad_arguments)
        return soho::refuse(Code::internal, written.error().text);
    return written;
}

void Caller::reply_value(const wire::Request& request, std::size_t start, std::size_t value_start, const Callee& callee,
                         std::string_view trace, PluginTask discarded, const ObjectPtr& target, Seat& seat) {
    const Limits& limits = services_.limits;
    const auto value =
        wire::check_value(seat.out.bytes().subspan(value_start), {limits.frame_bytes_max, limits.depth_max, SIZE_MAX});
    Undelivered undelivered;
    if (discarded) undelivered.discardable = std::make_unique<Discardable>(target, std::move(discarded));
    const auto fail = [&](const Error& error) {
        seat.out.truncate(start);
        undelivered.discard();
        refuse(request, error, trace, seat);
    };
    if (!value) {
        return fail(Error(Code::internal, fmt::format("the result of {} is not MessagePack: {}; a defect of plugin {}",
                                                      callee.text(), value.error().text, callee.type.plugin->name())));
    }
    if (!request.wants_reply) {
        seat.out.truncate(start);
        undelivered.discard();
        return;
    }
    if (value->may_hold_handles) {
        session();
        seat.result.clear();
        seat.result.append(value->bytes);
        seat.out.truncate(value_start);
        if (auto written = write_value(seat.result.bytes(), seat.out, undelivered); !written)
            return fail(written.error());
    }
    if (!undelivered.empty()) notice(std::move(undelivered), seat);
}

void Caller::reply_object(const wire::Request& request, const ObjectPtr& object, std::string_view trace, Seat& seat) {
    if (!request.wants_reply) return;
    if (auto held = session()->hold(object); !held) return refuse(request, held.error(), trace, seat);
    wire::Out out(seat.out);
    wire::begin_reply(out, request.msgid);
    wire::write_handle(out, {object->id(), object->type().type_id}, handle_form_);
    Undelivered undelivered;
    undelivered.session = session_;
    undelivered.held.push_back(object->id());
    notice(std::move(undelivered), seat);
}

ObjectPtr Caller::find(std::uint64_t id) {
    if (session_ != nullptr) {
        if (ObjectPtr object = session_->find(id)) return object;
    }
    return services_.sessions.find_held(id, principal_.name);
}

Result<void> Caller::may_wait() const {
    const std::scoped_lock lock(mutex_);
    if (waiting_ < services_.limits.calls_waiting_max) return {};
    return soho::refuse(
        Code::overloaded,
        fmt::format("{} calls of this connection wait already (calls_waiting); this one was not started", waiting_));
}

Result<std::shared_ptr<Call>> Caller::make_call(const wire::Request& request, const CallContext& context, bool blocking,
                                                Seat& seat, std::shared_ptr<Completion> completion) {
    const Limits& limits = services_.limits;
    session();
    if (completion == nullptr) completion = shared_from_this();
    auto call = std::make_shared<Call>(services_.objects, services_.pool, seat.home, std::move(completion), context,
                                       Call::Limits{limits.frame_bytes_max, limits.depth_max});
    call->tag = request.msgid;
    call->oneway = !request.wants_reply;
    call->blocking = blocking;
    const std::scoped_lock lock(mutex_);
    // A method that cannot wait may free those that do: it may pass the cap of waiting calls, within the other cap.
    if (waiting_ >= limits.calls_waiting_max + limits.calls_running_max) {
        return soho::refuse(
            Code::overloaded,
            fmt::format("{} calls of this connection wait already (calls_waiting); this one was not started",
                        waiting_));
    }
    if (blocking && blocking_ >= limits.calls_running_max) {
        return soho::refuse(
            Code::overloaded,
            fmt::format("{} blocking calls of this connection run already (calls_running); this one was not started",
                        blocking_));
    }
    ++waiting_;
    blocking_ += blocking;
    session_->waiting.fetch_add(1, std::memory_order_relaxed);
    services_.calls_in_flight.fetch_add(1, std::memory_order_relaxed);
    if (call->oneway) {
        oneway_.emplace(call.get(), call);
    } else {
        unanswered_.emplace(call->tag, call);
        unanswered_size_.store(unanswered_.size(), std::memory_order_relaxed);
    }
    if (context.deadline_ns != 0) {
        call->timer = services_.timers.start(context.deadline_ns, [weak = std::weak_ptr<Call>(call)] {
            if (const auto late = weak.lock())
                late->cancel(Code::deadline,
                             fmt::format("{} has not replied in time (timeout_ms)", late->callee_text()));
        });
    }
    return call;
}

void Caller::cancel(std::uint32_t msgid) {
    std::shared_ptr<Call> call;
    {
        const std::scoped_lock lock(mutex_);
        const auto found = unanswered_.find(msgid);
        if (found == unanswered_.end()) return;
        call = found->second;
    }
    call->cancel(Code::cancelled, fmt::format("{} was cancelled", call->callee_text()));
}

void Caller::replied(Call& call, Outcome outcome) noexcept {
    if (call.oneway) {
        if (!outcome.ok()) log_oneway_failure(call.callee_text(), outcome.error);
        if (outcome.discardable != nullptr) outcome.discardable->discard();
        return;
    }
    data::Buffer frame;
    wire::Out out(frame);
    Undelivered undelivered;
    undelivered.discardable = std::move(outcome.discardable);
    write_outcome(out, frame, call.tag, outcome, call.context().trace, undelivered);

    std::unique_lock lock(mutex_);
    unanswered_.erase(call.tag);
    unanswered_size_.store(unanswered_.size(), std::memory_order_relaxed);
    if (outlet_ != nullptr) {
        outlet_->deliver(std::move(frame), std::move(undelivered));
    } else {
        lock.unlock();
        undelivered.discard();
    }
}

void Caller::write_outcome(wire::Out& out, data::Buffer& buffer, std::uint32_t msgid, Outcome& outcome,
                           std::string_view trace, Undelivered& undelivered) {
    Error error = std::move(outcome.error);
    if (error.code == Code::ok) {
        wire::begin_reply(out, msgid);
        if (outcome.object != nullptr) {
            wire::Handle handle{outcome.object->id(), outcome.object->type().type_id};
            if (auto held = holder(undelivered)(handle); !held) error = held.error();
            wire::write_handle(out, handle, handle_form_);
        } else if (outcome.may_hold_handles) {
            if (auto written = write_value(outcome.value.bytes(), buffer, undelivered); !written)
                error = written.error();
        } else {
            out.raw(outcome.value.bytes());
        }
        if (error.code == Code::ok) return;
        buffer.clear();
        undelivered.discard();
        undelivered = {};
    }
    wire::write_error_reply(out, msgid, error, error_form_, trace);
}

void Caller::finished(Call& call) noexcept {
    if (call.timer != 0) services_.timers.cancel(call.timer);
    session_->waiting.fetch_sub(1, std::memory_order_relaxed);
    services_.calls_in_flight.fetch_sub(1, std::memory_order_relaxed);
    std::shared_ptr<Call> last;  // goes after the lock
    const std::scoped_lock lock(mutex_);
    --waiting_;
    blocking_ -= call.blocking;
    if (!call.oneway) return;
    const auto found = oneway_.find(&call);
    last = std::move(found->second);
    oneway_.erase(found);
}

void Caller::gone(Seat& seat) {
    std::vector<std::shared_ptr<Call>> abandoned;
    {
        const std::scoped_lock lock(mutex_);
        outlet_ = nullptr;
        for (auto& [msgid, call] : unanswered_) abandoned.push_back(std::move(call));
        for (auto& [key, call] : oneway_) abandoned.push_back(call);
        unanswered_.clear();
        unanswered_size_.store(0, std::memory_order_relaxed);
    }
    for (const auto& call : abandoned) call->abandon();
    for (auto notice = notices_.rbegin(); notice != notices_.rend(); ++notice) notice->undelivered.discard();
    notices_.clear();
    if (session_ != nullptr) services_.sessions.leave(session_, seat.home);
}

}  // namespace soho::host
