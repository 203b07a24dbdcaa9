// soho.hello, the first request of every connection, and soho.auth.
#include "connection.hpp"

#include <soho/client/options.hpp>
#include <soho/wire/login.hpp>

#include <fmt/format.h>
#include <algorithm>

namespace soho::client {

namespace {

// Calls `entry` with each key and value of a map; false where it is none, or `entry` says so.
template <class Entry>
bool read_map(data::Reader& in, Entry entry) {
    data::Token map;
    if (!in.next(map) || map.kind != data::Kind::map) return false;
    for (std::uint32_t i = 0; i < map.size; ++i) {
        data::Token key;
        if (!in.next(key) || key.kind != data::Kind::string) return false;
        data::Reader value(in.take_value());
        if (!entry(key.text(), value)) return false;
    }
    return true;
}

bool read_bytes(data::Reader& value, std::string& bytes) {
    data::Token token;
    if (!value.next(token) || token.kind != data::Kind::binary) return false;
    bytes = token.text();
    return true;
}

[[noreturn]] void refuse_login(std::string why) { throw CallError(Failure(CallCode::unauthenticated, std::move(why))); }

wire::Secret read_secret(const std::string& file, const std::string& name, Result<std::vector<wire::Secret>> secrets) {
    if (!secrets) refuse_login(secrets.error().text);
    if (name.empty()) return secrets->front();
    const auto found =
        std::find_if(secrets->begin(), secrets->end(), [&](const wire::Secret& secret) { return secret.name == name; });
    if (found == secrets->end()) refuse_login(fmt::format("{} has no key \"{}\"", file, name));
    return *found;
}

struct Proof final : Receiver {
    bool receive(data::Bytes result, ResultContext& context) override {
        data::Reader in(result);
        const auto entry = [&](std::string_view key, data::Reader& value) {
            return key != "proof" || read_bytes(value, bytes);
        };
        return read_map(in, entry) || context.refuse("a login that is no map");
    }
    std::string bytes;
};

}  // namespace

struct Connection::Welcome final : Receiver {
    bool receive(data::Bytes result, ResultContext& context) override {
        data::Reader in(result);
        const auto entry = [&](std::string_view key, data::Reader& value) {
            if (key == "proto") return data::decode_into(value, proto, context);
            if (key == "host") return data::decode_into(value, host, context);
            if (key == "authenticated") return data::decode_into(value, authenticated, context);
            if (key == "mechs") return data::decode_into(value, mechanisms, context);
            if (key == "nonce") return read_bytes(value, nonce);
            if (key != "limits") return true;
            return read_map(value, [&](std::string_view limit, data::Reader& number) {
                return limit != "frame_bytes" || data::decode_into(number, frame_bytes, context);
            });
        };
        return read_map(in, entry) || context.refuse("a hello that is no map");
    }
    bool offers(std::string_view mechanism) const {
        return std::find(mechanisms.begin(), mechanisms.end(), mechanism) != mechanisms.end();
    }

    unsigned proto = 0;
    std::string host;
    std::string nonce;
    std::vector<std::string> mechanisms;
    bool authenticated = true;
    std::size_t frame_bytes = 16u << 20;
};

// What the options say of logging in.
struct Connection::Login {
    explicit Login(const ConnectOptions& options) {
        if (!options.key_file.empty()) {
            secret = read_secret(options.key_file, options.key_name, wire::read_key_file(options.key_file));
            mechanism = wire::key_mechanism;
        } else if (!options.token_file.empty()) {
            secret = read_secret(options.token_file, options.key_name, wire::read_token_file(options.token_file));
            mechanism = wire::token_mechanism;
        }
    }
    bool wanted() const { return !mechanism.empty(); }

