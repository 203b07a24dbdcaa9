#pragma once
// What a container holds in bytes, told to the host in batches, so that its quotas hold at little cost.

#include "values.hpp"

#include <algorithm>

namespace shared {

// Guarded by its owner: by the turn of a container, by the mutex of a queue.
class Account {
public:
    // Throws MemoryError, with nothing added, where the host's quota refuses more bytes; fewer are never refused. Without an
    // object yet (0, in a callable) it is told at the next change.
    void add(const soho::Host& host, std::uint64_t object, std::int64_t bytes) {
        const std::int64_t next = bytes_ + bytes, change = next - told_;
        const std::int64_t batch = std::clamp<std::int64_t>(told_ / 8, 4096, 1 << 20);
        if (object != 0 && (change >= batch || change <= -batch)) {
            if (host.charge(object, change)) {
                told_ = next;
            } else if (bytes > 0) {
                throw soho::Error("MemoryError",
                                  "the host's quota for the bytes of one object is reached (object_bytes)");
            }
        }
        bytes_ = next;
    }
    void add(const soho::Call& call, std::int64_t bytes) { add(call.host(), call.object(), bytes); }
    // What was counted before is back. The host agreed to it then, and hears of it at the next change.
    void restore(std::int64_t bytes) noexcept { bytes_ += bytes; }
    std::int64_t bytes() const { return bytes_; }

private:
    std::int64_t bytes_ = 0, told_ = 0;
};

// The most that one result may be built up to; the host sends no larger ones anyway.
inline constexpr std::int64_t result_bytes_max = std::int64_t{256} << 20;

inline void check_result(std::int64_t bytes) {
    if (bytes > result_bytes_max) throw soho::Error("MemoryError", "the result would be too large to travel");
}

// `bytes`, `count` times; throws MemoryError where that is more than any memory.
inline std::int64_t repeated(std::int64_t bytes, std::size_t count) {
    std::int64_t product = 0;
    if (__builtin_mul_overflow(bytes, count, &product)) throw soho::Error("MemoryError", "");
    return product;
}

template <class Elements>
std::int64_t footprints(const Elements& elements) {
    std::int64_t bytes = 0;
    for (const Value& element : elements) bytes += footprint(element);
    return bytes;
}

}  // namespace shared
