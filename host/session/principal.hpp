#pragma once
// Who a client is, and the rights there are.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace soho::host {

class Worker;

enum Right : std::uint32_t {
    right_create = 1u << 0,
    right_call = 1u << 1,
    right_share = 1u << 2,
    right_publish = 1u << 3,
    right_provide = 1u << 4,
    right_admin = 1u << 5,
};
inline constexpr std::uint32_t rights_all = (1u << 6) - 1;
inline constexpr std::array<std::string_view, 6> right_names = {"create",  "call",    "share",
                                                                "publish", "provide", "admin"};

struct Principal {
    std::string name;  // "uid:1000", "key:NAME", "token:NAME", "cert:NAME", "anonymous"
    // What it may do whatever the rules say: everything, for the host's own user and root on a Unix socket.
    std::uint32_t rights = 0;
    std::vector<std::uint32_t> groups{};  // numbers, of a local user
};

// What the other end of a connection is known to be before it has said anything.
struct Peer {
    Principal principal;
    std::string from{};                // where it is, for the log
    bool identified = false;           // by the system, its certificate, or because nobody asks; else it has to log in
    bool is_private = false;           // nobody else can read what is sent: a Unix socket, loopback, TLS
    std::string channel{};             // what TLS exports, to bind a login to it; empty without
    std::string_view listener{};       // its address, as the config has it; it outlives the connection
    std::shared_ptr<Worker> worker{};  // of the plugin whose process this is; else null
};

}  // namespace soho::host
