#include "host/tool/programs.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace soho::host::tool {

namespace fs = std::filesystem;

std::string own_folder() {
    std::error_code failure;
    return fs::read_symlink("/proc/self/exe", failure).parent_path().string();
}

Result<std::string> find_program(const std::string& name, const std::string& package) {
    std::vector<std::string> folders{own_folder()};
    const char* const path = std::getenv("PATH");
    const std::string all = path != nullptr ? path : "";
    for (std::size_t at = 0; at < all.size();) {
        const auto end = std::min(all.find(':', at), all.size());
        folders.push_back(all.substr(at, end - at));
        at = end + 1;
    }
    for (const std::string& folder : folders) {
        const std::string file = (folder.empty() ? "." : folder) + "/" + name;
        if (::access(file.c_str(), X_OK) == 0 && fs::is_regular_file(file)) return file;
    }
    return refuse(Code::unavailable,
                  fmt::format("there is no {} beside this program ({}) or in PATH: the package {} brings it", name,
                              folders.front(), package));
}

Result<std::string> find_template(const std::string& name) {
    const fs::path own = own_folder();
    std::vector<fs::path> places;
    if (const char* const told = std::getenv("SOHO_TEMPLATES"); told != nullptr && *told != '\0') {
        std::error_code failure;
        if (fs::is_directory(fs::path(told) / name, failure)) return (fs::path(told) / name).string();
        return refuse(
            Code::unavailable,
            fmt::format("$SOHO_TEMPLATES is {}, where there is no folder {}: name a folder that has it, or unset "
                        "the variable",
                        told, name));
    }
    places.push_back(own.parent_path() / "share/soho/templates");
    places.push_back(own.parent_path().parent_path().parent_path() / "sdk/templates");  // build/<preset>/bin
    std::string looked_in;
    for (const fs::path& place : places) {
        std::error_code failure;
        if (fs::is_directory(place / name, failure)) return (place / name).string();
        looked_in += (looked_in.empty() ? "" : ", ") + place.string();
    }
    return refuse(Code::unavailable, fmt::format("the templates are missing: looked in {}. The package soho-sdk brings "
                                                 "them; $SOHO_TEMPLATES names another folder",
                                                 looked_in));
}

}  // namespace soho::host::tool
