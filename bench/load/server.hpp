#pragma once
// A server under load: a process of its own, on the CPUs it is told, and what the kernel says of it.

#include <sched.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace soho::bench {

// CPUs that this process may use, as it was started.
std::vector<int> usable_cpus();
// For the calling thread, and what it starts. Empty: all usable ones.
void run_on(const std::vector<int>& cpus);

// Ended by SIGKILL with this object. Throws std::runtime_error.
class Server {
public:
    Server(const std::vector<std::string>& command, const std::vector<int>& cpus);
    // One that runs, and is not ours to end.
    explicit Server(pid_t pid) : pid_(pid), ours_(false) {}
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    pid_t pid() const { return pid_; }
    // CPU time of all its threads, and of its workers' and helpers'.
    std::int64_t cpu_ns() const;

    struct Memory {
        double rss_kb = 0;
        double private_kb = 0;    // private pages, clean and dirty
        double anonymous_kb = 0;  // heap and stacks
    };
    Memory memory() const;

private:
    pid_t pid_ = -1;
    bool ours_ = true;
};

// How busy these CPUs have been with anything since boot.
std::int64_t busy_ns(const std::vector<int>& cpus);

}  // namespace soho::bench
