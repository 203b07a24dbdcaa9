#include <soho/wire/address.hpp>

#include <fmt/format.h>

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace soho::wire {

namespace {

constexpr std::size_t unix_path_max = sizeof(sockaddr_un::sun_path) - 1;

Result<Address> unix_address(std::string_view path) {
    if (path.empty()) return refuse(Code::bad_arguments, "\"unix:\" lacks the socket's path: unix:PATH");
    if (path.size() > unix_path_max) {
        return refuse(Code::bad_arguments, fmt::format("the socket path \"{}\" has {} bytes; the system allows {}",
                                                       path, path.size(), unix_path_max));
    }
    return Address{Address::Transport::unix_socket, std::string(path), 0};
}

const char* scheme_of(Address::Transport transport) { return transport == Address::Transport::tls ? "tls" : "tcp"; }

Result<Address> tcp_address(Address::Transport transport, std::string_view text) {
    const auto malformed = [&] {
        return refuse(Code::bad_arguments,
                      fmt::format("\"{0}:{1}\" is not {0}:HOST:PORT or {0}:[V6]:PORT", scheme_of(transport), text));
    };
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return malformed();
    std::string_view host = text.substr(0, colon);
    const std::string_view port_text = text.substr(colon + 1);
    if (host.front() == '[') {
        if (host.size() < 3 || host.back() != ']') return malformed();
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return malformed();
    }
    std::uint16_t port = 0;
    const auto [end, failure] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
    if (failure != std::errc() || end != port_text.data() + port_text.size()) return malformed();
    return Address{transport, std::string(host), port};
}

const char* environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
}

}  // namespace

std::string Address::text() const {
    if (transport == Transport::unix_socket) return "unix:" + host;
    const bool is_v6 = host.find(':') != std::string::npos;
    return is_v6 ? fmt::format("{}:[{}]:{}", scheme_of(transport), host, port)
                 : fmt::format("{}:{}:{}", scheme_of(transport), host, port);
}

Result<Address> parse_address(std::string_view text) {
    if (text.starts_with("unix:")) return unix_address(text.substr(5));
    if (text.starts_with("tcp:")) return tcp_address(Address::Transport::tcp, text.substr(4));
    if (text.starts_with("tls:")) return tcp_address(Address::Transport::tls, text.substr(4));
    if (text.starts_with('/')) return unix_address(text);
    return refuse(
        Code::bad_arguments,
        fmt::format("\"{}\" is not an address: unix:PATH, tcp:HOST:PORT, tcp:[V6]:PORT, or tls: in place of tcp:",
                    text));
}

std::string user_directory() {
    if (const char* runtime = environment("XDG_RUNTIME_DIR")) return std::string(runtime) + "/soho";
    const char* temporary = environment("TMPDIR");
    return fmt::format("{}/soho-{}", temporary != nullptr ? temporary : "/tmp", ::geteuid());
}

Address user_address() { return {Address::Transport::unix_socket, user_directory() + "/sohod.sock", 0}; }

Address system_address() { return {Address::Transport::unix_socket, "/run/sohod/sohod.sock", 0}; }

Result<std::vector<Address>> client_addresses() {
    const char* text = environment("SOHO_HOST");
    if (text == nullptr) return std::vector<Address>{user_address(), system_address()};
    auto address = parse_address(text);
    if (!address) return refuse(address.error().code, "SOHO_HOST: " + address.error().text);
    return std::vector<Address>{*std::move(address)};
}

std::string private_directory_mismatch(const std::string& directory, bool create) {
    if (create && ::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
        return fmt::format("cannot make the directory {}: {}", directory, std::strerror(errno));
    }
    struct stat status {};
    if (::lstat(directory.c_str(), &status) != 0) return fmt::format("{}: {}", directory, std::strerror(errno));
    if (!S_ISDIR(status.st_mode)) return fmt::format("{} is not a directory", directory);
    if (status.st_uid != ::geteuid())
        return fmt::format("{} belongs to user {}, not to {}", directory, status.st_uid, ::geteuid());
    if ((status.st_mode & 0077) != 0)
        return fmt::format("{} is open to other users (mode {:04o}): chmod 700 it", directory, status.st_mode & 07777u);
    return {};
}

}  // namespace soho::wire
