#include "host/session/replies.hpp"

#include "host/object/invocation.hpp"
#include "host/registry/plugin.hpp"
#include "host/session/upstream.hpp"

#include <fmt/format.h>
#include <new>

namespace soho::host {

namespace {

// For the log: at most so many bytes, and nothing that is not printable ASCII.
std::string quoted(std::string_view text) {
    constexpr std::size_t bytes_max = 64;
    std::string result = "\"";
    for (const char c : text.substr(0, bytes_max)) result += c >= 0x20 && c < 0x7f ? c : '?';
    return result + (text.size() > bytes_max ? "…\"" : "\"");
}

// Peers' names come back in our sentences, and may be as long as a frame. What plugins say is theirs.
Error shortened(Error error) {
    constexpr std::size_t bytes_max = 2000;
    if (error.code == Code::failed || error.text.size() <= bytes_max) return error;
    std::size_t end = bytes_max;
    while ((static_cast<unsigned char>(error.text[end]) & 0xc0) == 0x80) --end;  // never in the middle of a character
    error.text.replace(end, std::string::npos, "…");
    return error;
}

void write_notice(wire::Out& out, std::uint32_t msgid) {
    wire::begin_notification(out, "soho.notice");
    out.array(1);
    out.unsigned_integer(msgid);
}

}  // namespace

void Undelivered::discard() {
    if (discardable != nullptr) discardable->discard();
    if (session != nullptr) {
        for (const std::uint64_t id : held) session->release(id, 1);
    }
}

void Replies::refuse(const wire::Request& request, const Error& error, std::string_view trace, Seat& seat) {
    Seat::count(seat.errors);
    if (!request.wants_reply) return log_oneway_failure(request.method, error);
    wire::Out out(seat.out);
    write_error(out, request.msgid, shortened(error), trace);
}

// An error's data is in the form of this connection, as a result would be; it has no handles.
void Replies::write_error(wire::Out& out, std::uint32_t msgid, Error error, std::string_view trace) {
    if (!error.data.empty() && error_form_ == wire::ErrorForm::full) {
        data::Buffer data;
        Undelivered none;
        error.data = write_value(data::as_bytes(error.data), data, none) ? data::as_text(data.bytes()) : "";
    }
    wire::write_error_reply(out, msgid, error, error_form_, trace);
}

// Peers choose the method's name and what the sentence quotes of their arguments: the one is escaped and cut, the other is not
// for the log.
void Replies::log_oneway_failure(std::string_view method, const Error& error) {
    services_.oneway_failures.fetch_add(1, std::memory_order_relaxed);
    services_.log.call.info(
        "notification {} failed: {}{}", quoted(method), code_name(error.code),
        Fields().add("session", session_ != nullptr ? session_->id() : 0).add("principal", principal_.name));
}

// Counts each handle of a result for the session, and remembers that in case the reply is not delivered. What the plugin says
// of its type does not matter: the host knows.
wire::HandleVisitor Replies::holder(Undelivered& undelivered) {
    return [this, &undelivered](wire::Handle& handle) -> Result<void> {
        if (handle.own)
            return soho::refuse(Code::internal, "the result holds a handle in the form of a provider's own");
        const ObjectPtr object = services_.objects.find(handle.id);
        if (object == nullptr) {
            return soho::refuse(Code::internal,
                                fmt::format("the result holds a handle #{} of no living object", handle.id));
        }
        auto introduced = introduce(object, undelivered);
        if (!introduced) return tl::unexpected<Error>(introduced.error());
        handle = *introduced;  // its typeid outlives the object
        return {};
    };
}

Result<wire::Handle> Replies::introduce(const ObjectPtr& object, Undelivered& undelivered) {
    undelivered.session = session_;
    if (link_ != nullptr) return link_->introduce(object, undelivered.held);
    if (auto held = session_->hold(object); !held) return tl::unexpected<Error>(held.error());
    undelivered.held.push_back(object->id());
    return wire::Handle{object->id(), object->type().type_id};
}

// A worker cannot see whether a reply reaches anybody: its host is asked to say.
bool Replies::asks_for_verdict(const Undelivered& undelivered) const {
    return undelivered.discardable != nullptr && link_ != nullptr && link_->upstream() != nullptr;
}

// What the host was given counts until it gives that back, whatever becomes of the reply.
void Replies::await_verdict(std::uint32_t msgid, Undelivered& undelivered) {
    link_->upstream()->await_verdict(msgid, std::move(undelivered.discardable));
    undelivered = {};
}

// A checked value with handles in it, in the form of this connection, behind what `buffer` has.
Result<void> Replies::write_value(data::Bytes value, data::Buffer& buffer, Undelivered& undelivered) {
    wire::Out out(buffer);
    auto written = handle_form_ == wire::HandleForm::map ? wire::to_map_form(value, out, holder(undelivered))
                                                         : wire::to_ext_form(value, out, holder(undelivered));
    // What the walk itself finds wrong is the plugin's doing, not the caller's.
    if (!written && written.error().code == Code::bad_arguments)
        return soho::refuse(Code::internal, written.error().text);
    return written;
}

void Replies::value(const wire::Request& request, std::size_t start, std::size_t value_start, const Callee& callee,
                    std::string_view trace, PluginTask discarded, const ObjectPtr& target, Seat& seat) {
    const Limits& limits = session_->limits();
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
        try {
            seat.result.clear();
            seat.result.append(value->bytes);
            seat.out.truncate(value_start);
            if (auto written = write_value(seat.result.bytes(), seat.out, undelivered); !written)
                return fail(written.error());
        } catch (const std::bad_alloc&) {
            return fail(out_of_memory());
        }
    }
    if (asks_for_verdict(undelivered)) {
        data::Buffer reply;
        reply.append(seat.out.bytes().subspan(start));
        seat.out.truncate(start);
        wire::Out out(seat.out);
        write_notice(out, request.msgid);
        seat.out.append(reply.bytes());
        await_verdict(request.msgid, undelivered);
    }
    if (!undelivered.empty()) notice(std::move(undelivered), seat);
}

