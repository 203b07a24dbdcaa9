#include "host/session/call_log.hpp"

namespace soho::host {

void log_call(Log& log, const CallLine& line) {
    const bool slow = !line.waited && line.took_ns >= log.slow_call_ns();
    const auto level = slow ? spdlog::level::warn : spdlog::level::debug;
    if (!log.call.should_log(level)) return;
    Fields fields;
    fields.add("session", line.session)
        .add("principal", line.principal)
        .add("type", line.callee.type.type_id)
        .add("method", line.callee.method != nullptr ? std::string_view(line.callee.method->name) : "(create)")
        .add_ms("duration_ms", line.took_ns)
        .add("code", code_name(line.code));
    if (!line.trace.empty()) fields.add("trace", line.trace);
    log.call.log(level, "{}{}", slow ? "a slow call" : "a call", fields);
}

}  // namespace soho::host
