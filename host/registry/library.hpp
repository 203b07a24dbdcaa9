#pragma once
// A plugin file, opened and trusted. The only place that maps code into this process.

#include "host/registry/plugin_copies.hpp"

#include <soho/abi.h>

#include <string>

namespace soho::host {

struct Library {
    std::string file;    // canonical path of what is mapped
    std::string source;  // of what people know it by: the same, unless `file` is a private copy
    std::string sha256;  // of its content
    Note note;
    std::uint64_t mapped_bytes = 0;
    const soho_plugin* (*entry)(uint32_t host_abi) = nullptr;
};

// Checks who could have written the file, reads its note, and checks the ABI: all that can be known without mapping it. Fails as
// open_library() does.
Result<Note> check_library(const std::string& path);

// Does that, and maps the file; it stays mapped while the process
// lives. Runs none of the plugin's functions, but does run static constructors if it has any. Fails with a sentence that
// names the file, what is wrong and the remedy.
Result<Library> open_library(const std::string& path);
// The same of a private copy: it is known by what it was copied from.
Result<Library> open_library(const PluginCopy& copy);

}  // namespace soho::host
