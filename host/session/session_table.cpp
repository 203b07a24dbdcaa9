#include "host/session/session_table.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <algorithm>
#include <stdexcept>

namespace soho::host {

namespace {

constexpr std::size_t released_in_one_pass = 64;
constexpr std::int64_t pass_ns = 1'000'000;

Session::Secret random_secret() {
    Session::Secret secret;
    if (RAND_bytes(secret.data(), static_cast<int>(secret.size())) != 1)
        throw std::runtime_error("no random bytes to be had");
    return secret;
}

// A client may leave 10,000 objects behind: their destructors must not keep a reactor from everybody else.
void release_in_slices(std::shared_ptr<Session::References> objects, Executor& home) {
    const std::int64_t until = monotonic_now() + pass_ns;
    for (std::size_t released = 0; !objects->empty() && released < released_in_one_pass; ++released) {
        objects->erase(objects->begin());
        if (monotonic_now() > until) break;
    }
    if (!objects->empty()) home.post([objects = std::move(objects), &home] { release_in_slices(objects, home); });
}

}  // namespace

SessionPtr SessionTable::open(const Principal& principal, std::string client, const Allowance& allowance) {
    const Session::Secret secret = random_secret();
    const std::scoped_lock lock(mutex_);
    auto session = std::make_shared<Session>(next_id_++, secret, principal, std::move(client), allowance);
    session->connections = 1;
    sessions_.emplace(session->id(), session);
    by_principal_.emplace(principal.name, session);
    return session;
}

Result<SessionPtr> SessionTable::join(std::uint64_t id, data::Bytes secret, const Principal& principal) {
    const std::scoped_lock lock(mutex_);
    const auto found = sessions_.find(id);
    if (found != sessions_.end() && found->second->principal().name == principal.name &&
        secret.size() == found->second->secret().size() &&
        CRYPTO_memcmp(secret.data(), found->second->secret().data(), secret.size()) == 0) {
        ++found->second->connections;
        return found->second;
    }
    return refuse(Code::denied, "no session to join with that number and secret: it may have ended");
}

void SessionTable::leave(const SessionPtr& session, Executor& home) {
    std::vector<Work> ended;
    {
        const std::scoped_lock lock(mutex_);
        if (--session->connections != 0) return;
        sessions_.erase(session->id());
        const auto [first, last] = by_principal_.equal_range(session->principal().name);
        by_principal_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == session; }));
        const auto [from, to] = waiters_by_session_.equal_range(session->id());
        for (auto at = from; at != to; ++at) {
            const auto waiter = waiters_.find(at->second);
            ended.push_back(std::move(waiter->second.work));
            waiters_.erase(waiter);
        }
        waiters_by_session_.erase(from, to);
    }
    if (on_end_) on_end_(*session);
    for (const Work& work : ended) work();
    release_in_slices(std::make_shared<Session::References>(session->take_all()), home);
}

SessionPtr SessionTable::find(std::uint64_t id) const {
    const std::scoped_lock lock(mutex_);
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : found->second;
}

ObjectPtr SessionTable::find_held(std::uint64_t object, std::string_view principal) const {
    std::vector<SessionPtr> sessions;
    {
        const std::scoped_lock lock(mutex_);
        const auto [first, last] = by_principal_.equal_range(principal);
        for (auto at = first; at != last; ++at) sessions.push_back(at->second);
    }
    for (const SessionPtr& session : sessions) {
        if (ObjectPtr found = session->find(object)) return found;
    }
    return nullptr;
}

std::uint64_t SessionTable::on_session_end(std::uint64_t session, Work when_ended) {
    std::unique_lock lock(mutex_);
    const std::uint64_t number = next_waiter_++;
    if (sessions_.find(session) == sessions_.end()) {
        lock.unlock();
        when_ended();
        return number;
    }
    waiters_.emplace(number, Waiter{session, std::move(when_ended)});
    waiters_by_session_.emplace(session, number);
    return number;
}

void SessionTable::cancel_session_end(std::uint64_t number) {
    Work dropped;  // goes after the lock
    const std::scoped_lock lock(mutex_);
    const auto waiter = waiters_.find(number);
    if (waiter == waiters_.end()) return;
    const auto [from, to] = waiters_by_session_.equal_range(waiter->second.session);
    waiters_by_session_.erase(std::find_if(from, to, [&](const auto& entry) { return entry.second == number; }));
    dropped = std::move(waiter->second.work);
    waiters_.erase(waiter);
}

std::vector<SessionPtr> SessionTable::all() const {
    const std::scoped_lock lock(mutex_);
    std::vector<SessionPtr> sessions;
    for (const auto& [id, session] : sessions_) sessions.push_back(session);
    std::sort(sessions.begin(), sessions.end(),
              [](const SessionPtr& a, const SessionPtr& b) { return a->id() < b->id(); });
    return sessions;
}

std::size_t SessionTable::size() const {
    const std::scoped_lock lock(mutex_);
    return sessions_.size();
}

}  // namespace soho::host
