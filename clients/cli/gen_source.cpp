#include "gen_source.hpp"

#include "json.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace soho::cli {

namespace {

constexpr const char* tool = "soho-plugin";
constexpr std::size_t output_bytes_max = std::size_t{64} << 20;  // no plugin says more of itself

// Beside this program, as both are built and installed; else wherever PATH has it.
std::string tool_path() {
    std::error_code failure;
    const auto beside = std::filesystem::read_symlink("/proc/self/exe", failure).parent_path() / tool;
    return ::access(beside.c_str(), X_OK) == 0 ? beside.string() : tool;
}

std::string read_all(int descriptor) {
    std::string text;
    std::array<char, 65536> part{};
    for (;;) {
        const ssize_t size = ::read(descriptor, part.data(), part.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0 || text.size() > output_bytes_max) return text;
        text.append(part.data(), static_cast<std::size_t>(size));
    }
}

// What the program prints. What it says on its standard error goes to ours.
std::string output_of(std::vector<std::string> words) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        throw std::runtime_error(fmt::format("no pipe: {}", std::strerror(errno)));
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    pid_t child = 0;
    const int failure = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    std::string text = failure == 0 ? read_all(ends[0]) : "";
    ::close(ends[0]);
    if (failure == ENOENT)
        throw std::runtime_error(
            fmt::format("there is no {} beside this program or in PATH; the package soho-sdk brings it", tool));
    if (failure != 0) throw std::runtime_error(fmt::format("{} cannot be started: {}", tool, std::strerror(failure)));
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0 && text.empty()) throw std::runtime_error(fmt::format("{} inspect has failed", tool));
    return text;
}

TypeDescription description_of(const nlohmann::ordered_json& json) {
    const Value value =
        from_json(json, [](std::uint64_t) -> Value { throw std::runtime_error("an object is no default"); });
    return data::decode<TypeDescription>(data::encoded(value).bytes());
}

}  // namespace

std::vector<TypeDescription> types_of_json(const std::string& text, const std::string& source) try {
    auto json = nlohmann::ordered_json::parse(text);
    if (json.is_object() && json.contains("refused")) throw std::runtime_error(json["refused"].get<std::string>());
    if (json.is_object() && json.contains("types")) json = nlohmann::ordered_json(json["types"]);
    if (json.is_object()) json = nlohmann::ordered_json::array({json});
    if (!json.is_array()) throw std::runtime_error("it is neither a description of a type nor a list of them");
    std::vector<TypeDescription> types;
    for (const auto& each : json) types.push_back(description_of(each));
    return types;
} catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", source, error.what()));
}

std::string text_of_file(const std::string& file) {
    errno = 0;
    std::ifstream in(file, std::ios::binary);
    try {
        if (in) return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    } catch (const std::ios_base::failure&) {
        // A folder opens, and is not read.
    }
    throw std::runtime_error(fmt::format("cannot read {}: {}", file, std::strerror(errno)));
}

std::vector<TypeDescription> types_of_file(const std::string& file) { return types_of_json(text_of_file(file), file); }

std::vector<TypeDescription> types_of_plugin(const std::string& file) {
    return types_of_json(output_of({tool_path(), "inspect", "--json", "--", file}), file);
}

}  // namespace soho::cli
