#include <soho/wire/frame.hpp>

#include <soho/wire/message.hpp>
#include <soho/wire/sound.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace soho::wire {

using data::Kind;
using data::ReadStatus;
using data::Token;

namespace {

// Of a usual value that is an extension, or a string that is not empty.
bool may_be_handle(const std::uint8_t* at) {
    const bool is_string = *at < 0xc0;
    const auto type = static_cast<std::int8_t>(at[1]);
    return is_string ? at[1] == '$' : type >= ext_first && type <= ext_last;
}

bool has_body(Kind kind) { return kind == Kind::string || kind == Kind::binary || kind == Kind::extension; }

}  // namespace

FrameReader::Status FrameReader::scan(data::Bytes unread) {
    if (error_.code != Code::ok) return Status::refused;
    const std::uint8_t* const begin = unread.data();
    const std::uint8_t* const end = begin + unread.size();
    if (at_start()) {
        if (const std::size_t size = scan_small(begin, end); size != 0) {
            scanned_ = size;
            return Status::complete;
        }
    }
    const std::uint8_t* at = begin + scanned_;

    while (true) {
        const bool is_whole = scan_usual(begin, end, at);
        if (!is_whole) {
            const std::size_t depth = depth_;
            const Status status = scan_value(begin, end, at);
            if (status != Status::complete) return status;
            if (depth_ != depth) continue;  // it was the header of values that follow
            while (depth_ != 0 && --open_[depth_ - 1] == 0) --depth_;
        }
        if (depth_ == 0) {
            scanned_ = static_cast<std::size_t>(at - begin);
            return Status::complete;
        }
    }
}

// The usual frame: it is there as a whole, the first byte of each value says all of it, and there are so few arrays and maps in it that they
// could all lie in one another. So only the number of values that are to come is kept, and limits are looked at in the end. The frame's
// size; 0: it is another, and nothing has changed.
std::size_t FrameReader::scan_small(const std::uint8_t* begin, const std::uint8_t* end) {
    const std::uint8_t* at = begin;
    std::size_t nested_max = std::min(limits_.depth_max, depth_capacity);
    std::size_t items = 1;
    bool may_hold_handles = false;
    for (std::size_t pending = 1; pending != 0; --pending) {
        if (at == end) return 0;
        const Lead lead = leads[*at];
        if (lead.size() - 1 >= static_cast<std::size_t>(end - at)) return 0;  // also where it is 0
        if (lead.may_be_handle()) {
            may_hold_handles |= may_be_handle(at);
        } else if (const std::size_t children = lead.children(); children != 0) {
            if (nested_max-- == 0) return 0;
            pending += children;
            items += children;
        }
        at += lead.size();
    }
    const auto size = static_cast<std::size_t>(at - begin);
    if (size > limits_.bytes_max || items > limits_.items_max) return 0;
    may_hold_handles_ = may_hold_handles;
    return size;
}

// Usual values: their first byte says all of them, they are there, and pass no limit. True if the frame ends here, false at the first
// value that is another. What changes is in copies, which stay in registers, where members would be written with each value.
bool FrameReader::scan_usual(const std::uint8_t* begin, const std::uint8_t* end, const std::uint8_t*& from) {
    const std::uint8_t* const usual_end =
        static_cast<std::size_t>(end - begin) <= limits_.bytes_max ? end : begin + limits_.bytes_max;
    const std::uint8_t* at = from;
    const std::size_t items_left = limits_.items_max - items_;
    std::size_t items = 0;
    std::size_t depth = depth_;
    std::uint64_t open = depth != 0 ? open_[depth - 1] : 1;  // values that are to come at this depth
    bool may_hold_handles = may_hold_handles_;
    const std::size_t depth_max = std::min(limits_.depth_max, depth_capacity);
    while (at < usual_end && items != items_left) {
        const Lead lead = leads[*at];
        const auto left = static_cast<std::size_t>(usual_end - at);
        if (lead.size() - 1 >= left) break;  // also where it is 0
        if (lead.may_be_handle()) may_hold_handles |= may_be_handle(at);
        if (const std::size_t children = lead.children(); children != 0) {
            if (depth == depth_max || children >= items_left - items || children >= left) break;
            if (depth != 0) open_[depth - 1] = open;
            ++depth;
            open = children;
            ++items;
            ++at;
            continue;
        }
        at += lead.size();
        ++items;
        while (--open == 0 && depth != 0) {
            if (--depth == 0) break;
            open = open_[depth - 1];
        }
        if (depth == 0) break;
    }
    if (depth != 0) open_[depth - 1] = open;
    depth_ = depth;
    items_ += items;
    may_hold_handles_ = may_hold_handles;
    const bool is_whole = depth == 0 && at != from;
    from = at;
    return is_whole;
}

