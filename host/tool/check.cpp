#include "host/tool/check.hpp"

#include "host/registry/library.hpp"
#include "host/registry/trust.hpp"
#include "host/tool/description.hpp"
#include "host/tool/private_folder.hpp"
#include "host/tool/prober.hpp"
#include "host/tool/symbols.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

namespace soho::host::tool {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr std::string_view entry = "soho_plugin_entry";
constexpr std::size_t names_max = 10;  // in one sentence
constexpr int hangs_max = 6;           // of one type's methods
constexpr auto load_max = 10s;         // as a host gives to a worker (worker_start_ms)

std::string some_of(std::vector<std::string> names) {
    const std::size_t more = names.size() > names_max ? names.size() - names_max : 0;
    names.resize(names.size() - more);
    return fmt::format("{}{}", fmt::join(names, ", "), more != 0 ? fmt::format(" and {} more", more) : "");
}

// A host's sentence begins with the file, which stands in front of findings anyway.
std::string_view without_file(std::string_view sentence) {
    const auto end = sentence.find(".so: ");
    return sentence.starts_with('/') && end != std::string_view::npos ? sentence.substr(end + 5) : sentence;
}

// What a child died of, as what the check has found.
void add_ending(const Board& board, const Ending& ending, Report& report) {
    using How = Ending::How;
    if (ending.how == How::finished) return;
    const std::string check = ending.how == How::hung ? "hang" : ending.how == How::exited ? "exit" : board.blamed();
    const std::string doing = board.doing().empty() ? "" : ", " + board.doing();
    const std::string words = ending.last_words.empty() ? "" : "; its last words: " + ending.last_words;
    report.add({check, board.where(), fmt::format("the process {}{}{}", ending.text, doing, words)});
}

// ---- the file

bool check_file(const std::string& file, Report& report, ElfFile& elf) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        report.add({"unreadable", "", fmt::format("it cannot be opened: {}", std::strerror(errno))});
        return false;
    }
    const auto note = read_note(descriptor);
    const auto read = read_elf_file(descriptor);
    std::error_code failure;
    const auto trusted = check_trusted(descriptor, std::filesystem::canonical(file, failure).string());
    ::close(descriptor);
    if (!note) report.add({"file", "", note.error().text});
    if (note && note->abi != SOHO_ABI)
        report.add({"file", "", fmt::format("its note says ABI {}, and this is made for ABI {}", note->abi, SOHO_ABI)});
    if (!trusted) report.add({"trust", "", trusted.error().text});
    if (read) elf = *read;
    return note && read && trusted && note->abi == SOHO_ABI;
}

void check_symbols(const ElfFile& elf, Report& report) {
    if (!elf.has_symbols)
        return report.add({"stripped", "", "it has no section headers, so its symbols cannot be looked at"});
    std::vector<std::string> others;
    bool has_entry = false;
    for (const std::string& name : elf.exported) name == entry ? void(has_entry = true) : others.push_back(name);
    if (!has_entry) report.add({"exports", "", fmt::format("it does not export {}", entry)});
    if (!others.empty())
        report.add({"exports", "", fmt::format("it exports more than its entry: {}", some_of(std::move(others)))});
    if (!elf.unique.empty())
        report.add({"unique", "",
                    fmt::format("these symbols are shared by all plugins that have them: {}", some_of(elf.unique))});
}

// In a child: the libraries that it needs are loaded, but not itself.
bool check_undefined(const std::string& file, const ElfFile& elf, Report& report) {
    const BoardMemory board;
    const Ending ending = run_child(*board, load_max, [&](Board& to) {
        to.at("its libraries", "loaded");
        const Missing missing = find_missing(file, elf);
        if (!missing.libraries.empty())
            to.find("undefined", "",
                    fmt::format("libraries that it needs are not there: {}", some_of(missing.libraries)));
        if (!missing.symbols.empty())
            to.find("undefined", "", fmt::format("no library that it names defines: {}", some_of(missing.symbols)));
        to.put(missing.symbols.empty() && missing.libraries.empty() ? "whole" : "missing");
    });
    board->tell(report);
    add_ending(*board, ending, report);
    return board->take_put() == "whole";
}

// ---- loading

void look_at_loaded(const Plugin& plugin, const std::string& file, double load_ms, Board& board) {
    if (load_ms > 1000) board.find("load_time", "load()", fmt::format("it took {:.0f} ms", load_ms));
    const auto library = open_library(file);
    const soho_plugin* const table = library ? library->entry(SOHO_ABI) : nullptr;
    if (table != nullptr && library->note.sdk_version == SOHO_SDK_VERSION && table->size != sizeof(soho_plugin))
        board.find("sizes", "soho_plugin_entry()",
                   fmt::format("its table says its size is {} bytes; that of SDK {} has {}", table->size,
                               library->note.sdk_version, sizeof(soho_plugin)));
    Json description = describe(plugin);
    description["load_ms"] = load_ms;
    board.put(description.dump(-1, ' ', false, Json::error_handler_t::replace));
}

// Null if it cannot be loaded; the report says why.
Json check_load(const std::string& file, Report& report) {
    const BoardMemory board;
    const Ending ending = run_child(*board, load_max, [&](Board& to) {
        to.at("load()", "loaded");
        Stage stage(std::make_shared<LineKeeper>());
        const auto begin = Clock::now();
        const auto plugin = stage.load(file);
        const double load_ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
        if (!plugin) {
            to.find("refused", "", without_file(plugin.error().text));
        } else {
            look_at_loaded(**plugin, file, load_ms, to);
        }
        to.finish();
        ::_exit(0);  // whatever threads it has
    });
    board->tell(report);
    add_ending(*board, ending, report);
    return Json::parse(board->take_put(), nullptr, false);
}

