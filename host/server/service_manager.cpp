#include "host/server/service_manager.hpp"

#include "host/object/executor.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <cstddef>
#include <cstring>
#include <string>

namespace soho::host::service_manager {

namespace {

union SocketName {
    sockaddr any;
    sockaddr_un local;
    sockaddr_in v4;
    sockaddr_in6 v6;
};

Result<wire::Address> address_of(int descriptor) {
    if (::sd_is_socket(descriptor, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
        return refuse(Code::bad_arguments, "it is no listening stream socket");
    SocketName name{};
    socklen_t size = sizeof name;
    if (::getsockname(descriptor, &name.any, &size) != 0) return refuse(Code::unavailable, std::strerror(errno));
    char number[INET6_ADDRSTRLEN] = {};
    switch (name.any.sa_family) {
        case AF_UNIX:
            if (size <= offsetof(sockaddr_un, sun_path) || name.local.sun_path[0] == '\0')
                return refuse(Code::bad_arguments, "it has no path");
            return wire::Address{wire::Address::Transport::unix_socket, name.local.sun_path, 0};
        case AF_INET:
            ::inet_ntop(AF_INET, &name.v4.sin_addr, number, sizeof number);
            return wire::Address{wire::Address::Transport::tcp, number, ntohs(name.v4.sin_port)};
        case AF_INET6:
            ::inet_ntop(AF_INET6, &name.v6.sin6_addr, number, sizeof number);
            return wire::Address{wire::Address::Transport::tcp, number, ntohs(name.v6.sin6_port)};
        default: return refuse(Code::bad_arguments, "it is neither a Unix nor a TCP socket");
    }
}

void tell(const std::string& state) { ::sd_notify(0, state.c_str()); }

}  // namespace

Result<std::vector<PassedSocket>> passed_sockets() {
    std::vector<PassedSocket> sockets;
    const int count = ::sd_listen_fds(1);
    for (int descriptor = SD_LISTEN_FDS_START; descriptor < SD_LISTEN_FDS_START + count; ++descriptor) {
        auto address = address_of(descriptor);
        if (!address) {
            return refuse(address.error().code,
                          fmt::format("cannot use descriptor {}, which was passed (LISTEN_FDS): {}", descriptor,
                                      address.error().text));
        }
        sockets.push_back({*std::move(address), descriptor});
    }
    return sockets;
}

std::int64_t watchdog_ns() {
    std::uint64_t microseconds = 0;
    return ::sd_watchdog_enabled(0, &microseconds) > 0 ? static_cast<std::int64_t>(microseconds) * 1000 : 0;
}

void ready(std::string_view status) { tell(fmt::format("READY=1\nSTATUS={}", status)); }

void reloading() { tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_now() / 1000)); }

void stopping(std::string_view status) { tell(fmt::format("STOPPING=1\nSTATUS={}", status)); }

void still_alive() { tell("WATCHDOG=1"); }

}  // namespace soho::host::service_manager
