#include "host/tool/throwaway_host.hpp"

#include "host/tool/programs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

namespace soho::host::tool {

namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr int start_ms_max = 60'000;

int complain(const std::string& sentence) {
    fmt::print(stderr, "soho-plugin: {}\n", sentence);
    return 1;
}

[[noreturn]] void become(const Words& words) {
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    fmt::print(stderr, "soho-plugin: {}: {}\n", words[0], std::strerror(errno));
    ::_exit(127);
}

// A folder that only this user can reach, until this goes.
class PrivateFolder {
public:
    PrivateFolder() {
        const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
        std::string pattern =
            (runtime != nullptr && *runtime != '\0' ? std::string(runtime) : "/tmp") + "/soho-run-XXXXXX";
        if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
    }
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    ~PrivateFolder() {
        std::error_code failure;
        if (!path_.empty()) fs::remove_all(path_, failure);
    }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

Words host_words(const std::string& sohod, const RunOptions& options, const std::string& address) {
    Words words{sohod, "--no-config", "--listen", address, "--plugin", options.file, "--strict"};
    words.insert(words.end(), options.host_args.begin(), options.host_args.end());
    return words;
}

// Nothing watches a host that stands still in a debugger: no thread is replaced, no connection closed, nothing called slow.
const Words no_watch{"--stuck-ms", "0",       "--slow-call-ms",   "0",        "--idle-ms",  "0",
                     "--login-ms", "3600000", "--slow-reader-ms", "86400000", "--drain-ms", "0"};

int wait_for(pid_t process) {
    int status = 0;
    while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The host's process, which ends when its standard input does, that is with this.
class HostProcess {
public:
    explicit HostProcess(Words words) {
        words.emplace_back("--end-with-stdin");
        int input[2], output[2];
        if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) return;
        process_ = ::fork();
        if (process_ == 0) {
            ::setpgid(0, 0);  // the terminal's Ctrl-C is the shell's
            ::dup2(input[0], STDIN_FILENO);
            ::dup2(output[1], STDOUT_FILENO);
            become(words);
        }
        ::close(input[0]);
        ::close(output[1]);
        input_ = input[1];
        output_ = output[0];
    }
    HostProcess(const HostProcess&) = delete;
    HostProcess& operator=(const HostProcess&) = delete;
    ~HostProcess() {
        if (input_ >= 0) ::close(input_);
        if (process_ > 0) wait_for(process_);
        if (output_ >= 0) ::close(output_);
    }

    // Whether it listens; false where it has ended before.
    bool wait_until_it_listens() const {
        std::string text;
        pollfd ready{output_, POLLIN, 0};
        while (::poll(&ready, 1, start_ms_max) > 0) {
            char part[512];
            const ssize_t got = ::read(output_, part, sizeof part);
            if (got <= 0) return false;
            text.append(part, static_cast<std::size_t>(got));
            if (text.find("listens on") != std::string::npos) return true;
        }
        return false;
    }

private:
    pid_t process_ = -1;
    int input_ = -1, output_ = -1;
};

int run_with_shell(const Words& host, const std::string& soho, const std::string& address) {
    const HostProcess process(host);
    if (!process.wait_until_it_listens()) return complain("the host did not start: see above");
    std::signal(SIGINT, SIG_IGN);  // the shell's
    const pid_t shell = ::fork();
    if (shell < 0) return complain(std::strerror(errno));
    if (shell == 0) {
        std::signal(SIGINT, SIG_DFL);
        become({soho, "--host", address, "shell"});
    }
    return wait_for(shell);
}

int run_with_debugger(const Words& host, const std::string& soho, const std::string& address) {
    const auto gdb = find_program("gdb", "gdb");
    if (!gdb) return complain(gdb.error().text);
    // A watchdog of a service manager that this was started by is not this host's.
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"})
        ::unsetenv(name);
    fmt::print(
        stderr,
        "The host runs under gdb with every watchdog off. Reach it from another terminal:\n    {} --host {} shell\n",
        soho, address);
    Words words{*gdb,  "-q",  "-ex",   "set breakpoint pending on", "-ex", "handle SIGPIPE nostop noprint pass",
                "-ex", "run", "--args"};
    words.insert(words.end(), host.begin(), host.end());
    words.insert(words.end(), no_watch.begin(), no_watch.end());
    std::signal(SIGINT, SIG_IGN);  // gdb's
    const pid_t process = ::fork();
    if (process < 0) return complain(std::strerror(errno));
    if (process == 0) {
        std::signal(SIGINT, SIG_DFL);
        become(words);
    }
    return wait_for(process);
}

}  // namespace

int run_throwaway_host(const RunOptions& options) {
    const auto sohod = find_program("sohod", "sohod");
    if (!sohod) return complain(sohod.error().text);
    const auto soho = find_program("soho", "soho");
    if (!soho) return complain(soho.error().text);
    const PrivateFolder folder;
    if (folder.path().empty()) return complain(fmt::format("no folder for the socket: {}", std::strerror(errno)));
    const std::string address = "unix:" + folder.path() + "/sohod.sock";
    const Words host = host_words(*sohod, options, address);
    return options.gdb ? run_with_debugger(host, *soho, address) : run_with_shell(host, *soho, address);
}

}  // namespace soho::host::tool
