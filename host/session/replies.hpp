#pragma once
// What one connection is told: in the forms it asked for, with each handle counted for its session.

#include "host/object/call.hpp"
#include "host/session/services.hpp"

#include <soho/wire/handles.hpp>

namespace soho::host {

class Link;

// What goes back where it came from if a reply is not delivered: to the plugin, and to the session's counts.
struct Undelivered {
    std::unique_ptr<Discardable> discardable;
    SessionPtr session;
    std::vector<std::uint64_t> held;

    bool empty() const { return discardable == nullptr && held.empty(); }
    void discard();
};

// For the connection's reactor only, but for frame_of().
class Replies {
public:
    // `session` is null until it is open, which it is before anything but a refusal is replied.
    Replies(Services& services, const Principal& principal, const SessionPtr& session, wire::ErrorForm error_form)
        : services_(services),
          principal_(principal),
          session_(session),
          error_form_(error_form) {}

    wire::HandleForm handle_form() const { return handle_form_; }
    wire::ErrorForm error_form() const { return error_form_; }
    void set_forms(wire::ErrorForm errors, wire::HandleForm handles) {
        error_form_ = errors;
        handle_form_ = handles;
    }

    // There are objects at the other end, which it knows by its own handles.
    void set_link(Link* link) { link_ = link; }
    // What the object is called there; counted for the session, and in `undelivered`. Fails with Code::limit.
    Result<wire::Handle> introduce(const ObjectPtr& object, Undelivered& undelivered);

    // Into seat.out; nothing for a notification, whose failure is logged.
    void refuse(const wire::Request& request, const Error& error, std::string_view trace, Seat& seat);
    // The value that was appended to seat.out from `value_start` on, where begin_reply() was written at `start`: checks and
    // translates it. What wire::is_plain() holds of needs neither.
    void value(const wire::Request& request, std::size_t start, std::size_t value_start, const Callee& callee,
               std::string_view trace, PluginTask discarded, const ObjectPtr& target, Seat& seat);
    void object(const wire::Request& request, const ObjectPtr& object, std::string_view trace, Seat& seat);

    // The reply to a call that did not end at once. [any thread]
    data::Buffer frame_of(const Call& call, Outcome outcome, Undelivered& undelivered);
    void log_oneway_failure(std::string_view method, const Error& error);

    // A notice for each part of seat.out that must be known to be delivered; `end` is where in seat.out it ends.
    struct Notice {
        std::size_t end;
        Undelivered undelivered;
    };
    // What ends seat.out now must be known to be delivered.
    void notice(Undelivered undelivered, const Seat& seat) {
        notices_.push_back({seat.out.size(), std::move(undelivered)});
    }
    using Notices = std::list<Notice>;  // which grows by little: what it gets must not be lost for want of memory
    void put_back(Notices notices) { notices_ = std::move(notices); }
    Notices take_notices() { return std::exchange(notices_, {}); }

private:
    Result<void> write_outcome(wire::Out& out, data::Buffer& buffer, Outcome& outcome, Undelivered& undelivered);
    void write_error(wire::Out& out, std::uint32_t msgid, Error error, std::string_view trace);
    Result<void> write_value(data::Bytes value, data::Buffer& buffer, Undelivered& undelivered);
    wire::HandleVisitor holder(Undelivered& undelivered);
    bool asks_for_verdict(const Undelivered& undelivered) const;
    void await_verdict(std::uint32_t msgid, Undelivered& undelivered);

    Services& services_;
    const Principal& principal_;
    const SessionPtr& session_;
    wire::ErrorForm error_form_;
    wire::HandleForm handle_form_ = wire::HandleForm::map;
    Link* link_ = nullptr;
    Notices notices_;
};

}  // namespace soho::host
