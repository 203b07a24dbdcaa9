#include "host/session/rights.hpp"

#include "host/registry/suggest.hpp"

#include <fmt/format.h>

namespace soho::host {

namespace {

// Names are looked up only for those whose rules speak of them.
Subject subject_of(Caller& caller, const Object& object) {
    Subject subject{object.type().type_id};
    if (caller.access().grants().ask_for_names()) subject.names = caller.services().names.names_of(object.id());
    return subject;
}

tl::unexpected<Error> denied(const Caller& caller, std::string_view what) {
    return refuse(Code::denied, fmt::format("{} may not {}", caller.principal().name, what));
}

}  // namespace

bool may_know(Caller& caller, const Type& type) { return caller.access().grants().know({type.type_id}); }

bool may_know(Caller& caller, const Object& object) {
    const Grants& grants = caller.access().grants();
    return grants.everywhere(right_call) || grants.know(subject_of(caller, object));
}

Result<void> check_call(Caller& caller, const Object& object, const Method& method) {
    const auto names = [&] { return caller.services().names.names_of(object.id()); };
    if (caller.access().may_call(object.type(), method, names)) return success();
    return denied(caller, fmt::format("call {}.{}", object.type().type_id, method.name));
}

Result<void> check_right(Caller& caller, std::uint32_t right, const Object& object, std::string_view what) {
    const Grants& grants = caller.access().grants();
    if (grants.everywhere(right) || grants.find(right, subject_of(caller, object)) != nullptr) return {};
    return denied(caller, fmt::format("{} a {}", what, object.type().type_id));
}

Result<void> check_publish(Caller& caller, const Object& object, std::string_view name) {
    const Grants& grants = caller.access().grants();
    const Subject subject{object.type().type_id, {std::string(name)}};
    if (grants.everywhere(right_publish) || grants.find(right_publish, subject) != nullptr) return {};
    return denied(caller, fmt::format("publish a {} as \"{}\"", object.type().type_id, name));
}

Result<void> check_provide(Caller& caller, std::string_view type_id) {
    const Grants& grants = caller.access().grants();
    if (grants.everywhere(right_provide) || grants.find(right_provide, {type_id}) != nullptr) return {};
    return denied(caller, fmt::format("provide a {}", type_id));
}

Result<void> check_create(Caller& caller, const Type& type, std::string_view published_as) {
    const Grants& grants = caller.access().grants();
    const auto may = [&](std::uint32_t right, const Subject& subject) {
        return grants.everywhere(right) || grants.find(right, subject) != nullptr;
    };
    if (!may(right_create, {type.type_id})) return denied(caller, fmt::format("create a {}", type.type_id));
    if (published_as.empty() || may(right_publish, {type.type_id, {std::string(published_as)}})) return {};
    return denied(caller, fmt::format("publish a {}", type.type_id));
}

Error no_name(Caller& caller, std::string_view name) {
    const Grants& grants = caller.access().grants();
    return caller.services().names.no_name(name, [&](const std::string& other, const Names::Entry& entry) {
        return grants.know({entry.object->type().type_id, {other}});
    });
}

Error no_type(Caller& caller, std::string_view type_id) {
    return caller.services().registry.snapshot()->no_type(type_id,
                                                          [&](const Type& type) { return may_know(caller, type); });
}

Result<void> check_admitted(Caller& caller) {
    if (!caller.access().grants().none()) return {};
    if (!caller.identified())
        return refuse(Code::unauthenticated, "log in first: soho.hello, then soho.auth with a key or a token");
    return refuse(Code::denied, fmt::format("{} has no rights here: an [[access]] rule in the host's config gives them",
                                            caller.principal().name));
}

}  // namespace soho::host
