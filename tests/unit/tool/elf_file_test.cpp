#include "host/tool/elf_file.hpp"

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <fstream>
#include <iterator>

using namespace soho;
using namespace soho::host::tool;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

std::string contents(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

Result<ElfFile> read_bytes(const std::string& bytes) {
    const int file = ::memfd_create("elf", MFD_CLOEXEC);
    EXPECT_EQ(::write(file, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    auto read = read_elf_file(file);
    ::close(file);
    return read;
}

const std::string plugins = SOHO_TEST_PLUGIN_DIR;

}  // namespace

TEST(ElfFile, TellsWhatAPluginExportsAndNeeds) {
    const auto pair = read_bytes(contents(std::string(SOHO_TEST_BUNDLED_PLUGIN_DIR) + "/pair.so"));
    ASSERT_TRUE(pair);
    EXPECT_TRUE(pair->has_symbols);
    EXPECT_THAT(pair->exported, ElementsAre("soho_plugin_entry"));
    EXPECT_THAT(pair->unique, IsEmpty());
    EXPECT_THAT(pair->needed, Contains(HasSubstr("libc.so")));
}

TEST(ElfFile, TellsUniqueAndUndefinedSymbolsApart) {
    const auto more = read_bytes(contents(plugins + "/planted/exports_more.so"));
    ASSERT_TRUE(more);
    EXPECT_THAT(more->unique, ElementsAre("exports_more_shared"));
    EXPECT_THAT(more->exported, Contains("exports_more_helper"));
    const auto undefined = read_bytes(contents(plugins + "/bad/undefined_symbol.so"));
    ASSERT_TRUE(undefined);
    EXPECT_THAT(undefined->undefined, Contains("soho_test_function_that_nobody_has"));
}

TEST(ElfFile, RefusesWhatIsNone) {
    EXPECT_FALSE(read_bytes(""));
    EXPECT_FALSE(read_bytes("#!/bin/sh\n"));
}

TEST(ElfFile, SurvivesAFileThatIsCutAnywhere) {
    const std::string whole = contents(plugins + "/bad/undefined_symbol.so");
    for (std::size_t size = 0; size < whole.size(); size += 61) static_cast<void>(read_bytes(whole.substr(0, size)));
}

TEST(ElfFile, SurvivesHeadersThatLie) {
    const std::string whole = contents(plugins + "/bad/undefined_symbol.so");
    const std::size_t sections = whole.size() < 4096 ? 0 : whole.size() - 4096;
    for (std::size_t at = 0; at < whole.size(); at = at == 63 ? std::max<std::size_t>(sections, 64) : at + 1) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 0xff);
        static_cast<void>(read_bytes(changed));
    }
}
