#pragma once
// What a shared object tells the dynamic loader, read from the file alone: nothing is mapped, nothing runs.

#include <soho/result.hpp>

#include <string>
#include <vector>

namespace soho::host::tool {

struct ElfFile {
    std::vector<std::string> exported;  // what others can link to, but for what is unique
    std::vector<std::string> unique;    // STB_GNU_UNIQUE: one for the whole process, and the library is never let go of
    std::vector<std::string> undefined;  // what others must define; not what may be missing (weak)
    std::vector<std::string> needed;     // the libraries it names (DT_NEEDED)
    std::string run_path;                // where it has them looked for, as it says it
    bool has_symbols = false;            // false: it was stripped of its section headers, and the lists are empty
};

// Every offset and size in the file is taken for a lie until it has been checked. Fails with a sentence without the file's name.
Result<ElfFile> read_elf_file(int descriptor);

}  // namespace soho::host::tool
