#pragma once
// Walks MessagePack that a FrameReader has let through: it is whole and well formed, so nothing here looks for its end. What most
// values are is said by their first byte alone, and one table knows it.

#include <soho/data/reader.hpp>

#include <array>

namespace soho::wire {

// What a value's first byte says of it. In one word, which compilers keep in a register.
class Lead {
public:
    constexpr Lead() = default;
    constexpr Lead(unsigned size, unsigned children, bool may_be_handle)
        : word_(size | children << 8 | static_cast<std::uint32_t>(may_be_handle) << 16) {}

    // Bytes of the whole value, or of an array's or map's header. 0: a length follows, or it is 0xc1.
    constexpr std::size_t size() const { return word_ & 0xff; }
    // Values that follow and belong to it.
    constexpr std::size_t children() const { return word_ >> 8 & 0xff; }
    // It is an extension, or a string that is not empty: what lies in it decides.
    constexpr bool may_be_handle() const { return word_ >> 16 != 0; }

private:
    std::uint32_t word_ = 0;
};

inline constexpr std::array<Lead, 256> leads = [] {
    std::array<Lead, 256> table{};
    for (unsigned byte = 0; byte <= 0x7f; ++byte) table[byte] = {1, 0, false};
    for (unsigned count = 0; count <= 0x0f; ++count) {
        table[0x80 + count] = {1, 2 * count, false};
        table[0x90 + count] = {1, count, false};
    }
    for (unsigned length = 0; length <= 0x1f; ++length) table[0xa0 + length] = {1 + length, 0, length != 0};
    for (const unsigned byte : {0xc0u, 0xc2u, 0xc3u}) table[byte] = {1, 0, false};
    for (unsigned power = 2; power <= 3; ++power) table[0xc8 + power] = {1 + (1u << power), 0, false};
    for (unsigned power = 0; power <= 3; ++power)
        table[0xcc + power] = table[0xd0 + power] = {1 + (1u << power), 0, false};
    for (unsigned power = 0; power <= 4; ++power) table[0xd4 + power] = {2 + (1u << power), 0, true};
    for (unsigned byte = 0xe0; byte <= 0xff; ++byte) table[byte] = {1, 0, false};
    return table;
}();

// Behind the whole value at `at`, however nested it is.
inline const std::uint8_t* behind(const std::uint8_t* at) {
    for (std::uint64_t pending = 1; pending != 0; --pending) {
        if (const Lead lead = leads[*at]; lead.size() != 0) [[likely]] {
            at += lead.size();
            pending += lead.children();
            continue;
        }
        data::Token token;
        data::read_header(at, at + 6, token);  // the longest of those headers
        if (token.kind == data::Kind::array || token.kind == data::Kind::map) {
            pending += token.children();
        } else {
            at += token.size;
        }
    }
    return at;
}

// An unsigned integer in a form that is for those alone; `at` moves behind it. False for any other value, and nothing moves.
inline bool read_unsigned(const std::uint8_t*& at, std::uint64_t& value) {
    switch (*at) {
        case 0xcc: value = at[1]; break;
        case 0xcd: value = data::detail::load_big_endian<std::uint16_t>(at + 1); break;
        case 0xce: value = data::detail::load_big_endian<std::uint32_t>(at + 1); break;
        case 0xcf: value = data::detail::load_big_endian<std::uint64_t>(at + 1); break;
        default:
            if (*at > 0x7f) return false;
            value = *at;
    }
    at += leads[*at].size();
    return true;
}

// The header of a value that is an array: how many values it has, and where (`body`) they begin.
inline data::Token array_header(data::Bytes array) {
    data::Token header;
    if ((array[0] & 0xf0) == 0x90) [[likely]] {
        header.kind = data::Kind::array;
        header.size = array[0] & 0x0fu;
        header.body = array.data() + 1;
    } else {
        data::Reader(array).next(header);
    }
    return header;
}

// The next value of sound bytes; `at` moves behind it.
inline data::Bytes take(const std::uint8_t*& at) {
    const std::uint8_t* const from = at;
    at = behind(at);
    return {from, at};
}

}  // namespace soho::wire
