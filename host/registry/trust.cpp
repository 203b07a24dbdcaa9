#include "host/registry/trust.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace soho::host {

namespace {

Result<void> check_status(const struct stat& status, const std::string& path) {
    const auto refusal = [&](std::string_view why, std::string_view remedy) {
        return refuse(Code::denied, fmt::format("{} (owner {}, mode {:04o}) {}: {}", path, status.st_uid,
                                                status.st_mode & 07777u, why, remedy));
    };
    if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
        return refusal(fmt::format("belongs neither to root nor to this host's user {}", ::geteuid()),
                       fmt::format("chown it, or copy it to a folder of user {}", ::geteuid()));
    }
    const bool sticky_folder = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky_folder) {
        return refusal("can be written by other users", fmt::format("chmod go-w '{}'", path));
    }
    return {};
}

}  // namespace

Result<void> check_trusted_folder(const std::string& path) {
    for (std::filesystem::path folder = path;; folder = folder.parent_path()) {
        struct stat status {};
        if (::stat(folder.c_str(), &status) != 0)
            return refuse(Code::denied, fmt::format("{}: {}", folder.string(), std::strerror(errno)));
        if (auto trusted = check_status(status, folder.string()); !trusted) return trusted;
        if (folder == folder.root_path()) return {};
    }
}

Result<void> check_trusted(int descriptor, const std::string& path) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0)
        return refuse(Code::denied, fmt::format("{}: {}", path, std::strerror(errno)));
    if (!S_ISREG(status.st_mode)) return refuse(Code::denied, fmt::format("{} is not a regular file", path));
    if (auto trusted = check_status(status, path); !trusted) return trusted;
    return check_trusted_folder(std::filesystem::path(path).parent_path().string());
}

}  // namespace soho::host
