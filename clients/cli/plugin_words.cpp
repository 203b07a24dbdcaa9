#include "plugin_words.hpp"

#include "usage_error.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace soho::cli {

namespace {

constexpr const char* tool = "soho-plugin";

std::string beside_this() {
    std::error_code failure;
    return (std::filesystem::read_symlink("/proc/self/exe", failure).parent_path() / tool).string();
}

}  // namespace

bool is_plugin_tool_word(std::string_view word) {
    constexpr std::string_view known[] = {"new", "run", "inspect", "check"};
    return std::find(std::begin(known), std::end(known), word) != std::end(known);
}

void hand_over_plugin_words(int count, char** words) {
    if (count < 3 || words[1] != std::string_view("plugin") || !is_plugin_tool_word(words[2])) return;
    std::vector<char*> rest{const_cast<char*>(tool)};
    rest.insert(rest.end(), words + 2, words + count);
    rest.push_back(nullptr);
    ::execv(beside_this().c_str(), rest.data());
    if (errno == ENOENT) ::execvp(tool, rest.data());
    if (errno != ENOENT) throw UsageError(fmt::format("{} cannot be started: {}", tool, std::strerror(errno)));
    throw UsageError(fmt::format(
        "plugin {}: there is no {} beside this program or in PATH; the package soho-sdk brings it", words[2], tool));
}

}  // namespace soho::cli
