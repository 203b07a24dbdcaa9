#include "commands.hpp"

#include "gen.hpp"
#include "handle.hpp"
#include "show.hpp"
#include "top.hpp"
#include "usage_error.hpp"

#include <soho/wire/login.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <filesystem>

namespace soho::cli {

namespace {

constexpr std::size_t any_number = SIZE_MAX;

template <auto& method>
Value ask(Workspace& workspace, const Invocation&) {
    return workspace.client().request(method);
}
constexpr char types_method[] = "soho.types", names_method[] = "soho.names", sessions_method[] = "soho.sessions",
               plugins_method[] = "soho.plugins", health_method[] = "soho.health", whoami_method[] = "soho.whoami",
               reload_method[] = "soho.reload", shutdown_method[] = "soho.shutdown";

// Of "#7" or "7".
std::uint64_t id_of(std::string_view text) {
    if (text.starts_with('#')) text.remove_prefix(1);
    std::uint64_t id = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (failure != std::errc() || end != text.data() + text.size())
        throw UsageError(fmt::format("'{}' is no id: say #NUMBER", text));
    return id;
}

// -- running --

Value run_create(Workspace& workspace, const Invocation& invocation) {
    const std::vector<std::string> words(invocation.words.begin() + 1, invocation.words.end());
    return workspace.create(invocation.words[0], invocation.as, words);
}

Value run_call(Workspace& workspace, const Invocation& invocation) {
    const Proxy object = workspace.object(invocation.words[0]);
    const std::vector<std::string> words(invocation.words.begin() + 2, invocation.words.end());
    Value result = workspace.call(object, invocation.words[1], words);
    if (invocation.as.empty()) return result;
    if (!handle_of(result)) {
        throw CallError(Failure(CallCode::bad_result,
                                fmt::format("{} gave {}, which is no object: there is nothing to publish as {}",
                                            invocation.words[1], text_of(result), invocation.as)));
    }
    workspace.client().publish(proxy_of(result), invocation.as);
    return result;
}

Value run_open(Workspace& workspace, const Invocation& invocation) { return workspace.named(invocation.words[0]); }

Value run_describe(Workspace& workspace, const Invocation& invocation) {
    return workspace.client().request("soho.types", invocation.words[0]);
}

Value run_publish(Workspace& workspace, const Invocation& invocation) {
    workspace.client().publish(workspace.object(invocation.words[0]), invocation.words[1]);
    return nullptr;
}

Value run_unpublish(Workspace& workspace, const Invocation& invocation) {
    return workspace.client().request("soho.unpublish", invocation.words[0]);
}

Value run_objects(Workspace& workspace, const Invocation& invocation) {
    if (invocation.referrers.empty()) return workspace.client().request("soho.objects");
    return workspace.client().request("soho.objects", Value(Value::Map{{"referrers", id_of(invocation.referrers)}}));
}

Value run_stats(Workspace& workspace, const Invocation& invocation) {
    if (!invocation.methods) return workspace.client().request("soho.stats");
    return workspace.client().request("soho.stats", Value(Value::Map{{"methods", true}}));
}

Value run_drop(Workspace& workspace, const Invocation& invocation) {
    return workspace.client().request("soho.drop", id_of(invocation.words[0]));
}

Value run_log_level(Workspace& workspace, const Invocation& invocation) {
    const auto& words = invocation.words;
    if (words.size() == 1) return workspace.client().request("soho.log_level", words[0]);
    return workspace.client().request("soho.log_level", words[0], words[1]);
}

Value run_plugin(Workspace& workspace, const Invocation& invocation) {
    const auto& words = invocation.words;
    if (words[0] == "list") return workspace.client().request("soho.plugins");
    // The host has another working folder.
    const Value file =
        words.size() > 2 ? Value(std::filesystem::absolute(words[2]).lexically_normal().string()) : Value(nullptr);
    return workspace.client().request("soho.reload_plugin", words[1], file,
                                      Value(Value::Map{{"force", invocation.force}}));
}

Value run_access(Workspace& workspace, const Invocation& invocation) {
    const auto& words = invocation.words;
    if (words[0] != "check") throw UsageError(fmt::format("access knows check, not '{}'", words[0]));
    return workspace.client().request("soho.access", words[1], words[2], words[3]);
}

std::string make_key(const Invocation& invocation) {
    const std::string& name = invocation.words[0];
    if (!wire::is_key_name(name))
        throw UsageError(fmt::format("'{}' names no key: letters, digits, _ - . @, at most 64 of them", name));
    return invocation.bearer ? wire::new_token_line(name) : wire::new_key_line(name);
}

Value run_ping(Workspace& workspace, const Invocation&) {
    const auto before = std::chrono::steady_clock::now();
    workspace.client().ping();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before).count();
}

// -- showing --

void show_value(const Value& value, const Invocation& invocation, Workspace&) {
    const auto handle = handle_of(value);
    if (handle && !invocation.as.empty()) {
        fmt::print("{} = {}\n", invocation.as, handle->text());
    } else {
        show_result(value);
    }
}

void show_description(const Value&, const Invocation& invocation, Workspace& workspace) {
    show_type(workspace.describe(invocation.words[0]));
}

void show_all_types(const Value& value, const Invocation&, Workspace&) { show_types(value); }

// Those that a worker may use.
std::string paths_text(const Value& paths) {
    if (paths.is_nil()) return "all";
    return paths.get_if<Value::Array>()->empty() ? "nothing" : list_text(paths);
}

// Until what will be; 0: nothing will.
std::string wait_text(const Value& milliseconds) {
    return milliseconds == Value(std::uint64_t{0}) ? "-" : duration_text(milliseconds);
}

// 0: there is none now. A dash can be no operand of kill(1).
std::string process_text(const Value& id) { return id == Value(std::uint64_t{0}) ? "-" : text_of(id); }

void show_stats(const Value& value, const Invocation& invocation, Workspace&) {
    Value::Map counters = *value.get_if<Value::Map>();
    std::erase_if(counters,
                  [](const auto& entry) { return entry.first == Value("methods") || entry.first == Value("workers"); });
    show_entries(Value(counters));
    if (const Value* workers = value.find("workers")) {
        fmt::print("\n");
        show_table(*workers,
                   {{"plugin", "WORKER OF"},
                    {"state", "STATE"},
                    {"process", "PROCESS", process_text},
                    {"starts", "STARTS"},
                    {"deaths", "DEATHS"},
                    {"next_start_ms", "STARTS IN", wait_text},
                    {"memory_bytes", "MEMORY", size_text},
                    {"syscalls", "SYSCALLS"},
                    {"read_paths", "READS", paths_text},
                    {"write_paths", "WRITES", paths_text},
                    {"last_death", "LAST DEATH"}},
                   "");
    }
    if (!invocation.methods) return;
    fmt::print("\n");
    Value none = Value::Map{{"methods", Value::Array()}};
    for (const char* key : {"requests", "bytes_in", "bytes_out"})
        none.get_if<Value::Map>()->emplace_back(key, std::uint64_t{0});
    const double seconds = std::max(value["uptime_ms"].as<double>() / 1000, 0.001);
    show_callees(difference(none, value, seconds, "calls", {}));
}

// Of an object that has it: the process that it lived in has ended.
std::string lost_text(const Value&) { return "lost"; }

void show_names(const Value& value, const Invocation&, Workspace&) {
    show_table(value, {{"name", "NAME"}, {"type", "TYPE"}, {"id", "ID"}, {"lost", "STATE", lost_text}},
               "no names are published");
}

void show_objects(const Value& value, const Invocation&, Workspace&) {
    show_table(value,
               {{"id", "ID"},
                {"type", "TYPE"},
                {"references", "REFS"},
                {"calls", "CALLS"},
                {"bytes", "BYTES", size_text},
                {"age_ms", "AGE", duration_text},
                {"names", "NAMES", list_text},
                {"holders", "HELD BY", list_text},
                {"lost", "STATE", lost_text}},
               "no objects");
}

void show_sessions(const Value& value, const Invocation&, Workspace&) {
    show_table(value,
               {{"session", "SESSION"},
                {"principal", "PRINCIPAL"},
                {"client", "CLIENT"},
                {"connections", "CONNECTIONS"},
                {"references", "REFS"},
                {"calls", "CALLS"},
                {"waiting", "WAITING"},
                {"age_ms", "AGE", duration_text}},
               "no sessions");
}

// "running, files, reads /srv/a /srv/b, writes nothing"
std::string worker_text(const Value& worker) {
    std::string text = fmt::format("{}, {}", worker["state"].as<std::string>(), worker["syscalls"].as<std::string>());
    for (const auto& [key, what] : {std::pair{"read_paths", "reads"}, std::pair{"write_paths", "writes"}}) {
        const auto* paths = worker[key].get_if<Value::Array>();
        if (paths == nullptr) continue;
        text += fmt::format(", {}", what);
        for (const Value& path : *paths) text += " " + path.as<std::string>();
        if (paths->empty()) text += " nothing";
    }
    return text;
}

void show_plugins(const Value& value, const Invocation&, Workspace&) {
    show_table(value,
               {{"name", "PLUGIN"},
                {"version", "VERSION"},
                {"state", "STATE"},
                {"objects", "OBJECTS"},
                {"worker", "WORKER", worker_text},
                {"types", "TYPES", list_text},
                {"file", "FILE"},
                {"reason", "REASON"}},
               "no plugins are loaded");
}

// "MAPPED" is of the host's process; a worker has its own.
void show_generations(const Value& plugins) {
    Value::Array rows;
    std::string failures;
    for (const Value& plugin : *plugins.get_if<Value::Array>()) {
        const Value* const all = plugin.find("generations");
        if (all == nullptr) continue;  // refused, or provided by a session: soho plugins
        for (const Value& generation : *all->get_if<Value::Array>()) {
            Value::Map row = *generation.get_if<Value::Map>();
            row.emplace_back("name", plugin["name"]);
            row.emplace_back("isolation", plugin["isolation"]);
            rows.emplace_back(std::move(row));
        }
        if (const auto& why = plugin["last_failure"].as<std::string>(); !why.empty())
            failures += fmt::format("the last reload of {} failed: {}\n", plugin["name"].as<std::string>(), why);
    }
    show_table(Value(std::move(rows)),
               {{"name", "PLUGIN"},
                {"generation", "GENERATION"},
                {"state", "STATE"},
                {"version", "VERSION"},
                {"isolation", "ISOLATION"},
                {"objects", "OBJECTS"},
                {"mapped_bytes", "MAPPED", size_text},
                {"age_ms", "AGE", duration_text},
                {"file", "FILE"},
                {"holders", "HELD BY", list_text},
                {"why", "WHY"}},
               "no plugins are loaded");
    fmt::print("{}", failures);
}

void show_plugin(const Value& value, const Invocation& invocation, Workspace&) {
    if (invocation.words[0] == "list") return show_generations(value);
    if (value["status"].as<std::string>() == "unchanged")
        return fmt::print("{} is unchanged (--force reloads it all the same)\n", value["plugin"].as<std::string>());
    fmt::print("{} {} took the place of {} in {:.1f} ms: generation {}\n", value["plugin"].as<std::string>(),
               value["version"].as<std::string>(), value["version_before"].as<std::string>(),
               value["took_us"].as<double>() / 1000, text_of(value["generation"]));
    if (const auto moved = value["objects_moved"].as<std::uint64_t>(); moved != 0)
        fmt::print("{} objects moved to it\n", moved);
    const auto why = value["why_left"].as<std::string>();
    if (const auto left = value["objects_left"].as<std::uint64_t>(); left != 0)
        fmt::print("{} objects stay on the code that made them{}{}\n", left, why.empty() ? "" : ": ", why);
}

void show_health(const Value& value, const Invocation&, Workspace&) {
    fmt::print("{}: {}, up {}\n", value["status"].as<std::string>(), value["version"].as<std::string>(),
               duration_text(value["uptime_ms"]));
    for (const Value& refused : *value["refused_plugins"].get_if<Value::Array>()) {
        fmt::print("refused plugin {}: {}\n", refused["file"].as<std::string>(), refused["reason"].as<std::string>());
    }
    const auto* const absent = value["absent_workers"].get_if<Value::Array>();
    if (absent == nullptr) return;  // an earlier host
    for (const Value& worker : *absent) {
        const std::string state = worker["state"].as<std::string>();
        const std::string death = worker["last_death"].as<std::string>();
        fmt::print("worker of plugin {}: {}{}{}\n", worker["plugin"].as<std::string>(), state,
                   death.empty() ? "" : ", as it " + death,
                   state == "resting" ? "; a reload starts it at once (soho reload)" : "");
    }
}

void show_whoami(const Value& value, const Invocation&, Workspace&) {
    fmt::print("{}, session {}\nrights on everything: {}\n", value["principal"].as<std::string>(),
               text_of(value["session"]), list_text(value["rights"]));
    const Value::Array& rules = *value["rules"].get_if<Value::Array>();
    if (rules.empty()) return;
    show_table(value["rules"],
               {{"types", "TYPES", list_text},
                {"names", "NAMES", list_text},
                {"methods", "METHODS", list_text},
                {"rights", "RIGHTS", list_text}},
               "");
}

void show_access(const Value& value, const Invocation&, Workspace&) {
    fmt::print("{}: {}\n", value["allowed"].as<bool>() ? "allowed" : "refused", value["why"].as<std::string>());
}

void show_reload(const Value& value, const Invocation&, Workspace&) {
    bool said = false;
    const auto say = [&](const char* what, const Value& names) {
        if (names.get_if<Value::Array>()->empty()) return;
        fmt::print("{}: {}\n", what, list_text(names));
        said = true;
    };
    say("changed", value["changed"]);
    say("take a restart", value["needs_restart"]);
    const Value* const plugins = value.find("plugins");
    for (const Value& plugin : plugins != nullptr ? *plugins->get_if<Value::Array>() : Value::Array()) {
        const bool has_failed = plugin["status"].as<std::string>() == "failed";
        fmt::print("plugin {} {} {}\n", plugin["plugin"].as<std::string>(),
                   has_failed ? "was not reloaded:" : "was reloaded, version",
                   plugin[has_failed ? "reason" : "version"].as<std::string>());
        said = true;
    }
    if (!said) fmt::print("nothing has changed\n");
}

bool a_plugin_was_not_reloaded(const Value& value) {
    const Value* const plugins = value.find("plugins");
    if (plugins == nullptr) return false;
    const Value::Array& all = *plugins->get_if<Value::Array>();
    return std::any_of(all.begin(), all.end(),
                       [](const Value& plugin) { return plugin["status"].as<std::string>() == "failed"; });
}

void show_ping(const Value& value, const Invocation&, Workspace& workspace) {
    fmt::print("{} answers in {:.2f} ms\n", workspace.client().address(), value.as<double>());
}

constexpr Command all[] = {
    {"types", "", "List the types of objects that the host has", "", 0, 0, false, ask<types_method>, show_all_types},
    {"describe", "TYPE", "Show a type's methods, arguments and documentation", "  soho describe Pair", 1, 1, false,
     run_describe, show_description},
    {"create", "TYPE [ARG…]", "Create an object and publish it under a name",
     "The object lives until its name is unpublished, so --as is needed: without a name it would go as soon as this "
     "command\n"
     "ends. (A shell keeps objects in variables.)\n\n"
     "  soho create --as mine Pair 5 6\n"
     "  soho create --as mine Pair x=5 y=6",
     1, any_number, true, run_create, show_value},
    {"call", "TARGET METHOD [ARG…]", "Call a method of an object",
     "TARGET is a published name, or the '#ID' of an object. Everything behind METHOD is an argument, read by its "
     "declared\n"
     "type: numbers, true and false strictly, str as it is, any, lists and maps as JSON; key=value for a declared "
     "keyword,\n"
     "@NAME or '#ID' for an object, - for the standard input. With --as, a result that is an object is published.\n\n"
     "  soho call pair get_x\n"
     "  soho call pair set_x -7\n"
     "  soho call pair set_x x=7\n"
     "  soho call d update '{\"name\": \"Ada\", \"born\": 1815}'\n"
     "  soho call --as cursor d iter\n"
     "  soho --timeout 0.5 call jobs get",
     2, any_number, true, run_call, show_value},
    {"open", "NAME", "Show which object a name stands for", "  soho open pair", 1, 1, false, run_open, show_value},
    {"names", "", "List the published names", "", 0, 0, false, ask<names_method>, show_names},
    {"publish", "TARGET NAME", "Publish an object under one more name", "  soho publish '#17' mine", 2, 2, false,
     run_publish, show_value},
    {"unpublish", "NAME", "Take a name away; its object goes if nobody else holds it", "  soho unpublish mine", 1, 1,
     false, run_unpublish, show_value},
    {"objects", "", "List objects and who holds them",
     "With --referrers ID: only the objects that hold that one.\n\n  soho objects --referrers '#17'", 0, 0, false,
     run_objects, show_objects},
    {"drop", "#ID", "Take an object away from all who hold it", "  soho drop '#17'", 1, 1, false, run_drop, show_value},
    {"sessions", "", "List the connected programs", "", 0, 0, false, ask<sessions_method>, show_sessions},
    {"plugins", "", "List the plugins, and those that were refused", "", 0, 0, false, ask<plugins_method>,
     show_plugins},
    {"plugin", "list | reload NAME [FILE] | new | run | inspect | check …",
     "Show the generations of plugins, or load a plugin's next one",
     "A reload loads the plugin beside the one that serves, from FILE or from where that came from; if it registers, "
     "passes its\n"
     "self-test and fits, objects are made by it from then on. Objects that there are move to it if both versions can "
     "save and\n"
     "load them; else they stay on the code that made them. If anything is wrong, all is as it was. Where clients of "
     "the version before may fail (a type has gone, "
     "or has\n"
     "another major version), it takes --force.\n\n"
     "  soho plugin list\n"
     "  soho plugin reload pair\n"
     "  soho plugin reload pair ./build/pair.so\n\n"
     "new, run, inspect and check are for authors of plugins (package soho-sdk): soho plugin check --help",
     1, 3, false, run_plugin, show_plugin},
    {"stats", "", "Show the host's counters", "", 0, 0, false, run_stats, show_stats},
    {"top", "", "Watch which methods are called, how often, and how long they take",
     "q or Ctrl-C ends it. Times are of the calls since the last look, in steps of a quarter.\n\n"
     "  soho top --filter 'dict.*' --sort p99\n"
     "  soho --json top --once --interval 1",
     0, 0, false, run_top, show_top},
    {"health", "", "Show whether the host is well", "", 0, 0, false, ask<health_method>, show_health},
    {"ping", "", "Ask the host to answer", "", 0, 0, false, run_ping, show_ping},
    {"whoami", "", "Show who the host takes this user for", "", 0, 0, false, ask<whoami_method>, show_whoami},
    {"access", "check PRINCIPAL TYPE METHOD", "Say what a principal may do, and which rule says so",
     "  soho access check key:ci Pair get_x", 4, 4, false, run_access, show_access},
    {"keygen", "NAME", "Make a key to log in with, as a line for a file of keys",
     "Host and clients (soho --key FILE) each have a file of keys, which nobody else may read.\n\n"
     "  (umask 077; soho keygen ci >> keys)",
     1, 1, false, nullptr, nullptr, make_key},
    {"gen", "cpp|python [TYPE…]", "Write typed proxies: a class for each type, in C++ or Python",
     "Of the TYPEs of the host, or all of them; with --plugin those of a plugin file, with --from those of a file with "
     "what "
     "`soho --json\n"
     "describe`, `soho --json types` or `soho-plugin inspect --json` said. What it writes belongs in version control: "
     "it "
     "changes only\n"
     "where the types do, and --check FILE tells by its exit code whether FILE is still what would be written.\n\n"
     "  soho gen cpp Pair -o pair_proxy.hpp\n"
     "  soho gen python --plugin build/pair.so -o pair_proxy.py\n"
     "  soho gen cpp Pair --check pair_proxy.hpp",
     1, any_number, false, run_gen, show_gen, run_gen_of_file, gen_needs_host},
    {"log-level", "LEVEL [SUBSYSTEM]", "Set what the host logs: debug, info, warning or error",
     "Of everything, or of host, session, call, plugin or plugin.NAME; until the host reads its config again.\n\n"
     "  soho log-level warning\n"
     "  soho log-level debug call",
     1, 2, false, run_log_level, show_value},
    {"reload", "", "Have the host read its config again, and reload plugins whose files have changed",
     "What cannot change while the host runs is named. If anything is wrong with the config, nothing changes.", 0, 0,
     false, ask<reload_method>, show_reload, nullptr, nullptr, a_plugin_was_not_reloaded},
    {"shutdown", "", "End the host once its running calls are done", "", 0, 0, false, ask<shutdown_method>, show_value},
};

}  // namespace

bool needs_host(const Command& command, const Invocation& invocation) {
    if (command.needs_host != nullptr) return command.needs_host(invocation);
    return command.run_without_host == nullptr;
}

std::span<const Command> commands() { return all; }

const Command* find_command(std::string_view name) {
    for (const Command& command : all) {
        if (name == command.name) return &command;
    }
    return nullptr;
}

}  // namespace soho::cli
