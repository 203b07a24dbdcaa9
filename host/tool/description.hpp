#pragma once
// What a plugin file is: its note, read from the file alone; its types, from a child process that loads it.

#include "host/registry/note.hpp"
#include "host/tool/elf_file.hpp"
#include "host/tool/stage.hpp"

#include <nlohmann/json_fwd.hpp>

namespace soho::host::tool {

// Without running anything of it. Fails with a sentence that does not name the file.
struct FileFacts {
    Note note;
    ElfFile elf;
};
Result<FileFacts> read_file_facts(const std::string& file);

// Of a plugin that is loaded: {"types": [as `soho describe --json`], "registered": {typeid: {"class", "flags", "unexposed", and where
// its objects have one, "state": its version}}, "published": [{"name", "type", "args"}]}.
nlohmann::ordered_json describe(const Plugin& plugin);

}  // namespace soho::host::tool
