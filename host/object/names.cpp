#include "host/object/names.hpp"

#include "host/registry/suggest.hpp"

#include <soho/wire/message.hpp>

#include <fmt/format.h>
#include <algorithm>

namespace soho::host {

namespace {

Result<void> check_name(std::string_view name) {
    if (const char* why = wire::name_mismatch(name))
        return refuse(Code::bad_arguments, fmt::format("\"{}\" cannot be published: {}", name, why));
    return {};
}

}  // namespace

bool Names::may_take(const Entry& entry, std::string_view principal) {
    return entry.object->lost && entry.principal == principal;
}

// With the mutex held, as remove(). The lost one that had the name goes after the lock. Nothing if it is another's.
Names::Entry Names::take(std::string_view name, Entry entry) {
    Entry before;
    if (const auto found = entries_.find(name); found != entries_.end()) {
        if (!may_take(found->second, entry.principal)) return entry;
        before = found->second;
        remove(found);
    }
    const std::uint64_t id = entry.object->id();
    const auto at = entries_.emplace(name, std::move(entry)).first;
    by_object_.emplace(id, &at->first);
    return before;
}

Names::Entries::iterator Names::remove(Entries::iterator at) {
    const auto [first, last] = by_object_.equal_range(at->second.object->id());
    by_object_.erase(std::find_if(first, last, [&](const auto& named) { return named.second == &at->first; }));
    return entries_.erase(at);
}

Result<void> Names::publish(std::string_view name, Entry entry) {
    if (auto sound = check_name(name); !sound) return sound;
    Entry before;  // goes after the lock
    const std::scoped_lock lock(mutex_);
    if (const auto found = entries_.find(name); found != entries_.end() && !may_take(found->second, entry.principal)) {
        return refuse(Code::exists, fmt::format("the name \"{}\" is taken by #{} ({})", name,
                                                found->second.object->id(), found->second.object->type().type_id));
    }
    if (reserved_.find(name) != reserved_.end())
        return refuse(Code::exists, fmt::format("the name \"{}\" is being taken", name));
    before = take(name, std::move(entry));
    return {};
}

Result<Names::Reservation> Names::reserve(std::string_view name, std::string_view principal, Waiter when_settled) {
    if (auto sound = check_name(name); !sound) return tl::unexpected<Error>(sound.error());
    const std::scoped_lock lock(mutex_);
    if (const auto found = entries_.find(name); found != entries_.end() && !may_take(found->second, principal))
        return Reservation::taken;
    const auto [found, first] = reserved_.try_emplace(std::string(name));
    if (first) return Reservation::reserved;
    found->second.push_back(std::move(when_settled));
    return Reservation::waiting;
}

void Names::fulfil(std::string_view name, Entry entry) {
    Entry before;  // goes after the lock
    {
        const std::scoped_lock lock(mutex_);
        before = take(name, std::move(entry));
    }
    abandon(name);
}

void Names::abandon(std::string_view name) {
    std::vector<Waiter> waiters;
    {
        const std::scoped_lock lock(mutex_);
        const auto found = reserved_.find(name);
        if (found == reserved_.end()) return;
        waiters = std::move(found->second);
        reserved_.erase(found);
    }
    for (const Waiter& waiter : waiters) waiter();
}

ObjectPtr Names::find(std::string_view name) const {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : found->second.object;
}

std::vector<std::string> Names::names_of(std::uint64_t object) const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> names;
    const auto [first, last] = by_object_.equal_range(object);
    for (auto at = first; at != last; ++at) names.push_back(*at->second);
    return names;
}

Error Names::no_name(std::string_view name, const MayKnow& may_know) const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string_view> known;
    for (const auto& [other, entry] : entries_) {
        if (!may_know || may_know(other, entry)) known.push_back(other);
    }
    return Error(Code::no_object, fmt::format("nothing is published as \"{}\"{}", name, suggestion(name, known)));
}

Result<void> Names::unpublish(std::string_view name, std::string_view principal, bool admin) {
    const Error unknown = no_name(name);
    Entry dropped;  // goes after the lock
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) return tl::unexpected<Error>(unknown);
    if (!admin && found->second.principal != principal) {
        return refuse(Code::denied, fmt::format("\"{}\" was published by {}: only they or an admin may unpublish it",
                                                name, found->second.principal));
    }
    dropped = found->second;
    remove(found);
    return {};
}

template <class Predicate>
void Names::drop_if(Predicate predicate) {
    std::vector<Entry> dropped;  // goes after the lock
    const std::scoped_lock lock(mutex_);
    for (auto at = entries_.begin(); at != entries_.end();) {
        if (predicate(at->second)) {
            dropped.push_back(at->second);
            at = remove(at);
        } else {
            ++at;
        }
    }
}

void Names::drop_session(std::uint64_t session) {
    drop_if([&](const Entry& entry) { return entry.session == session; });
}
void Names::drop_object(std::uint64_t id) {
    drop_if([&](const Entry& entry) { return entry.object->id() == id; });
}
void Names::clear() {
    drop_if([](const Entry&) { return true; });
}

std::vector<std::pair<std::string, Names::Entry>> Names::all() const {
    const std::scoped_lock lock(mutex_);
    return {entries_.begin(), entries_.end()};
}

std::size_t Names::size() const {
    const std::scoped_lock lock(mutex_);
    return entries_.size();
}

}  // namespace soho::host
