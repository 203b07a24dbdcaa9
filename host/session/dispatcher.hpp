#pragma once
// From a request to a running method: checks the arguments, and runs the call here and now where its turn is free, else queues
// it.

#include "host/session/control.hpp"
#include "host/session/resolve.hpp"

namespace soho::host {

class Dispatcher {
public:
    explicit Dispatcher(Services& services) : services_(services), control_(services) {}

    // Exactly one reply, now or later, for a request that wants one.
    void dispatch(Caller& caller, const wire::Request& request, Seat& seat) const;

private:
    Result<void> start(Caller& caller, const wire::Request& request, Resolved& what, Seat& seat) const;
    Result<void> try_start(Caller& caller, const wire::Request& request, Resolved& what, Seat& seat,
                           bool& is_stale) const;
    Result<void> start_anew(Caller& caller, const wire::Request& request, Resolved& what, Seat& seat) const;
    Result<void> make_ready(Caller& caller, Resolved& what, BoundArguments& bound, std::vector<Turn*>& turns,
                            Seat& seat) const;
    bool open_instead(Caller& caller, const wire::Request& request, Resolved& what, Seat& seat) const;
    Result<void> resolve_handles(Caller& caller, Resolved& what, Seat& seat) const;
    Result<void> run_here(Caller& caller, const wire::Request& request, const Resolved& what,
                          const BoundArguments& arguments, Seat& seat) const;
    Result<void> reply_with_instance(Caller& caller, const wire::Request& request, const Resolved& what,
                                     Invocation& invocation, Seat& seat) const;
    void tell(const Invocation& invocation, std::int64_t took_ns, Code code) const;
    Result<void> run_later(Caller& caller, const wire::Request& request, const Resolved& what,
                           const BoundArguments& arguments, const std::vector<Turn*>& argument_turns, Seat& seat) const;

    Services& services_;
    Control control_;
};

}  // namespace soho::host