    wire::Secret secret;
    std::string_view mechanism;
    wire::Nonce nonce = wire::random_nonce();
};

// Sends a request, and has its result received; throws why not.
void Connection::ask(data::Buffer& frame, Receiver& receiver, Deadline until) {
    data::Buffer copy;
    Waiter waiter(&receiver, &copy);
    // The grace is for hosts that answer `deadline` by themselves; none does for these.
    const auto left = std::max<std::chrono::nanoseconds>(until - Clock::now() - grace, std::chrono::milliseconds(1));
    exchange(frame, waiter, left);
    if (waiter.failure) refuse_greeting(*waiter.failure);
}

// No call was made yet, so none of these says whether it ran.
void Connection::refuse_greeting(const Failure& failure) {
    if (failure.code == CallCode::deadline) throw CallError(Failure(failure.code, "it did not answer in time"));
    if (failure.code != CallCode::connection_lost) failure.raise();
    const std::lock_guard lock(mutex_);
    throw ConnectionLost(Failure(failure.code, why_lost_ + " before the login ended"));
}

void Connection::greet(const ConnectOptions& options, const wire::Address& address, Deadline until) {
    const Login login(options);
    data::Buffer frame;
    wire::Out out(frame);
    wire::begin_request(out, msgid_placeholder, "soho.hello");
    out.array(1);
    on_draining_ = options.on_draining;
    out.map(4 + (login.wanted() ? 2 : 0) + (on_draining_ ? 1 : 0));
    out.string("proto");
    out.unsigned_integer(wire::protocol_version);
    out.string("client");
    out.string(options.name.empty() ? "soho-cpp/" SOHO_SDK_VERSION : options.name + " (soho-cpp/" SOHO_SDK_VERSION ")");
    out.string("errors");
    out.string("full");
    out.string("handles");
    out.string("ext");
    if (on_draining_) {
        out.string("features");
        out.array(1);
        out.string("draining");
    }
    if (login.wanted()) {
        out.string("login");
        out.boolean(true);
        out.string("nonce");
        out.binary(login.nonce);
    }

    Welcome welcome;
    ask(frame, welcome, until);
    if (welcome.proto != wire::protocol_version) {
        throw CallError(Failure(CallCode::protocol, welcome.host + " speaks protocol " + std::to_string(welcome.proto) +
                                                        ", this client " + std::to_string(wire::protocol_version)));
    }
    // On a Unix socket the system says who is at either end; elsewhere a host that asks for no login may not be the host.
    const bool must =
        !welcome.authenticated || (login.wanted() && address.transport != wire::Address::Transport::unix_socket);
    if (login.wanted() && welcome.offers(login.mechanism)) {
        log_in(login, welcome, until);
    } else if (must && login.wanted()) {
        refuse_login(fmt::format("it takes no login by \"{}\" here", login.mechanism));
    } else if (must) {
        refuse_login("it wants a login: give a key (SOHO_KEY=FILE, --key FILE, or ConnectOptions::key_file)");
    }
    frame_bytes_max_ = welcome.frame_bytes;
}

void Connection::log_in(const Login& login, const Welcome& welcome, Deadline until) {
    const bool by_key = login.mechanism == wire::key_mechanism;
    const std::string channel = socket_.channel();
    const wire::LoginContext bound{login.nonce, data::as_bytes(welcome.nonce), data::as_bytes(channel),
                                   login.secret.name};
    const data::Bytes key = data::as_bytes(login.secret.bytes);
    data::Buffer frame;
    wire::Out out(frame);
    wire::begin_request(out, msgid_placeholder, "soho.auth");
    out.array(by_key ? 3 : 2);
    out.string(login.mechanism);
    if (by_key) {
        out.string(login.secret.name);
        out.binary(wire::login_proof(wire::LoginSide::client, key, bound));
    } else {
        out.string(login.secret.bytes);
    }
    Proof proof;
    ask(frame, proof, until);
    if (by_key && !wire::same_secret(wire::login_proof(wire::LoginSide::host, key, bound), data::as_bytes(proof.bytes)))
        refuse_login("it does not prove that it knows the key: it may be another host, or somebody between");
}

}  // namespace soho::client
