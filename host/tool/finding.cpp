#include "host/tool/finding.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace soho::host::tool {

namespace {

constexpr Check table[] = {
    // -- the file, without running it --
    {"unreadable", "the file can be opened", "name the plugin's .so as it was built, and see that you may read it"},
    {"file", "an ELF shared object with a soho note of this ABI",
     "build it with soho_add_plugin(), from a source with SOHO_PLUGIN() or SOHO_NOTE(), and an SDK of this ABI"},
    {"trust", "nobody but its owner and root may write to the file or a folder above it",
     "change the owner or the mode as said: sohod refuses code that others could have written"},
    {"exports", "soho_plugin_entry is the only exported symbol",
     "build it with soho_add_plugin(), or link it with -fvisibility=hidden and the version script soho-plugin.map"},
    {"unique", "no symbol is GNU-unique, that is, shared between plugins",
     "compile it with -fno-gnu-unique, as soho_add_plugin() does"},
    {"undefined", "every symbol it needs is in a library it names",
     "link the library that defines it, and link with -Wl,-z,defs, so that this shows when it is built"},
    {"stripped", "its symbols can be looked at", "strip it with strip, not with what removes section headers as well"},
    // -- loading --
    {"refused", "a host takes it: its tables, types, names and mappings", "as the sentence says"},
    {"sizes", "its tables have the sizes of the ABI that it was built for",
     "let `size` be sizeof of the struct, and strides sizeof of the element, of the abi.h that it is compiled with"},
    {"clash", "no other plugin that is checked with it has its name or one of its typeids",
     "rename one, or give one of the plugins a prefix in the config (prefix = \"acme.\")"},
    {"load_time", "it is loaded within a second",
     "do the slow part when the first object is made, or in a thread that on_stop() joins"},
    {"unload", "stop() and unload() return, and leave no thread behind",
     "join every thread of the plugin in what is given to plugin.on_stop()"},
    // -- types --
    {"uncreated", "an object of every type can be had",
     "let the callable accept what its parameters say, or name arguments: check --create 'TYPE=[ARG, …]'"},
    {"unusable", "every type exposes a method, or is taken as an argument",
     "register methods with plugin.methods<T>(), and name the private ones in exposed()"},
    // -- calls --
    {"crash", "nothing makes the process die", "run it under the debugger: soho plugin run --gdb FILE"},
    {"exit", "nothing ends the process", "throw soho::Error in place of calling exit()"},
    {"hang", "every call returns, or can reply later",
     "do not wait in a method: take a soho::Reply and complete it later, or say .blocking() and look at caller_gone()"},
    {"blocks", "a method that takes long says so",
     "say .blocking(), so that it runs on the pool, or reply later with soho::Reply"},
    {"deaf", "a blocking method ends when its caller has gone",
     "look at call.caller_gone() while it waits, and end when that is true"},
    {"kept_reply", "a reply that nobody waits for any more is given up",
     "set reply.on_cancel() and drop the reply there: until then its object stays, and soho.stats counts a stuck call"},
    {"dropped_reply", "a reply is not dropped while somebody waits for it",
     "complete each soho::Reply, or fail it with a soho::Error"},
    {"completed_twice", "a reply is completed once", "complete each soho::Reply once: whatever comes later is ignored"},
    {"result", "every result is one well-formed value, and every failure has a reason",
     "write exactly one MessagePack value, or call fail() and return SOHO_FAILED"},
    {"unchecked_argument", "an argument of another type than declared is refused",
     "check the argument's type, and fail() with SOHO_BAD_ARGUMENTS and a sentence that names it"},
    {"logged_argument", "arguments do not stand in logs: they may be secrets",
     "log what was done, not what with; or the argument's length"},
    {"callback_threw", "nothing is thrown out of timers, tasks and callbacks", "catch it where it happens"},
    // -- what is left behind --
    {"leak", "objects that have gone leave no memory behind",
     "free in the destructor what the constructor and the methods take; -fsanitize=address names the place"},
    {"descriptors", "objects that have gone leave no file open, and close only their own",
     "close it in the destructor (std::fstream and the like do), and keep no descriptor that was closed"},
    {"threads", "objects that have gone leave no thread behind", "join the thread in the destructor"},
    {"processes", "methods leave no process behind", "wait for it, and end it in the destructor"},
    {"stuck_objects", "an object that nobody holds is destroyed",
     "keep no shared_ptr or ObjectRef of it where it is never given up"},
    {"concurrent", "a concurrent type stands calls from many threads at once",
     "protect what its methods share by a mutex, or do without .concurrent(); -fsanitize=thread names the place"},
    // -- reloads --
    {"state", "what is made of an object's state has the same state, and saving an object changes nothing",
     "let save write all that load needs, always in the same order, and load use all of it, or refuse it with a "
     "sentence"},
    // -- the check itself --
    {"time", "everything could be tried in the time given", "give it more time: check --time SECONDS"},
};

std::string place_of(const Finding& finding) { return finding.where.empty() ? "" : finding.where + ": "; }

}  // namespace

std::span<const Check> all_checks() { return table; }

const Check& check_of(std::string_view id) {
    const auto* const found =
        std::find_if(std::begin(table), std::end(table), [&](auto& check) { return check.id == id; });
    if (found == std::end(table)) throw std::logic_error("no check is called " + std::string(id));
    return *found;
}

void Report::add(Finding finding) {
    const auto same = [&](const Finding& other) {
        return other.check == finding.check && other.where == finding.where;
    };
    if (std::none_of(findings.begin(), findings.end(), same)) findings.push_back(std::move(finding));
}

nlohmann::ordered_json to_json(const Report& report) {
    using Json = nlohmann::ordered_json;
    Json findings = Json::array();
    for (const Finding& finding : report.findings)
        findings.push_back({{"check", finding.check},
                            {"where", finding.where},
                            {"what", finding.what},
                            {"mend", check_of(finding.check).mend}});
    return {{"file", report.file},       {"clean", report.is_clean()},
            {"findings", findings},      {"notes", report.notes},
            {"types", report.types},     {"methods", report.methods},
            {"calls", report.calls},     {"arguments", fmt::format("{:016x}", report.arguments)},
            {"load_ms", report.load_ms}, {"seed", report.seed},
            {"seconds", report.seconds}};
}

std::string to_text(const Report& report) {
    std::string text;
    for (const Finding& finding : report.findings)
        text += fmt::format("{}: [{}] {}{}\n    mend: {}\n", report.file, finding.check, place_of(finding),
                            finding.what, check_of(finding.check).mend);
    for (const std::string& note : report.notes) text += fmt::format("{}: note: {}\n", report.file, note);
    const std::size_t count = report.findings.size();
    const std::string verdict = count == 0 ? "clean" : fmt::format("{} finding{}", count, count == 1 ? "" : "s");
    return text + fmt::format("{}: {} ({} types, {} methods, {} calls, {:.1f} s, seed {})\n", report.file, verdict,
                              report.types, report.methods, report.calls, report.seconds, report.seed);
}

}  // namespace soho::host::tool
