#include "host/session/tickets.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/rand.h>
#include <algorithm>
#include <array>
#include <stdexcept>

namespace soho::host {

namespace {

std::string random_hex() {
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw std::runtime_error("no random bytes to be had");
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

}  // namespace

Result<std::string> Tickets::share(const ObjectPtr& object, std::int64_t ttl_ms, std::uint64_t uses, Session& session) {
    const std::uint64_t ttl_ms_max = session.limits().ticket_ttl_ms_max;
    if (ttl_ms <= 0 || static_cast<std::uint64_t>(ttl_ms) > ttl_ms_max) {
        return refuse(Code::bad_arguments,
                      fmt::format("a ticket lives 1 to {} ms (ticket_ttl_ms), not {}", ttl_ms_max, ttl_ms));
    }
    if (uses == 0) return refuse(Code::bad_arguments, "a ticket that may be claimed 0 times is of no use");
    std::string ticket = fmt::format("{}.{}", instance_, random_hex());
    const std::scoped_lock lock(mutex_);
    std::size_t& pending = by_session_[session.id()];
    if (pending >= session.limits().tickets_max) {
        session.hit(&Limits::tickets_max);
        return refuse(Code::limit, fmt::format("this session has {} unclaimed tickets already (tickets)", pending));
    }
    ++pending;
    const auto timer = timers_.start(monotonic_now() + ttl_ms * 1'000'000, [this, ticket] { expire(ticket); });
    const auto added =
        tickets_.emplace(ticket, Ticket{object, uses, session.id(), session.principal().name, timer}).first;
    by_object_.emplace(object->id(), &added->second);
    return ticket;
}

// With the mutex held; the object is for the caller to drop after it.
ObjectPtr Tickets::remove(std::map<std::string, Ticket, std::less<>>::iterator at) {
    ObjectPtr object = std::move(at->second.object);
    const auto [first, last] = by_object_.equal_range(object->id());
    by_object_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == &at->second; }));
    const auto session = by_session_.find(at->second.session);
    if (--session->second == 0) by_session_.erase(session);
    tickets_.erase(at);
    return object;
}

void Tickets::expire(const std::string& ticket) {
    ObjectPtr dropped;
    const std::scoped_lock lock(mutex_);
    const auto found = tickets_.find(ticket);
    if (found != tickets_.end()) dropped = remove(found);
}

Result<ObjectPtr> Tickets::claim(std::string_view ticket, const std::function<bool(const Object&)>& may_know) {
    const std::scoped_lock lock(mutex_);
    const auto found = tickets_.find(ticket);
    if (found == tickets_.end() || !may_know(*found->second.object)) {
        const bool ours = ticket.substr(0, ticket.find('.')) == instance_;
        return refuse(Code::no_object, ours ? "no such ticket: claimed already, or its time is over"
                                            : "no such ticket: from an earlier host, or made up");
    }
    if (--found->second.uses != 0) return found->second.object;
    timers_.cancel(found->second.timer);
    return remove(found);
}

ObjectPtr Tickets::find_held(std::uint64_t object, std::string_view principal) const {
    const std::scoped_lock lock(mutex_);
    const auto [first, last] = by_object_.equal_range(object);
    const auto found =
        std::find_if(first, last, [&](const auto& entry) { return entry.second->principal == principal; });
    return found == last ? nullptr : found->second->object;
}

std::vector<std::uint64_t> Tickets::objects() const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::uint64_t> ids;
    for (const auto& [text, ticket] : tickets_) ids.push_back(ticket.object->id());
    return ids;
}

std::size_t Tickets::size() const {
    const std::scoped_lock lock(mutex_);
    return tickets_.size();
}

void Tickets::drop_object(std::uint64_t id) {
    std::vector<ObjectPtr> dropped;  // go after the lock
    const std::scoped_lock lock(mutex_);
    for (auto at = tickets_.begin(); at != tickets_.end();) {
        const auto ticket = at++;
        if (ticket->second.object->id() != id) continue;
        timers_.cancel(ticket->second.timer);
        dropped.push_back(remove(ticket));
    }
}

void Tickets::clear() {
    std::vector<ObjectPtr> dropped;
    const std::scoped_lock lock(mutex_);
    for (auto& [text, ticket] : tickets_) {
        timers_.cancel(ticket.timer);
        dropped.push_back(std::move(ticket.object));
    }
    tickets_.clear();
    by_session_.clear();
    by_object_.clear();
}

}  // namespace soho::host
