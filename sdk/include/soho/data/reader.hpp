#pragma once
// MessagePack, read token by token from borrowed bytes. Nothing is copied or allocated; strings, binaries and extensions
// are seen where they lie. Source: the MessagePack specification.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace soho::data {

using Bytes = std::span<const std::uint8_t>;

inline Bytes as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

enum class Kind : std::uint8_t {
    nil,
    boolean,
    unsigned_integer,
    negative_integer,
    floating,
    string,
    binary,
    array,
    map,
    extension
};

// What a sentence calls a value of this kind.
constexpr std::string_view kind_name(Kind kind) {
    constexpr std::string_view names[] = {"nil", "bool", "int", "int", "float", "str", "bin", "array", "map", "ext"};
    return names[static_cast<std::size_t>(kind)];
}

// One value, or the header of an array or map whose elements follow.
struct Token {
    Kind kind = Kind::nil;
    std::int8_t extension_type = 0;
    std::uint32_t size = 0;  // string, binary, extension: bytes; array: elements; map: pairs
    union {
        std::uint64_t unsigned_value = 0;  // unsigned_integer; boolean as 0 or 1
        std::int64_t signed_value;         // negative_integer, always below zero
        double floating_value;
        const std::uint8_t* body;  // string, binary, extension
    };

    std::string_view text() const { return {reinterpret_cast<const char*>(body), size}; }
    Bytes bytes() const { return {body, size}; }
    // How many values follow that belong to this one.
    std::uint64_t children() const {
        return kind == Kind::array ? size : kind == Kind::map ? std::uint64_t{size} * 2 : 0;
    }
};

enum class ReadStatus : std::uint8_t { ok, incomplete, invalid };

namespace detail {

template <class T>
T load_big_endian(const std::uint8_t* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    if constexpr (sizeof(T) == 2) value = static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
    if constexpr (sizeof(T) == 4) value = static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
    if constexpr (sizeof(T) == 8) value = static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
    return value;
}

inline void set_integer(Token& token, std::int64_t value) {
    token.kind = value < 0 ? Kind::negative_integer : Kind::unsigned_integer;
    token.signed_value = value;
}

}  // namespace detail

