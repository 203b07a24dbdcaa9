#include "host/session/login.hpp"

#include "host/session/params.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace soho::host {

using data::Kind;

namespace {

constexpr unsigned failures_max = 3;

Result<data::Token> take(const Control::Context& context, std::size_t index, Kind kind, std::string_view what) {
    const data::Token token = index < context.params.size() ? first_token(context.params[index]) : data::Token{};
    if (index < context.params.size() && token.kind == kind) return token;
    return bad_arguments(fmt::format("soho.auth: {} must be a {}", what, kind == Kind::binary ? "binary" : "string"));
}

bool offers(const Caller& caller, std::string_view mechanism) {
    const auto mechanisms = mechanisms_for(caller);
    return std::find(mechanisms.begin(), mechanisms.end(), mechanism) != mechanisms.end();
}

// One that nobody has, so that an unknown name takes as long as a wrong proof.
data::Bytes nobodys_key() {
    static const wire::Nonce key = wire::random_nonce();
    return key;
}

struct LoggedIn {
    Principal principal;
    std::optional<wire::Proof> proof;  // the host's own
};

// Fails with bad_arguments for a malformed request; nullopt for a key or proof that is wrong.
Result<std::optional<LoggedIn>> by_key(const Control::Context& context, const LoginState& state) {
    const auto name = take(context, 1, Kind::string, "the key's name");
    if (!name) return tl::unexpected<Error>(name.error());
    const auto proof = take(context, 2, Kind::binary, "the proof");
    if (!proof) return tl::unexpected<Error>(proof.error());
    if (!state.client_nonce)
        return refuse(Code::protocol, "soho.auth with a key comes after a soho.hello with a \"nonce\" of 32 bytes");
    const auto secrets = context.services.credentials.get();
    const auto found = std::find_if(secrets->keys.begin(), secrets->keys.end(),
                                    [&](const wire::Secret& key) { return key.name == name->text(); });
    const bool known = found != secrets->keys.end();
    const data::Bytes key = known ? data::as_bytes(found->bytes) : nobodys_key();
    const wire::LoginContext bound{*state.client_nonce, state.host_nonce, data::as_bytes(context.caller.peer().channel),
                                   name->text()};
    const bool right = wire::same_secret(wire::login_proof(wire::LoginSide::client, key, bound), proof->bytes());
    if (!known || !right) return std::optional<LoggedIn>();
    return std::optional(
        LoggedIn{{fmt::format("key:{}", found->name)}, wire::login_proof(wire::LoginSide::host, key, bound)});
}

Result<std::optional<LoggedIn>> by_token(const Control::Context& context) {
    const auto given = take(context, 1, Kind::string, "the token");
    if (!given) return tl::unexpected<Error>(given.error());
    std::optional<LoggedIn> logged_in;
    const auto secrets = context.services.credentials.get();
    for (const wire::Secret& token : secrets->tokens) {  // all of them, so that the time tells nothing
        if (wire::same_secret(data::as_bytes(token.bytes), data::as_bytes(given->text())))
            logged_in = LoggedIn{{fmt::format("token:{}", token.name)}, {}};
    }
    return logged_in;
}

Error wrong_login(Control::Context& context, LoginState& state) {
    const Caller& caller = context.caller;
    context.services.log.session.warn("a login from {} failed ({} of {})", caller.peer().from, ++state.failures,
                                      failures_max);
    if (state.failures >= failures_max) context.caller.end("too many failed logins");
    return Error(Code::unauthenticated, "no such key or token, or the proof is wrong");
}

}  // namespace

std::vector<std::string_view> mechanisms_for(const Caller& caller) {
    std::vector<std::string_view> mechanisms;
    const auto secrets = caller.services().credentials.get();
    if (!secrets->keys.empty()) mechanisms.push_back(wire::key_mechanism);
    if (!secrets->tokens.empty() && caller.peer().is_private) mechanisms.push_back(wire::token_mechanism);
    return mechanisms;
}

Result<void> begin_session(Caller& caller, std::string_view client, const std::optional<LoginState::Join>& join) {
    SessionTable& sessions = caller.services().sessions;
    if (!join) {
        caller.set_session(sessions.open(caller.principal(), std::string(client), caller.allowance()));
        return {};
    }
    auto joined = sessions.join(join->session, join->secret, caller.principal());
    if (!joined) return tl::unexpected<Error>(joined.error());
    caller.set_session(*std::move(joined));
    return {};
}

Result<void> authenticate(Control::Context& context) {
    Caller& caller = context.caller;
    if (caller.has_session())
        return refuse(Code::protocol,
                      fmt::format("this connection is {}'s already: log in right after soho.hello, with "
                                  "\"login\": true in it where the host knows you anyway",
                                  caller.principal().name));
    const auto mechanism = take(context, 0, Kind::string, "the mechanism");
    if (!mechanism) return tl::unexpected<Error>(mechanism.error());
    if (!offers(caller, mechanism->text())) {
        return refuse(Code::unauthenticated,
                      fmt::format("this host takes no login by \"{}\" here: soho.hello lists what it takes (mechs)",
                                  mechanism->text()));
    }
    LoginState& state = caller.login();
    auto logged_in = mechanism->text() == wire::key_mechanism ? by_key(context, state) : by_token(context);
    if (!logged_in) return tl::unexpected<Error>(logged_in.error());
    if (!*logged_in) return tl::unexpected<Error>(wrong_login(context, state));

    caller.log_in((*logged_in)->principal);
    if (auto counted = caller.count_connection(); !counted) {
        caller.end("its principal has too many connections");
        return counted;
    }
    if (auto begun = begin_session(caller, state.client, state.join); !begun) return begun;
    const auto& proof = (*logged_in)->proof;
    const Session& session = *caller.session();
    context.services.log.session.info("session {}: {} logged in from {}", session.id(), caller.principal().name,
                                      caller.peer().from);
    wire::Out& out = context.out;
    out.map(proof ? 4 : 3);
    out.string("principal");
    out.string(caller.principal().name);
    out.string("session");
    out.unsigned_integer(session.id());
    out.string("secret");
    out.binary(session.secret());
    if (proof) {
        out.string("proof");
        out.binary(*proof);
    }
    caller.forget_login();
    return {};
}

}  // namespace soho::host
