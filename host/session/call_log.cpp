#include "host/session/call_log.hpp"

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
