// sohod: reading main() is reading the program.

#include "host/config_check.hpp"
#include "host/generations.hpp"
#include "host/greeting.hpp"
#include "host/object/spare_memory.hpp"
#include "host/registry/library.hpp"
#include "host/reload.hpp"
#include "host/server/crash_report.hpp"
#include "host/worker/confinement.hpp"
#include "host/worker/order.hpp"
#include "host/worker/supervisor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstdio>

namespace soho::host {
namespace {

// What plugins are loaded into.
struct Loading {
    Server& server;
    Supervisor& supervisor;
    Generations& generations;
};

// Its worker opens the file and judges it; the host only reads its note.
Result<Plugin*> load_in_worker(Loading& to, const std::string& name, const std::string& file,
                               const PluginOptions& configured, const Log& log) {
    const OrderFor order_for = [name, configured, &log, &server = to.server](
                                   const std::string& mapped, const std::string& source, bool self_test) {
        WorkerOrder told;
        told.file = mapped;
        told.source = source;
        told.self_test = self_test;
        told.plugin = configured;
        told.log_level = log.level_of("plugin." + name);
        LimitRules rules = server.services().allowances.rules();
        told.limits = rules.base;
        told.principals = std::move(rules.principals);
        return told.encoded();
    };
    const PluginCopy copy = to.generations.copy_for_worker(name, file);
    const std::string& mapped = copy.file.empty() ? file : copy.file;
    auto added = to.supervisor.add(name, file, configured.worker, configured.confinement,
                                   [=] { return order_for(mapped, copy.file.empty() ? "" : copy.source, false); });
    if (!added) {
        if (!copy.file.empty()) PluginCopies::remove(copy);
        const Error error(added.error().code, about_source(added.error().text, copy));
        to.server.registry().refused(file, error);
        return tl::unexpected<Error>(error);
    }
    Plugin& plugin = added->provider->offer().plugin();
    to.generations.loaded_in_worker(plugin, file, copy, configured, added->worker, order_for);
    return &plugin;
}

Result<Plugin*> load_here(Loading& to, const std::string& file, const PluginOptions& configured, Log& log) {
    auto plugin = to.server.registry().load(file, configured);
    if (plugin) to.generations.loaded(**plugin, file);
    if (plugin) warn_of_unread_settings(**plugin, log);
    return plugin;
}

bool load_plugin(Loading& to, const std::string& file, const Options& options, Log& log) {
    const auto note = check_library(file);
    const auto refused = [&](const Error& why) {
        log.host.error("refused plugin {}", why.text);
        return false;
    };
    if (!note) {
        to.server.registry().refused(file, note.error());
        return refused(note.error());
    }
    const std::string& name = note->name;  // by which the config speaks of it
    const auto found = options.plugins.find(name);
    const PluginOptions configured = found != options.plugins.end() ? found->second : PluginOptions();
    const bool isolated = options.is_isolated(name, configured);
    const auto plugin =
        isolated ? load_in_worker(to, name, file, configured, log) : load_here(to, file, configured, log);
    if (!plugin) return refused(plugin.error());
    std::string where = isolated ? ", in a worker process" : "";
    if (configured.confinement.confines()) where += fmt::format(" ({})", in_words(configured.confinement));
    log.host.info("plugin {} {} from {}: {} types{}", (*plugin)->name(), (*plugin)->version(), (*plugin)->file(),
                  (*plugin)->types().size(), where);
    bool published = true;
    for (const auto& publication : (*plugin)->publications()) {
        published &=
            to.server.publish(publication.type, publication.name, publication.args, "plugin:" + (*plugin)->name())
                .has_value();
    }
    return published;
}

// Tells of what the config says of plugins that are not there.
bool all_configured_are_there(Server& server, const Options& options, Log& log) {
    std::vector<std::string_view> loaded;
    const auto snapshot = server.registry().snapshot();
    for (const Plugin* plugin : snapshot->plugins) loaded.push_back(plugin->name());
    std::vector<std::string> refused;  // which is said already
    for (const auto& [file, reason] : snapshot->refused) refused.push_back(name_in(file));
    loaded.insert(loaded.end(), refused.begin(), refused.end());
    const std::vector<Absent> absent = absent_plugins(options, loaded);
    for (const Absent& each : absent)
        log.host.log(each.isolated ? spdlog::level::err : spdlog::level::warn, "{}", each.text);
    return absent.empty();
}

// Config order first, then the folders' files by name (RULES 17).
bool load_plugins(Loading to, const Options& options, Log& log) {
    Server& server = to.server;
    bool all = true;
    for (const auto& file : options.plugin_files) all &= load_plugin(to, file, options, log);
    for (const auto& folder : options.plugin_folders) {
        const auto files = plugin_files(folder);
        if (!files) {
            log.host.error("{}", files.error().text);
            all = false;
            continue;
        }
        for (const auto& file : *files) all &= load_plugin(to, file, options, log);
    }
    all &= all_configured_are_there(server, options, log);
    for (const auto& [name, type_id] : options.publish) {
        const auto snapshot = server.registry().snapshot();
        const TypePtr* type = snapshot->find(type_id);
        if (type == nullptr) {
            log.host.error("publishing \"{}\": {}", name, snapshot->no_type(type_id).text);
        } else if ((*type)->create == nullptr) {
            log.host.error("publishing \"{}\": type {} has no callable: its objects come from other objects' methods",
                           name, type_id);
        } else if (server.publish(*type, name, "\x90", "config")) {
            continue;
        }
        all = false;
    }
    return all;
}

// Left to itself the allocator learns from each large block to keep more of what is freed, up to 64 MiB for each thread: after one
// attack by large frames a host would hold on to their memory for good.
void keep_little_memory() {
    constexpr int kept_bytes_max = 4 << 20;
    ::mallopt(M_MMAP_THRESHOLD, kept_bytes_max);
    ::mallopt(M_TRIM_THRESHOLD, kept_bytes_max);
}

// Unheeded, these would end the process: they wait.
void hold(std::initializer_list<int> signals) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : signals) ::sigaddset(&set, signal);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void let_go(int signal) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, signal);
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

