#include "host/session/hello.hpp"

#include "host/session/login.hpp"
#include "host/session/params.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace soho::host {

using data::Kind;
using data::Reader;
using data::Token;

namespace {

constexpr std::string_view feature_draining = "draining";

struct Hello {
    std::uint64_t proto = 0;  // 0: not said
    std::string_view client;
    wire::ErrorForm errors = wire::ErrorForm::string;
    wire::HandleForm handles = wire::HandleForm::map;
    std::optional<LoginState::Join> join;
    std::optional<wire::Nonce> nonce;
    bool draining = false;  // the feature
    bool login = false;     // a soho.auth will come, whoever the host takes the client for
};

bool read_join(data::Bytes value, Hello& hello) {
    Reader reader(value);
    Token array, session, secret;
    if (!reader.next(array) || array.kind != Kind::array || array.size != 2 || !reader.next(session) ||
        session.kind != Kind::unsigned_integer || !reader.next(secret) || secret.kind != Kind::binary) {
        return false;
    }
    LoginState::Join& join = hello.join.emplace();
    join.session = session.unsigned_value;
    const data::Bytes bytes = secret.bytes();
    if (bytes.size() != join.secret.size()) join.session = 0;  // no session has that number, nor such a secret
    std::copy_n(bytes.begin(), std::min(bytes.size(), join.secret.size()), join.secret.begin());
    return true;
}

// Those that are not known are left to later versions.
bool read_features(data::Bytes value, Hello& hello) {
    Reader reader(value);
    Token array, feature;
    if (!reader.next(array) || array.kind != Kind::array) return false;
    for (std::uint32_t i = 0; i < array.size; ++i) {
        if (!reader.next(feature) || feature.kind != Kind::string) return false;
        if (feature.text() == feature_draining) hello.draining = true;
    }
    return true;
}

// What is wrong with this key's value, or nullptr. Keys that are not known are left to later versions.
const char* read_key(std::string_view key, const Token& token, data::Bytes value, Hello& hello) {
    const bool is_text = token.kind == Kind::string;
    if (key == "proto") {
        if (token.kind != Kind::unsigned_integer) return "an unsigned integer";
        hello.proto = token.unsigned_value;
    } else if (key == "client") {
        if (!is_text) return "a string";
        hello.client = token.text();
    } else if (key == "errors") {
        if (!is_text || (token.text() != "string" && token.text() != "full")) return "\"string\" or \"full\"";
        hello.errors = token.text() == "full" ? wire::ErrorForm::full : wire::ErrorForm::string;
    } else if (key == "handles") {
        if (!is_text || (token.text() != "map" && token.text() != "ext")) return "\"map\" or \"ext\"";
        hello.handles = token.text() == "ext" ? wire::HandleForm::ext : wire::HandleForm::map;
    } else if (key == "features") {
        if (!read_features(value, hello)) return "an array of strings";
    } else if (key == "nonce") {
        if (token.kind != Kind::binary || token.bytes().size() != wire::nonce_size) return "a binary of 32 bytes";
        std::copy_n(token.bytes().begin(), wire::nonce_size, hello.nonce.emplace().begin());
    } else if (key == "login") {
        if (token.kind != Kind::boolean) return "true or false";
        hello.login = token.unsigned_value != 0;
    } else if (key == "join") {
        if (!read_join(value, hello)) return "[session, secret]";
    }
    return nullptr;
}

Result<Hello> read_hello(data::Bytes param) {
    Reader reader(param);
    Token map;
    if (!reader.next(map) || map.kind != Kind::map)
        return bad_arguments(fmt::format("soho.hello takes a map, not {}", kind_name(map.kind)));
    Hello hello;
    for (std::uint32_t pair = 0; pair < map.size; ++pair) {
        Token key;
        if (!reader.next(key) || key.kind != Kind::string) return bad_arguments("soho.hello: the keys must be strings");
        const data::Bytes value = reader.take_value();
        if (const char* wanted = read_key(key.text(), first_token(value), value, hello))
            return bad_arguments(fmt::format("soho.hello: \"{}\" must be {}", key.text(), wanted));
    }
    if (hello.proto == 0) {
        return refuse(Code::protocol, fmt::format("soho.hello lacks \"proto\", the protocol's number: {} for this host",
                                                  wire::protocol_version));
    }
    if (hello.proto != wire::protocol_version) {
        return refuse(Code::protocol,
                      fmt::format("this host speaks protocol {}, the client asks for {}: use a client for protocol {}",
                                  wire::protocol_version, hello.proto, wire::protocol_version));
    }
    return hello;
}

void write_limits(const Limits& limits, wire::Out& out) {
    const std::pair<std::string_view, std::size_t> entries[] = {{"frame_bytes", limits.frame_bytes_max},
                                                                {"depth", limits.depth_max},
                                                                {"items", limits.items_max},
                                                                {"calls", limits.calls_running_max},
                                                                {"waiting", limits.calls_waiting_max},
                                                                {"handles", limits.handles_max}};
    out.map(std::size(entries));
    for (const auto& [name, value] : entries) {
        out.string(name);
        out.unsigned_integer(value);
    }
}

}  // namespace

Result<void> hello(Control::Context& context) {
    Caller& caller = context.caller;
    if (!caller.first_request())
        return refuse(Code::protocol, "soho.hello must be the first request of a connection, and its only one");
    const auto hello = read_hello(context.params[0]);
    if (!hello) return tl::unexpected<Error>(hello.error());
    const wire::Nonce nonce = wire::random_nonce();
    const auto mechanisms = mechanisms_for(caller);
    // Who has no rights as it is, or asks for it, gets its session with the login.
    const bool later = !mechanisms.empty() && (hello->login || !caller.admitted());
    if (later) {
        LoginState& login = caller.login();
        login.client = hello->client;
        login.join = hello->join;
        login.client_nonce = hello->nonce;
        login.host_nonce = nonce;
    } else if (caller.identified()) {
        if (auto begun = begin_session(caller, hello->client, hello->join); !begun) return begun;
    }
    caller.replies().set_forms(hello->errors, hello->handles);

    wire::Out& out = context.out;
    out.map(caller.has_session() ? 11 : 9);
    out.string("proto");
    out.unsigned_integer(wire::protocol_version);
    out.string("host");
    out.string(host_name);
    out.string("instance");
    out.string(context.services.instance);
    if (caller.has_session()) {
        out.string("session");
        out.unsigned_integer(caller.session()->id());
        out.string("secret");
        out.binary(caller.session()->secret());
    }
    out.string("features");
    out.array(hello->draining ? 1 : 0);
    if (hello->draining) out.string(feature_draining);
    out.string("limits");
    write_limits(caller.limits(), out);
    out.string("nonce");
    out.binary(nonce);
    out.string("mechs");
    out.array(mechanisms.size());
    for (const std::string_view mechanism : mechanisms) out.string(mechanism);
    out.string("authenticated");
    out.boolean(caller.has_session());
    out.string("principal");
    out.string(caller.principal().name);
    if (hello->draining) caller.ask_for_draining();
    if (context.services.objects.draining.load(std::memory_order_relaxed)) caller.tell_draining();
    return {};
}

}  // namespace soho::host
