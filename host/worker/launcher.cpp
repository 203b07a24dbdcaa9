#include "host/worker/launcher.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <thread>

extern char** environ;

namespace soho::host {

namespace {

constexpr int launcher_socket = 3;
constexpr const char* own_program = "/proc/self/exe";
constexpr auto end_time = std::chrono::seconds(2);
constexpr std::size_t names_max = 128;
constexpr std::string_view worker_variable =
    "SOHO_WORKER=";  // and the number of the start: tells whose processes are whose

// Both ends are the same program: what they send is their memory.
struct Order {
    std::uint64_t number;
    WorkerLimits limits;
    std::array<char, names_max> plugin;
};
using Descriptors = std::array<int, worker_descriptors_end - 1>;

// One message of a socket of those, with descriptors.
template <class Message>
class Packet {
public:
    explicit Packet(Message& message) {
        part_ = {&message, sizeof message};
        header_.msg_iov = &part_;
        header_.msg_iovlen = 1;
    }
    template <std::size_t count>
    bool send(int socket, const std::array<int, count>& descriptors) {
        static_assert(count <= room_for);
        header_.msg_control = control_.data();
        header_.msg_controllen = CMSG_SPACE(sizeof descriptors);
        cmsghdr* const rights = CMSG_FIRSTHDR(&header_);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof descriptors);
        std::memcpy(CMSG_DATA(rights), descriptors.data(), sizeof descriptors);
        return send(socket);
    }
    bool send(int socket) { return ::sendmsg(socket, &header_, MSG_NOSIGNAL) == static_cast<ssize_t>(part_.iov_len); }
    // As recvmsg(); what descriptors came with it replace the first of `descriptors`.
    template <std::size_t count>
    ssize_t receive(int socket, std::array<int, count>& descriptors, int flags) {
        static_assert(count <= room_for);
        header_.msg_control = control_.data();
        header_.msg_controllen = control_.size();
        const ssize_t got = ::recvmsg(socket, &header_, flags | MSG_CMSG_CLOEXEC);
        if (got <= 0) return got;
        const cmsghdr* const rights = CMSG_FIRSTHDR(&header_);
        if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS)
            std::memcpy(descriptors.data(), CMSG_DATA(rights),
                        std::min(sizeof descriptors, rights->cmsg_len - CMSG_LEN(0)));
        return got;
    }

private:
    static constexpr std::size_t room_for = 8;

    iovec part_{};
    msghdr header_{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * room_for)> control_{};
};

void close_all(const Descriptors& descriptors) {
    for (const int descriptor : descriptors) {
        if (descriptor >= 0) ::close(descriptor);
    }
}

// ---- the launcher's process

// In the child, before it becomes the worker: nothing may fail without a word.
[[noreturn]] void give_up(const char* what) {
    const std::string text = fmt::format("could not be started: {}: {}", what, std::strerror(errno));
    [[maybe_unused]] const ssize_t wrote = ::pwrite(worker_words, text.data(), text.size(), 0);
    ::_exit(127);
}

// `more`: how far beyond it whoever does not heed a first word comes.
void limit(int resource, std::uint64_t value, const char* name, std::uint64_t more = 0) {
    if (value == 0) return;
    rlimit now{};
    ::getrlimit(static_cast<__rlimit_resource_t>(resource), &now);
    const rlimit less{std::min<rlim_t>(value, now.rlim_max), std::min<rlim_t>(value + more, now.rlim_max)};
    if (::setrlimit(static_cast<__rlimit_resource_t>(resource), &less) != 0) give_up(name);
}

