#pragma once
// All living sessions, and what waits for their end.

#include "host/object/plugin_task.hpp"
#include "host/session/session.hpp"

#include <functional>
#include <map>

namespace soho::host {

// Thread-safe.
class SessionTable {
public:
    SessionPtr open(const Principal& principal, std::string client, const Allowance& allowance);
    // One more connection for a session that lives. Fails with Code::denied, whatever was wrong: the number, the secret or the
    // principal.
    Result<SessionPtr> join(std::uint64_t id, data::Bytes secret, const Principal& principal);
    // One connection less. With the last, the session ends: its names go, its references go in slices on `home`, and what
    // waited for its end is called.
    void leave(const SessionPtr& session, Executor& home);
    // Called with each session that has ended, before its references go.
    void set_on_end(std::function<void(const Session&)> on_end) { on_end_ = std::move(on_end); }

    // Null if there is none of that number.
    SessionPtr find(std::uint64_t id) const;
    // Null if no session of that principal holds the object.
    ObjectPtr find_held(std::uint64_t object, std::string_view principal) const;

    // Calls `when_ended` at the session's end, or soon if it has ended. Returns a number for cancel().
    std::uint64_t on_session_end(std::uint64_t session, Work when_ended);
    void cancel_session_end(std::uint64_t number);

    std::vector<SessionPtr> all() const;
    std::size_t size() const;

private:
    struct Waiter {
        std::uint64_t session;
        Work work;
    };

    std::function<void(const Session&)> on_end_;
    mutable std::mutex mutex_;
    std::unordered_map<std::uint64_t, SessionPtr> sessions_;
    std::multimap<std::string, SessionPtr, std::less<>> by_principal_;
    std::map<std::uint64_t, Waiter> waiters_;
    std::multimap<std::uint64_t, std::uint64_t> waiters_by_session_;
    std::uint64_t next_id_ = 1;
    std::uint64_t next_waiter_ = 1;
};

}  // namespace soho::host
