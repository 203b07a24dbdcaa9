#include "host/session/session.hpp"

#include <fmt/format.h>

namespace soho::host {

Result<void> Session::hold(const ObjectPtr& object) {
    const std::scoped_lock lock(mutex_);
    const auto found = references_.find(object->id());
    if (found != references_.end()) {
        ++found->second.count;
        return {};
    }
    if (references_.size() >= limits().handles_max) {
        hit(&Limits::handles_max);
        return refuse(
            Code::limit,
            fmt::format("this session refers to {} objects already (handles): release some first", references_.size()));
    }
    references_.emplace(object->id(), Reference{object, 1});
    return {};
}

std::uint64_t Session::release(std::uint64_t id, std::uint64_t count) {
    ObjectPtr dropped;  // goes after the lock
    const std::scoped_lock lock(mutex_);
    const auto found = references_.find(id);
    if (found == references_.end()) return 0;
    const std::uint64_t given_back = std::min(count, found->second.count);
    found->second.count -= given_back;
    if (found->second.count == 0) {
        dropped = std::move(found->second.object);
        references_.erase(found);
    }
    return given_back;
}

ObjectPtr Session::find(std::uint64_t id) const {
    const std::scoped_lock lock(mutex_);
    const auto found = references_.find(id);
    return found == references_.end() ? nullptr : found->second.object;
}

void Session::drop(std::uint64_t id) { release(id, UINT64_MAX); }

Session::References Session::take_all() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(references_, {});
}

std::vector<Session::Held> Session::held() const {
    const std::scoped_lock lock(mutex_);
    std::vector<Held> held;
    for (const auto& [id, reference] : references_) held.push_back({id, reference.count});
    return held;
}

std::size_t Session::size() const {
    const std::scoped_lock lock(mutex_);
    return references_.size();
}

std::uint64_t Session::references() const {
    const std::scoped_lock lock(mutex_);
    std::uint64_t sum = 0;
    for (const auto& [id, reference] : references_) sum += reference.count;
    return sum;
}

}  // namespace soho::host
