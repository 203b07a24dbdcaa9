#include "host/registry/note.hpp"

#include <soho/abi.h>

#include <elf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cstring>
#include <vector>

namespace soho::host {

namespace {

constexpr std::size_t program_headers_max = 256;
constexpr std::size_t note_bytes_max = 64 * 1024;

tl::unexpected<Error> bad(std::string why) { return refuse(Code::bad_arguments, std::move(why)); }

bool read_at(int descriptor, void* to, std::size_t size, std::uint64_t offset) {
    auto* at = static_cast<char*>(to);
    while (size != 0) {
        if (offset > static_cast<std::uint64_t>(INT64_MAX)) return false;
        const ssize_t got = ::pread(descriptor, at, size, static_cast<off_t>(offset));
        if (got <= 0) return false;
        at += got;
        offset += static_cast<std::uint64_t>(got);
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

Result<Elf64_Ehdr> read_elf_header(int descriptor) {
    Elf64_Ehdr header{};
    if (!read_at(descriptor, header.e_ident, sizeof header.e_ident, 0) ||
        std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
        return bad("not an ELF file: a plugin is a shared object built with soho_add_plugin()");
    }
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
        return bad("not a 64-bit little-endian ELF file, which is what this host runs on");
    }
    if (!read_at(descriptor, &header, sizeof header, 0)) return bad("the ELF header is cut short");
    if (header.e_type != ET_DYN) return bad(fmt::format("ELF type {} is not a shared object (3)", header.e_type));
    if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 || header.e_phnum > program_headers_max) {
        return bad(fmt::format("{} program headers of {} bytes make no sense", header.e_phnum, header.e_phentsize));
    }
    return header;
}

// `size` bytes at the front of `rest`, which moves on by that rounded up to 4; false if they are not there.
bool take(std::string_view& rest, std::size_t size, std::string_view& taken) {
    if (rest.size() < size) return false;
    taken = rest.substr(0, size);
    rest.remove_prefix(std::min(rest.size(), (size + 3) & ~std::size_t{3}));
    return true;
}

bool take_word(std::string_view& rest, std::uint32_t& word) {
    std::string_view bytes;
    if (!take(rest, sizeof word, bytes)) return false;
    std::memcpy(&word, bytes.data(), sizeof word);
    return true;
}

// Text up to the next zero byte; false if there is none.
bool take_string(std::string_view& rest, std::string& text) {
    const auto end = rest.find('\0');
    if (end == std::string_view::npos) return false;
    text = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return true;
}

Result<Note> parse_contents(std::string_view contents) {
    Note note;
    std::uint32_t reserved = 0;
    if (!take_word(contents, note.abi) || !take_word(contents, reserved) || !take_string(contents, note.name) ||
        !take_string(contents, note.version) || !take_string(contents, note.sdk_version)) {
        return bad("its soho note is cut short");
    }
    return note;
}

}  // namespace

Result<Note> find_note(std::string_view segment) {
    while (!segment.empty()) {
        std::uint32_t owner_size = 0;
        std::uint32_t contents_size = 0;
        std::uint32_t type = 0;
        std::string_view owner;
        std::string_view contents;
        if (!take_word(segment, owner_size) || !take_word(segment, contents_size) || !take_word(segment, type) ||
            !take(segment, owner_size, owner) || !take(segment, contents_size, contents)) {
            break;
        }
        if (owner == std::string_view(SOHO_NOTE_OWNER, sizeof SOHO_NOTE_OWNER) && type == SOHO_NOTE_TYPE)
            return parse_contents(contents);
    }
    return bad("it carries no soho note: not a soho plugin, or built without SOHO_PLUGIN() or SOHO_NOTE()");
}

Result<Note> read_note(int descriptor) {
    const auto header = read_elf_header(descriptor);
    if (!header) return tl::unexpected<Error>(header.error());
    std::vector<Elf64_Phdr> programs(header->e_phnum);
    if (!read_at(descriptor, programs.data(), programs.size() * sizeof(Elf64_Phdr), header->e_phoff)) {
        return bad("the program headers are cut short");
    }

    // The loader maps these, and touching what lies behind the file's end would kill the process.
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return bad("its size cannot be read");
    const auto file_size = static_cast<std::uint64_t>(status.st_size);
    for (const Elf64_Phdr& program : programs) {
        if (program.p_type != PT_LOAD) continue;
        if (program.p_offset > file_size || program.p_filesz > file_size - program.p_offset) {
            return bad(fmt::format("it is cut short: a segment ends at byte {}, the file at {}; copy or build it again",
                                   program.p_offset + program.p_filesz, file_size));
        }
    }

    Result<Note> found = find_note({});
    for (const Elf64_Phdr& program : programs) {
        if (program.p_type != PT_NOTE || program.p_filesz == 0 || program.p_filesz > note_bytes_max) continue;
        std::string segment(program.p_filesz, '\0');
        if (!read_at(descriptor, segment.data(), segment.size(), program.p_offset))
            return bad("a note segment is cut short");
        // Segments aligned to 8 (GNU property notes) pad otherwise; ours is aligned to 4.
        if (program.p_align > 4) continue;
        found = find_note(segment);
        if (found) break;
    }
    return found;
}

}  // namespace soho::host