// ---- trying it

std::chrono::milliseconds milliseconds_of(double seconds) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

bool hangs_at(const std::string& where, const Report& report) {
    return std::any_of(report.findings.begin(), report.findings.end(), [&](const Finding& finding) {
        return finding.where == where && (finding.check == "hang" || finding.check == "deaf");
    });
}

void probe(const std::string& file, const CheckOptions& options, Report& report) {
    ProbeOptions probing;
    probing.seed = options.seed;
    probing.patience = milliseconds_of(options.patience_s);
    probing.until = Clock::now() + milliseconds_of(options.seconds);
    probing.create_args = options.create_args;
    // A method that takes a file's name gets names that nobody thought of.
    std::optional<PrivateFolder> folder(std::in_place);
    if (folder->path().empty()) folder.emplace("/tmp");  // the other may be of a session that has ended
    probing.folder = folder->path();
    if (folder->path().empty())
        report.notes.push_back(fmt::format(
            "what it writes stays where this was run: there is no folder to be made in {}", folder->place()));
    std::map<std::string, int> hangs;  // by typeid
    for (std::uint32_t next = 0; next != Prober::steps_end;) {
        const BoardMemory board;
        const Ending ending = run_child(
            *board, 8 * probing.patience + load_max, [&](Board& to) { Prober(to, file, probing).run(next); },
            [&] { folder.reset(); });
        board->tell(report);
        add_ending(*board, ending, report);
        const std::string where = board->where();
        if (board->step() == Prober::steps_end || where == "stop() and unload()" || where == "load()") return;
        // What is dangerous is left out the next time; what was on its way to something else is tried again.
        next = probing.dangerous.insert(where).second ? board->step() : board->step() + 1;
        const std::string type = where.substr(0, where.rfind('.'));
        if (type == where || !hangs_at(where, report) || ++hangs[type] != hangs_max) continue;
        probing.given_up.insert(type);
        report.notes.push_back(
            fmt::format("{}: its further methods were not tried, as {} did not return", type, hangs_max));
    }
}

void count(const Json& description, Report& report) {
    report.types = description["types"].size();
    for (const Json& type : description["types"]) report.methods += type["methods"].size();
    report.load_ms = description.value("load_ms", 0.0);
}

struct Names {
    std::map<std::string, std::string> plugins, types;  // and the file
};

void check_clashes(const std::string& file, const Json& description, Names& taken, Report& report) {
    for (const Json& type : description["types"]) {
        const auto [known, is_new] = taken.types.emplace(type.value("type", ""), file);
        if (!is_new)
            report.add(
                {"clash", known->first,
                 fmt::format("{} has this typeid as well: a host refuses the one that loads later", known->second)});
    }
    const auto facts = read_file_facts(file);
    if (!facts) return;
    const auto [known, is_new] = taken.plugins.emplace(facts->note.name, file);
    if (!is_new) report.add({"clash", "", fmt::format("{} is a plugin named {} as well", known->second, known->first)});
}

// What a file is found to be before anything of it is tried.
struct Loaded {
    Report report;
    Json description;  // null: it was not loaded
};

Loaded load_one(const std::string& file, const CheckOptions& options, Names& taken) {
    Loaded loaded{{.file = file, .seed = options.seed}, {}};
    Report& report = loaded.report;
    const auto begin = Clock::now();
    ElfFile elf;
    const bool may_load = check_file(file, report, elf);
    if (elf.has_symbols || may_load) check_symbols(elf, report);
    if (may_load && check_undefined(file, elf, report)) {
        loaded.description = check_load(file, report);
        if (loaded.description.is_object()) {
            count(loaded.description, report);
            check_clashes(file, loaded.description, taken, report);
        }
    } else if (may_load) {
        report.notes.push_back("it was not loaded: what it needs is missing");
    } else {
        report.notes.push_back("it was not loaded: sohod would refuse it");
    }
    report.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    return loaded;
}

// Arguments that nothing is made with are a mistake, if all files could be asked what they have.
Result<void> check_create_args(const CheckOptions& options, const std::vector<Loaded>& files) {
    for (const auto& [type_id, arguments] : options.create_args) {
        bool known = false, creatable = false;
        for (const Loaded& file : files) {
            if (!file.description.is_object()) return {};
            for (const Json& type : file.description["types"]) {
                if (type.value("type", "") != type_id) continue;
                known = true;
                creatable = creatable || type.value("create_method", true);
            }
        }
        if (!known)
            return refuse(
                Code::bad_arguments,
                fmt::format("--create {0}=…: no type is called {0} here; soho plugin inspect lists them", type_id));
        if (!creatable)
            return refuse(
                Code::bad_arguments,
                fmt::format("--create {0}=…: objects of {0} are not created by name, so with no arguments", type_id));
    }
    return {};
}

}  // namespace

Result<std::vector<Report>> check_plugins(const std::vector<std::string>& files, const CheckOptions& options) {
    Names taken;
    std::vector<Loaded> all;
    for (const std::string& file : files) all.push_back(load_one(file, options, taken));
    if (auto sound = check_create_args(options, all); !sound) return tl::unexpected<Error>(sound.error());
    std::vector<Report> reports;
    for (Loaded& loaded : all) {
        const auto begin = Clock::now();
        if (loaded.description.is_object()) probe(loaded.report.file, options, loaded.report);
        loaded.report.seconds += std::chrono::duration<double>(Clock::now() - begin).count();
        reports.push_back(std::move(loaded.report));
    }
    return reports;
}

}  // namespace soho::host::tool
