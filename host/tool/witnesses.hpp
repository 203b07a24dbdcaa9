#pragma once
// What is looked at from outside while plugin code runs in this process: memory, descriptors, threads, processes, and what is said.

#include <spdlog/sinks/base_sink.h>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace soho::host::tool {

std::int64_t bytes_in_use();  // of the heap, by the allocator's own count
int open_descriptors();
int threads();

// Keeps a descriptor open that is nobody else's; whoever closes all has closed it, too.
class GuardDescriptor {
public:
    GuardDescriptor();
    bool is_open() const;

private:
    int descriptor_;
};

// Processes below this one: their number. Those that have ended go; with `kill`, all.
int processes_left(bool kill);

// What was written to the standard output and error since the last look.
class OutputWatch {
public:
    std::string take();

private:
    long at_ = 0;
};

// Keeps lines until somebody takes them. Thread-safe.
class LineKeeper final : public spdlog::sinks::base_sink<std::mutex> {
public:
    struct Line {
        std::string text;
        bool is_error = false;
    };
    std::vector<Line> take();

protected:
    void sink_it_(const spdlog::details::log_msg& message) override;
    void flush_() override {}

private:
    static constexpr std::size_t lines_max = 10'000;
    std::vector<Line> lines_;
};

}  // namespace soho::host::tool
