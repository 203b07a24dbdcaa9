#pragma once
// Where a host listens: `unix:PATH`, `tcp:HOST:PORT`, `tcp:[V6]:PORT`, and `tls:` in place of `tcp:` for TLS over it. No name is
// resolved here.

#include <soho/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace soho::wire {

struct Address {
    enum class Transport { unix_socket, tcp, tls };

    Transport transport = Transport::unix_socket;
    std::string host;  // path of a Unix socket, or host name or number, without brackets
    std::uint16_t port = 0;

    std::string text() const;
};

// A bare absolute path is taken for `unix:PATH`. Fails with Code::bad_arguments and a sentence that shows the forms.
Result<Address> parse_address(std::string_view text);

// The socket of the user's own host: `soho/sohod.sock` in $XDG_RUNTIME_DIR, else `soho-UID/sohod.sock` in $TMPDIR or /tmp.
Address user_address();
// The socket of the machine's host: /run/sohod/sohod.sock.
Address system_address();
// Where a client looks, in this order: $SOHO_HOST alone if it is set; else the user's, then the machine's.
// Fails if SOHO_HOST is not an address.
Result<std::vector<Address>> client_addresses();

// For the directory of the user's socket when it is made by us: exists, is no link, owner is this user, mode 0700.
// Makes it if `create`. Empty if all is well, else why not.
std::string private_directory_mismatch(const std::string& directory, bool create);
// The directory part of user_address(), which both ends check before they trust the socket in it.
std::string user_directory();

}  // namespace soho::wire
