#include "host/object/move_plan.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cctype>
#include <iterator>
#include <string_view>
#include <vector>

namespace soho::host {

namespace {

// The names in a word for a type (ABI.md, 11), but for those of values that are no objects and have none in them.
std::vector<std::string_view> names_in(std::string_view word) {
    constexpr std::string_view plain[] = {"nil",   "bool",   "int8",    "int16",  "int32",   "int64",
                                          "uint8", "uint16", "uint32",  "uint64", "float32", "float64",
                                          "str",   "bytes",  "seconds", "list",   "map",     "tuple"};
    const auto is_letter = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.' || c == ':'; };
    std::vector<std::string_view> names;
    for (auto at = word.begin(); at != word.end();) {
        const auto begin = std::find_if(at, word.end(), is_letter);
        at = std::find_if_not(begin, word.end(), is_letter);
        const std::string_view name(begin, at);
        if (!name.empty() && std::find(std::begin(plain), std::end(plain), name) == std::end(plain))
            names.push_back(name);
    }
    return names;
}

}  // namespace

bool keeps_its_turn(const Type& before, const Type& after) {
    return !before.concurrent() && !after.concurrent() && before.per_plugin() == after.per_plugin();
}

MovePlan::MovePlan(const Plugin& before, const Plugin& after) : before_(before), after_(after) {
    for (const auto& type : before.types()) {
        why_not_[type.get()] = why_not(*type);
        lead_.emplace(type->class_key, type->class_key);
    }
    for (const auto& type : before.types()) {
        for (const Method* method : type->exposed.all()) unite_arguments(type->class_key, method->signature);
        // Other callables wait for the end of the moves.
        if (type->concurrent()) unite_arguments(type->class_key, type->signature);
    }
    forbid_where_concurrent();
    while (unite_what_is_given()) forbid_where_concurrent();
}

bool MovePlan::has_any() const {
    return std::any_of(why_not_.begin(), why_not_.end(), [](const auto& type) { return type.second.empty(); });
}

std::string MovePlan::why_not(const Type& type) const {
    const TypePtr same = after_.find_local(type.local_id);
    if (!type.state) return fmt::format("type {} offers no state", type.type_id);
    if (same == nullptr) return fmt::format("version {} has no type {}", after_.version(), type.type_id);
    if (!same->state) return fmt::format("version {} of type {} offers no state", after_.version(), type.type_id);
    if (type.concurrent() || same->concurrent()) return fmt::format("type {} is concurrent", type.type_id);
    if (!keeps_its_turn(type, *same))
        return fmt::format("type {} has other turns in version {}", type.type_id, after_.version());
    return {};
}

// ---- who meets whom

void MovePlan::unite_arguments(const void* class_key, const Signature& signature) {
    if (!signature.args_name.empty() || !signature.kwargs_name.empty()) unite_with_all(class_key);
    for (const Parameter& each : signature.parameters) {
        if (each.object()) {
            if (lead_.contains(each.class_key)) unite(class_key, each.class_key);
        } else if (each.type.empty()) {
            unite_with_all(class_key);
        } else {
            for (const std::string_view name : names_in(each.type)) unite_named(class_key, name);
        }
    }
}

// A name of no class of the plugin's is that of what may have any object in it: any value, an extension, a struct.
void MovePlan::unite_named(const void* class_key, std::string_view name) {
    bool is_class = false;
    for (const auto& type : before_.types()) {
        if (type->class_name != name && type->local_id != name) continue;
        unite(class_key, type->class_key);
        is_class = true;
    }
    if (!is_class) unite_with_all(class_key);
}

void MovePlan::unite_with_all(const void* class_key) {
    for (const auto& type : before_.types()) unite(class_key, type->class_key);
}

void MovePlan::unite(const void* one, const void* other) {
    meeting_.insert({one, other});
    lead_[lead_of(one)] = lead_of(other);
}

const void* MovePlan::lead_of(const void* class_key) const {
    while (lead_.find(class_key)->second != class_key) class_key = lead_.find(class_key)->second;
    return class_key;
}

// What stays may have what it gives, and go on giving that. False: nothing was left to unite.
bool MovePlan::unite_what_is_given() {
    bool united = false;
    for (const auto& type : before_.types()) {
        if (why_not_movable(*type).empty()) continue;
        for (const Method* method : type->exposed.all()) {
            const Type* const given = method->returns_type;
            if (given == nullptr || !why_not_movable(*given).empty()) continue;
            if (meeting_of(*type) != nullptr && meeting_of(*type) == meeting_of(*given)) continue;
            unite(type->class_key, given->class_key);
            united = true;
        }
    }
    return united;
}

void MovePlan::forbid_where_concurrent() {
    for (const auto& type : before_.types()) {
        if (!type->concurrent() || !meeting_.contains(type->class_key)) continue;
        for (auto& [other, why] : why_not_) {
            if (why.empty() && meeting_of(*other) == meeting_of(*type))
                why = fmt::format("it may be an argument for type {}, or come from there, and that is concurrent",
                                  type->type_id);
        }
    }
}

}  // namespace soho::host
