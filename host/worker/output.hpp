#pragma once
// What a worker writes to its standard output or error, as lines of the host's log.

#include "host/session/log.hpp"

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>

namespace soho::host {

// For one thread. One that writes much is read slowly, so that it cannot fill the log alone: it waits then, as its pipe is full.
class Output : public std::enable_shared_from_this<Output> {
public:
    // `descriptor` becomes its own. Lines that say no level have `level`.
    Output(asio::io_context& context, int descriptor, spdlog::logger& log, spdlog::level::level_enum level);
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    // What is there is still logged, but nothing is waited for.
    ~Output();

    void read();

private:
    void take(std::size_t size);
    void write_line(std::string_view line);

    static constexpr std::size_t line_bytes_max = 2000;
    static constexpr std::size_t bytes_per_slice = 32 * 1024;

    asio::posix::stream_descriptor descriptor_;
    asio::steady_timer pause_;
    spdlog::logger& log_;
    const spdlog::level::level_enum level_;
    std::array<char, 4096> buffer_{};
    std::string line_;
    std::size_t taken_ = 0;  // in this slice of time
    std::int64_t slice_ns_ = 0;
};

}  // namespace soho::host
