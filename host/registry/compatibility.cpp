#include "host/registry/compatibility.hpp"

#include <fmt/format.h>

namespace soho::host {

namespace {

using Found = std::vector<std::string>;

// Whatever fitted the one must fit the other.
bool takes_all_of(const Signature& after, const Signature& before) {
    const bool takes_more = !after.args_name.empty();
    if (after.required > before.required) return false;
    if (after.parameters.size() < before.parameters.size() && !takes_more) return false;
    if (!before.args_name.empty() && !takes_more) return false;
    return before.kwargs_name.empty() || !after.kwargs_name.empty();
}

void compare_signatures(std::string_view callee, const Signature& before, const Signature& after, Found& found) {
    if (!takes_all_of(after, before))
        found.push_back(fmt::format("{} takes {}, and took {}", callee, after.text(), before.text()));
}

void compare_types(const Type& before, const Type& after, Found& found) {
    const std::string& name = before.type_id;
    if (before.version_major != after.version_major) {
        // Whoever checks versions is told by that, and nobody expects the rest to fit.
        found.push_back(fmt::format("type {} has the version {}.{}, and had {}.{}", name, after.version_major,
                                    after.version_minor, before.version_major, before.version_minor));
        return;
    }
    if (before.creatable() && !after.creatable())
        found.push_back(fmt::format("type {} cannot be created any more", name));
    if (before.creatable() && after.creatable()) compare_signatures(name, before.signature, after.signature, found);
    for (const Method* method : before.exposed.all()) {
        const Method* const same = after.exposed.find(method->name);
        const std::string callee = fmt::format("{}.{}", name, method->name);
        if (same == nullptr) {
            found.push_back(fmt::format("{} has gone", callee));
        } else {
            compare_signatures(callee, method->signature, same->signature, found);
        }
    }
}

}  // namespace

std::vector<std::string> incompatibilities(const Plugin& before, const Plugin& after) {
    Found found;
    for (const auto& type : before.types()) {
        const TypePtr same = after.find_local(type->local_id);
        if (same == nullptr) {
            found.push_back(fmt::format("type {} has gone", type->type_id));
        } else {
            compare_types(*type, *same, found);
        }
    }
    return found;
}

}  // namespace soho::host
