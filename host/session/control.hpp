#pragma once
// The host's own methods: soho.* but for soho.call and soho.create.

#include "host/session/caller.hpp"

namespace soho::host {

class Control {
public:
    explicit Control(Services& services) : services_(services) {}

    void run(Caller& caller, const wire::Request& request, Seat& seat) const;

    // The params of one request, taken apart, and where its result goes.
    struct Context {
        Services& services;
        Caller& caller;
        const wire::Request& request;
        Seat& seat;
        std::vector<data::Bytes> params;
        wire::Out& out;           // the reply is begun; a handler writes the result
        Undelivered undelivered;  // handles that it gave out
        bool later = false;       // it is replied later, and not by what is written to `out`
    };
    // Whom a method is for: anybody, those with any right at all (what they ask for is judged by itself), or admins.
    enum class Needs : std::uint8_t { nothing, admission, admin };
    using Handler = Result<void> (*)(Context&);
    struct Method {
        std::string_view name;
        Handler handler;
        Needs needs;
        std::uint32_t params_min;
        std::uint32_t params_max;
        std::string_view form;
    };

private:
    Services& services_;
};

}  // namespace soho::host
