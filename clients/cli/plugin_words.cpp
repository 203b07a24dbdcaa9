#include "plugin_words.hpp"

#include "usage_error.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

namespace soho::cli {

namespace {

constexpr const char* tool = "soho-plugin";

std::string beside_this() {
    std::error_code failure;
    return (std::filesystem::read_symlink("/proc/self/exe", failure).parent_path() / tool).string();
}

}  // namespace

void hand_over_plugin_words(int count, char** words) {
    if (count < 2 || words[1] != std::string_view("plugin")) return;
    std::vector<char*> rest{const_cast<char*>(tool)};
    rest.insert(rest.end(), words + 2, words + count);
    rest.push_back(nullptr);
    ::execv(beside_this().c_str(), rest.data());
    if (errno == ENOENT) ::execvp(tool, rest.data());
    if (errno != ENOENT) throw UsageError(fmt::format("{} cannot be started: {}", tool, std::strerror(errno)));
    throw UsageError(
        fmt::format("plugin{}{}: there is no {} beside this program or in PATH; the package soho-sdk brings it",
                    count > 2 ? " " : "", count > 2 ? words[2] : "", tool));
}

}  // namespace soho::cli
