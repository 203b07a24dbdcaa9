#pragma once
// Who may come in, as the files say that settings name.

#include "host/server/listener.hpp"
#include "host/session/credentials.hpp"

namespace soho::host {

struct Security {
    Credentials::Secrets secrets;
    TlsContextPtr tls;  // null: no certificate
    Listener::Logins logins;
};

// Reads the files. Fails with the file, what is wrong with it, and what to do.
Result<Security> read_security(const SecurityOptions& options);

}  // namespace soho::host
