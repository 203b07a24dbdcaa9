#include "host/tool/new_project.hpp"

#include "host/tool/programs.hpp"

#include <soho/wire/message.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace soho::host::tool {

namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> bad(std::string why) { return refuse(Code::bad_arguments, std::move(why)); }

// Words of C++; names that the template has itself; and targets of CMake's (policy CMP0037), whatever it makes build files for.
constexpr std::string_view reserved =
    " alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t "
    "char32_t class compl concept const consteval constexpr constinit const_cast continue co_await "
    "co_return co_yield decltype default delete do double dynamic_cast else enum explicit export extern "
    "false float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr "
    "operator or or_eq private protected public register reinterpret_cast requires return short signed "
    "sizeof static static_assert static_cast struct switch template this thread_local throw true try "
    "typedef typeid typename union unsigned using virtual void volatile wchar_t while xor xor_eq plugin "
    "soho std all ALL_BUILD clean depend edit_cache help install INSTALL list_install_components package "
    "PACKAGE package_source preinstall rebuild_cache RUN_TESTS test ZERO_CHECK ";
// How the targets of CTest's dashboards begin.
constexpr std::array dashboards{"Experimental", "Nightly", "Continuous"};

bool is_reserved(std::string_view name) {
    return reserved.find(fmt::format(" {} ", name)) != std::string_view::npos ||
           std::any_of(dashboards.begin(), dashboards.end(),
                       [&](const char* begin) { return name.starts_with(begin); });
}

Result<void> check_name(const std::string& name) {
    constexpr std::string_view rule = "a plugin's name begins with a letter and goes on with letters, digits and _";
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const bool sound = !name.empty() && is_letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
    });
    if (!sound) {
        std::string better = name;
        std::replace_if(
            better.begin(), better.end(), [](char c) { return c == '-' || c == '.' || c == ' '; }, '_');
        const bool helps = better != name && check_name(better);
        return bad(fmt::format("'{}' is no name for a plugin: {}{}", name, rule,
                               helps ? fmt::format("; '{}' would be one", better) : ""));
    }
    if (name.size() > 64) return bad(fmt::format("'{}' is too long for a plugin's name: 64 letters are enough", name));
    if (is_reserved(name))
        return bad(fmt::format("'{}' means something else in C++, CMake or soho: take another name", name));
    return {};
}

// my_counter -> MyCounter: the class and typeid.
std::string class_name(const std::string& name) {
    std::string result;
    bool upper = true;
    for (const char c : name) {
        if (c == '_') {
            upper = true;
            continue;
        }
        result += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        upper = false;
    }
    return result == name ? result + "Object" : result;
}

// In one go: a name may have a field's name in it.
std::string filled_in(std::string_view text, const std::string& name) {
    const std::array<std::pair<std::string_view, std::string>, 3> fields{
        std::pair{std::string_view("plugin_name"), name},
        {"PluginClass", class_name(name)},
        {"soho_sdk_version", SOHO_SDK_VERSION}};
    std::string filled;
    while (!text.empty()) {
        const auto field =
            std::find_if(fields.begin(), fields.end(), [&](const auto& each) { return text.starts_with(each.first); });
        filled += field != fields.end() ? field->second : text.substr(0, 1);
        text.remove_prefix(field != fields.end() ? field->first.size() : 1);
    }
    return filled;
}

void copy_filled_in(const fs::path& from, const fs::path& to, const std::string& name) {
    fs::create_directories(to.parent_path());
    std::ifstream in(from, std::ios::binary);
    std::ofstream out(to, std::ios::binary);
    out << filled_in(std::string(std::istreambuf_iterator<char>(in), {}), name);
    out.close();
    if (!in || !out) throw fs::filesystem_error("cannot be written", to, std::make_error_code(std::errc::io_error));
    fs::permissions(to, fs::status(from).permissions());
}

}  // namespace

Result<std::vector<std::string>> write_project(const std::string& name, const std::string& folder) {
    if (auto sound = check_name(name); !sound) return tl::unexpected<Error>(sound.error());
    std::error_code failure;
    if (fs::exists(fs::symlink_status(folder, failure)))
        return bad(fmt::format("{} is there already: say another folder with --dir, or move it away", folder));
    const auto source = find_template("plugin");
    if (!source) return tl::unexpected<Error>(source.error());
    std::vector<std::string> files;
    try {
        for (const auto& entry : fs::recursive_directory_iterator(*source)) {
            if (!entry.is_regular_file()) continue;
            const std::string relative = filled_in(fs::relative(entry.path(), *source).string(), name);
            copy_filled_in(entry.path(), fs::path(folder) / relative, name);
            files.push_back(relative);
        }
    } catch (const fs::filesystem_error& error) {
        fs::remove_all(folder, failure);
        return bad(fmt::format("the project cannot be written: {}", error.what()));
    }
    if (files.empty()) return bad(fmt::format("the template {} is empty: install soho-sdk again", *source));
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace soho::host::tool
