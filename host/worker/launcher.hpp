#pragma once
// The process that starts workers: single-threaded from its first instruction to its last, so that what it forks is sound, and with
// nothing of the host's in it. It ends with the host, and takes all that ever came of its workers with it.

#include "host/registry/plugin.hpp"

#include <sys/types.h>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace soho::host {

// Descriptors that the worker gets, by the number that it gets them as.
enum WorkerDescriptor : int {
    worker_output = 1,
    worker_errors = 2,
    worker_link = 3,
    worker_order = 4,
    worker_words = 5,
    worker_denials = 6
};
inline constexpr int worker_descriptors_end = 7;

struct LaunchRequest {
    std::uint64_t number = 0;  // the host's for it
    std::string plugin;        // for those who list processes
    WorkerLimits limits;
    std::array<int, worker_descriptors_end - 1> descriptors{};  // for 1 and on; they stay the caller's
};

// What it says of the request of that number.
struct LaunchEvent {
    enum class What : std::uint32_t { started, failed, ended };

    std::uint64_t number = 0;
    What what = What::failed;
    std::int32_t process = 0;  // its number, where it has started
    std::int32_t status = 0;   // failed: errno; ended: as waitpid() has it
    int pidfd = -1;            // where it has started: of it, for whoever gets the event to close
};

// The host's end of it. For one thread.
class Launcher {
public:
    Launcher() = default;
    Launcher(const Launcher&) = delete;
    Launcher& operator=(const Launcher&) = delete;
    ~Launcher() { close(); }

    // Starts the process, unless it runs. Fails with a sentence.
    Result<void> start();
    // Readable with each event, and when the launcher has ended; -1: it does not run.
    int descriptor() const { return socket_; }
    // Events say what came of it. Fails with a sentence.
    Result<void> launch(const LaunchRequest& request);
    enum class Next : std::uint8_t { event, none, ended };
    // The next event, without waiting.
    Next next(LaunchEvent& event);
    // It ends, and all workers with it: those that do not on their own, after two seconds.
    void close();

private:
    int socket_ = -1;
    pid_t process_ = 0;
};

// How the program knows, by its first argument, that it was started to be one of these.
inline constexpr const char* launcher_name = "sohod-launcher";
inline constexpr const char* worker_name = "sohod-worker";

// What the launcher's process does; its exit code.
int run_launcher();

}  // namespace soho::host
