#include "host/settings.hpp"

#include "host/worker/confinement.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>
#include <charconv>

namespace soho::host {

namespace {

using Kind = Setting::Kind;

constexpr Section section_table[] = {
    {"", Section::Form::root, "Outside of all tables"},
    {"host", Section::Form::table, "The host as a whole, and what all its listeners have in common"},
    {"listener", Section::Form::array,
     "One more place to listen, with options of its own; what it does not say it has from [host]"},
    {"login", Section::Form::table, "What clients may log in with"},
    {"tls", Section::Form::table, "What listeners at tls: addresses need"},
    {"access", Section::Form::array,
     "A rule that gives rights; the host's own user, and root, need none on a Unix socket. Patterns are of the shell's "
     "kind"},
    {"limits", Section::Form::table, "The limits for everybody"},
    {"principal", Section::Form::named, "What holds for one principal, such as \"uid:1000\""},
    {"plugin", Section::Form::named, "What one plugin is told, by the plugin's name"},
};

template <class Stored>
constexpr bool is_optional = std::is_same_v<Stored, std::optional<Paths>>;

template <class Stored>
constexpr Kind kind_of() {
    if constexpr (std::is_same_v<Stored, bool>) return Kind::boolean;
    if constexpr (std::is_integral_v<Stored> && !std::is_same_v<Stored, bool>) return Kind::number;
    if constexpr (std::is_same_v<Stored, std::string>) return Kind::text;
    if constexpr (std::is_same_v<Stored, std::vector<std::string>> || is_optional<Stored>) return Kind::texts;
    if constexpr (std::is_same_v<Stored, TextPairs>) return Kind::pairs;
    if constexpr (std::is_same_v<Stored, LimitOverrides>) return Kind::limits;
}

template <class Stored>
SettingValue load(const Stored& stored) {
    if constexpr (kind_of<Stored>() == Kind::number) {
        return static_cast<std::int64_t>(stored);
    } else if constexpr (is_optional<Stored>) {
        return stored ? SettingValue(*stored) : SettingValue(std::monostate());
    } else {
        return stored;
    }
}

template <class Stored>
void store(Stored& stored, SettingValue value) {
    if constexpr (is_optional<Stored>) {
        if (!stored) stored.emplace();
        store(*stored, std::move(value));
    } else if constexpr (kind_of<Stored>() == Kind::number) {
        stored = static_cast<Stored>(std::get<std::int64_t>(value));
    } else if constexpr (kind_of<Stored>() == Kind::limits) {
        for (const auto& [name, number] : std::get<LimitOverrides>(value)) stored[name] = number;
    } else if constexpr (kind_of<Stored>() == Kind::pairs) {
        for (auto& [name, text] : std::get<TextPairs>(value)) {
            std::erase_if(stored, [&known = name](const auto& pair) { return pair.first == known; });
            stored.emplace_back(name, text);
        }
    } else if constexpr (kind_of<Stored>() == Kind::texts) {
        const auto& more = std::get<std::vector<std::string>>(value);
        if (more.empty()) stored.clear();
        stored.insert(stored.end(), more.begin(), more.end());
    } else {
        stored = std::get<Stored>(std::move(value));
    }
}

// A setting in the making. `path` leads from what it is set in to where it is kept: &Options::server, &ServerOptions::reactors.
class Row {
public:
    template <class Of, class... Path>
    static Row in(std::string_view section, std::string_view key, std::string_view operand, std::string_view doc,
                  Path... path) {
        using Stored = std::remove_reference_t<decltype((std::declval<Of&>().*....*path))>;
        const auto at = [path...](Owner owner) -> Stored& { return (*std::get<Of*>(owner).*....*path); };
        Row row;
        row.setting = {section, key, kind_of<Stored>(), operand, doc};
        row.setting.get = [at](Owner owner) { return load(at(owner)); };
        row.setting.set = [at](Owner owner, SettingValue value) { store(at(owner), std::move(value)); };
        return row;
    }

