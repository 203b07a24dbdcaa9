#pragma once
// The lines about calls: each that is slow, and each at all at level debug, with those that were refused.

#include "host/object/arguments.hpp"
#include "host/object/call.hpp"
#include "host/session/services.hpp"

namespace soho::host {

struct CallLine {
    std::uint64_t session;
    std::string_view principal;
    Callee callee;
    std::int64_t took_ns;
    Code code;  // Code::ok: it succeeded
    std::string_view trace;
    bool waited = false;  // for a reply that came later: as long as it liked, which is not slow
};

// Whether there may be one; costs next to nothing.
inline bool has_line(const Log& log, std::int64_t took_ns) { return took_ns >= log.call_line_ns(); }
void log_call(Log& log, const CallLine& line);

// Counts a call that has replied later, or elsewhere, and has its line written.
void record_replied(Services& services, Call& call, const Outcome& outcome) noexcept;

// A call that no plugin has seen.
struct RefusedCall {
    std::uint64_t session;  // 0: it has none yet
    std::string_view principal;
    std::string_view request;  // as it was asked for: "soho.call", "pair.get_x"
    const Callee* callee;      // null: none was found
    const Error& error;
    std::string_view trace;
};
void log_refused(Log& log, const RefusedCall& call);

}  // namespace soho::host
