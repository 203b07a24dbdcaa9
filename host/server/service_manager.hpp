#pragma once
// What systemd, or whatever else speaks its protocol, is told of the host and hands to it. Where there is none, the functions that
// tell do nothing, and there are no sockets.

#include <soho/wire/address.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace soho::host::service_manager {

// A listening socket that was there before the host. The host takes the descriptor.
struct PassedSocket {
    wire::Address address;  // in numbers
    int descriptor;
};
// Those of LISTEN_FDS; only the first call finds them. Fails where one is no listening stream socket.
Result<std::vector<PassedSocket>> passed_sockets();

// How often it wants to hear still_alive(), in nanoseconds; 0: never.
std::int64_t watchdog_ns();

// [any thread]
void ready(std::string_view status);
void reloading();
void stopping(std::string_view status);
void still_alive();

}  // namespace soho::host::service_manager
