#include "plugin_words.hpp"

#include "usage_error.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace soho::cli {

namespace {

constexpr std::array<std::string_view, 4> tool_words{"new", "run", "inspect", "check"};
constexpr const char* tool = "soho-plugin";

std::string beside_this() {
    std::error_code failure;
    return (std::filesystem::read_symlink("/proc/self/exe", failure).parent_path() / tool).string();
}

}  // namespace

std::span<const std::string_view> plugin_tool_words() { return tool_words; }

void hand_over_plugin_words(int count, char** words) {
    if (count < 3 || words[1] != std::string_view("plugin") ||
        std::find(tool_words.begin(), tool_words.end(), words[2]) == tool_words.end())
        return;
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
