#pragma once
// What a client sent, as the plugin gets it: every described parameter in order, keywords and defaults filled in.

#include "host/object/object.hpp"

#include <soho/wire/codec.hpp>
#include <soho/wire/sound.hpp>

namespace soho::host {

// What is called: a method of a type, or the type's callable.
struct Callee {
    const Type& type;
    const Method* method = nullptr;

    const Signature& signature() const { return method != nullptr ? method->signature : type.signature; }
    // "Pair.set_x(x)" or "Pair(x, y=…)", for messages.
    std::string text() const;
};

inline std::uint32_t number_of(const Callee& callee) {
    return callee.method != nullptr ? callee.method->number : callee.type.create_number;
}

struct BoundArguments {
    data::Bytes args;    // a MessagePack array
    data::Bytes kwargs;  // further keywords, or empty
};

// Whether the arguments are what the plugin gets: every parameter by its place, and no keywords.
inline bool are_as_bound(const Callee& callee, data::Bytes args, data::Bytes kwargs) {
    const Signature& signature = callee.signature();
    const std::size_t given = wire::array_header(args).size, most = signature.parameters.size();
    return kwargs.empty() && (given == most || (given > most && !signature.args_name.empty()));
}

// `args` is a well-formed MessagePack array, `kwargs` a map or empty. What must be written anew goes to `scratch`; the result
// borrows from there or from the arguments. Fails with Code::bad_arguments.
Result<BoundArguments> bind_arguments(const Callee& callee, data::Bytes args, data::Bytes kwargs,
                                      data::Buffer& scratch);

// What the handles in a call's arguments mean: sorted by id, each once, for a call may carry very many of them.
void sort_objects(std::vector<ObjectPtr>& objects);
// Null if it is not among them.
const ObjectPtr* find_object(const std::vector<ObjectPtr>& sorted, std::uint64_t id);

// The turns that the call needs besides its target's, for bound arguments of a signature that takes objects. `objects` are
// those that the arguments' handles mean, sorted. Fails where one is of another class than declared.
Result<std::vector<Turn*>> argument_turns(const Callee& callee, data::Bytes args,
                                          const std::vector<ObjectPtr>& objects);

}  // namespace soho::host
