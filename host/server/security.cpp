#include "host/server/security.hpp"

namespace soho::host {

namespace {

template <class Reader>
Result<std::vector<wire::Secret>> read_secrets(const std::string& file, Reader reader) {
    if (file.empty()) return std::vector<wire::Secret>();
    return reader(file);
}

}  // namespace

Result<Security> read_security(const SecurityOptions& options) {
    auto keys = read_secrets(options.keys_file, wire::read_key_file);
    if (!keys) return tl::unexpected<Error>(keys.error());
    auto tokens = read_secrets(options.tokens_file, wire::read_token_file);
    if (!tokens) return tl::unexpected<Error>(tokens.error());
    Security security{{*std::move(keys), *std::move(tokens)}, nullptr, {}};
    if (options.tls.configured()) {
        auto loaded = Tls::load(options.tls);
        if (!loaded) return tl::unexpected<Error>(loaded.error());
        security.tls = *std::move(loaded);
    }
    security.logins = {!security.secrets.keys.empty() || !security.secrets.tokens.empty(),
                       !options.tls.client_ca.empty(), security.tls != nullptr};
    return security;
}

}  // namespace soho::host
