#include "host/registry/library.hpp"

#include "host/registry/digest.hpp"
#include "host/registry/trust.hpp"

#include <boost/dll/shared_library.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace soho::host {

namespace {

constexpr const char* entry_symbol = "soho_plugin_entry";

class Descriptor {
public:
    explicit Descriptor(const std::string& path) : value_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    int value() const { return value_; }

private:
    int value_;
};

tl::unexpected<Error> bad(const std::string& file, std::string_view why) {
    return refuse(Code::bad_arguments, fmt::format("{}: {}", file, why));
}

bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// What dlopen said, without the name of the file and Boost's decoration.
std::string reason_of(const std::exception& failure, const std::string& file) {
    std::string text = failure.what();
    if (const auto at = text.find(file + ": "); at != std::string::npos) text.erase(0, at + file.size() + 2);
    if (const auto at = text.find(": Bad file descriptor"); at != std::string::npos) text.erase(at);
    if (text.ends_with(')') && text.find('(') == std::string::npos) text.pop_back();
    return text;
}

std::string remedy_for(const std::string& reason) {
    if (reason.find("undefined symbol") != std::string::npos)
        return ": link what defines it into the plugin (soho_add_plugin() reports this when it links)";
    if (reason.find("cannot open shared object file") != std::string::npos) return ": install the library it needs";
    return ": rebuild it";
}

// What its segments take of the address space.
std::uint64_t mapped_bytes_of(const std::string& file) {
    struct Sought {
        const std::string& file;
        std::uint64_t bytes = 0;
    } sought{file};
    ::dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* data) {
            Sought& it = *static_cast<Sought*>(data);
            if (it.file != info->dlpi_name) return 0;
            for (int i = 0; i < info->dlpi_phnum; ++i) {
                if (info->dlpi_phdr[i].p_type == PT_LOAD) it.bytes += info->dlpi_phdr[i].p_memsz;
            }
            return 1;
        },
        &sought);
    return sought.bytes;
}

Result<Note> check_opened(const Descriptor& descriptor, const std::string& file) {
    if (descriptor.value() < 0) return bad(file, std::strerror(errno));
    if (auto trusted = check_trusted(descriptor.value(), file); !trusted) return tl::unexpected<Error>(trusted.error());
    auto note = read_note(descriptor.value());
    if (!note) return bad(file, note.error().text);
    if (note->abi == SOHO_ABI) return note;
    return bad(file, fmt::format("its note says ABI {}, this host speaks ABI {}: rebuild it with an SDK for ABI {}",
                                 note->abi, SOHO_ABI, SOHO_ABI));
}

Result<Library> map_library(Library library) {
    try {
        namespace dll = boost::dll;
        constexpr auto mode = static_cast<dll::load_mode::type>(RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        dll::shared_library mapped(dll::fs::path(library.file), mode);
        if (!mapped.has(entry_symbol)) {
            return bad(library.file,
                       fmt::format("it does not export {}(): write SOHO_PLUGIN(), or define it with SOHO_EXPORT",
                                   entry_symbol));
        }
        library.entry = &mapped.get<const soho_plugin*(uint32_t)>(entry_symbol);
        library.mapped_bytes = mapped_bytes_of(library.file);
        return library;
    } catch (const std::exception& failure) {
        const std::string reason = reason_of(failure, library.file);
        return bad(library.file, fmt::format("it cannot be loaded: {}{}", reason, remedy_for(reason)));
    }
}

}  // namespace

Result<Note> check_library(const std::string& path) {
    std::error_code failure;
    const std::string file = std::filesystem::canonical(path, failure).string();
    if (failure) return bad(path, failure.message());
    return check_opened(Descriptor(file), file);
}

Result<Library> open_library(const std::string& path) {
    Library library;
    std::error_code failure;
    library.source = library.file = std::filesystem::canonical(path, failure).string();
    if (failure) return bad(path, failure.message());
    const Descriptor descriptor(library.file);
    struct stat before {};
    if (descriptor.value() >= 0) ::fstat(descriptor.value(), &before);
    auto note = check_opened(descriptor, library.file);
    if (!note) return tl::unexpected<Error>(note.error());
    library.note = *std::move(note);

    auto digest = sha256_of(descriptor.value());
    if (!digest) return bad(library.file, digest.error().text);
    library.sha256 = *std::move(digest);

    auto mapped = map_library(std::move(library));
    if (!mapped) return mapped;
    // Nobody else can write here, so this only catches its owner replacing the file at this very moment.
    struct stat after {};
    if (::stat(mapped->file.c_str(), &after) != 0 || !same_file(before, after)) {
        return bad(mapped->file, "it was replaced while it was being loaded: load it again");
    }
    return mapped;
}

Result<Library> open_library(const PluginCopy& copy) {
    auto library = open_library(copy.file);
    if (library) {
        library->source = copy.source;
        return library;
    }
    // Sentences are about the file that people know.
    Error error = library.error();
    const std::string canonical = std::filesystem::path(copy.file).lexically_normal().string();
    if (const auto at = error.text.find(canonical); at != std::string::npos)
        error.text.replace(at, canonical.size(), copy.source);
    return tl::unexpected<Error>(std::move(error));
}

}  // namespace soho::host
