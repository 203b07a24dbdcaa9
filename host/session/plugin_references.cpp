#include "host/session/plugin_references.hpp"

namespace soho::host {

void PluginReferences::retain(const Plugin* plugin, std::uint64_t holder, const ObjectPtr& object) {
    const std::scoped_lock lock(mutex_);
    Reference& reference = references_[{plugin, holder, object->id()}];
    reference.object = object;
    ++reference.count;
}

ObjectPtr PluginReferences::release(const Plugin* plugin, std::uint64_t holder, std::uint64_t object) {
    const std::scoped_lock lock(mutex_);
    const auto found = references_.find({plugin, holder, object});
    if (found == references_.end() || --found->second.count != 0) return nullptr;
    ObjectPtr last = std::move(found->second.object);
    references_.erase(found);
    return last;
}

void PluginReferences::drop(std::uint64_t object) {
    std::vector<ObjectPtr> dropped;  // goes after the lock
    const std::scoped_lock lock(mutex_);
    for (auto at = references_.begin(); at != references_.end();) {
        if (at->first.object == object) {
            dropped.push_back(std::move(at->second.object));
            at = references_.erase(at);
        } else {
            ++at;
        }
    }
}

void PluginReferences::clear() {
    std::map<Holder, Reference> dropped;  // goes after the lock
    const std::scoped_lock lock(mutex_);
    dropped.swap(references_);
}

std::vector<PluginReferences::Holder> PluginReferences::all() const {
    const std::scoped_lock lock(mutex_);
    std::vector<Holder> holders;
    for (const auto& [holder, reference] : references_) holders.push_back(holder);
    return holders;
}

}  // namespace soho::host
