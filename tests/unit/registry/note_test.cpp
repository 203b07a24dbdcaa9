#include "host/registry/note.hpp"

#include <soho/abi.h>

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cstring>

namespace soho::host {
namespace {

std::string word(std::uint32_t value) { return std::string(reinterpret_cast<const char*>(&value), sizeof value); }
std::string padded(std::string text) { return text.append((4 - text.size() % 4) % 4, '\0'); }

std::string note_of(std::string_view owner, std::uint32_t type, const std::string& contents) {
    return word(static_cast<std::uint32_t>(owner.size())) + word(static_cast<std::uint32_t>(contents.size())) +
           word(type) + padded(std::string(owner)) + padded(contents);
}
const std::string_view soho_owner("soho\0", 5);
std::string contents(std::uint32_t abi = 1) {
    using namespace std::string_literals;
    return word(abi) + word(0) + "pair\0"s + "1.0\0"s + "0.1.0\0"s;
}
std::string soho_note() { return note_of(soho_owner, 1, contents()); }

std::string text(const Result<Note>& note) {
    return note ? note->name + " " + note->version + " " + note->sdk_version + " " + std::to_string(note->abi)
                : note.error().text;
}

TEST(Note, IsFoundInItsSegment) {
    EXPECT_EQ(text(find_note(soho_note())), "pair 1.0 0.1.0 1");
    EXPECT_EQ(text(find_note(note_of(soho_owner, 1, contents(7)))), "pair 1.0 0.1.0 7");
}

TEST(Note, IsFoundBehindOthers) {
    using namespace std::string_literals;
    const std::string gnu = note_of("GNU\0"s, 3, std::string(20, 'x'));
    EXPECT_EQ(text(find_note(gnu + soho_note())), "pair 1.0 0.1.0 1");
    EXPECT_EQ(text(find_note(gnu + note_of("soho"s, 1, contents()) + note_of(soho_owner, 2, contents()) + soho_note())),
              "pair 1.0 0.1.0 1");
}

TEST(Note, IsMissedWhereThereIsNone) {
    const char* none = "it carries no soho note: not a soho plugin, or built without SOHO_PLUGIN() or SOHO_NOTE()";
    EXPECT_EQ(text(find_note("")), none);
    EXPECT_EQ(text(find_note("xx")), none);
    EXPECT_EQ(text(find_note(std::string(64, '\xff'))), none);
    EXPECT_EQ(text(find_note(note_of("GNU", 3, "x"))), none);
}

TEST(Note, IsNeverReadBehindItsEnd) {
    const std::string whole = soho_note();
    for (std::size_t size = 0; size < whole.size() - 2; ++size) {
        const std::string cut = whole.substr(0, size);  // its own allocation: a sanitizer sees a read behind it
        EXPECT_FALSE(find_note(cut)) << size;
    }
    std::string lies = whole;
    std::memset(lies.data() + 4, 0xff, 4);  // the size of its contents
    EXPECT_FALSE(find_note(lies));
    EXPECT_EQ(text(find_note(note_of(soho_owner, 1, contents().substr(0, 12)))), "its soho note is cut short");
    EXPECT_EQ(text(find_note(note_of(soho_owner, 1, ""))), "its soho note is cut short");
}

// A file of one loadable segment, which is the whole file, and one of notes.
struct Image {
    Elf64_Ehdr header{};
    Elf64_Phdr load{};
    Elf64_Phdr note{};
    std::string segment = soho_note();

    Image() {
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_type = ET_DYN;
        header.e_phoff = sizeof header;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = 2;
        note.p_type = PT_NOTE;
        note.p_offset = sizeof header + 2 * sizeof(Elf64_Phdr);
        note.p_align = 4;
        load.p_type = PT_LOAD;
    }
    std::string bytes() {
        if (note.p_filesz == 0) note.p_filesz = segment.size();
        if (load.p_filesz == 0) load.p_filesz = note.p_offset + segment.size();
        std::string all(reinterpret_cast<const char*>(&header), sizeof header);
        all.append(reinterpret_cast<const char*>(&load), sizeof load);
        all.append(reinterpret_cast<const char*>(&note), sizeof note);
        return all + segment;
    }
};

std::string read(const std::string& bytes) {
    const int file = ::memfd_create("image", MFD_CLOEXEC);
    EXPECT_EQ(::write(file, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    const auto note = read_note(file);
    ::close(file);
    return text(note);
}

TEST(NoteFile, IsReadThroughItsProgramHeaders) { EXPECT_EQ(read(Image().bytes()), "pair 1.0 0.1.0 1"); }

TEST(NoteFile, IsRefusedWhereItIsNoSharedObject) {
    EXPECT_EQ(read(""), "not an ELF file: a plugin is a shared object built with soho_add_plugin()");
    EXPECT_EQ(read("#!/bin/sh\necho a script\n"),
              "not an ELF file: a plugin is a shared object built with soho_add_plugin()");
    Image executable;
    executable.header.e_type = ET_EXEC;
    EXPECT_EQ(read(executable.bytes()), "ELF type 2 is not a shared object (3)");
    Image narrow;
    narrow.header.e_ident[EI_CLASS] = ELFCLASS32;
    EXPECT_EQ(read(narrow.bytes()), "not a 64-bit little-endian ELF file, which is what this host runs on");
}

TEST(NoteFile, IsRefusedWhereItsHeadersMakeNoSense) {
    EXPECT_EQ(read(Image().bytes().substr(0, 40)), "the ELF header is cut short");
    EXPECT_EQ(read(Image().bytes().substr(0, 100)), "the program headers are cut short");
    Image many;
    many.header.e_phnum = 300;
    EXPECT_EQ(read(many.bytes()), "300 program headers of 56 bytes make no sense");
    Image odd;
    odd.header.e_phentsize = 1;
    EXPECT_EQ(read(odd.bytes()), "2 program headers of 1 bytes make no sense");
    Image far;
    far.header.e_phoff = UINT64_MAX - 8;
    EXPECT_EQ(read(far.bytes()), "the program headers are cut short");
}

TEST(NoteFile, IsRefusedWhereASegmentLiesBehindItsEnd) {
    Image image;
    image.load.p_filesz = 1 << 20;
    EXPECT_TRUE(read(image.bytes()).starts_with("it is cut short: a segment ends at byte 1048576"))
        << read(image.bytes());
    Image wraps;
    wraps.load.p_offset = 8;
    wraps.load.p_filesz = UINT64_MAX;
    EXPECT_TRUE(read(wraps.bytes()).starts_with("it is cut short"));
    Image note;
    note.note.p_offset = 1 << 20;
    note.load.p_filesz = 8;
    EXPECT_EQ(read(note.bytes()), "a note segment is cut short");
}

TEST(NoteFile, PassesOverSegmentsThatAreNotIts) {
    Image huge;
    huge.note.p_filesz = 1u << 30;
    huge.load.p_filesz = 8;
    EXPECT_TRUE(read(huge.bytes()).starts_with("it carries no soho note"));
    Image other;
    other.note.p_align = 8;
    EXPECT_TRUE(read(other.bytes()).starts_with("it carries no soho note"));
}

TEST(NoteFile, NeedsAFile) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    EXPECT_FALSE(read_note(ends[0]));
    EXPECT_FALSE(read_note(-1));
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace
}  // namespace soho::host
