#pragma once
// From a request to a method: finds the object and the method, checks rights and arguments, and runs the call where it may run.

#include "host/session/caller.hpp"
#include "host/session/control.hpp"
#include "host/session/options.hpp"

namespace soho::host {

class Dispatcher {
public:
    explicit Dispatcher(Services& services) : services_(services), control_(services) {}

    // Exactly one reply, now or later, for a request that wants one.
    void dispatch(Caller& caller, const wire::Request& request, Seat& seat) const;

private:
    // What is to be called, resolved; borrows from the request and the seat.
    struct Resolved {
        ObjectPtr target;  // of a method
        TypePtr type;      // of a create
        const Method* method = nullptr;
        RequestOptions options;
        std::string_view name;      // create: publish it so
        std::int64_t deadline_ns = 0;

        Callee callee() const { return {target != nullptr ? target->type() : *type, method}; }
    };
    class Inline;

    void call_target(Caller& caller, const wire::Request& request, Seat& seat) const;
    void call_name(Caller& caller, const wire::Request& request, Seat& seat) const;
    void create(Caller& caller, const wire::Request& request, Seat& seat) const;
    void create_named(Caller& caller, const wire::Request& request, Resolved what, data::Bytes args, Seat& seat) const;

    void run(Caller& caller, const wire::Request& request, Resolved what, data::Bytes args, Seat& seat) const;
    void run_here(Caller& caller, const wire::Request& request, const Resolved& what, const BoundArguments& arguments, Seat& seat) const;
    void run_later(Caller& caller, const wire::Request& request, const Resolved& what, const BoundArguments& arguments, const std::vector<Turn*>& argument_turns,
                   Seat& seat) const;
    Result<data::Bytes> resolve_handles(Caller& caller, const wire::Request& request, data::Bytes args, RequestOptions& options, Seat& seat) const;

    Services& services_;
    Control control_;
};

// The object that a target (an id, a handle or a name) means to this caller.
Result<ObjectPtr> find_target(Caller& caller, data::Bytes target);

}  // namespace soho::host
