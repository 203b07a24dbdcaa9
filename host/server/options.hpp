#pragma once
// What a server is told: the config's words for it, without anything that serves.

#include "host/server/tls.hpp"
#include "host/session/access.hpp"
#include "host/session/allowance.hpp"

#include <soho/wire/address.hpp>
#include <soho/wire/message.hpp>
#include <soho/wire/spin.hpp>

namespace soho::host {

struct ListenerOptions {
    std::string address;
    bool insecure_no_login = false;   // TCP clients are served though nothing says who they are
    bool insecure_plaintext = false;  // TCP beyond loopback without TLS
    std::string errors = "string";    // or "full": for clients that never say hello
    std::string
        socket_mode;  // of a Unix socket, in octal; empty: its owner's alone, and its group's if it is given one
    std::string socket_group;
    LimitOverrides limits;  // of its connections

    wire::ErrorForm error_form() const { return errors == "full" ? wire::ErrorForm::full : wire::ErrorForm::string; }
};

// Who may come in, and do what: all of it can change while the host runs.
struct SecurityOptions {
    std::string keys_file, tokens_file;  // empty: none
    TlsOptions tls;
    std::vector<AccessRule> access;
};

struct ServerOptions {
    // None: at the sockets that a service manager passes, else at the user's own.
    std::vector<ListenerOptions> listeners;
    ListenerOptions listener;  // for those; without an address
    std::size_t reactors = 0;  // 0: one for each CPU
    std::int64_t spin_us =
        wire::SpinBudget::default_us;  // how long they may look for requests before they sleep; 0: not at all
    std::string metrics;               // the address to serve them at; empty: nowhere
    bool insecure_metrics = false;     // … even beyond loopback
    SecurityOptions security;
    Limits limits;
    std::map<std::string, LimitOverrides, std::less<>> principals;  // what is different for some, by name
    std::int64_t drain_ms = 5'000;                                  // how long running calls may take at the end

    ListenerOptions listener_at(const wire::Address& address) const;
    LimitRules limit_rules() const;
};

// What stands for a listener's address where the other end of a connection is a worker's, or a worker's host.
inline constexpr std::string_view worker_listener = "worker";

}  // namespace soho::host
