// sohod: reading main() is reading the program.

#include "host/greeting.hpp"
#include "host/object/spare_memory.hpp"
#include "host/registry/note.hpp"
#include "host/registry/suggest.hpp"
#include "host/reload.hpp"
#include "host/server/crash_report.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>

namespace soho::host {
namespace {

// The config speaks of plugins by name, and a plugin's name is in its note.
std::string name_of(const std::string& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return {};
    const auto note = read_note(descriptor);
    ::close(descriptor);
    return note ? note->name : std::string();
}

bool load_plugin(Server& server, const std::string& file, const Options& options, Log& log) {
    const auto configured = options.plugins.find(name_of(file));
    const auto plugin =
        server.registry().load(file, configured != options.plugins.end() ? configured->second : PluginOptions{});
    if (!plugin) {
        log.host.error("refused plugin {}", plugin.error().text);
        return false;
    }
    log.host.info("plugin {} {} from {}: {} types", (*plugin)->name(), (*plugin)->version(), (*plugin)->file(),
                  (*plugin)->types().size());
    bool published = true;
    for (const auto& publication : (*plugin)->publications()) {
        published &= server.publish(publication.type, publication.name, publication.args, "plugin:" + (*plugin)->name())
                         .has_value();
    }
    return published;
}

// [plugin.pear] in the config, where the plugin is called pair, would change nothing.
bool all_configured_are_there(Server& server, const Options& options, Log& log) {
    bool all = true;
    std::vector<std::string_view> loaded;
    const auto snapshot = server.registry().snapshot();
    for (const Plugin* plugin : snapshot->plugins) loaded.push_back(plugin->name());
    for (const auto& [name, plugin] : options.plugins) {
        if (std::find(loaded.begin(), loaded.end(), name) != loaded.end()) continue;
        log.host.warn("the config has [plugin.{}], but no plugin of that name was loaded{}", name,
                      suggestion(name, loaded));
        all = false;
    }
    return all;
}

// Config order first, then the folders' files by name (RULES 17).
bool load_plugins(Server& server, const Options& options, Log& log) {
    bool all = true;
    for (const auto& file : options.plugin_files) all &= load_plugin(server, file, options, log);
    for (const auto& folder : options.plugin_folders) {
        const auto files = plugin_files(folder);
        if (!files) {
            log.host.error("{}", files.error().text);
            all = false;
            continue;
        }
        for (const auto& file : *files) all &= load_plugin(server, file, options, log);
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

// One that comes before anybody listens to it waits; unheeded, it ends the process.
void hold_hangups(int how) {
    sigset_t hangup;
    ::sigemptyset(&hangup);
    ::sigaddset(&hangup, SIGHUP);
    ::pthread_sigmask(how, &hangup, nullptr);
}

int run(const CommandLine& line, const Options& options, Log& log) {
    for (const std::string& file : options.config_files) log.host.info("config {}", file);
    Server server(options.server, log);
    hold_hangups(SIG_UNBLOCK);
    Reloading reloading(line, options, server, log);
    server.set_reload([&reloading] { return reloading.reload(); });
    server.start();
    if (line.end_with_stdin) server.end_with(STDIN_FILENO);
    const bool all_loaded = load_plugins(server, options, log);
    Result<void> ready =
        all_loaded || !options.strict
            ? Result<void>()
            : refuse(Code::unavailable,
                     "a plugin was refused or is missing, or a publication failed, and --strict is set");
    if (ready) ready = server.listen();
    if (ready) {
        greet(server);
    } else {
        log.host.error("{}", ready.error().text);
        server.request_end();
    }
    const bool ended = server.run();
    log.host.info("ended");
    if (!ended) ::_exit(ready ? 0 : 1);  // a thread is stuck in a plugin
    return ready ? 0 : 1;
}

int say_that_it_is_sound(const CommandLine& line, const Options& options) {
    if (options.config_files.empty() && line.lines.empty()) {
        fmt::print(stderr, "sohod: --check-config: which file? Add --config FILE\n");
        return 2;
    }
    fmt::print("sohod: the config is sound: {}\n", fmt::join(options.config_files, ", "));
    return 0;
}

}  // namespace
}  // namespace soho::host

int main(int argc, char** argv) {
    const auto line = soho::host::parse_command_line(argc, argv);
    if (!line) return line.error();
    soho::host::hold_hangups(SIG_BLOCK);
    const auto options = soho::host::read_options(*line);
    if (!options) {
        fmt::print(stderr, "sohod: {}\n", options.error().text);
        return 2;
    }
    if (line->check_config) return soho::host::say_that_it_is_sound(*line, *options);
    std::signal(SIGPIPE, SIG_IGN);
    soho::host::crash_report::install();
    soho::host::keep_little_memory();
    soho::host::spare_memory::keep();
    soho::host::Log log(soho::host::make_log_sink(options->log));
    log.apply(options->log);
    return soho::host::run(*line, *options, log);
}
