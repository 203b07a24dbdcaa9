// Tries what a confined worker may not, and what it may: each method gives what it got, or fails with OSError and the number of the error.
#include <soho/plugin.hpp>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>

extern char** environ;

namespace {

long sure(long result) {
    if (result < 0) throw soho::Error("OSError", ::strerrorname_np(errno));
    return result;
}

// Closes what it opened.
class File {
public:
    explicit File(long descriptor) : descriptor_(static_cast<int>(sure(descriptor))) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() { ::close(descriptor_); }
    operator int() const { return descriptor_; }

private:
    const int descriptor_;
};

// What a child made of it, which is `made`.
std::int64_t wait_for(pid_t made) {
    int status = 0;
    sure(::waitpid(static_cast<pid_t>(sure(made)), &status, 0));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

sockaddr_un unix_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

struct Intruder {
    // ---- files
    std::string read(const std::string& path) {
        const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        char bytes[4096];
        const auto size = sure(::read(file, bytes, sizeof bytes));
        return {bytes, static_cast<std::size_t>(size)};
    }
    std::int64_t list(const std::string& path) {
        const File folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        char bytes[4096];
        return sure(::syscall(SYS_getdents64, static_cast<int>(folder), bytes, sizeof bytes));
    }
    void write(const std::string& path, const std::string& text) {
        const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        sure(::write(file, text.data(), text.size()));
    }
    void open(const std::string& path, std::int64_t flags) {
        const File file(::open(path.c_str(), static_cast<int>(flags) | O_CLOEXEC, 0600));
    }
    void open_newly(const std::string& path) {
        std::uint64_t how[3] = {O_RDONLY | O_CLOEXEC, 0, 0};
        const File file(::syscall(437 /* openat2 */, AT_FDCWD, path.c_str(), how, sizeof how));
    }
    // By a way that takes one path.
    void change(const std::string& how, const std::string& path) {
        const char* const file = path.c_str();
        const std::map<std::string, std::function<long()>> ways = {
            {"truncate", [&] { return ::truncate(file, 0); }},
            {"unlink", [&] { return ::unlink(file); }},
            {"rmdir", [&] { return ::rmdir(file); }},
            {"mkdir", [&] { return ::mkdir(file, 0700); }},
            {"mkfifo", [&] { return ::mkfifo(file, 0600); }},
            {"mknod", [&] { return ::mknod(file, S_IFCHR | 0600, 0); }},
            {"symlink", [&] { return ::symlink("/etc/passwd", file); }},
            {"link", [&] { return ::link(file, (path + ".link").c_str()); }},
            {"rename", [&] { return ::rename(file, (path + ".moved").c_str()); }},
            {"chmod", [&] { return ::chmod(file, 0644); }},
            {"chown", [&] { return ::chown(file, ::getuid(), ::getgid()); }},
            {"utime", [&] { return ::utimensat(AT_FDCWD, file, nullptr, 0); }},
            {"setxattr", [&] { return ::setxattr(file, "user.soho", "x", 1, 0); }},
        };
        sure(ways.at(how)());
    }
    // The same of an open descriptor.
    void change_opened(const std::string& path) {
        const File file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
        sure(::fchmod(file, 0640));
        sure(::futimens(file, nullptr));
        sure(::ftruncate(file, 1));
        sure(::fsync(file));
    }

    // ---- sockets
    void socket(std::int64_t family, std::int64_t type) {
        const File made(::socket(static_cast<int>(family), static_cast<int>(type) | SOCK_CLOEXEC, 0));
    }
    void pair_of(std::int64_t type) {
        int ends[2];
        sure(::socketpair(AF_UNIX, static_cast<int>(type) | SOCK_CLOEXEC, 0, ends));
        ::close(ends[0]);
        ::close(ends[1]);
    }
    void connect(std::int64_t port) {
        const File made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sure(::connect(made, reinterpret_cast<sockaddr*>(&address), sizeof address));
    }
    std::int64_t bind() {
        const File made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        sure(::bind(made, reinterpret_cast<sockaddr*>(&address), size));
        sure(::listen(made, 1));
        sure(::getsockname(made, reinterpret_cast<sockaddr*>(&address), &size));
        return ntohs(address.sin_port);
    }
    void connect_unix(const std::string& path) {
        const File made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const auto address = unix_address(path);
        sure(::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address));
    }
    // "@name": an abstract one.
    void connect_abstract(const std::string& name) {
        const File made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        auto address = unix_address(name);
        address.sun_path[0] = '\0';
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        sure(::connect(made, reinterpret_cast<const sockaddr*>(&address), size));
    }

    // ---- other programs and processes
    std::int64_t fork() {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(7);
        return wait_for(child);
    }
    std::int64_t exec(const std::string& program) {
        char* const arguments[] = {const_cast<char*>(program.c_str()), nullptr};
        sure(::execve(program.c_str(), arguments, environ));
        return 0;
    }
    std::int64_t spawn(const std::string& program) {
        pid_t child = -1;
        char* const arguments[] = {const_cast<char*>(program.c_str()), nullptr};
        errno = ::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ);
        if (errno != 0) sure(-1);
        return wait_for(child);
    }
    void trace(std::int64_t process) { sure(::ptrace(PTRACE_SEIZE, static_cast<pid_t>(process), nullptr, nullptr)); }
    std::int64_t peek(std::int64_t process, std::int64_t address) {
        char byte = 0;
        const iovec here{&byte, 1}, there{reinterpret_cast<void*>(address), 1};
        return sure(::process_vm_readv(static_cast<pid_t>(process), &here, 1, &there, 1, 0));
    }
    void signal(std::int64_t process, std::int64_t number) {
        sure(::kill(static_cast<pid_t>(process), static_cast<int>(number)));
    }
    void signal_itself() {
        std::signal(SIGUSR1, SIG_IGN);
        sure(::kill(::getpid(), SIGUSR1));
        sure(::raise(SIGUSR1) == 0 ? 0 : -1);
    }
    void own_signals(std::int64_t process) {
        int ends[2];
        sure(::pipe(ends));
        const File in(ends[0]), out(ends[1]);
        sure(::fcntl(in, F_SETOWN, static_cast<pid_t>(process)));
    }
    void limit(std::int64_t process) {
        rlimit now{};
        sure(::prlimit(static_cast<pid_t>(process), RLIMIT_CORE, nullptr, &now));
    }

