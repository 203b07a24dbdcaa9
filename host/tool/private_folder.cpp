#include "host/tool/private_folder.hpp"

#include <stdlib.h>
#include <cstdlib>
#include <filesystem>

namespace soho::host::tool {

PrivateFolder::PrivateFolder() {
    const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
    if (runtime != nullptr && *runtime != '\0') place_ = runtime;
    std::string pattern = place_ + "/soho-run-XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
}

PrivateFolder::~PrivateFolder() {
    std::error_code failure;
    if (!path_.empty()) std::filesystem::remove_all(path_, failure);
}

}  // namespace soho::host::tool
