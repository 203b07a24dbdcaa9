#pragma once
// What a plugin needs of others, and whether they have it: asked of the dynamic loader, without loading the plugin itself.

#include "host/tool/elf_file.hpp"

namespace soho::host::tool {

struct Missing {
    std::vector<std::string> libraries;  // with the loader's reason
    std::vector<std::string> symbols;
};

// Loads the libraries that the file names, so only in a process that can be done without.
Missing find_missing(const std::string& file, const ElfFile& elf);

}  // namespace soho::host::tool