    // ---- the system's own
    void call(std::int64_t number) { sure(::syscall(number, 0, 0, 0, 0, 0, 0)); }
    std::int64_t number(const std::string& name) {
        const std::map<std::string, long> numbers = {{"mount", SYS_mount},
                                                     {"unshare", SYS_unshare},
                                                     {"setns", SYS_setns},
                                                     {"chroot", SYS_chroot},
                                                     {"pivot_root", SYS_pivot_root},
                                                     {"bpf", SYS_bpf},
                                                     {"keyctl", SYS_keyctl},
                                                     {"add_key", SYS_add_key},
                                                     {"init_module", SYS_init_module},
                                                     {"finit_module", SYS_finit_module},
                                                     {"kexec_load", SYS_kexec_load},
                                                     {"reboot", SYS_reboot},
                                                     {"perf_event_open", SYS_perf_event_open},
                                                     {"userfaultfd", SYS_userfaultfd},
                                                     {"io_uring_setup", SYS_io_uring_setup},
                                                     {"seccomp", SYS_seccomp},
                                                     {"pidfd_open", SYS_pidfd_open},
                                                     {"pidfd_getfd", SYS_pidfd_getfd},
                                                     {"personality", SYS_personality},
                                                     {"setuid", SYS_setuid},
                                                     {"setsid", SYS_setsid},
                                                     {"capset", SYS_capset},
                                                     {"shmget", SYS_shmget},
                                                     {"mq_open", SYS_mq_open},
                                                     {"process_madvise", SYS_process_madvise},
                                                     {"fanotify_init", SYS_fanotify_init},
                                                     {"open_by_handle_at", SYS_open_by_handle_at},
                                                     {"clock_settime", SYS_clock_settime},
                                                     {"vfork", SYS_vfork},
                                                     {"clone3", 435},
                                                     {"of_tomorrow", 480}};
        return numbers.at(name);
    }
    // A thread that has all signals blocked, as many libraries' have: it must see the error as every other.
    std::string in_a_quiet_thread() {
        std::string seen;
        sigset_t all, before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_BLOCK, &all, &before);
        std::thread([&] { seen = ::syscall(SYS_mount, 0, 0, 0, 0, 0) < 0 ? ::strerrorname_np(errno) : ""; }).join();
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        return seen;
    }

    // Threads that try it for ever.
    void flood(std::int64_t threads) {
        for (std::int64_t i = 0; i < threads; ++i) {
            std::thread([] {
                for (;;) ::syscall(SYS_mount, 0, 0, 0, 0, 0);
            }).detach();
        }
    }

    // ---- what it may
    std::int64_t threads(std::int64_t count) {
        std::atomic<std::int64_t> sum{0};
        std::vector<std::thread> all;
        for (std::int64_t i = 1; i <= count; ++i) all.emplace_back([&sum, i] { sum += i; });
        for (auto& thread : all) thread.join();
        return sum;
    }
    std::string local_time() {
        const std::time_t then = 0;
        char text[64];
        const std::size_t size = std::strftime(text, sizeof text, "%Y", std::localtime(&then));
        return {text, size};
    }
    std::int64_t memory() {
        const File file(::memfd_create("intruder", MFD_CLOEXEC));
        sure(::ftruncate(file, 4096));
        void* const mapped = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (mapped == MAP_FAILED) sure(-1);
        return ::munmap(mapped, 4096);
    }
    std::string library(const std::string& name) {
        void* const opened = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
        return opened != nullptr ? "" : ::dlerror();
    }
    void later(soho::Reply<std::int64_t> reply, std::int64_t ms) {
        std::thread([reply = std::move(reply), ms]() mutable {
            std::this_thread::sleep_for(std::chrono::milliseconds(ms));
            reply(ms);
        }).detach();
    }
    void segv() {
        volatile int* nothing = nullptr;
        *nothing = 1;
    }
};

}  // namespace

