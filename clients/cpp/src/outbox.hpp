#pragma once
// What leaves: frames, one system call each, and the releases of dropped proxies, which travel in batches.

#include "socket.hpp"

#include <soho/data/writer.hpp>

#include <atomic>
#include <mutex>
#include <vector>

namespace soho::client {

// Nothing here blocks: what the socket does not take is kept, and somebody calls flush() when there is room again.
// Thread-safe. Frames leave in the order of the calls.
class Outbox {
public:
    static constexpr std::size_t releases_batch = 64;
    static constexpr std::size_t corked_bytes_max = 16u << 10;

    enum class Sent : std::uint8_t {
        whole,    // the kernel has it
        waiting,  // some of it waits for flush()
        full,     // not taken
        never     // the other side has closed: not one byte left
    };

    explicit Outbox(Socket& socket) : socket_(socket) { releases_.reserve(releases_batch); }

    // Refuses a frame as `full` where more than that many bytes wait already.
    Sent send(data::Bytes frame, std::size_t waiting_max = SIZE_MAX);
    // Keeps a frame for the next flush() or send(), so that several leave with one system call. Sends at once what has
    // grown to corked_bytes_max.
    Sent cork(data::Bytes frame, std::size_t waiting_max);
    // Sends what waits, as far as the socket takes it.
    void flush();
    bool is_waiting() const { return waiting_.load(std::memory_order_relaxed); }

    // Gives one count of an object back: with the next frame, in a batch, or at once if `now`. A count that cannot be
    // noted for lack of memory stays with the session.
    void release(std::uint64_t id, bool now) noexcept;
    // Sends the releases that were kept for the next frame.
    void flush_releases() noexcept;
    bool has_releases() const { return releases_kept_.load(std::memory_order_relaxed); }

private:
    struct Release {
        std::uint64_t id;
        std::uint64_t count;
    };

    void take_releases();
    Sent send_behind_waiting(data::Bytes frame, std::size_t waiting_max);

    Socket& socket_;
    std::mutex mutex_;
    data::Buffer waiting_bytes_;
    std::vector<Release> releases_;
    std::atomic<bool> waiting_ = false;
    std::atomic<bool> releases_kept_ = false;
    bool closed_ = false;
};

}  // namespace soho::client