// A worker's plugin may do what one in the host's process may: serve its types, and call the objects that it was given.
Peer peer_of(const std::shared_ptr<Worker>& worker) {
    Peer peer;
    peer.principal = {"plugin:" + worker->plugin(), right_call | right_share | right_publish | right_provide};
    peer.identified = true;
    peer.is_private = true;
    peer.from = "a worker";
    peer.listener = worker_listener;
    peer.worker = worker;
    return peer;
}

Supervisor::Host supervised(Server& server, Log& log) {
    return {log,
            [&server]() -> const Limits& { return server.services().limits(); },
            [&server] { return server.is_ending(); },
            [&server](int socket, const std::shared_ptr<Worker>& worker) { server.adopt(socket, peer_of(worker)); },
            [&server](const Plugin& plugin) { republish(server.services(), plugin); },
            [&server](const std::string& name) {
                const auto snapshot = server.registry().snapshot();
                for (const Plugin* plugin : snapshot->plugins) {
                    if (plugin->name() == name) republish(server.services(), *plugin);
                }
            }};
}

void serve_reloads(Server& server, Generations& generations) {
    Services& services = server.services();
    services.reload_plugin = [&generations](PluginReload what, std::function<void(PluginReloaded)> done) {
        generations.reload(std::move(what), std::move(done));
    };
    services.reload_changed_plugins = [&generations](std::function<void(std::vector<PluginReloaded>)> done) {
        generations.reload_changed(std::move(done));
    };
    services.life_of_plugin = [&generations](const std::string& plugin) { return generations.life_of(plugin); };
    server.set_before_end([&generations] { return generations.stop(); });
}

int run(const CommandLine& line, const Options& options, Log& log) {
    for (const std::string& file : options.config_files) log.host.info("config {}", file);
    Server server(options.server, log);
    let_go(SIGHUP);
    Reloading reloading(line, options, server, log);
    Supervisor supervisor(supervised(server, log));
    Generations generations(server, supervisor, log, options.copies_folder);
    server.services().workers = [&supervisor] { return supervisor.report(); };
    serve_reloads(server, generations);
    server.set_reload([&reloading, &supervisor] {
        auto reloaded = reloading.reload();
        if (reloaded) supervisor.wake();
        return reloaded;
    });
    server.start();
    // Who started it this way reads along: what a plugin prints is to come line by line.
    if (line.end_with_stdin) std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    if (line.end_with_stdin) server.end_with(STDIN_FILENO, line.accept_on_stdin);
    const bool all_loaded = load_plugins({server, supervisor, generations}, options, log);
    Result<void> ready =
        all_loaded || !options.strict
            ? Result<void>()
            : refuse(Code::unavailable, "a plugin was refused or is missing, or a publication failed (--strict)");
    if (ready) ready = server.listen();
    if (ready) {
        greet(server);
    } else {
        log.host.error("{}", ready.error().text);
        server.request_end();
    }
    const bool ended = server.run();
    hold({SIGHUP, SIGINT, SIGTERM});  // once the server has gone, one would be the end, with no exit code
    supervisor.stop();
    log.host.info("ended");
    if (!ended) ::_exit(ready ? 0 : 1);  // a thread is stuck in a plugin
    return ready ? 0 : 1;
}

int check_config(const CommandLine& line, const Options& options) {
    if (options.config_files.empty() && line.lines.empty()) {
        fmt::print(stderr, "sohod: --check-config: which file? Add --config FILE\n");
        return 2;
    }
    const std::vector<std::string> faults = faults_of(options);
    for (const std::string& fault : faults) fmt::print(stderr, "sohod: {}\n", fault);
    if (!faults.empty()) return 2;
    fmt::print("sohod: the config is sound: {}\n", fmt::join(options.config_files, ", "));
    return 0;
}

}  // namespace
}  // namespace soho::host

int main(int argc, char** argv) {
    if (argc == 0) return 2;
    if (argv[0] == std::string_view(soho::host::launcher_name)) return soho::host::run_launcher();
    if (argv[0] == std::string_view(soho::host::worker_name)) return soho::host::run_worker();
    const auto line = soho::host::parse_command_line(argc, argv);
    if (!line) return line.error();
    soho::host::hold({SIGHUP});  // until somebody listens to it
    const auto options = soho::host::read_options(*line);
    if (!options) {
        fmt::print(stderr, "sohod: {}\n", options.error().text);
        return 2;
    }
    if (line->check_config) return soho::host::check_config(*line, *options);
    std::signal(SIGPIPE, SIG_IGN);
    soho::host::crash_report::install();
    soho::host::keep_little_memory();
    soho::host::spare_memory::keep();
    soho::host::Log log(soho::host::make_log_sink(options->log));
    log.apply(options->log);
    return soho::host::run(*line, *options, log);
}
