#pragma once
// soho.auth: how a connection that nobody knows yet becomes a principal's (PROTOCOL.md, 3).

#include "host/session/control.hpp"
#include "host/session/credentials.hpp"

#include <optional>

namespace soho::host {

// What a connection remembers of its hello until it has logged in.
struct LoginState {
    struct Join {
        std::uint64_t session;
        Session::Secret secret;
    };

    std::string client;
    std::optional<Join> join;
    std::optional<wire::Nonce> client_nonce;
    wire::Nonce host_nonce{};
    unsigned failures = 0;
};

// The mechanisms that this peer may use, best first.
std::vector<std::string_view> mechanisms_for(const Caller& caller);

// Opens the session, or joins the one that hello named. Fails as SessionTable::join does.
Result<void> begin_session(Caller& caller, std::string_view client, const std::optional<LoginState::Join>& join);

Result<void> authenticate(Control::Context& context);

}  // namespace soho::host
