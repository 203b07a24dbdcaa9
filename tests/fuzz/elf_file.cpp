// Any bytes as a shared object.
#include "host/tool/elf_file.hpp"

#include "tests/fuzz/require.hpp"

#include <sys/mman.h>
#include <unistd.h>

using namespace soho;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const int file = ::memfd_create("elf", MFD_CLOEXEC);
    SOHO_REQUIRE(file >= 0);
    SOHO_REQUIRE(::write(file, data, size) == static_cast<ssize_t>(size));
    const auto read = host::tool::read_elf_file(file);
    if (!read) SOHO_REQUIRE(!read.error().text.empty());
    ::close(file);
    return 0;
}
