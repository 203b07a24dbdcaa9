#include "host/session/call_log.hpp"

#include <new>

namespace soho::host {

namespace {

void add_callee(Fields& fields, const Callee& callee) {
    fields.add("type", callee.type.type_id)
        .add("method", callee.method != nullptr ? std::string_view(callee.method->name) : "(create)");
}

}  // namespace

void log_call(Log& log, const CallLine& line) {
    const bool slow = !line.waited && line.took_ns >= log.slow_call_ns();
    const auto level = slow ? spdlog::level::warn : spdlog::level::debug;
    if (!log.call.should_log(level)) return;
    Fields fields;
    fields.add("session", line.session).add("principal", line.principal);
    add_callee(fields, line.callee);
    fields.add_ms("duration_ms", line.took_ns).add("code", code_name(line.code));
    if (!line.trace.empty()) fields.add("trace", line.trace);
    log.call.log(level, "{}{}", slow ? "a slow call" : "a call", fields);
}

void record_replied(Services& services, Call& call, const Outcome& outcome) noexcept {
    const std::int64_t took_ns = monotonic_now() - call.arrived_ns;
    services.later_calls.record_shared(number_of(call.callee()), took_ns, !outcome.ok());
    if (!has_line(services.log, took_ns)) return;
    const CallContext context = call.context();
    // What a plugin calls belongs to the session for which it does.
    const std::uint64_t session = context.session != 0 ? context.session : context.origin_session;
    try {
        log_call(services.log, {session, context.principal, call.callee(), took_ns, outcome.error.code, context.trace,
                                call.deferred()});
    } catch (const std::bad_alloc&) {  // the reply matters more than the line
    }
}

void log_refused(Log& log, const RefusedCall& call) {
    if (!log.call.should_log(spdlog::level::debug)) return;
    Fields fields;
    fields.add("session", call.session).add("principal", call.principal);
    if (call.callee != nullptr) {
        add_callee(fields, *call.callee);
    } else {
        fields.add("request", call.request);
    }
    fields.add("code", code_name(call.error.code)).add("reason", call.error.text);
    if (!call.trace.empty()) fields.add("trace", call.trace);
    log.call.debug("a refused call{}", fields);
}

}  // namespace soho::host