[[noreturn]] void become_worker(const Order& order, Descriptors descriptors, pid_t launcher, std::uint64_t start) {
    ::setsid();
    for (int& descriptor : descriptors) descriptor = ::fcntl(descriptor, F_DUPFD, 64);  // out of each other's way
    int number = 1;
    for (const int descriptor : descriptors) ::dup2(descriptor, number++);
    ::close_range(worker_descriptors_end, ~0u, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // the launcher has one thread, which lives as long as it
    if (::getppid() != launcher) ::_exit(0);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up("no_new_privs");
    limit(RLIMIT_DATA, order.limits.memory_bytes, "RLIMIT_DATA");
    limit(RLIMIT_CPU, order.limits.cpu_s, "RLIMIT_CPU", 1);  // SIGXCPU, and SIGKILL a second later
    limit(RLIMIT_NOFILE, order.limits.files, "RLIMIT_NOFILE");
    limit(RLIMIT_NPROC, order.limits.processes, "RLIMIT_NPROC");
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    std::string name(worker_name), plugin(order.plugin.data());
    char* const arguments[] = {name.data(), plugin.data(), nullptr};
    std::string marker = std::string(worker_variable) + std::to_string(start);
    ::putenv(marker.data());
    ::execve(own_program, arguments, environ);
    give_up("exec");
}

class LauncherProcess {
public:
    int run() {
        ::setsid();  // what a terminal sends its programs is the host's to hear
        ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        for (const char* of_the_host :
             {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
            ::unsetenv(of_the_host);
        sigset_t heard;
        ::sigemptyset(&heard);
        for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&heard, signal);
        ::sigprocmask(SIG_BLOCK, &heard, nullptr);
        const int signals = ::signalfd(-1, &heard, SFD_CLOEXEC | SFD_NONBLOCK);
        std::array<pollfd, 2> awaited{pollfd{launcher_socket, POLLIN, 0}, pollfd{signals, POLLIN, 0}};
        for (;;) {
            ::poll(awaited.data(), awaited.size(), -1);
            signalfd_siginfo ignored{};
            while (::read(signals, &ignored, sizeof ignored) > 0) {
            }
            reap();
            if ((awaited[0].revents & (POLLIN | POLLHUP)) != 0 && !take_order()) break;
        }
        end();
        return 0;
    }

private:
    bool take_order() {
        Order order{};
        Descriptors descriptors;
        descriptors.fill(-1);
        const ssize_t got = Packet(order).receive(launcher_socket, descriptors, MSG_DONTWAIT);
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        if (got == 0) return false;
        const pid_t launcher = ::getpid();
        ++starts_;
        const pid_t process = ::fork();
        if (process == 0) become_worker(order, descriptors, launcher, starts_);
        const int failure = errno;
        close_all(descriptors);
        LaunchEvent event;
        event.number = order.number;
        if (process < 0) {
            event.status = failure;
            return Packet(event).send(launcher_socket);
        }
        workers_[process] = {order.number, starts_};
        event.what = LaunchEvent::What::started;
        event.process = process;
        const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
        const bool told =
            pidfd >= 0 ? Packet(event).send(launcher_socket, std::array{pidfd}) : Packet(event).send(launcher_socket);
        if (pidfd >= 0) ::close(pidfd);
        return told;
    }

    // Those that have ended, and with each of them what it had started.
    void reap() {
        siginfo_t ended{};
        while (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0) {
            const pid_t process = ended.si_pid;
            const auto worker = workers_.find(process);
            if (worker != workers_.end()) ::kill(-process, SIGKILL);  // its group; nobody else can have that number yet
            int status = 0;
            ::waitpid(process, &status, 0);
            if (worker != workers_.end()) {
                LaunchEvent event;
                event.number = worker->second.number;
                event.what = LaunchEvent::What::ended;
                event.status = status;
                workers_.erase(worker);
                Packet(event).send(launcher_socket);
            }
            kill_strays();
            ended = {};
        }
    }

    static std::vector<pid_t> children() {
        std::ifstream list(fmt::format("/proc/self/task/{}/children", ::getpid()));
        std::vector<pid_t> found;
        for (pid_t child = 0; list >> child;) found.push_back(child);
        return found;
    }

    // The start of the worker that it comes from, as its environment says; 0 if that says nothing.
    static std::uint64_t origin_of(pid_t process) {
        std::ifstream file(fmt::format("/proc/{}/environ", process));
        for (std::string variable; std::getline(file, variable, '\0');) {
            if (variable.starts_with(worker_variable))
                return std::strtoull(&variable[worker_variable.size()], nullptr, 10);
        }
        return 0;
    }

    bool is_alive(std::uint64_t start) const {
        return std::any_of(workers_.begin(), workers_.end(),
                           [&](const auto& each) { return each.second.start == start; });
    }

    // Children that were left here by a worker that has ended. Those of one that lives are its own business.
    void kill_strays() {
        for (const pid_t child : children()) {
            if (!workers_.contains(child) && !is_alive(origin_of(child))) ::kill(child, SIGKILL);
        }
    }

    // Workers see for themselves that the host has gone.
    void end() {
        const auto until = std::chrono::steady_clock::now() + end_time;
        while (!workers_.empty() && std::chrono::steady_clock::now() < until) {
            reap();
            if (!workers_.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        for (const auto& [process, worker] : workers_) ::kill(process, SIGKILL);
        while (!children().empty()) {
            reap();
            kill_strays();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    struct Worker {
        std::uint64_t number = 0;  // its host's
        std::uint64_t start = 0;   // of all starts
    };
    std::map<pid_t, Worker> workers_;
    std::uint64_t starts_ = 0;
};

}  // namespace

int run_launcher() { return LauncherProcess().run(); }

// ---- the host's end

Result<void> Launcher::start() {
    if (socket_ >= 0) return {};
    const auto failed = [](std::string_view what, int failure) {
        return refuse(Code::unavailable,
                      fmt::format("the launcher of workers cannot be started: {}: {}", what, std::strerror(failure)));
    };
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return failed("socketpair", errno);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, ends[1], launcher_socket);
    ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addclosefrom_np(&files, launcher_socket + 1);
    posix_spawnattr_t how;
    ::posix_spawnattr_init(&how);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&how, &none);
    ::posix_spawnattr_setsigdefault(&how, &all);
    ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::string name(launcher_name);
    char* const arguments[] = {name.data(), nullptr};
    const int failure = ::posix_spawn(&process_, own_program, &files, &how, arguments, environ);
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&how);
    ::close(ends[1]);
    if (failure != 0) {
        ::close(ends[0]);
        return failed("posix_spawn", failure);
    }
    socket_ = ends[0];
    return {};
}

Result<void> Launcher::launch(const LaunchRequest& request) {
    Order order{};
    order.number = request.number;
    order.limits = request.limits;
    request.plugin.copy(order.plugin.data(), order.plugin.size() - 1);
    if (Packet(order).send(socket_, request.descriptors)) return {};
    return refuse(Code::unavailable, fmt::format("the launcher of workers does not answer: {}", std::strerror(errno)));
}

Launcher::Next Launcher::next(LaunchEvent& event) {
    std::array<int, 1> pidfd{-1};
    const ssize_t got = Packet(event).receive(socket_, pidfd, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Next::none;
    if (got <= 0) return Next::ended;
    event.pidfd = pidfd[0];
    return Next::event;
}

void Launcher::close() {
    if (socket_ < 0) return;
    ::close(std::exchange(socket_, -1));
    int status = 0;
    ::waitpid(process_, &status, 0);
}

}  // namespace soho::host
