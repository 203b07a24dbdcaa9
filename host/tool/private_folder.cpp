#include "host/tool/private_folder.hpp"

#include <stdlib.h>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace soho::host::tool {

std::string runtime_folder() {
    const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
    return runtime != nullptr && *runtime != '\0' ? runtime : "/tmp";
}

PrivateFolder::PrivateFolder(std::string place) : place_(std::move(place)) {
    std::string pattern = place_ + "/soho-run-XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
}

PrivateFolder::~PrivateFolder() {
    std::error_code failure;
    if (!path_.empty()) std::filesystem::remove_all(path_, failure);
}

}  // namespace soho::host::tool
