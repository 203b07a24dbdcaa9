#pragma once
// The note of a plugin file (SOHO_NOTE in abi.h): who it is, read without running any of its code.

#include <soho/result.hpp>

#include <string>

namespace soho::host {

struct Note {
    std::uint32_t abi = 0;
    std::string name;
    std::string version;
    std::string sdk_version;
};

// Reads the note from an open file through its program headers, so that stripped files have it, too. Every offset and size in
// the file is taken for a lie until it has been checked. Fails with Code::bad_arguments and a sentence without the file's name.
Result<Note> read_note(int descriptor);

// The same, from the contents of a PT_NOTE segment. `segment` may hold other notes.
Result<Note> find_note(std::string_view segment);

}  // namespace soho::host
