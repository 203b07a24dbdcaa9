#pragma once
// Which objects of a plugin can move to the version that takes its place, and which only together.

#include "host/registry/plugin.hpp"

#include <map>
#include <set>
#include <string>

namespace soho::host {

// Whether an object of the one that becomes one of the other is called in the turn that it has.
bool keeps_its_turn(const Type& before, const Type& after);

// What the types of two versions of a plugin have to do with each other. Objects of one version cannot be arguments of the other's methods:
// classes whose objects meet so move together, or not at all. What has no turn meets nobody in one: then not at all.
class MovePlan {
public:
    // Both must outlive it.
    MovePlan(const Plugin& before, const Plugin& after);

    bool knows(const Type& type) const { return why_not_.contains(&type); }
    // Empty if it can. Of a type that it knows.
    const std::string& why_not_movable(const Type& type) const { return why_not_.find(&type)->second; }
    bool has_any() const;
    // What stands for all the classes that this one's objects meet; null: they are by themselves.
    const void* meeting_of(const Type& type) const {
        return meeting_.contains(type.class_key) ? lead_of(type.class_key) : nullptr;
    }
    TypePtr after(const Type& type) const { return after_.find_local(type.local_id); }

private:
    std::string why_not(const Type& type) const;
    void unite_arguments(const void* class_key, const Signature& signature);
    void unite_named(const void* class_key, std::string_view name);
    void unite_with_all(const void* class_key);
    void unite(const void* one, const void* other);
    bool unite_what_is_given();
    void forbid_where_concurrent();
    const void* lead_of(const void* class_key) const;

    const Plugin& before_;
    const Plugin& after_;
    std::map<const Type*, std::string> why_not_;
    std::map<const void*, const void*> lead_;  // of each class: another that it meets, or itself
    std::set<const void*> meeting_;
};

}  // namespace soho::host
