#include "host/worker/syscall_filter.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <set>

namespace soho::host {

namespace {

using Names = std::initializer_list<const char*>;

// What harms nobody but the process itself: its memory, threads, time, signals and open descriptors; looking at files.
const Names own_business = {
    // descriptors
    "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2", "close",
    "close_range", "dup", "dup2", "dup3", "lseek", "_llseek", "pipe", "pipe2", "poll", "ppoll", "ppoll_time64",
    "select", "_newselect", "pselect6", "pselect6_time64", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait",
    "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "signalfd", "signalfd4", "timerfd_create", "timerfd_settime",
    "timerfd_settime64", "timerfd_gettime", "timerfd_gettime64", "memfd_create", "ftruncate", "ftruncate64",
    "fallocate", "fsync", "fdatasync", "sync_file_range", "sync_file_range2", "flock", "fadvise64", "fadvise64_64",
    "readahead", "cachestat", "sendfile", "sendfile64", "splice", "tee", "vmsplice", "copy_file_range", "recv",
    "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64", "send", "sendto", "sendmsg", "sendmmsg", "shutdown",
    "getsockname", "getpeername", "getsockopt", "setsockopt",
    // memory
    "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "mincore", "mseal", "map_shadow_stack", "mlock",
    "mlock2", "munlock", "mlockall", "munlockall", "msync", "brk", "membarrier", "pkey_alloc", "pkey_free",
    "pkey_mprotect", "memfd_secret", "mbind", "get_mempolicy", "set_mempolicy", "set_mempolicy_home_node", "cacheflush",
    "riscv_flush_icache", "arch_prctl", "set_tls", "get_thread_area", "set_thread_area",
    // threads and the process
    "futex", "futex_time64", "futex_waitv", "futex_wait", "futex_wake", "futex_requeue", "set_robust_list", "rseq",
    "set_tid_address", "gettid", "getpid", "getppid", "getpgid", "getpgrp", "getsid", "getuid", "getuid32", "geteuid",
    "geteuid32", "getgid", "getgid32", "getegid", "getegid32", "getresuid", "getresuid32", "getresgid", "getresgid32",
    "getgroups", "getgroups32", "capget", "getpriority", "getrlimit", "ugetrlimit", "setrlimit", "getrusage", "times",
    "sysinfo", "uname", "getcpu", "getrandom", "sched_yield", "sched_getaffinity", "sched_getparam",
    "sched_getscheduler", "sched_getattr", "sched_get_priority_max", "sched_get_priority_min", "sched_rr_get_interval",
    "sched_rr_get_interval_time64", "ioprio_get", "exit", "exit_group", "wait4", "waitid", "waitpid",
    "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
    // time
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "clock_nanosleep",
    "clock_nanosleep_time64", "nanosleep", "gettimeofday", "time", "timer_create", "timer_settime", "timer_settime64",
    "timer_gettime", "timer_gettime64", "timer_getoverrun", "timer_delete", "getitimer", "setitimer", "alarm", "pause",
    // signals
    "rt_sigaction", "rt_sigprocmask", "rt_sigpending", "rt_sigreturn", "sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
    "rt_sigtimedwait_time64", "sigaltstack", "restart_syscall",
    // looking at files
    "stat", "stat64", "lstat", "lstat64", "fstat", "fstat64", "newfstatat", "fstatat64", "statx", "access", "faccessat",
    "faccessat2", "readlink", "readlinkat", "getcwd", "chdir", "fchdir", "getdents", "getdents64", "statfs", "statfs64",
    "fstatfs", "fstatfs64", "umask", "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr"};

// Changing files, as far as Landlock knows of it, or by an open descriptor.
const Names changing_files = {"creat",
                              "rename",
                              "renameat",
                              "renameat2",
                              "link",
                              "linkat",
                              "symlink",
                              "symlinkat",
                              "unlink",
                              "unlinkat",
                              "mkdir",
                              "mkdirat",
                              "rmdir",
                              "fchmod",
                              "fchown",
                              "fchown32",
                              "fsetxattr",
                              "fremovexattr",
                              "sync",
                              "syncfs",
                              "inotify_init",
                              "inotify_init1",
                              "inotify_add_watch",
                              "inotify_rm_watch"};

// Changing them by their paths, which Landlock does not look at.
const Names changing_by_path = {"chmod",     "fchmodat", "fchmodat2", "chown",       "chown32",
                                "lchown",    "lchown32", "fchownat",  "utime",       "utimes",
                                "futimesat", "setxattr", "lsetxattr", "removexattr", "lremovexattr"};

const Names using_sockets = {"bind", "connect", "listen", "accept", "accept4"};

struct Freed {
    void operator()(void* filter) const { ::seccomp_release(filter); }
};

// The low half of an argument: of an int, the system looks at no more.
scmp_arg_cmp low_bits(unsigned argument, std::uint64_t mask, std::uint64_t value) {
    return {argument, SCMP_CMP_MASKED_EQ, mask & 0xffffffffu, value & 0xffffffffu};
}
scmp_arg_cmp is(unsigned argument, std::uint64_t value) { return low_bits(argument, ~std::uint64_t{0}, value); }

// A filter in the making. What goes wrong is kept until it is loaded.
class Filter {
public:
    // What becomes of forbidden calls, and of those that no rule speaks of.
    Filter(std::uint32_t forbidden, std::uint32_t others) : filter_(::seccomp_init(others)), forbidden_(forbidden) {
        if (filter_ == nullptr) failure_ = ENOMEM;
        note(::seccomp_attr_set(filter_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
        note(::seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));  // a tree: there are hundreds of rules
    }

    using Conditions = std::initializer_list<scmp_arg_cmp>;
    void allow(Names names) {
        for (const char* name : names) allow(name);
    }
    void allow(const char* name, Conditions conditions = {}) { add(SCMP_ACT_ALLOW, name, conditions); }
    void allow_one_of(const char* name, unsigned argument, std::initializer_list<std::uint64_t> values) {
        for (const std::uint64_t value : values) allow(name, {is(argument, value)});
    }
    void forbid(const char* name, Conditions conditions = {}) { add(forbidden_, name, conditions); }
    void as_if_unknown(const char* name) { add(SCMP_ACT_ERRNO(ENOSYS), name, {}); }
    // What libseccomp has no name for: calls that came after it.
    void as_if_unknown_after_the_last() {
        constexpr int more = 64;
        int last = 0;
        for (int number = 0; number < 1024; ++number) {
            const std::unique_ptr<char, decltype(&std::free)> name(
                ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number), &std::free);
            if (name != nullptr) last = number;
        }
        for (int number = last + 1; number <= last + more; ++number)
            note(::seccomp_rule_add(filter_.get(), SCMP_ACT_ERRNO(ENOSYS), number, 0));
    }