// Any value at `at`, which moves behind it, or behind its header if there are values in it: those are open then. Never inlined, as it
// would cost the usual values their registers.
[[gnu::noinline]] FrameReader::Status FrameReader::scan_value(const std::uint8_t* begin, const std::uint8_t* end,
                                                              const std::uint8_t*& at) {
    const std::uint8_t* const token_start = at;
    Token token;
    switch (data::read_header(at, end, token)) {
        case ReadStatus::incomplete: return wait_at(static_cast<std::size_t>(token_start - begin));
        case ReadStatus::invalid: return refuse(Excess::none, "a byte 0xc1, which MessagePack never uses");
        case ReadStatus::ok: break;
    }
    const auto used = static_cast<std::size_t>(at - begin);
    if (items_ + 1 > limits_.items_max) return refuse_number();
    if (used > limits_.bytes_max)
        return refuse(Excess::bytes, fmt::format("a frame of more than {} bytes (frame_bytes)", limits_.bytes_max));
    if (has_body(token.kind)) {
        if (token.size > limits_.bytes_max - used) return refuse_value_of(token.size, "bytes");
        // A token counts as scanned only with its body, so that its first byte can be looked at when it is noted.
        if (static_cast<std::size_t>(end - at) < token.size)
            return wait_at(static_cast<std::size_t>(token_start - begin));
        note_kind(token);
        at += token.size;
    }
    ++items_;
    const std::uint64_t children = token.children();
    if (children == 0) return Status::complete;
    // Each takes at least a byte: what cannot fit is refused before it arrives.
    if (children > limits_.bytes_max - used) return refuse_value_of(children, "values");
    if (children > limits_.items_max - items_) return refuse_number();
    if (depth_ == std::min(limits_.depth_max, depth_capacity))
        return refuse(Excess::depth, fmt::format("values nested deeper than {} (depth)", depth_));
    open_[depth_++] = children;
    return Status::complete;
}

FrameReader::Status FrameReader::wait_at(std::size_t scanned) {
    scanned_ = scanned;
    return Status::incomplete;
}

void FrameReader::next() {
    scanned_ = 0;
    items_ = 0;
    depth_ = 0;
    may_hold_handles_ = false;
}

void FrameReader::note_kind(const Token& token) {
    if (token.kind == Kind::extension) {
        may_hold_handles_ |= token.extension_type >= ext_first && token.extension_type <= ext_last;
    } else if (token.size != 0 && *token.body == '$') {
        may_hold_handles_ = true;
    }
}

FrameReader::Status FrameReader::refuse_number() {
    return refuse(Excess::items, fmt::format("more than {} values in one frame (items)", limits_.items_max));
}

FrameReader::Status FrameReader::refuse(Excess excess, std::string text) {
    excess_ = excess;
    error_ = Error(excess == Excess::none ? Code::protocol : Code::limit, std::move(text));
    return Status::refused;
}

FrameReader::Status FrameReader::refuse_value_of(std::uint64_t size, const char* what) {
    return refuse(Excess::bytes, fmt::format("a value of {} {} in a frame of at most {} bytes (frame_bytes)", size,
                                             what, limits_.bytes_max));
}

bool peek_msgid(data::Bytes front, std::uint32_t& msgid) {
    data::Reader reader(front);
    Token token;
    if (!reader.next(token) || token.kind != Kind::array || token.size == 0) return false;
    if (!reader.next(token) || token.kind != Kind::unsigned_integer || token.unsigned_value != 0) return false;
    if (!reader.next(token) || token.kind != Kind::unsigned_integer || token.unsigned_value > UINT32_MAX) return false;
    msgid = static_cast<std::uint32_t>(token.unsigned_value);
    return true;
}

Result<Frame> check_value(data::Bytes bytes, FrameLimits limits) {
    if (is_plain(bytes)) return Frame{bytes, false};
    FrameReader reader(limits);
    switch (reader.scan(bytes)) {
        case FrameReader::Status::incomplete:
            return soho::refuse(Code::protocol, bytes.empty() ? "no value at all" : "a value that is cut short");
        case FrameReader::Status::refused: return tl::unexpected<Error>(reader.error());
        case FrameReader::Status::complete: break;
    }
    const Frame frame = reader.frame(bytes);
    if (frame.bytes.size() != bytes.size()) {
        return soho::refuse(Code::protocol,
                            fmt::format("{} bytes behind the value", bytes.size() - frame.bytes.size()));
    }
    return frame;
}

}  // namespace soho::wire
