#include "host/object/timers.hpp"

namespace soho::host {

Timers::Id Timers::start(std::int64_t due_ns, Work work) {
    Id id = 0;
    bool earliest = false;
    {
        const std::scoped_lock lock(mutex_);
        id = next_id_++;
        const auto at = schedule_.emplace(due_ns, Entry{id, std::move(work)});
        by_id_.emplace(id, at);
        earliest = at == schedule_.begin();
    }
    if (earliest && wake_) wake_();
    return id;
}

bool Timers::cancel(Id id) {
    Work dropped;  // goes after the lock: it may own the last reference to something
    const std::scoped_lock lock(mutex_);
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return false;
    dropped = std::move(found->second->second.work);
    schedule_.erase(found->second);
    by_id_.erase(found);
    return true;
}

std::optional<std::int64_t> Timers::run_due(std::int64_t now_ns) {
    std::unique_lock lock(mutex_);
    while (!schedule_.empty() && schedule_.begin()->first <= now_ns) {
        Work work = std::move(schedule_.begin()->second.work);
        by_id_.erase(schedule_.begin()->second.id);
        schedule_.erase(schedule_.begin());
        lock.unlock();
        work();
        work = nullptr;
        lock.lock();
    }
    if (schedule_.empty()) return std::nullopt;
    return schedule_.begin()->first;
}

}  // namespace soho::host
