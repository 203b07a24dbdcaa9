#pragma once
// Tickets: a way for one session to hand an object to another, even of another principal. A ticket keeps its object alive
// until it has been claimed often enough, or its time is over.

#include "host/object/object.hpp"
#include "host/object/timers.hpp"
#include "host/session/session.hpp"

#include <map>
#include <unordered_map>

namespace soho::host {

// Thread-safe.
class Tickets {
public:
    Tickets(Timers& timers, std::string instance) : timers_(timers), instance_(std::move(instance)) {}

    // Fails with bad_arguments or limit. `session` bears the cap, but need not live on.
    Result<std::string> share(const ObjectPtr& object, std::int64_t ttl_ms, std::uint64_t uses, Session& session);
    // Fails with no_object, and says whether the ticket is of an earlier host. For who `may_know` nothing of its object it is
    // none, and stays as it is.
    Result<ObjectPtr> claim(std::string_view ticket, const std::function<bool(const Object&)>& may_know);

    // Null if no ticket of that principal holds the object.
    ObjectPtr find_held(std::uint64_t object, std::string_view principal) const;

    // What the tickets' objects are, for soho.objects.
    std::vector<std::uint64_t> objects() const;
    std::size_t size() const;
    // Takes an object's tickets away (soho.drop), or all (the host goes).
    void drop_object(std::uint64_t id);
    void clear();

private:
    struct Ticket {
        ObjectPtr object;
        std::uint64_t uses;
        std::uint64_t session;
        std::string principal;
        Timers::Id timer;
    };

    void expire(const std::string& ticket);
    ObjectPtr remove(std::map<std::string, Ticket, std::less<>>::iterator at);

    Timers& timers_;
    const std::string instance_;
    mutable std::mutex mutex_;
    std::map<std::string, Ticket, std::less<>> tickets_;
    std::unordered_map<std::uint64_t, std::size_t> by_session_;
    std::unordered_multimap<std::uint64_t, const Ticket*> by_object_;
};

}  // namespace soho::host
