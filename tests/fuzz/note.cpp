// Any bytes as a note segment, and as a file.
#include "host/registry/note.hpp"

#include "tests/fuzz/require.hpp"

#include <sys/mman.h>
#include <unistd.h>

using namespace soho;

namespace {

void check(const Result<host::Note>& note) {
    if (!note) {
        SOHO_REQUIRE(!note.error().text.empty());
        return;
    }
    for (const std::string* text : {&note->name, &note->version, &note->sdk_version})
        SOHO_REQUIRE(text->find('\0') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    check(host::find_note({reinterpret_cast<const char*>(data), size}));
    const int file = ::memfd_create("note", MFD_CLOEXEC);
    SOHO_REQUIRE(file >= 0);
    SOHO_REQUIRE(::write(file, data, size) == static_cast<ssize_t>(size));
    check(host::read_note(file));
    ::close(file);
    return 0;
}