    // 0, or what failed, as errno has it.
    int load() {
        if (failure_ == 0) note(::seccomp_load(filter_.get()));
        return failure_;
    }
    int listener() const { return forbidden_ == SCMP_ACT_NOTIFY ? ::seccomp_notify_fd(filter_.get()) : -1; }

private:
    void add(std::uint32_t action, const char* name, Conditions conditions) {
        const int number = ::seccomp_syscall_resolve_name(name);
        if (number < 0) return;  // another architecture's
        note(::seccomp_rule_add_array(filter_.get(), action, number, static_cast<unsigned>(conditions.size()),
                                      conditions.begin()));
    }
    void note(int result) {
        if (result < 0 && failure_ == 0) failure_ = -result;
    }

    const std::unique_ptr<void, Freed> filter_;
    const std::uint32_t forbidden_;
    int failure_ = 0;
};

// ---- what a preset allows

// Where libraries look first for a call that has its flags in memory, where no filter can see them, and take another one instead.
void hide_what_cannot_be_judged(Filter& filter) {
    filter.as_if_unknown("clone3");
    filter.as_if_unknown("openat2");
    filter.as_if_unknown_after_the_last();
}

void allow_threads(Filter& filter) {
    constexpr std::uint64_t namespaces =
        CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
#ifdef __s390__
    constexpr unsigned flags = 1;
#else
    constexpr unsigned flags = 0;
#endif
    filter.allow("clone", {low_bits(flags, CLONE_THREAD | namespaces, CLONE_THREAD)});
}

// Signals, priorities and limits: those of this process.
void allow_what_concerns_itself(Filter& filter) {
    const auto self = static_cast<std::uint64_t>(::getpid());
    for (const char* name : {"kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"})
        filter.allow(name, {is(0, self)});
    for (const char* name : {"prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"})
        filter.allow_one_of(name, 0, {0, self});
    filter.allow("setpriority", {is(0, 0), is(1, 0)});
    filter.allow_one_of(
        "prctl", 0,
        {PR_SET_NAME, PR_GET_NAME, 0x53564d41 /* PR_SET_VMA */, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_TIMERSLACK,
         PR_SET_TIMERSLACK, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS,
         PR_GET_SECCOMP, PR_CAPBSET_READ, PR_GET_TID_ADDRESS});
}

// Not those that have a descriptor signal other processes.
void allow_descriptor_flags(Filter& filter) {
    filter.allow_one_of(
        "fcntl", 1,
        {F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_GETOWN, F_GETSIG, 36, 37,
         38 /* F_OFD_… */, F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS});
    filter.allow_one_of("ioctl", 1, {FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TCGETS, TIOCGWINSZ, TIOCOUTQ});
}

// A pair of sockets reaches nobody else, unless they are of a kind that takes an address with each datagram.
void allow_socket_pairs(Filter& filter) {
    for (const std::uint64_t type : {SOCK_STREAM, SOCK_SEQPACKET})
        filter.allow("socketpair", {is(0, AF_UNIX), low_bits(1, 0xf, type)});
}

void allow_opening_to_read(Filter& filter) {
    constexpr std::uint64_t changes = O_ACCMODE | O_CREAT | O_TRUNC;
    filter.allow("open", {low_bits(1, changes, O_RDONLY)});
    filter.allow("openat", {low_bits(2, changes, O_RDONLY)});
}

void allow_changing_files(Filter& filter, bool by_path, bool truncation) {
    filter.allow(changing_files);
    for (const std::uint64_t type : {std::uint64_t{S_IFREG}, std::uint64_t{S_IFIFO}, std::uint64_t{0}}) {
        filter.allow("mknod", {low_bits(1, S_IFMT, type)});
        filter.allow("mknodat", {low_bits(2, S_IFMT, type)});
    }
    filter.allow_one_of("ioctl", 1, {FICLONE, FICLONERANGE, FS_IOC_GETFLAGS});
    if (truncation) {
        filter.allow({"open", "openat", "truncate", "truncate64"});
    } else {
        for (const auto& [name, flags] : {std::pair{"open", 1u}, std::pair{"openat", 2u}}) {
            filter.allow(name, {low_bits(flags, O_TRUNC, 0)});
            filter.allow(name, {low_bits(flags, O_ACCMODE, O_WRONLY)});
            filter.allow(name, {low_bits(flags, O_ACCMODE, O_RDWR)});
        }
    }
    if (by_path) {
        filter.allow(changing_by_path);
        filter.allow({"utimensat", "utimensat_time64"});
    } else {  // of an open descriptor
        for (const char* name : {"utimensat", "utimensat_time64"}) filter.allow(name, {{1, SCMP_CMP_EQ, 0, 0}});
    }
}

// Of the internet. Unix sockets lead to programs that do what their user asks them for: this host, for one.
void allow_sockets(Filter& filter) {
    filter.allow(using_sockets);
    for (const std::uint64_t type : {SOCK_STREAM, SOCK_DGRAM}) {
        for (const std::uint64_t family : {AF_INET, AF_INET6})
            filter.allow("socket", {is(0, family), low_bits(1, 0xf, type)});
    }
    filter.allow("socket", {is(0, AF_NETLINK), is(2, NETLINK_ROUTE)});  // getaddrinfo() asks which families there are
    filter.allow_one_of(
        "ioctl", 1,
        {SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFNETMASK, SIOCGIFMTU, SIOCGIFINDEX, SIOCGIFNAME, SIOCATMARK});
}

void allow_preset(Filter& filter, const Confinement& confinement, bool truncation) {
    hide_what_cannot_be_judged(filter);
    filter.allow(own_business);
    allow_threads(filter);
    allow_what_concerns_itself(filter);
    allow_descriptor_flags(filter);
    allow_socket_pairs(filter);
    if (confinement.syscalls == "compute") return allow_opening_to_read(filter);
    allow_changing_files(filter, !confinement.confines_paths(), truncation);
    if (confinement.has_network()) allow_sockets(filter);
}

// Where all calls are allowed, but not all paths.
void forbid_what_landlock_overlooks(Filter& filter, bool truncation) {
    for (const char* name : changing_by_path) filter.forbid(name);
    for (const char* name : {"utimensat", "utimensat_time64"}) filter.forbid(name, {{1, SCMP_CMP_NE, 0, 0}});
    for (const char* name : {"io_uring_setup", "io_uring_enter", "io_uring_register"}) filter.as_if_unknown(name);
    if (truncation) return;
    for (const char* name : {"truncate", "truncate64"}) filter.forbid(name);
    filter.as_if_unknown("openat2");
    filter.forbid("open", {low_bits(1, O_ACCMODE | O_TRUNC, O_TRUNC)});
    filter.forbid("openat", {low_bits(2, O_ACCMODE | O_TRUNC, O_TRUNC)});
}

struct Loaded {
    int failure = 0;
    int listener = -1;
};

Loaded load(const Confinement& confinement, bool truncation, std::uint32_t forbidden) {
    const bool all = confinement.syscalls == "all";
    Filter filter(forbidden, all ? SCMP_ACT_ALLOW : forbidden);
    if (all) {
        forbid_what_landlock_overlooks(filter, truncation);
    } else {
        allow_preset(filter, confinement, truncation);
    }
    const int failure = filter.load();
    return {failure, failure == 0 ? filter.listener() : -1};
}

}  // namespace

Result<int> filter_syscalls(const Confinement& confinement, int landlock_abi) {
    const bool truncation = !confinement.confines_paths() || landlock_abi >= 3;  // may be left to Landlock
    Loaded loaded = load(confinement, truncation, SCMP_ACT_NOTIFY);
    // There can be one listener: a container's may be before ours. And not every kernel has them.
    if (loaded.failure != 0) loaded = load(confinement, truncation, SCMP_ACT_ERRNO(EPERM));
    if (loaded.failure == 0) return loaded.listener;
    return refuse(
        Code::unavailable,
        fmt::format("it cannot be confined: worker_syscalls = \"{}\": this kernel takes no filter of system calls: {}",
                    confinement.syscalls, std::strerror(loaded.failure)));
}

}  // namespace soho::host