void Replies::object(const wire::Request& request, const ObjectPtr& object, std::string_view trace, Seat& seat) {
    if (!request.wants_reply) return;
    Undelivered undelivered;
    const auto handle = introduce(object, undelivered);
    if (!handle) return refuse(request, handle.error(), trace, seat);
    wire::Out out(seat.out);
    wire::begin_reply(out, request.msgid);
    wire::write_handle(out, *handle, handle_form_);
    notice(std::move(undelivered), seat);
}

// Its value or object, behind what begin_reply() wrote.
Result<void> Replies::write_outcome(wire::Out& out, data::Buffer& buffer, Outcome& outcome, Undelivered& undelivered) {
    if (outcome.object != nullptr) {
        const auto handle = introduce(outcome.object, undelivered);
        if (!handle) return tl::unexpected<Error>(handle.error());
        wire::write_handle(out, *handle, handle_form_);
        return {};
    }
    if (outcome.may_hold_handles) return write_value(outcome.value.bytes(), buffer, undelivered);
    out.raw(outcome.value.bytes());
    return {};
}

data::Buffer Replies::frame_of(const Call& call, Outcome outcome, Undelivered& undelivered) {
    data::Buffer frame;
    wire::Out out(frame);
    undelivered.discardable = std::move(outcome.discardable);
    Error error = std::move(outcome.error);
    if (error.code == Code::ok) {
        const bool asks = asks_for_verdict(undelivered);
        if (asks) write_notice(out, call.tag);
        wire::begin_reply(out, call.tag);
        const auto written = write_outcome(out, frame, outcome, undelivered);
        if (written && asks) await_verdict(call.tag, undelivered);
        if (written) return frame;
        error = written.error();
        frame.clear();
        undelivered.discard();
        undelivered = {};
    }
    write_error(out, call.tag, std::move(error), call.context().trace);
    return frame;
}

}  // namespace soho::host
