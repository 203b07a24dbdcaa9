#include "host/tool/throwaway_host.hpp"

#include "host/tool/private_folder.hpp"
#include "host/tool/programs.hpp"
#include "host/tool/watch.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace soho::host::tool {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Words = Watch::Words;

constexpr auto start_max = 60s;
// How long what is told to end may take for it: a host that loads has nothing to finish, others wait for calls (drain_ms).
constexpr auto loading_end_max = 1s, host_end_max = 8s, shell_end_max = 2s, debugger_end_max = 5s;

int complain(const std::string& sentence) {
    fmt::print(stderr, "soho-plugin: {}\n", sentence);
    return 1;
}

Words host_words(const std::string& sohod, const RunOptions& options, const std::string& address) {
    Words words{sohod, "--no-config", "--listen", address, "--plugin", options.file, "--strict"};
    words.insert(words.end(), options.host_args.begin(), options.host_args.end());
    return words;
}

// Nothing watches a host that stands still in a debugger: no thread is replaced, no connection closed, nothing called slow.
const Words no_watch{"--stuck-ms", "0",       "--slow-call-ms",   "0",        "--idle-ms",  "0",
                     "--login-ms", "3600000", "--slow-reader-ms", "86400000", "--drain-ms", "0"};

// The host's process, which ends when its standard input does, that is with this.
class HostProcess {
public:
    HostProcess(Watch& watch, Words words, const std::string& address) : watch_(watch) {
        words.emplace_back("--end-with-stdin");
        int input[2], output[2];
        if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0)
            throw std::runtime_error(fmt::format("no pipe to the host: {}", std::strerror(errno)));
        input_ = input[1];
        process_ = watch.start(words, input[0], output[1], true);  // the terminal's Ctrl-C is the shell's
        ::close(input[0]);
        ::close(output[1]);
        watch.listen_to(output[0], address);
    }
    HostProcess(const HostProcess&) = delete;
    HostProcess& operator=(const HostProcess&) = delete;
    ~HostProcess() {
        ::close(input_);
        const auto patience = watch_.is_listening() ? host_end_max : loading_end_max;
        if (watch_.is_listening()) watch_.wait_for(process_);
        watch_.end(process_, SIGTERM, patience, true);
        watch_.print_rest();
    }

    // False where it has ended before, or does not get that far.
    bool wait_until_it_listens() const {
        const auto until = Watch::Clock::now() + start_max;
        while (!watch_.is_listening() && !watch_.has_ended(process_) && watch_.stopped_by() == 0) {
            if (Watch::Clock::now() > until) return false;
            watch_.turn(until);
        }
        return watch_.is_listening();
    }

private:
    Watch& watch_;
    pid_t process_ = -1;
    int input_ = -1;
};

// One in the foreground of the terminal, whose keyboard signals are its own. Its exit code.
int run_in_foreground(Watch& watch, const Words& words, std::chrono::milliseconds end_max) {
    watch.mind_keyboard(false);
    termios terminal{};
    const bool is_terminal = ::tcgetattr(STDIN_FILENO, &terminal) == 0;
    const pid_t process = watch.start(words);
    watch.wait_for(process);
    if (!watch.has_ended(process)) {
        watch.end(process, SIGTERM, end_max);
        if (is_terminal) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal);  // it may have been editing a line
    }
    watch.mind_keyboard(true);
    return watch.exit_code(process);
}

int run_with_shell(Watch& watch, const Words& host, const std::string& soho, const std::string& address) {
    const HostProcess process(watch, host, address);
    if (process.wait_until_it_listens())
        return run_in_foreground(watch, {soho, "--host", address, "shell"}, shell_end_max);
    return watch.stopped_by() != 0 ? 1 : complain("the host did not start: see above");
}

int run_with_debugger(Watch& watch, const Words& host, const std::string& soho, const std::string& address) {
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
    return run_in_foreground(watch, words, debugger_end_max);
}

int run_in(const PrivateFolder& folder, Watch& watch, const RunOptions& options, const std::string& sohod,
           const std::string& soho) {
    const std::string address = "unix:" + folder.path() + "/sohod.sock";
    const Words host = host_words(sohod, options, address);
    return options.gdb ? run_with_debugger(watch, host, soho, address) : run_with_shell(watch, host, soho, address);
}

}  // namespace

int run_throwaway_host(const RunOptions& options) {
    const auto sohod = find_program("sohod", "sohod");
    if (!sohod) return complain(sohod.error().text);
    const auto soho = find_program("soho", "soho");
    if (!soho) return complain(soho.error().text);
    int code = 0, stopped_by = 0;
    {
        Watch watch;  // before there is a folder that a signal would leave behind
        const PrivateFolder folder;
        if (folder.path().empty())
            return complain(
                fmt::format("no folder for the host's socket can be made in {}: {}; $XDG_RUNTIME_DIR names "
                            "the place, /tmp where it is not set",
                            folder.place(), std::strerror(errno)));
        code = run_in(folder, watch, options, *sohod, *soho);
        stopped_by = watch.stopped_by();
    }
    if (stopped_by == 0) return code;
    std::signal(stopped_by, SIG_DFL);  // now that everything is gone, the way that whoever sent it expects
    ::raise(stopped_by);
    return 128 + stopped_by;
}

}  // namespace soho::host::tool
