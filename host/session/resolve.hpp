#pragma once
// What a request wants called: the object or the type, the method, the arguments, the options.

#include "host/object/invocation.hpp"
#include "host/object/names.hpp"
#include "host/session/caller.hpp"
#include "host/session/options.hpp"

namespace soho::host {

// What a request is, by its method: soho.call, soho.create, another of the host's own, or NAME.METHOD.
enum class Verb : std::uint8_t { call, create, control, named };
inline Verb verb_of(std::string_view method) {
    if (!method.starts_with("soho.")) return Verb::named;
    return method == "soho.call" ? Verb::call : method == "soho.create" ? Verb::create : Verb::control;
}

// Borrows from its request, and from its seat.
struct Resolved {
    Resolved() {}  // as g++ zeroes at great length what has a constructor of its making

    const Object* target = nullptr;                    // of a method; kept by Seat::target
    TypePtr type;                                      // of a create
    const Method* method = nullptr;                    // exposed, or null for a create
    data::Bytes args, kw;                              // a MessagePack array, and a map or empty
    const RequestOptions* given = nullptr;             // which most requests have none of; kept by Seat::options
    NameClaimPtr claim{};                              // of a create that has reserved the name it takes
    std::int64_t deadline_ns = 0;                      // 0: none
    std::shared_ptr<const InheritedContext> parent{};  // of a provider's call on behalf of one that it serves

    const RequestOptions& options() const {
        static constexpr RequestOptions none;
        return given ? *given : none;
    }
    Callee callee() const { return {target != nullptr ? target->type() : *type, method}; }
    const Type& result_type() const { return method != nullptr ? *method->returns_type : *type; }
};

// soho.call, soho.create or NAME.METHOD, into a fresh `what`. Fails with the sentence that refuses the request; its options are there as
// far as it could be read.
Result<void> resolve(Caller& caller, const wire::Request& request, Verb verb, Resolved& what, Seat& seat);

// Whether it still is what it was when it was resolved: a reload may have moved the object, or taken the type's place. In its turn that stays.
inline bool is_current(const Resolved& what) {
    if (what.method == nullptr) return what.type->plugin->successor() == nullptr;
    return what.method->type == &what.target->type();
}
// Resolves again what is not. Fails with the sentence that refuses the request.
Result<void> resolve_anew(Caller& caller, Resolved& what, const Seat& seat);

// Where a type does not list a method, and no object can be asked for it.
Error why_no_method(const Type& type, std::string_view method);

// The object that a target (an id, a handle or a name) means to this caller.
Result<ObjectPtr> find_target(Caller& caller, data::Bytes target);

// The object that is published under a name that this caller may know.
Result<ObjectPtr> find_name(Caller& caller, std::string_view name);

// The object that a handle means to this caller: it must be of the type that the handle says.
Result<ObjectPtr> find_handle(Caller& caller, const wire::Handle& handle);

}  // namespace soho::host
