#pragma once
// Who may come in, and do what: as it is set, and as the files that settings name say it.

#include "host/server/listener.hpp"
#include "host/server/tls.hpp"
#include "host/session/access.hpp"
#include "host/session/credentials.hpp"

namespace soho::host {

// All of it can change while the host runs.
struct SecurityOptions {
    std::string keys_file, tokens_file;  // empty: none
    TlsOptions tls;
    std::vector<AccessRule> access;
};

struct Security {
    Credentials::Secrets secrets;
    TlsContextPtr tls;  // null: no certificate
    Listener::Logins logins;
};

// Reads the files. Fails with the file, what is wrong with it, and what to do.
Result<Security> read_security(const SecurityOptions& options);

}  // namespace soho::host
