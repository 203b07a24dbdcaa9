#include "host/registry/plugin_copies.hpp"

#include "host/registry/digest.hpp"
#include "host/registry/trust.hpp"

#include <soho/wire/address.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

namespace soho::host {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t block_bytes = 256 * 1024;
constexpr std::size_t ended_hosts_kept = 3;  // whose core dumps somebody may want to look at
constexpr std::size_t removed_at_once = 64;  // folders: a start is not to take long
constexpr const char* of_hosts = "host-";
constexpr const char* remedy = "say where else (plugin_copies_dir)";

tl::unexpected<Error> bad(std::string_view file, std::string_view why) {
    return refuse(Code::bad_arguments, fmt::format("{}: {}", file, why));
}
tl::unexpected<Error> no_place(std::string_view folder, std::string_view why) {
    return refuse(Code::unavailable, fmt::format("the folder for copies of plugins, {}: {}: {}", folder, why, remedy));
}

class Descriptor {
public:
    explicit Descriptor(int value) : value_(value) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    explicit operator bool() const { return value_ >= 0; }
    int value() const { return value_; }
    int release() { return std::exchange(value_, -1); }

private:
    int value_;
};

bool write_all(int descriptor, const char* data, std::size_t size) {
    while (size != 0) {
        const ssize_t wrote = ::write(descriptor, data, size);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        data += wrote;
        size -= static_cast<std::size_t>(wrote);
    }
    return true;
}

FileStamp stamp_of(const struct stat& status) {
    return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
            std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

// Also what the content is: it is read once.
Result<std::string> copy_bytes(int from, int to, const std::string& source, const std::string& copy) {
    Sha256 digest;
    std::vector<char> block(block_bytes);
    for (;;) {
        const ssize_t got = ::read(from, block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return bad(source, std::strerror(errno));
        if (got == 0) return digest.text();
        const auto size = static_cast<std::size_t>(got);
        digest.add(std::span(block).first(size));
        if (!write_all(to, block.data(), size)) return no_place(copy, std::strerror(errno));
    }
}

const char* environment(const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr && *value == '/' ? value : nullptr;
}

}  // namespace

std::string default_copies_folder() {
    constexpr const char* name = "plugin-copies";
    if (const char* const state = environment("STATE_DIRECTORY"))  // of systemd; perhaps several, with colons between
        return fmt::format("{}/{}", std::string_view(state, std::strcspn(state, ":")), name);
    if (const char* const state = environment("XDG_STATE_HOME")) return fmt::format("{}/soho/{}", state, name);
    if (const char* const home = environment("HOME")) return fmt::format("{}/.local/state/soho/{}", home, name);
    return fs::path(wire::user_address().host).replace_filename(name).string();
}

FileStamp stamp_of(const std::string& file) {
    struct stat status {};
    return ::stat(file.c_str(), &status) == 0 ? stamp_of(status) : FileStamp();
}

PluginCopies::~PluginCopies() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

// Ended hosts are those whose folder nobody has locked.
void PluginCopies::remove_stale() const {
    std::vector<std::pair<fs::file_time_type, fs::path>> ended;
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(folder_, failure)) {
        if (!entry.path().filename().string().starts_with(of_hosts) || entry.path() == own_) continue;
        const Descriptor folder(::open(entry.path().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!folder || ::flock(folder.value(), LOCK_EX | LOCK_NB) != 0) continue;
        ended.emplace_back(entry.last_write_time(failure), entry.path());
    }
    std::sort(ended.rbegin(), ended.rend());
    for (std::size_t i = ended_hosts_kept; i < std::min(ended.size(), ended_hosts_kept + removed_at_once); ++i)
        fs::remove_all(ended[i].second, failure);
}

// It gets its name once it is locked, so that no other host takes it for one that was left behind.
Result<void> PluginCopies::make_own_folder() {
    std::string made = folder_ + "/new-XXXXXX";
    if (::mkdtemp(made.data()) == nullptr) return no_place(folder_, std::strerror(errno));
    Descriptor folder(::open(made.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::flock(folder.value(), LOCK_EX | LOCK_NB) != 0) return no_place(made, std::strerror(errno));
    std::string name = fmt::format("{}/{}{}-{}", folder_, of_hosts, ::getpid(), made.substr(made.size() - 6));
    if (::rename(made.c_str(), name.c_str()) != 0) return no_place(name, std::strerror(errno));
    own_ = std::move(name);
    descriptor_ = folder.release();
    return {};
}

Result<void> PluginCopies::prepare() {
    if (!own_.empty()) return {};
    const mode_t before = ::umask(0077);
    std::error_code failure;
    fs::create_directories(folder_, failure);
    ::umask(before);
    if (failure) return no_place(folder_, failure.message());
    if (const std::string wrong = wire::private_directory_mismatch(folder_, false); !wrong.empty())
        return refuse(Code::unavailable, fmt::format("copies of plugins: {}: or {}", wrong, remedy));
    if (auto trusted = check_trusted_folder(fs::canonical(folder_, failure).string()); !trusted)
        return refuse(Code::denied, fmt::format("copies of plugins: {}: or {}", trusted.error().text, remedy));
    struct statvfs system {};
    if (::statvfs(folder_.c_str(), &system) != 0) return no_place(folder_, std::strerror(errno));
    if ((system.f_flag & ST_NOEXEC) != 0)
        return no_place(folder_, "is on a file system that is mounted noexec, so that no code can be loaded from it");
    if (auto made = make_own_folder(); !made) return made;
    remove_stale();
    return {};
}

Result<PluginCopy> PluginCopies::make(const std::string& file) {
    if (auto prepared = prepare(); !prepared) return tl::unexpected<Error>(prepared.error());
    PluginCopy copy;
    std::error_code failure;
    copy.source = fs::canonical(file, failure).string();
    if (failure) return bad(file, failure.message());
    const Descriptor from(::open(copy.source.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!from) return bad(copy.source, std::strerror(errno));
    if (auto trusted = check_trusted(from.value(), copy.source); !trusted)
        return tl::unexpected<Error>(trusted.error());
    const auto stamp = [&] {
        struct stat status {};
        ::fstat(from.value(), &status);
        return stamp_of(status);
    };
    const FileStamp before = stamp();

    const std::string partial = own_ + "/partial";
    ::unlink(partial.c_str());
    const Descriptor to(::open(partial.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!to) return no_place(own_, std::strerror(errno));
    const auto fail = [&](const Error& error) -> tl::unexpected<Error> {
        ::unlink(partial.c_str());
        return tl::unexpected<Error>(error);
    };
    auto digest = copy_bytes(from.value(), to.value(), copy.source, partial);
    if (!digest) return fail(digest.error());
    if (stamp() != before || host::stamp_of(copy.source) != before)
        return fail(bad(copy.source, "it was replaced while it was being copied: reload it again").value());
    copy.sha256 = *std::move(digest);
    auto note = read_note(to.value());
    if (!note) return fail(bad(copy.source, note.error().text).value());
    copy.note = *std::move(note);
    ::fchmod(to.value(), 0500);
    const std::uint64_t number = ++made_[copy.sha256];
    copy.file = number == 1 ? fmt::format("{}/{}.so", own_, copy.sha256)
                            : fmt::format("{}/{}.{}.so", own_, copy.sha256, number);
    if (::rename(partial.c_str(), copy.file.c_str()) != 0)
        return fail(no_place(copy.file, std::strerror(errno)).value());
    return copy;
}

void PluginCopies::remove(const PluginCopy& copy) {
    if (!copy.file.empty()) ::unlink(copy.file.c_str());
}

}  // namespace soho::host
