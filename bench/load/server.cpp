#include "bench/load/server.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace soho::bench {

namespace {

cpu_set_t set_of(const std::vector<int>& cpus) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int cpu : cpus) CPU_SET(static_cast<unsigned>(cpu), &set);
    return set;
}

}  // namespace

std::vector<int> usable_cpus() {
    static const std::vector<int> cpus = [] {
        cpu_set_t set;
        CPU_ZERO(&set);
        ::sched_getaffinity(0, sizeof set, &set);
        std::vector<int> found;
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) found.push_back(cpu);
        }
        return found;
    }();
    return cpus;
}

void run_on(const std::vector<int>& cpus) {
    const cpu_set_t set = set_of(cpus.empty() ? usable_cpus() : cpus);
    if (::sched_setaffinity(0, sizeof set, &set) != 0) throw std::runtime_error("cannot choose a CPU to run on");
}

Server::Server(const std::vector<std::string>& command, const std::vector<int>& cpus) {
    std::vector<char*> words;
    for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    run_on(cpus);
    const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(nowhere, STDIN_FILENO);
    ::dup2(nowhere, STDOUT_FILENO);
    if (std::getenv("SOHO_BENCH_VERBOSE") == nullptr) ::dup2(nowhere, STDERR_FILENO);
    ::execv(words.front(), words.data());
    ::_exit(127);
}

Server::~Server() {
    if (!ours_) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

namespace {

// Of a process and of what it started, and they, and so on.
std::int64_t cpu_ns_of(pid_t pid) {
    clockid_t clock;
    timespec time{};
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
        throw std::runtime_error("the server has gone");
    std::int64_t total = time.tv_sec * 1'000'000'000 + time.tv_nsec;
    // Servers start others before they are asked anything, on their first thread.
    const std::string number = std::to_string(pid);
    std::ifstream children("/proc/" + number + "/task/" + number + "/children");
    for (pid_t child = 0; children >> child;) total += cpu_ns_of(child);
    return total;
}

}  // namespace

std::int64_t Server::cpu_ns() const { return cpu_ns_of(pid_); }

Server::Memory Server::memory() const {
    Memory memory;
    std::ifstream in("/proc/" + std::to_string(pid_) + "/smaps_rollup");
    std::string line;
    while (std::getline(in, line)) {
        std::istringstream words(line);
        std::string name;
        double kb = 0;
        words >> name >> kb;
        if (name == "Rss:") memory.rss_kb = kb;
        if (name == "Private_Clean:" || name == "Private_Dirty:") memory.private_kb += kb;
        if (name == "Anonymous:") memory.anonymous_kb = kb;
    }
    return memory;
}

std::int64_t busy_ns(const std::vector<int>& cpus) {
    static const std::int64_t tick_ns = 1'000'000'000 / ::sysconf(_SC_CLK_TCK);
    std::ifstream in("/proc/stat");
    std::string line;
    std::int64_t busy = 0;
    while (std::getline(in, line)) {
        for (const int cpu : cpus) {
            const std::string name = "cpu" + std::to_string(cpu) + " ";
            if (!line.starts_with(name)) continue;
            std::istringstream words(line.substr(name.size()));
            std::int64_t user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, softirq = 0, steal = 0;
            words >> user >> nice >> system >> idle >> waiting >> irq >> softirq >> steal;
            busy += (user + nice + system + irq + softirq + steal) * tick_ns;
        }
    }
    return busy;
}

}  // namespace soho::bench
