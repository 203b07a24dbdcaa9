#include "host/tool/symbols.hpp"

#include <dlfcn.h>
#include <algorithm>
#include <filesystem>

namespace soho::host::tool {

namespace {

// Comes from the executable of an instrumented host.
bool is_of_sanitizer(const std::string& name) {
    constexpr std::string_view prefixes[] = {"__asan_", "__ubsan_",     "__tsan_",
                                             "__lsan_", "__sanitizer_", "__interceptor_"};
    return std::any_of(std::begin(prefixes), std::end(prefixes),
                       [&](auto prefix) { return name.starts_with(prefix); }) &&
           ::dlsym(RTLD_DEFAULT, name.c_str()) != nullptr;
}

// Where the loader looks for it first, as the file says: folders between colons, with $ORIGIN for its own.
std::vector<std::string> candidates(const std::string& library, const std::string& file, const std::string& run_path) {
    std::vector<std::string> all;
    const std::string own = std::filesystem::path(file).parent_path().string();
    for (std::size_t at = 0; at < run_path.size();) {
        const auto end = std::min(run_path.find(':', at), run_path.size());
        std::string folder = run_path.substr(at, end - at);
        for (const std::string_view origin : {"${ORIGIN}", "$ORIGIN"}) {
            if (const auto place = folder.find(origin); place != std::string::npos)
                folder.replace(place, origin.size(), own);
        }
        all.push_back(folder + "/" + library);
        at = end + 1;
    }
    all.push_back(library);
    return all;
}

void* open_needed(const std::string& library, const std::string& file, const std::string& run_path) {
    for (const std::string& candidate : candidates(library, file, run_path)) {
        if (void* const opened = ::dlopen(candidate.c_str(), RTLD_LAZY | RTLD_LOCAL); opened != nullptr) return opened;
    }
    return nullptr;
}

}  // namespace

Missing find_missing(const std::string& file, const ElfFile& elf) {
    Missing missing;
    std::vector<void*> libraries;
    for (const std::string& name : elf.needed) {
        if (void* const library = open_needed(name, file, elf.run_path); library != nullptr) {
            libraries.push_back(library);
        } else {
            const char* const why = ::dlerror();
            missing.libraries.push_back(why != nullptr ? why : name);
        }
    }
    if (!missing.libraries.empty()) return missing;
    for (const std::string& name : elf.undefined) {
        const bool found = std::any_of(libraries.begin(), libraries.end(),
                                       [&](void* library) { return ::dlsym(library, name.c_str()) != nullptr; });
        if (!found && !is_of_sanitizer(name)) missing.symbols.push_back(name);
    }
    return missing;
}

}  // namespace soho::host::tool
