#pragma once
// The process that a plugin runs in instead of the host's (host/worker), as far as its provider needs to know it.

#include "host/registry/plugin.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace soho::host {

class Provider;

// What soho.stats tells of one.
struct WorkerReport {
    std::string plugin;
    std::string_view
        state;  // "starting", "running", "waiting" (to start again), "resting" (it died too often), "ended"
    std::uint64_t process = 0;  // its number; 0: there is none
    std::uint64_t starts = 0, deaths = 0;
    std::string last_death{};  // "died: signal 11 (SIGSEGV) in Crash.now"
    std::uint64_t next_start_ms = 0;
    std::uint64_t memory_bytes = 0;  // of its own
    Confinement confinement{};       // without which it would not have started
};

// Thread-safe.
class Worker {
public:
    virtual ~Worker() = default;

    const std::string& plugin() const { return plugin_; }
    const std::string& file() const { return file_; }

    // It is to take the place of another one, once somebody says so (Offers::replace).
    virtual bool is_replacing() const { return false; }
    // Its types are there.
    virtual void offered(std::shared_ptr<Provider> provider) = 0;
    // Its connection has gone: it has ended, or is about to.
    virtual void left(std::shared_ptr<Provider> provider) = 0;
    // Why it makes no objects now: "worker of plugin pair died: signal 11; it starts again in 200 ms".
    virtual std::string why_absent() const = 0;

protected:
    Worker(std::string plugin, std::string file) : plugin_(std::move(plugin)), file_(std::move(file)) {}

private:
    const std::string plugin_, file_;
};

}  // namespace soho::host