    Row&& flag(std::string name) && {
        setting.flag = std::move(name);
        return std::move(*this);
    }
    Row&& live(bool is_live = true) && {
        setting.live = is_live;
        return std::move(*this);
    }
    Row&& needed() && {
        setting.needed = true;
        return std::move(*this);
    }
    Row&& from_to(std::uint64_t least, std::uint64_t most) && {
        setting.least = static_cast<std::int64_t>(least);
        setting.most = static_cast<std::int64_t>(most);
        return std::move(*this);
    }
    Row&& words(std::vector<std::string_view> known) && {
        setting.words = std::move(known);
        if (setting.kind == Kind::text) setting.kind = Kind::word;
        return std::move(*this);
    }
    Row&& checked(std::function<std::string(std::string_view)> mismatch) && {
        setting.mismatch = std::move(mismatch);
        return std::move(*this);
    }
    Row&& scopes(std::vector<Limit::Scope> allowed) && {
        setting.scopes = std::move(allowed);
        return std::move(*this);
    }
    Row&& data() && {
        setting.kind = Kind::data;
        return std::move(*this);
    }

    Setting setting;
};

std::string address_mismatch(std::string_view text) {
    const auto address = wire::parse_address(text);
    return address ? std::string() : address.error().text;
}

std::string mode_mismatch(std::string_view text) {
    unsigned mode = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    const bool sound = failure == std::errc() && end == text.data() + text.size() && (mode & 0600) == 0600;
    return sound && mode <= 0666 ? "" : "must be an octal mode from \"0600\" to \"0666\" that lets the owner in";
}

std::string type_id_mismatch(std::string_view text) {
    return wire::name_mismatch(text) == nullptr ? "" : "must be the name of a type";
}

std::string prefix_mismatch(std::string_view text) {
    return wire::name_mismatch(std::string(text) + "x") == nullptr ? "" : "must begin a typeid, such as \"acme.\"";
}

std::vector<Row> host_rows() {
    constexpr auto server = &Options::server;
    constexpr auto log = &Options::log;
    return {
        Row::in<Options>("", "publish", "NAME=TYPE", "Publish a new object of a type under a name", &Options::publish)
            .flag("--publish")
            .checked(type_id_mismatch),
        Row::in<Options>(
            "host", "listen", "ADDR",
            "Where to listen: unix:PATH, tcp:HOST:PORT, tls:HOST:PORT, with V6 numbers in brackets. If nothing "
            "says, on a Unix socket that only the host's own user can reach. Flags replace the config's "
            "listeners, [[listener]] included",
            &Options::listen)
            .flag("--listen")
            .checked(address_mismatch),
        Row::in<Options>("host", "plugins", "FILE", "Load these plugins, in this order", &Options::plugin_files)
            .flag("--plugin"),
        Row::in<Options>("host", "plugin_dirs", "DIR",
                         "Load all plugins (*.so) of these folders, after the plugins and by file name",
                         &Options::plugin_folders)
            .flag("--plugin-dir"),
        Row::in<Options>(
            "host", "plugin_copies_dir", "DIR",
            "Where copies of plugins that are reloaded go, each in a folder of its host's own; only the host's "
            "user may reach it, and code must be allowed to run there (not noexec). If nothing says, "
            "plugin-copies in $STATE_DIRECTORY, else soho/plugin-copies in the user's state folder",
            &Options::copies_folder)
            .flag("--plugin-copies-dir"),
        Row::in<Options>("host", "isolate", "NAME",
                         "Run these plugins in worker processes of their own, whose crashes the host outlives; as "
                         "plugin.NAME.isolation does",
                         &Options::isolate)
            .flag("--isolate")
            .checked(type_id_mismatch),
        Row::in<Options>("host", "strict", "", "End if a plugin is refused, or something cannot be published",
                         &Options::strict)
            .flag("--strict"),
        Row::in<Options>("host", "reactors", "N", "Threads that serve connections; 0: one for each CPU", server,
                         &ServerOptions::reactors)
            .flag("--reactors")
            .from_to(0, 256),
        Row::in<Options>("host", "spin_us", "N",
                         "Microseconds that a reactor may look for requests before it sleeps, which costs a processor "
                         "and saves the time of waking. It looks only while that pays off, and never where it has one "
                         "processor alone; 0: not at all",
                         server, &ServerOptions::spin_us)
            .flag("--spin-us")
            .from_to(0, 10'000),
        Row::in<Options>("host", "metrics", "ADDR",
                         "Serve metrics and health over HTTP there: /metrics for Prometheus, and /healthz", server,
                         &ServerOptions::metrics)
            .flag("--metrics")
            .checked(address_mismatch),
        Row::in<Options>("host", "insecure_metrics", "", "… even where others than this machine's users can reach it",
                         server, &ServerOptions::insecure_metrics)
            .flag("--insecure-metrics"),
        Row::in<Options>("host", "log_level", "LEVEL", "What is logged", log, &LogOptions::level)
            .flag("--log-level")
            .words({std::begin(log_levels), std::end(log_levels)})
            .live(),
        Row::in<Options>("host", "log_levels", "NAME=LEVEL",
                         "What is logged of host, session, call, plugin or plugin.NAME, where that is different; call "
                         "= \"debug\" logs each call",
                         log, &LogOptions::levels)
            .flag("--log-levels")
            .words({std::begin(log_levels), std::end(log_levels)})
            .live(),
        Row::in<Options>("host", "log_format", "FORMAT", "Lines for people, or a JSON object each", log,
                         &LogOptions::format)
            .flag("--log-format")
            .words({"text", "json"}),
        Row::in<Options>("host", "slow_call_ms", "N",
                         "Log calls that take so many milliseconds, but for those whose reply the plugin gives later; "
                         "0: none",
                         log, &LogOptions::slow_call_ms)
            .flag("--slow-call-ms")
            .from_to(0, 3'600'000)
            .live(),
        Row::in<Options>("host", "drain_ms", "N", "How many milliseconds calls that run may take when the host ends",
                         server, &ServerOptions::drain_ms)
            .flag("--drain-ms")
            .from_to(0, 3'600'000)
            .live(),
    };
}

// Of `Of`, at the end of `path`. They stand in [host] for all listeners, and in [[listener]] for one.
template <class Of, class... Path>
std::vector<Row> listener_rows(std::string_view section, Path... path) {
    return {
        Row::in<Of>(section, "errors", "FORM",
                    "How clients that never say hello get errors: as a string, or as an array in full", path...,
                    &ListenerOptions::errors)
            .flag("--errors")
            .words({"string", "full"}),
        Row::in<Of>(section, "insecure_no_login", "",
                    "Serve TCP clients without a login: whoever reaches the port may use the host", path...,
                    &ListenerOptions::insecure_no_login)
            .flag("--insecure-no-login"),
        Row::in<Of>(section, "insecure_plaintext", "", "Serve TCP beyond this machine without encryption", path...,
                    &ListenerOptions::insecure_plaintext)
            .flag("--insecure-plaintext"),
        Row::in<Of>(section, "socket_mode", "MODE",
                    "The mode of a Unix socket, in octal; \"0600\" if nothing says, \"0660\" with a socket_group",
                    path..., &ListenerOptions::socket_mode)
            .flag("--socket-mode")
            .checked(mode_mismatch),
        Row::in<Of>(
            section, "socket_group", "GROUP",
            "The group of a Unix socket; its members can connect, and have the rights that [[access]] gives them",
            path..., &ListenerOptions::socket_group)
            .flag("--socket-group"),
    };
}

std::vector<Row> one_listener_rows() {
    std::vector<Row> rows = {Row::in<ListenerOptions>("listener", "address", "ADDR", "Where", &ListenerOptions::address)
                                 .needed()
                                 .checked(address_mismatch)};
    for (Row& row : listener_rows<ListenerOptions>("listener")) rows.push_back(std::move(row).flag(""));
    rows.push_back(Row::in<ListenerOptions>("listener", "limits", "{NAME = N, …}",
                                            "Limits that are different for connections of this listener",
                                            &ListenerOptions::limits)
                       .scopes({Limit::Scope::connection})
                       .live());
    return rows;
}

std::vector<Row> security_rows() {
    constexpr auto server = &Options::server;
    constexpr auto security = &ServerOptions::security;
    constexpr auto tls = &SecurityOptions::tls;
    return {
        Row::in<Options>("login", "keys", "FILE", "Clients may log in with the keys in this file (soho keygen)", server,
                         security, &SecurityOptions::keys_file)
            .flag("--keys")
            .live(),
        Row::in<Options>("login", "tokens", "FILE", "Clients may log in with the tokens in this file", server, security,
                         &SecurityOptions::tokens_file)
            .flag("--tokens")
            .live(),
        Row::in<Options>("tls", "certificate", "FILE",
                         "The host's certificate, for listeners at tls: addresses; a chain is fine", server, security,
                         tls, &TlsOptions::certificate)
            .flag("--tls-certificate")
            .live(),
        Row::in<Options>("tls", "key", "FILE", "The key of that certificate", server, security, tls, &TlsOptions::key)
            .flag("--tls-key")
            .live(),
        Row::in<Options>("tls", "client_ca", "FILE", "Clients may log in with certificates that this signed", server,
                         security, tls, &TlsOptions::client_ca)
            .flag("--tls-client-ca")
            .live(),
    };
}

std::vector<Row> access_rows() {
    return {
        Row::in<AccessTable>(
            "access", "who", "",
            "For whom: patterns of principals' names, such as key:ci and uid:1000; gid:NUMBER for a group",
            &AccessTable::who)
            .needed()
            .checked(who_mismatch)
            .live(),
        Row::in<AccessTable>("access", "types", "", "On which types; all of them if the rule has no names either",
                             &AccessTable::types)
            .live(),
        Row::in<AccessTable>("access", "names", "", "On what is published under these names, whatever its type",
                             &AccessTable::names)
            .live(),
        Row::in<AccessTable>("access", "methods", "", "Which methods may be called; all if nothing says",
                             &AccessTable::methods)
            .live(),
        Row::in<AccessTable>("access", "rights", "", "What they may do", &AccessTable::rights)
            .needed()
            .words({right_names.begin(), right_names.end()})
            .live(),
    };
}

Row limit_row(const Limit& limit) {
    std::string flag = fmt::format("--{}", limit.name);
    std::replace(flag.begin(), flag.end(), '_', '-');
    return Row::in<Options>("limits", limit.name, "N", limit.doc, &Options::server, &ServerOptions::limits, limit.value)
        .flag(std::move(flag))
        .from_to(limit.least, limit.most)
        .live(limit.live);
}

std::string path_mismatch(std::string_view text) { return text.starts_with('/') ? "" : "must be an absolute path"; }

Row paths_row(std::string_view key, std::string_view doc, std::optional<Paths> Confinement::*paths) {
    return Row::in<PluginOptions>("plugin", key, "", doc, &PluginOptions::confinement, paths).checked(path_mismatch);
}

Row worker_row(std::string_view key, std::string_view doc, std::uint64_t WorkerLimits::*value) {
    return Row::in<PluginOptions>("plugin", key, "N", doc, &PluginOptions::worker, value)
        .from_to(0, std::uint64_t{1} << 48);
}

std::vector<Row> other_rows() {
    return {
        Row::in<LimitOverrides>("principal", "limits", "{NAME = N, …}",
                                "Limits that are different for this principal, whatever its listener says")
            .scopes({Limit::Scope::connection, Limit::Scope::principal})
            .live(),
        Row::in<PluginOptions>("plugin", "prefix", "TEXT", "Stands in front of all the plugin's typeids",
                               &PluginOptions::prefix)
            .checked(prefix_mismatch),
        Row::in<PluginOptions>("plugin", "isolation", "WHERE",
                               "Where it runs: none, in the host's process; worker, in one of its own",
                               &PluginOptions::isolation)
            .words({"none", "worker"}),
        worker_row("worker_memory_bytes", "Bytes of memory of its own that its worker may have (RLIMIT_DATA)",
                   &WorkerLimits::memory_bytes),
        worker_row("worker_cpu_s", "Seconds of processor time after which its worker is ended (RLIMIT_CPU)",
                   &WorkerLimits::cpu_s),
        worker_row("worker_files", "Descriptors that its worker may have open (RLIMIT_NOFILE)", &WorkerLimits::files),
        worker_row("worker_processes",
                   "Processes and threads that the host's user may have, its worker's among them (RLIMIT_NPROC); root "
                   "is not bound by it",
                   &WorkerLimits::processes),
        Row::in<PluginOptions>("plugin", "worker_syscalls", "PRESET",
                               "What its worker may ask of the system: all, whatever its user may; network, no other "
                               "programs and processes, no Unix sockets, nothing of what administrators do; files, no "
                               "sockets either; compute, no changes to files either. Threads it may have in any case. "
                               "Forbidden calls fail with EPERM, and are logged",
                               &PluginOptions::confinement, &Confinement::syscalls)
            .words({syscall_presets.begin(), syscall_presets.end()}),
        paths_row("worker_read_paths",
                  "All that its worker may read, and run (with a program's loader): these files, and what these "
                  "folders hold; beside "
                  "worker_write_paths and what loading it takes (the system's libraries, time zones, /dev/null and "
                  "such). They must be there. If only one of the two is set, the other is empty. What else it tries to "
                  "open fails with EACCES. Needs Landlock of the kernel",
                  &Confinement::read_paths),
        paths_row("worker_write_paths", "All that its worker may read, write, make and remove, in the same way",
                  &Confinement::write_paths),
        Row::in<PluginOptions>("plugin", "settings", "{…}",
                               "What the plugin gets, with its types; the plugin says what it knows",
                               &PluginOptions::settings)
            .data(),
    };
}

std::vector<Setting> make_table() {
    std::vector<Setting> table;
    const auto add = [&table](std::vector<Row> rows) {
        for (Row& row : rows) table.push_back(std::move(row.setting));
    };
    add(host_rows());
    add(listener_rows<Options>("host", &Options::listener));
    add(one_listener_rows());
    add(security_rows());
    add(access_rows());
    for (const Limit& limit : all_limits()) add({limit_row(limit)});
    add(other_rows());
    return table;
}

}  // namespace

std::string Section::title() const {
    switch (form) {
        case Form::root: return "";
        case Form::table: return fmt::format("[{}]", name);
        case Form::array: return fmt::format("[[{}]]", name);
        case Form::named: return fmt::format("[{}.NAME]", name);
    }
    return "";
}

std::span<const Section> sections() { return section_table; }

std::span<const Setting> settings() {
    static const std::vector<Setting> table = make_table();
    return table;
}

const Setting* find_setting(std::string_view section, std::string_view key) {
    for (const Setting& setting : settings()) {
        if (setting.section == section && setting.key == key) return &setting;
    }
    return nullptr;
}

std::string Setting::name() const { return section.empty() ? std::string(key) : fmt::format("{}.{}", section, key); }

std::string Setting::domain() const {
    switch (kind) {
        case Kind::boolean: return "true or false";
        case Kind::number: return fmt::format("a whole number from {} to {}", least, most);
        case Kind::word: return fmt::format("one of {}", fmt::join(words, ", "));
        case Kind::text: return "a string";
        case Kind::texts:
            return words.empty() ? "a string or an array of them" : fmt::format("some of {}", fmt::join(words, ", "));
        case Kind::pairs: return "a table of strings";
        case Kind::limits: return "a table of limits";
        case Kind::data: return "a table";
    }
    return "";
}

std::string Setting::wrong_text(std::string_view text) const {
    if (!words.empty() && std::find(words.begin(), words.end(), text) == words.end())
        return fmt::format("must be one of {}", fmt::join(words, ", "));
    return mismatch ? mismatch(text) : std::string();
}

std::string Setting::wrong(const SettingValue& value) const {
    if (const auto* number = std::get_if<std::int64_t>(&value))
        return *number < least || *number > most ? fmt::format("must be {}", domain()) : std::string();
    if (const auto* text = std::get_if<std::string>(&value)) return wrong_text(*text);
    return {};
}

std::string show(const SettingValue& value) {
    struct Shown {
        std::string operator()(std::monostate) const { return ""; }
        std::string operator()(bool it) const { return it ? "true" : "false"; }
        std::string operator()(std::int64_t it) const { return fmt::to_string(it); }
        std::string operator()(const std::string& it) const { return fmt::format("\"{}\"", it); }
        std::string operator()(const std::vector<std::string>& it) const { return fmt::format("{}", it); }
        std::string operator()(const TextPairs& it) const {
            std::vector<std::string> parts;
            for (const auto& [name, text] : it) parts.push_back(fmt::format("{} = \"{}\"", name, text));
            return fmt::format("{{{}}}", fmt::join(parts, ", "));
        }
        std::string operator()(const LimitOverrides& it) const {
            std::vector<std::string> parts;
            for (const auto& [name, number] : it) parts.push_back(fmt::format("{} = {}", name, number));
            return fmt::format("{{{}}}", fmt::join(parts, ", "));
        }
    };
    return std::visit(Shown{}, value);
}

}  // namespace soho::host
