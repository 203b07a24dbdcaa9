#include "host/tool/elf_file.hpp"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cstring>

namespace soho::host::tool {

namespace {

constexpr std::size_t section_bytes_max = std::size_t{256} << 20;

tl::unexpected<Error> bad(std::string why) { return refuse(Code::bad_arguments, std::move(why)); }

// The file's bytes, by where they are.
class Contents {
public:
    explicit Contents(int descriptor) : descriptor_(descriptor) {
        struct stat status {};
        if (::fstat(descriptor, &status) == 0) size_ = static_cast<std::uint64_t>(status.st_size);
    }

    // So many elements; none if the file does not have them.
    template <class T>
    std::vector<T> read(std::uint64_t offset, std::uint64_t count) const {
        std::vector<T> elements;
        if (count > section_bytes_max / sizeof(T) || offset > size_ || count * sizeof(T) > size_ - offset)
            return elements;
        elements.resize(count);
        auto* at = reinterpret_cast<char*>(elements.data());
        for (std::size_t left = count * sizeof(T); left != 0;) {
            const ssize_t got = ::pread(descriptor_, at, left, static_cast<off_t>(offset));
            if (got <= 0) return {};
            at += got;
            offset += static_cast<std::uint64_t>(got);
            left -= static_cast<std::size_t>(got);
        }
        return elements;
    }

private:
    const int descriptor_;
    std::uint64_t size_ = 0;
};

// A table of texts, each ended by a zero byte.
class Texts {
public:
    explicit Texts(std::vector<char> bytes) : bytes_(std::move(bytes)) {
        if (!bytes_.empty()) bytes_.back() = '\0';
    }
    std::string at(std::uint64_t offset) const { return offset < bytes_.size() ? &bytes_[offset] : ""; }

private:
    std::vector<char> bytes_;
};

void sort_in(const Elf64_Sym& symbol, std::string name, ElfFile& file) {
    const auto binding = ELF64_ST_BIND(symbol.st_info);
    const auto visibility = ELF64_ST_VISIBILITY(symbol.st_other);
    if (name.empty() || binding == STB_LOCAL) return;
    if (symbol.st_shndx == SHN_UNDEF) {
        if (binding != STB_WEAK) file.undefined.push_back(std::move(name));
    } else if (visibility == STV_HIDDEN || visibility == STV_INTERNAL) {
        return;
    } else if (binding == STB_GNU_UNIQUE) {
        file.unique.push_back(std::move(name));
    } else {
        file.exported.push_back(std::move(name));
    }
}

void read_dynamic(const Contents& contents, const Elf64_Shdr& section, const Texts& texts, ElfFile& file) {
    for (const auto& entry : contents.read<Elf64_Dyn>(section.sh_offset, section.sh_size / sizeof(Elf64_Dyn))) {
        if (entry.d_tag == DT_NULL) return;
        if (entry.d_tag == DT_NEEDED) file.needed.push_back(texts.at(entry.d_un.d_val));
        if (entry.d_tag == DT_RUNPATH || entry.d_tag == DT_RPATH) file.run_path = texts.at(entry.d_un.d_val);
    }
}

}  // namespace

Result<ElfFile> read_elf_file(int descriptor) {
    const Contents contents(descriptor);
    const auto headers = contents.read<Elf64_Ehdr>(0, 1);
    if (headers.empty() || std::memcmp(headers[0].e_ident, ELFMAG, SELFMAG) != 0) return bad("it is no ELF file");
    const Elf64_Ehdr& header = headers[0];
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
        return bad("it is no 64-bit little-endian ELF file");

    ElfFile file;
    if (header.e_shentsize != sizeof(Elf64_Shdr)) return file;
    const auto sections = contents.read<Elf64_Shdr>(header.e_shoff, header.e_shnum);
    for (const Elf64_Shdr& section : sections) {
        const bool wanted = section.sh_type == SHT_DYNSYM || section.sh_type == SHT_DYNAMIC;
        if (!wanted || section.sh_link >= sections.size()) continue;
        const Elf64_Shdr& linked = sections[section.sh_link];
        const Texts texts(contents.read<char>(linked.sh_offset, linked.sh_size));
        if (section.sh_type == SHT_DYNAMIC) {
            read_dynamic(contents, section, texts, file);
            continue;
        }
        file.has_symbols = true;
        for (const auto& symbol : contents.read<Elf64_Sym>(section.sh_offset, section.sh_size / sizeof(Elf64_Sym)))
            sort_in(symbol, texts.at(symbol.st_name), file);
    }
    return file;
}

}  // namespace soho::host::tool