// Reads the header of a string, binary, extension, array or map, or a whole scalar, at `*at`; `*at` moves behind it. A body
// is not skipped: for strings, binaries and extensions `token.body` equals the new `*at`, and `token.size` bytes should
// follow. On `incomplete` (more bytes are needed) and `invalid` (0xc1) nothing moves.
inline ReadStatus read_header(const std::uint8_t*& at, const std::uint8_t* end, Token& token) {
    using detail::load_big_endian;
    if (at == end) return ReadStatus::incomplete;
    const std::uint8_t* p = at;
    const std::uint8_t byte = *p++;
    const auto left = static_cast<std::size_t>(end - p);

    const auto sized = [&](Kind kind, std::size_t width) {
        if (left < width) return false;
        token.kind = kind;
        token.size = width == 1   ? *p
                     : width == 2 ? load_big_endian<std::uint16_t>(p)
                                  : load_big_endian<std::uint32_t>(p);
        p += width;
        token.body = p;
        return true;
    };
    const auto extension = [&](std::uint32_t size) {
        if (p == end) return false;
        token.kind = Kind::extension;
        token.extension_type = static_cast<std::int8_t>(*p++);
        token.size = size;
        token.body = p;
        return true;
    };

    bool complete = true;
    if (byte <= 0x7f) {
        token.kind = Kind::unsigned_integer;
        token.unsigned_value = byte;
    } else if (byte >= 0xe0) {
        detail::set_integer(token, static_cast<std::int8_t>(byte));
    } else if (byte <= 0x8f) {
        token.kind = Kind::map;
        token.size = byte & 0x0fu;
        token.body = p;
    } else if (byte <= 0x9f) {
        token.kind = Kind::array;
        token.size = byte & 0x0fu;
        token.body = p;
    } else if (byte <= 0xbf) {
        token.kind = Kind::string;
        token.size = byte & 0x1fu;
        token.body = p;
    } else {
        switch (byte) {
            case 0xc0: token.kind = Kind::nil; break;
            case 0xc1: return ReadStatus::invalid;
            case 0xc2:
            case 0xc3:
                token.kind = Kind::boolean;
                token.unsigned_value = byte & 1u;
                break;
            case 0xc4:
            case 0xc5:
            case 0xc6: complete = sized(Kind::binary, std::size_t{1} << (byte - 0xc4)); break;
            case 0xc7:
            case 0xc8:
            case 0xc9: {
                const std::size_t width = std::size_t{1} << (byte - 0xc7);
                complete = left > width && sized(Kind::extension, width) && extension(token.size);
                break;
            }
            case 0xca:
                if ((complete = left >= 4)) {
                    token.kind = Kind::floating;
                    token.floating_value = std::bit_cast<float>(load_big_endian<std::uint32_t>(p));
                    p += 4;
                }
                break;
            case 0xcb:
                if ((complete = left >= 8)) {
                    token.kind = Kind::floating;
                    token.floating_value = std::bit_cast<double>(load_big_endian<std::uint64_t>(p));
                    p += 8;
                }
                break;
            case 0xcc:
            case 0xcd:
            case 0xce:
            case 0xcf: {
                const std::size_t width = std::size_t{1} << (byte - 0xcc);
                if (!(complete = left >= width)) break;
                token.kind = Kind::unsigned_integer;
                token.unsigned_value = width == 1   ? *p
                                       : width == 2 ? load_big_endian<std::uint16_t>(p)
                                       : width == 4 ? load_big_endian<std::uint32_t>(p)
                                                    : load_big_endian<std::uint64_t>(p);
                p += width;
                break;
            }
            case 0xd0:
            case 0xd1:
            case 0xd2:
            case 0xd3: {
                const std::size_t width = std::size_t{1} << (byte - 0xd0);
                if (!(complete = left >= width)) break;
                detail::set_integer(token, width == 1   ? static_cast<std::int8_t>(*p)
                                           : width == 2 ? load_big_endian<std::int16_t>(p)
                                           : width == 4 ? load_big_endian<std::int32_t>(p)
                                                        : load_big_endian<std::int64_t>(p));
                p += width;
                break;
            }
            case 0xd4:
            case 0xd5:
            case 0xd6:
            case 0xd7:
            case 0xd8: complete = extension(1u << (byte - 0xd4)); break;
            case 0xd9:
            case 0xda:
            case 0xdb: complete = sized(Kind::string, std::size_t{1} << (byte - 0xd9)); break;
            case 0xdc:
            case 0xdd: complete = sized(Kind::array, std::size_t{2} << (byte - 0xdc)); break;
            default: complete = sized(Kind::map, std::size_t{2} << (byte - 0xde)); break;
        }
    }
    if (!complete) return ReadStatus::incomplete;
    at = p;
    return ReadStatus::ok;
}

// Walks over complete MessagePack in borrowed bytes. Never reads past the end: a value that is cut short or invalid makes
// next() and skip() return false, and the reader stays where it was.
class Reader {
public:
    Reader() = default;
    explicit Reader(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    bool at_end() const { return at_ == end_; }
    const std::uint8_t* position() const { return at_; }
    Bytes rest() const { return {at_, end_}; }

    // The next value, or the header of the next array or map; moves behind what it read, bodies included.
    bool next(Token& token) {
        const std::uint8_t* p = at_;
        if (read_header(p, end_, token) != ReadStatus::ok) return false;
        if (token.kind == Kind::string || token.kind == Kind::binary || token.kind == Kind::extension) {
            if (static_cast<std::size_t>(end_ - p) < token.size) return false;
            p += token.size;
        }
        at_ = p;
        return true;
    }

    bool peek(Token& token) const {
        Reader copy = *this;
        return copy.next(token);
    }

    // Passes over one whole value, however nested.
    bool skip() {
        Reader copy = *this;
        Token token;
        for (std::uint64_t pending = 1; pending != 0; --pending) {
            if (!copy.next(token)) return false;
            if (token.children() > static_cast<std::uint64_t>(copy.end_ - copy.at_)) return false;
            pending += token.children();
        }
        *this = copy;
        return true;
    }

    // The bytes of the next whole value; empty if there is none.
    Bytes take_value() {
        const std::uint8_t* from = at_;
        return skip() ? Bytes{from, at_} : Bytes{};
    }

private:
    const std::uint8_t* at_ = nullptr;
    const std::uint8_t* end_ = nullptr;
};

}  // namespace soho::data