SOHO_PLUGIN(intruder, "1.0", plugin) {
    plugin.methods<Intruder>()
        .method("read", &Intruder::read)
        .method("list", &Intruder::list)
        .method("write", &Intruder::write)
        .method("open", &Intruder::open)
        .method("open_newly", &Intruder::open_newly)
        .method("change", &Intruder::change)
        .method("change_opened", &Intruder::change_opened)
        .method("socket", &Intruder::socket)
        .method("pair_of", &Intruder::pair_of)
        .method("connect", &Intruder::connect)
        .method("bind", &Intruder::bind)
        .method("connect_unix", &Intruder::connect_unix)
        .method("connect_abstract", &Intruder::connect_abstract)
        .method("fork", &Intruder::fork)
        .method("exec", &Intruder::exec)
        .method("spawn", &Intruder::spawn)
        .method("trace", &Intruder::trace)
        .method("peek", &Intruder::peek)
        .method("signal", &Intruder::signal)
        .method("signal_itself", &Intruder::signal_itself)
        .method("own_signals", &Intruder::own_signals)
        .method("limit", &Intruder::limit)
        .method("call", &Intruder::call)
        .method("number", &Intruder::number)
        .method("in_a_quiet_thread", &Intruder::in_a_quiet_thread)
        .method("flood", &Intruder::flood)
        .method("threads", &Intruder::threads)
        .method("local_time", &Intruder::local_time)
        .method("memory", &Intruder::memory)
        .method("library", &Intruder::library)
        .method("later", &Intruder::later)
        .method("segv", &Intruder::segv);
    plugin.type<Intruder>("Intruder");
}
