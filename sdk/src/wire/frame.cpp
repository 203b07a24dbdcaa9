#include <soho/wire/frame.hpp>

#include <fmt/format.h>

namespace soho::wire {

using data::Kind;
using data::ReadStatus;
using data::Token;

namespace {

bool has_body(Kind kind) { return kind == Kind::string || kind == Kind::binary || kind == Kind::extension; }

}  // namespace

FrameReader::Status FrameReader::scan(data::Bytes unread) {
    if (error_.code != Code::ok) return Status::refused;
    const std::uint8_t* const begin = unread.data();
    const std::uint8_t* const end = begin + unread.size();
    const std::uint8_t* at = begin + scanned_;
    // Copies stay in registers, where members would be read again after each store.
    const FrameLimits limits = limits_;

    for (;;) {
        const std::uint8_t* const token_start = at;
        Token token;
        switch (data::read_header(at, end, token)) {
            case ReadStatus::incomplete:
                scanned_ = static_cast<std::size_t>(token_start - begin);
                return Status::incomplete;
            case ReadStatus::invalid: return refuse(Excess::none, "a byte 0xc1, which MessagePack never uses");
            case ReadStatus::ok: break;
        }
        const auto used = static_cast<std::size_t>(at - begin);
        if (++items_ > limits.items_max)
            return refuse(Excess::items, fmt::format("more than {} values in one frame (items)", limits.items_max));

        if (used > limits.bytes_max)
            return refuse(Excess::bytes, fmt::format("a frame of more than {} bytes (frame_bytes)", limits.bytes_max));
        if (has_body(token.kind)) {
            if (token.size > limits.bytes_max - used) return refuse_value_of(token.size, "bytes");
            // A token counts as scanned only with its body, so that its first byte can be looked at when it is noted.
            if (static_cast<std::size_t>(end - at) < token.size) {
                --items_;
                scanned_ = static_cast<std::size_t>(token_start - begin);
                return Status::incomplete;
            }
            note_kind(token);
            at += token.size;
        }

        if (const std::uint64_t children = token.children(); children != 0) {
            // Each child takes at least a byte: what cannot fit is refused before it arrives.
            if (children > limits.bytes_max - used) return refuse_value_of(children, "values");
            if (children > limits.items_max - items_)
                return refuse(Excess::items, fmt::format("more than {} values in one frame (items)", limits.items_max));
            if (depth_ == std::min(limits.depth_max, depth_capacity))
                return refuse(Excess::depth, fmt::format("values nested deeper than {} (depth)", depth_));
            open_[depth_++] = children;
            continue;
        }
        while (depth_ != 0 && --open_[depth_ - 1] == 0) --depth_;
        if (depth_ == 0) {
            scanned_ = static_cast<std::size_t>(at - begin);
            return Status::complete;
        }
    }
}

void FrameReader::next() {
    scanned_ = 0;
    items_ = 0;
    depth_ = 0;
    may_hold_handles_ = false;
}

void FrameReader::note_kind(const Token& token) {
    if (token.kind == Kind::extension) {
        may_hold_handles_ |= token.extension_type >= 0x53 && token.extension_type <= 0x5f;
    } else if (token.size != 0 && *token.body == '$') {
        may_hold_handles_ = true;
    }
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
    // A scalar, as most results are, needs no reader.
    const std::uint8_t* at = bytes.data();
    if (Token token; data::read_header(at, bytes.data() + bytes.size(), token) == ReadStatus::ok &&
                     at == bytes.data() + bytes.size() && bytes.size() <= limits.bytes_max && !has_body(token.kind) &&
                     token.children() == 0)
        return Frame{bytes, false};
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
