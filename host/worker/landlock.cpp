#include "host/worker/landlock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/landlock.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace soho::host {

namespace {

// What came after the headers of Linux 6.1, by the ABI that brought it.
constexpr std::uint64_t access_truncate = 1u << 14, access_ioctl_dev = 1u << 15;    // 3, 5
constexpr std::uint64_t scope_abstract_sockets = 1u << 0, scope_signals = 1u << 1;  // 6
struct RulesetAttributes {
    std::uint64_t files = 0, net = 0, scoped = 0;
};

constexpr std::uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t running = reading | LANDLOCK_ACCESS_FS_EXECUTE;
constexpr std::uint64_t writing = reading | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                  LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                  LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                                  LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM |
                                  LANDLOCK_ACCESS_FS_REFER | access_truncate | access_ioctl_dev;
constexpr std::uint64_t devices = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;
constexpr std::uint64_t of_files = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_EXECUTE | access_truncate | access_ioctl_dev;

constexpr std::uint64_t known_to(int abi) {
    std::uint64_t access = running | writing | devices;
    if (abi < 2) access &= ~std::uint64_t{LANDLOCK_ACCESS_FS_REFER};
    if (abi < 3) access &= ~access_truncate;
    if (abi < 5) access &= ~access_ioctl_dev;
    return access;
}

// What the loader, the C and C++ libraries and the plugin's worker read. None of it need be there.
constexpr const char* system_paths[] = {"/lib",
                                        "/lib32",
                                        "/lib64",
                                        "/libx32",
                                        "/usr/lib",
                                        "/usr/lib32",
                                        "/usr/lib64",
                                        "/usr/libx32",
                                        "/usr/local/lib",
                                        "/etc/ld.so.cache",
                                        "/etc/localtime",
                                        "/etc/ssl/openssl.cnf",
                                        "/etc/timezone",
                                        "/usr/share/zoneinfo",
                                        "/usr/share/locale",
                                        "/etc/locale.alias",
                                        "/proc/self",
                                        "/proc/cpuinfo",
                                        "/proc/meminfo",
                                        "/proc/stat",
                                        "/proc/sys/vm/overcommit_memory",
                                        "/sys/devices/system/cpu",
                                        "/dev/zero",
                                        "/dev/random",
                                        "/dev/urandom"};
// What looking up a host's address, and trusting its certificate, take.
constexpr const char* network_paths[] = {"/etc/resolv.conf", "/etc/hosts",     "/etc/nsswitch.conf",
                                         "/etc/host.conf",   "/etc/gai.conf",  "/etc/services",
                                         "/etc/protocols",   "/etc/ssl/certs", "/usr/share/ca-certificates"};

tl::unexpected<Error> failed(std::string_view what) {
    return refuse(Code::unavailable, fmt::format("it cannot be confined: {}: {}", what, std::strerror(errno)));
}

// Rules are about inodes, and /proc makes others for the same path when the kernel needed the memory: unless they are open somewhere.
bool is_forgetful(int descriptor) {
    struct statfs system {};
    return ::fstatfs(descriptor, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

class Ruleset {
public:
    explicit Ruleset(const RulesetAttributes& attributes)
        : access_(attributes.files),
          descriptor_(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0u))) {}
    Ruleset(const Ruleset&) = delete;
    Ruleset& operator=(const Ruleset&) = delete;
    ~Ruleset() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    bool is_there() const { return descriptor_ >= 0; }

    // What lies at and beneath a path; errno says why not. Those of /proc stay open for as long as the process lives.
    bool allow(const char* path, std::uint64_t access) const {
        const int there = ::open(path, O_PATH | O_CLOEXEC);
        if (there < 0) return false;
        struct stat status {};
        bool allowed = ::fstat(there, &status) == 0;
        if (allowed) {
            landlock_path_beneath_attr rule{};
            rule.allowed_access = access & access_ & (S_ISDIR(status.st_mode) ? ~std::uint64_t{0} : of_files);
            rule.parent_fd = there;
            allowed = ::syscall(SYS_landlock_add_rule, descriptor_, LANDLOCK_RULE_PATH_BENEATH, &rule, 0u) == 0;
        }
        const int reason = errno;
        if (!allowed || !is_forgetful(there)) ::close(there);
        errno = reason;
        return allowed;
    }
    Result<void> allow(std::string_view key, const std::vector<std::string>& paths, std::uint64_t access) const {
        for (const std::string& path : paths) {
            if (allow(path.c_str(), access)) continue;
            return refuse(Code::unavailable,
                          fmt::format("{} names {}: {}: make it, or take it out", key, path, std::strerror(errno)));
        }
        return {};
    }
    Result<void> enter() const {
        if (::syscall(SYS_landlock_restrict_self, descriptor_, 0u) != 0) return failed("landlock_restrict_self");
        return {};
    }

private:
    const std::uint64_t access_;
    const int descriptor_;
};

// For what else follows from being in a Landlock domain: those outside of it cannot be traced, nor read through /proc.
Result<void> enter_domain(int abi) {
    if (abi < 2) return {};  // the first one forbids to move files between folders
    RulesetAttributes attributes;
    if (abi >= 6) {
        attributes.scoped = scope_abstract_sockets | scope_signals;
    } else {
        attributes.files = LANDLOCK_ACCESS_FS_REFER;
    }
    const Ruleset rules(attributes);
    if (!rules.is_there()) return failed("landlock_create_ruleset");
    if (attributes.files != 0 && !rules.allow("/", LANDLOCK_ACCESS_FS_REFER)) return failed("landlock_add_rule: /");
    return rules.enter();
}

}  // namespace

int landlock_abi() {
    const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0u, LANDLOCK_CREATE_RULESET_VERSION);
    return abi > 0 ? static_cast<int>(abi) : 0;
}

Result<void> enter_landlock(const Confinement& confinement, const std::string& plugin_file, int abi) {
    if (!confinement.confines_paths()) return enter_domain(abi);
    if (abi == 0)
        return refuse(Code::unavailable,
                      "this kernel has no Landlock, or it is switched off (/sys/kernel/security/lsm), so that "
                      "worker_read_paths and worker_write_paths cannot be kept to: take them out of the config, or "
                      "boot a kernel that has it (Linux 5.13, with lsm=landlock,…)");
    RulesetAttributes attributes;
    attributes.files = known_to(abi);
    if (abi >= 6) attributes.scoped = scope_abstract_sockets | scope_signals;
    const Ruleset rules(attributes);
    if (!rules.is_there()) return failed("landlock_create_ruleset");
    for (const char* path : system_paths) rules.allow(path, reading);
    if (confinement.has_network()) {
        for (const char* path : network_paths) rules.allow(path, reading);
    }
    rules.allow("/dev/null", reading | LANDLOCK_ACCESS_FS_WRITE_FILE | access_truncate);
    if (!rules.allow(plugin_file.c_str(), reading)) return failed(plugin_file);
    if (auto allowed = rules.allow("worker_read_paths", confinement.read_paths.value_or(Paths()), running); !allowed)
        return allowed;
    if (auto allowed = rules.allow("worker_write_paths", confinement.write_paths.value_or(Paths()), writing); !allowed)
        return allowed;
    return rules.enter();
}

}  // namespace soho::host
