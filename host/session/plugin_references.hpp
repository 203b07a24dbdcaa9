#pragma once
// The references that plugins hold (ObjectRef in C++): object on object, or plugin on object.

#include "host/object/object.hpp"

#include <map>

namespace soho::host {

// Thread-safe.
class PluginReferences {
public:
    struct Holder {
        const Plugin* plugin;
        std::uint64_t holder;  // an object's id, or 0 for the plugin as a whole
        std::uint64_t object;

        auto operator<=>(const Holder&) const = default;
    };

    void retain(const Plugin* plugin, std::uint64_t holder, const ObjectPtr& object);
    // The object, if this was the last reference of that holder: for the caller to drop. Null else.
    ObjectPtr release(const Plugin* plugin, std::uint64_t holder, std::uint64_t object);
    // Takes the object away from all holders (soho.drop).
    void drop(std::uint64_t object);

    // Takes everything from everybody: where the host ends, circles go as well.
    void clear();

    std::vector<Holder> all() const;

private:
    struct Reference {
        ObjectPtr object;
        std::uint64_t count = 0;
    };

    mutable std::mutex mutex_;
    std::map<Holder, Reference> references_;
};

}  // namespace soho::host
