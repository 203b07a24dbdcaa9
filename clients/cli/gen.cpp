#include "gen.hpp"

#include "gen_cpp.hpp"
#include "gen_python.hpp"
#include "gen_source.hpp"
#include "usage_error.hpp"

#include <soho/wire/message.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace soho::cli {

namespace {

std::vector<std::string> wanted_types(const Invocation& invocation) {
    std::vector<std::string> wanted(invocation.words.begin() + 1, invocation.words.end());
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    for (const std::string& type_id : wanted) {
        if (const char* why = wire::name_mismatch(type_id))
            throw UsageError(fmt::format("'{}' is no type: {}", type_id, why));
    }
    return wanted;
}

// How to make the same again. The same everywhere: no folders.
std::string command_text(const Invocation& invocation, const std::vector<std::string>& wanted) {
    std::string text = "soho gen " + invocation.words[0];
    const auto add_file = [&](const char* option, const std::string& file) {
        if (file.empty()) return;
        std::string name = std::filesystem::path(file).filename().string();
        const auto plain = [](char c) {
            return wire::identifier_mismatch(std::string("a") + c) == nullptr || c == '.' || c == '-';
        };
        if (!std::all_of(name.begin(), name.end(), plain)) name = "FILE";
        text += fmt::format(" {} {}", option, name);
    };
    for (const std::string& type_id : wanted) text += " " + type_id;
    add_file("--plugin", invocation.plugin);
    add_file("--from", invocation.from);
    return text;
}

std::string code_of(const Invocation& invocation, std::vector<TypeDescription> types) {
    const std::string command = command_text(invocation, wanted_types(invocation));
    if (invocation.words[0] == "cpp") return cpp_header(generated_types(std::move(types), cpp_naming()), command);
    return python_module(generated_types(std::move(types), python_naming()), command);
}

void check_words(const Invocation& invocation) {
    const std::string& language = invocation.words[0];
    if (language != "cpp" && language != "python")
        throw UsageError(fmt::format("gen knows cpp and python, not '{}'", language));
    wanted_types(invocation);
}

void check_file(const std::string& file, const std::string& code) {
    if (text_of_file(file) != code)
        throw std::runtime_error(fmt::format(
            "{} is not what would be written now: run the command of its first line with -o {}", file, file));
}

void write_file(const std::string& file, const std::string& code) {
    errno = 0;
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << code << std::flush;
    if (!out) throw std::runtime_error(fmt::format("cannot write {}: {}", file, std::strerror(errno)));
}

// What is left to be printed.
std::string deliver(const Invocation& invocation, const std::string& code) {
    if (!invocation.check.empty()) {
        check_file(invocation.check, code);
        return {};
    }
    if (invocation.output.empty()) return code;
    write_file(invocation.output, code);
    return {};
}

}  // namespace

bool gen_needs_host(const Invocation& invocation) {
    check_words(invocation);
    return invocation.plugin.empty() && invocation.from.empty();
}

Value run_gen(Workspace& workspace, const Invocation& invocation) {
    const std::vector<std::string> wanted = wanted_types(invocation);
    std::vector<TypeDescription> types;
    for (const std::string& type_id : wanted) types.push_back(workspace.client().describe(type_id));
    if (wanted.empty()) types = workspace.client().types();
    const std::string text = deliver(invocation, code_of(invocation, std::move(types)));
    return text.empty() ? Value() : Value(text);
}

void show_gen(const Value& value, const Invocation&, Workspace&) {
    if (const auto* text = value.get_if<std::string>()) fmt::print("{}", *text);
}

std::string run_gen_of_file(const Invocation& invocation) {
    const std::string& file = invocation.plugin.empty() ? invocation.from : invocation.plugin;
    std::vector<TypeDescription> all =
        invocation.plugin.empty() ? types_of_file(invocation.from) : types_of_plugin(invocation.plugin);
    const std::vector<std::string> wanted = wanted_types(invocation);
    if (wanted.empty()) return deliver(invocation, code_of(invocation, std::move(all)));
    std::vector<TypeDescription> types;
    for (const std::string& type_id : wanted) {
        const auto found = std::find_if(all.begin(), all.end(), [&](const auto& type) { return type.type == type_id; });
        if (found == all.end()) throw UsageError(fmt::format("{} has no type '{}'", file, type_id));
        types.push_back(*found);
    }
    return deliver(invocation, code_of(invocation, std::move(types)));
}

}  // namespace soho::cli
