#pragma once
// Where does the next frame end? msgpack-RPC has no length prefix, so the tokens of a frame are walked once: lengths and
// limits are checked as headers arrive, bodies are jumped over, nothing is stored.

#include <soho/data/reader.hpp>
#include <soho/result.hpp>
#include <soho/wire/sound.hpp>

#include <array>

namespace soho::wire {

struct FrameLimits {
    std::size_t bytes_max = 16u << 20;
    std::size_t depth_max = 64;        // at most FrameReader::depth_capacity
    std::size_t items_max = 1u << 20;  // values in one frame, nested ones included
};

// Before a login: enough for soho.hello and soho.auth.
inline constexpr FrameLimits frame_limits_before_login{4096, 4, 256};

// One complete, well-formed MessagePack value in borrowed bytes.
struct Frame {
    data::Bytes bytes;
    // Somewhere in it is an extension type of ours, or a string that begins with `$`: only then can it hold a handle, or
    // data that looks like one.
    bool may_hold_handles = false;
};

// Finds the end of one frame. Resumable: hand in all unread bytes from the frame's first byte on, as often as more arrive.
// Not thread-safe. A reader that refused stays refused.
class FrameReader {
public:
    static constexpr std::size_t depth_capacity = 64;

    enum class Status : std::uint8_t { complete, incomplete, refused };
    enum class Excess : std::uint8_t { none, bytes, depth, items };

    explicit FrameReader(FrameLimits limits) : limits_(limits) {}

    // `unread` begins with the bytes of earlier calls for the same frame.
    Status scan(data::Bytes unread);

    // After `complete`: the frame, at the front of what was handed in. Call next() before scanning on.
    Frame frame(data::Bytes unread) const { return {unread.first(scanned_), may_hold_handles_}; }
    void next();

    // Nothing of a frame has been scanned yet.
    bool at_start() const { return scanned_ == 0; }
    // After `refused`: why; the code is `protocol` for what is no MessagePack, else `limit`.
    const Error& error() const { return error_; }
    // … and which limit was passed.
    Excess excess() const { return excess_; }

    void set_limits(FrameLimits limits) { limits_ = limits; }

private:
    std::size_t scan_small(const std::uint8_t* begin, const std::uint8_t* end);
    bool scan_usual(const std::uint8_t* begin, const std::uint8_t* end, const std::uint8_t*& from);
    Status scan_value(const std::uint8_t* begin, const std::uint8_t* end, const std::uint8_t*& at);
    Status wait_at(std::size_t scanned);
    Status refuse(Excess excess, std::string text);
    Status refuse_number();
    Status refuse_value_of(std::uint64_t size, const char* what);
    void note_kind(const data::Token& token);

    FrameLimits limits_;
    std::size_t scanned_ = 0;  // how far the tokens have been walked; behind the last whole token
    std::size_t items_ = 0;
    std::size_t depth_ = 0;
    bool may_hold_handles_ = false;
    std::array<std::uint64_t, depth_capacity> open_;  // how many values each open array or map still lacks
    Excess excess_ = Excess::none;
    Error error_{Code::ok, {}};
};

// The msgid at the front of a request that could not be read whole, if that much of it can be read.
bool peek_msgid(data::Bytes front, std::uint32_t& msgid);

// Exactly one value that its first byte says all of, and that can be no handle, as most results are.
inline bool is_plain(data::Bytes bytes) {
    if (bytes.empty()) return false;
    const Lead lead = leads[bytes[0]];
    return lead.size() == bytes.size() && lead.children() == 0 && !lead.may_be_handle();
}

// Whether `bytes` are exactly one well-formed value within the limits; if so, as a Frame. For bytes that did not come
// through a FrameReader, such as a plugin's result.
Result<Frame> check_value(data::Bytes bytes, FrameLimits limits);

}  // namespace soho::wire
