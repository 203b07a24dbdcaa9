// soho-plugin: what authors do with a plugin: begin one, run it, look at it, check it. `soho plugin …` ends up here.
#include "host/tool/check.hpp"
#include "host/tool/inspect.hpp"
#include "host/tool/new_project.hpp"
#include "host/tool/throwaway_host.hpp"

#include <soho/abi.h>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <charconv>
#include <nlohmann/json.hpp>
#include <random>

namespace soho::host::tool {

namespace {

enum ExitCode : int { exit_ok = 0, exit_found = 1, exit_usage = 2 };

int complain(std::string_view sentence, ExitCode code) {
    fmt::print(stderr, "soho-plugin: {}\n", sentence);
    return code;
}

// What was said on the command line.
struct Line {
    std::string name, folder, file;
    std::vector<std::string> files, host_args, creates;
    bool json = false, list = false;
    RunOptions run;
    CheckOptions check;
};

int run_new(const Line& line) {
    const std::string folder = line.folder.empty() ? line.name : line.folder;
    const auto written = write_project(line.name, folder);
    if (!written) return complain(written.error().text, exit_usage);
    for (const std::string& file : *written) fmt::print("{}/{}\n", folder, file);
    fmt::print(
        "\nBuild it and run its tests:\n    cmake -S {0} -B {0}/build && cmake --build {0}/build --parallel && ctest "
        "--test-dir "
        "{0}/build\n"
        "Then:\n    soho plugin check {0}/build/{1}.so\n    soho plugin run {0}/build/{1}.so\n",
        folder, line.name);
    return exit_ok;
}

int run_inspect(const Line& line) {
    const Inspection inspection = inspect(line.file);
    if (!inspection.failure.empty()) return complain(fmt::format("{}: {}", line.file, inspection.failure), exit_found);
    if (line.json) {
        fmt::print("{}\n", inspection.json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    } else {
        fmt::print("{}", to_text(inspection));
    }
    if (!inspection.json.contains("refused")) return exit_ok;
    return complain(inspection.json["refused"].get<std::string>(), exit_found);
}

int list_checks(bool json) {
    if (json) {
        auto all = nlohmann::ordered_json::array();
        for (const Check& check : all_checks())
            all.push_back({{"check", check.id}, {"looks_for", check.looks_for}, {"mend", check.mend}});
        fmt::print("{}\n", all.dump());
        return exit_ok;
    }
    for (const Check& check : all_checks()) fmt::print("{}: {}\n    mend: {}\n", check.id, check.looks_for, check.mend);
    return exit_ok;
}

// "Array=[\"i\", 10]"
Result<std::pair<std::string, std::string>> parse_create(const std::string& text) {
    const auto equals = text.find('=');
    const auto args =
        equals == std::string::npos ? nlohmann::json() : nlohmann::json::parse(text.substr(equals + 1), nullptr, false);
    if (equals == 0 || !args.is_array())
        return refuse(Code::bad_arguments,
                      fmt::format("--create {}: say TYPE=[ARG, …], with the arguments as JSON", text));
    const auto packed = nlohmann::json::to_msgpack(args);
    return std::pair{text.substr(0, equals), std::string(packed.begin(), packed.end())};
}

int run_check(Line& line) {
    if (line.list && !line.files.empty()) return complain("check: --list tries no FILE", exit_usage);
    if (line.list) return list_checks(line.json);
    if (line.files.empty()) return complain("check: say which FILE", exit_usage);
    for (const std::string& text : line.creates) {
        const auto create = parse_create(text);
        if (!create) return complain(create.error().text, exit_usage);
        if (!line.check.create_args.insert(*create).second)
            return complain(
                fmt::format("--create {0}=… is said twice: say one list of arguments for {0}", create->first),
                exit_usage);
    }
    if (line.check.seed == 0) line.check.seed = 1 + std::random_device()() % 1'000'000;
    const auto reports = check_plugins(line.files, line.check);
    if (!reports) return complain(reports.error().text, exit_usage);
    bool clean = true;
    auto all = nlohmann::ordered_json::array();
    for (const Report& report : *reports) {
        clean = clean && report.is_clean();
        all.push_back(to_json(report));
        if (!line.json) fmt::print("{}", to_text(report));
    }
    if (line.json)
        fmt::print("{}\n",
                   (all.size() == 1 ? all[0] : all).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return clean ? exit_ok : exit_found;
}

// CLI11's own ranges let in what compares with nothing (nan), and -1 where no sign is meant.
template <class T>
CLI::Validator between(T least, T most, std::string rule) {
    const auto check = [=](const std::string& text) -> std::string {
        T number{};
        const char* const end = text.data() + text.size();
        const auto [stopped, failure] = std::from_chars(text.data(), end, number);
        const bool sound = failure == std::errc() && stopped == end && number >= least && number <= most;
        return sound ? "" : fmt::format("'{}' is not {}", text, rule);
    };
    return {check, ""};
}

CLI::Validator a_seed() { return between<std::uint64_t>(1, UINT64_MAX, "a whole number from 1 to 2^64 - 1"); }
CLI::Validator seconds_between(double least, double most) {
    return between(least, most, fmt::format("a number of seconds from {} to {:.0f}", least, most));
}

struct Grammar {
    Grammar() : app("What authors do with a soho plugin: begin one, look at it, check it, run it.", "soho-plugin") {
        app.set_version_flag("--version", "soho-plugin " SOHO_SDK_VERSION);
        app.require_subcommand(1);
        app.footer("Exit codes: 0 done and nothing found, 1 findings or a failure, 2 wrong usage.");
        make = app.add_subcommand("new", "Write a small, complete plugin project that builds and passes its tests");
        make->add_option("NAME", line.name, "of the plugin: letters, digits and _")->required();
        make->add_option("--dir", line.folder, "the folder to write it to; if not said, NAME")->type_name("DIR");
        run =
            app.add_subcommand("run", "Start a host with the plugin, and a shell to it; the host ends with the shell");
        run->add_option("FILE", line.run.file, "the plugin")->required();
        run->add_option("ARGS", line.host_args, "further arguments of sohod's, behind --");
        run->add_flag("--gdb", line.run.gdb, "run the host under gdb, without any deadline or watchdog");
        look = app.add_subcommand("inspect", "Show what a plugin is, and its types and methods");
        look->add_option("FILE", line.file, "the plugin")->required();
        look->add_flag("--json", line.json, "print for programs; `types` are as soho describe --json has them");
        check = app.add_subcommand(
            "check", "Try everything that a plugin offers, and say what is wrong, where, and how to mend it");
        check->add_option("FILE", line.files, "plugins; what clashes between them is found, too");
        check->add_flag("--json", line.json, "print for programs");
        check->add_flag("--list", line.list, "only say what is looked for");
        check->add_option("--seed", line.check.seed, "of what is random; if not said, another one each time")
            ->type_name("N")
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
            ->check(a_seed());
        check->add_option("--time", line.check.seconds, "how long to try each file (120)")
            ->type_name("SECONDS")
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
            ->check(seconds_between(0.1, 1e6));
        check->add_option("--patience", line.check.patience_s, "a call that has not returned by then hangs (2)")
            ->type_name("SECONDS")
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
            ->check(seconds_between(0.1, 3600));
        check->add_option("--create", line.creates, "arguments that make an object of a type; can be repeated")
            ->type_name("TYPE=JSON")
            ->take_all()
            ->allow_extra_args(false);
    }
    Grammar(const Grammar&) = delete;
    Grammar& operator=(const Grammar&) = delete;

    Line line;
    CLI::App app;
    CLI::App *make = nullptr, *run = nullptr, *look = nullptr, *check = nullptr;
};

int main(int argc, char** argv) try {
    Grammar grammar;
    try {
        grammar.app.parse(argc, argv);
    } catch (const CLI::ExtrasError&) {
        return complain(fmt::format("there is no option or command '{}' here; --help lists them",
                                    grammar.app.remaining(true).front()),
                        exit_usage);
    } catch (const CLI::RequiredError& error) {
        if (!grammar.app.get_subcommands().empty())
            return complain(fmt::format("{}; --help says more", error.what()), exit_usage);
        if (grammar.app.remaining_size(true) != 0)
            return complain(fmt::format("there is no option or command '{}' here; --help lists them",
                                        grammar.app.remaining(true).front()),
                            exit_usage);
        return complain("say what to do: new, run, inspect or check; --help says more", exit_usage);
    } catch (const CLI::Success& wanted) {
        return grammar.app.exit(wanted);
    } catch (const CLI::ParseError& error) {
        return complain(fmt::format("{}; --help says more", error.what()), exit_usage);
    }
    Line& line = grammar.line;
    if (grammar.make->parsed()) return run_new(line);
    if (grammar.look->parsed()) return run_inspect(line);
    if (grammar.check->parsed()) return run_check(line);
    line.run.host_args = line.host_args;
    return run_throwaway_host(line.run);
} catch (const std::exception& failure) {
    return complain(failure.what(), exit_found);
}

}  // namespace

}  // namespace soho::host::tool

int main(int argc, char** argv) { return soho::host::tool::main(argc, argv); }
