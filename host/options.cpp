#include "host/options.hpp"

#include "host/config.hpp"
#include "host/session/hello.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <fstream>
#include <iterator>

namespace soho::host {

namespace {

constexpr const char* description =
    "sohod, the Shared-Object HOst: loads plugins, keeps their objects, and serves them to clients.\n"
    "Without --listen it listens on a Unix socket that only its own user can reach.";

Result<void> read_config_file(const std::string& file, Options& options) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return refuse(Code::bad_arguments, fmt::format("{}: {}", file, std::strerror(errno)));
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return read_config(text, file, options);
}

// What the flags say, before it is put over what the file says.
struct Flags {
    std::vector<std::string> listen, plugins, plugin_folders, publish;
    std::string config, log_level, errors;
    std::string metrics;
    std::string keys, tokens, tls_certificate, tls_key, tls_client_ca;
    std::size_t reactors = 0;
};

Result<void> apply(const Flags& flags, Options& options) {
    if (!flags.listen.empty()) options.server.listen.clear();
    for (const auto& text : flags.listen) {
        auto address = wire::parse_address(text);
        if (!address) return tl::unexpected<Error>(address.error());
        options.server.listen.push_back(*std::move(address));
    }
    if (!flags.metrics.empty()) {
        auto address = wire::parse_address(flags.metrics);
        if (!address) return tl::unexpected<Error>(address.error());
        options.server.metrics = *std::move(address);
    }
    if (options.server.listen.empty()) options.server.listen.push_back(wire::user_address());
    options.plugin_files.insert(options.plugin_files.end(), flags.plugins.begin(), flags.plugins.end());
    options.plugin_folders.insert(options.plugin_folders.end(), flags.plugin_folders.begin(),
                                  flags.plugin_folders.end());
    for (const auto& text : flags.publish) {
        const auto equals = text.find('=');
        if (equals == std::string::npos || equals == 0)
            return refuse(Code::bad_arguments, fmt::format("--publish {}: must be NAME=TYPE", text));
        options.publish.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    if (!flags.log_level.empty()) options.log_level = flags.log_level;
    if (!flags.errors.empty())
        options.server.listener.error_form = flags.errors == "full" ? wire::ErrorForm::full : wire::ErrorForm::string;
    const auto override = [](std::string& setting, const std::string& flag) {
        if (!flag.empty()) setting = flag;
    };
    SecurityOptions& security = options.server.security;
    override(security.keys_file, flags.keys);
    override(security.tokens_file, flags.tokens);
    override(security.tls.certificate, flags.tls_certificate);
    override(security.tls.key, flags.tls_key);
    override(security.tls.client_ca, flags.tls_client_ca);
    if (flags.reactors != 0) options.server.reactors = flags.reactors;
    return {};
}

}  // namespace

tl::expected<Options, int> parse_command_line(int argc, char** argv) {
    Options options;
    Flags flags;
    bool strict = false, no_login = false, plaintext = false, check_config = false, insecure_metrics = false;
    CLI::App app(description, "sohod");
    app.set_version_flag("--version", std::string(host_name));
    app.add_option("--listen", flags.listen, "where to listen: unix:PATH, tcp:HOST:PORT, tcp:[V6]:PORT")
        ->type_name("ADDR")
        ->expected(1)
        ->take_all();
    app.add_option("--plugin", flags.plugins, "load this plugin")->type_name("FILE")->expected(1)->take_all();
    app.add_option("--plugin-dir", flags.plugin_folders, "load all plugins (*.so) of this folder")
        ->type_name("DIR")
        ->expected(1)
        ->take_all();
    app.add_option("--publish", flags.publish, "publish a new object of a type under a name")
        ->type_name("NAME=TYPE")
        ->expected(1)
        ->take_all();
    app.add_option("--config", flags.config, "read this config file")->type_name("FILE");
    app.add_flag("--check-config", check_config, "read the config, say what is wrong with it, and end");
    app.add_flag("--strict", strict, "end if a plugin is refused, or something cannot be published");
    app.add_option("--reactors", flags.reactors, "threads that serve connections; one for each CPU by default")
        ->type_name("N")
        ->check(CLI::Range(1, 256));
    app.add_option("--log-level", flags.log_level, "debug, info (default), warning or error")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
        ->type_name("LEVEL");
    app.add_option("--errors", flags.errors, "how clients that never say hello get errors: string (default) or full")
        ->check(CLI::IsMember({"string", "full"}))
        ->type_name("FORM");
    app.add_option("--keys", flags.keys, "clients may log in with the keys in this file (soho keygen)")
        ->type_name("FILE");
    app.add_option("--tokens", flags.tokens, "… or with the tokens in this one")->type_name("FILE");
    app.add_option("--tls-certificate", flags.tls_certificate, "the host's certificate, for tls: listeners")
        ->type_name("FILE");
    app.add_option("--tls-key", flags.tls_key, "the key of that certificate")->type_name("FILE");
    app.add_option("--tls-client-ca", flags.tls_client_ca, "clients may log in with certificates that this signed")
        ->type_name("FILE");
    app.add_option("--metrics", flags.metrics, "serve metrics and health over HTTP here: /metrics, /healthz")
        ->type_name("ADDR");
    app.add_flag("--insecure-metrics", insecure_metrics, "… even where others than this machine's users can reach it");
    app.add_flag("--insecure-no-login", no_login,
                 "serve TCP clients without a login: whoever reaches the port may use the host");
    app.add_flag("--insecure-plaintext", plaintext, "serve TCP beyond this machine without encryption");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& failure) {
        const int code = app.exit(failure);
        return tl::unexpected<int>(code == 0 ? 0 : 2);
    }

    Result<void> read;
    if (!flags.config.empty()) read = read_config_file(flags.config, options);
    if (read) read = apply(flags, options);
    if (!read) {
        fmt::print(stderr, "sohod: {}\n", read.error().text);
        return tl::unexpected<int>(2);
    }
    options.strict |= strict;
    options.server.insecure_metrics |= insecure_metrics;
    options.server.listener.insecure_no_login |= no_login;
    options.server.listener.insecure_plaintext |= plaintext;
    if (check_config && flags.config.empty()) {
        fmt::print(stderr, "sohod: --check-config: which file? Add --config FILE\n");
        return tl::unexpected<int>(2);
    }
    if (check_config) {
        fmt::print("sohod: the config is sound\n");
        return tl::unexpected<int>(0);
    }
    return options;
}

}  // namespace soho::host
