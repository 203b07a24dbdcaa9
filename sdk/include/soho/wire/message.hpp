#pragma once
// The words of the wire (PROTOCOL.md): frames taken apart, and the names of methods, keys and options.

#include <soho/data/reader.hpp>
#include <soho/result.hpp>

#include <cstdint>
#include <string_view>

namespace soho::wire {

inline constexpr std::uint32_t protocol_version = 1;

enum class FrameType : std::uint8_t { request = 0, reply = 1, notification = 2 };

// A request or a notification; everything is borrowed from its frame.
struct Request {
    bool wants_reply = true;
    std::uint32_t msgid = 0;
    std::string_view method;
    data::Bytes params;  // a MessagePack array, with its header
    bool may_hold_handles = false;
};

// A reply, borrowed from its frame. `error` is one nil byte on success.
struct Reply {
    std::uint32_t msgid = 0;
    data::Bytes error;
    data::Bytes result;

    bool ok() const { return error.size() == 1 && error[0] == 0xc0; }
};

enum class ErrorForm : std::uint8_t { string, full };
enum class HandleForm : std::uint8_t { map, ext };

// Extension types that are soho's, in use or not.
inline constexpr std::int8_t ext_first = 0x53, ext_last = 0x5f;
inline constexpr std::int8_t ext_handle = 0x53;
inline constexpr std::int8_t ext_tuple = 0x54;
inline constexpr std::int8_t ext_set = 0x55;
inline constexpr std::int8_t ext_big_integer = 0x56;
inline constexpr std::int8_t ext_datetime = 0x57;
inline constexpr std::int8_t ext_slice = 0x58;
inline constexpr std::int8_t ext_range = 0x59;
inline constexpr std::int8_t ext_opaque = 0x5a;
inline constexpr std::int8_t ext_own = 0x5b;

inline constexpr std::string_view handle_key = "$soho";
inline constexpr std::string_view handle_type_key = "type";

inline constexpr std::uint64_t id_max = (std::uint64_t{1} << 53) - 1;  // JavaScript's largest exact integer

struct Handle {
    std::uint64_t id = 0;
    std::string_view type_id;  // borrowed
    bool own = false;          // the id is a provider's own: of the table that the provider keeps (PROTOCOL.md, 9)
};

// What `name.rest` is split into, at the last dot; `name` is empty if there is no dot.
struct MethodPath {
    std::string_view name;
    std::string_view method;
};
inline MethodPath split_method(std::string_view path) {
    const auto dot = path.rfind('.');
    if (dot == std::string_view::npos) return {{}, path};
    return {path.substr(0, dot), path.substr(dot + 1)};
}

// Typeids and published names: [A-Za-z_][A-Za-z0-9_.]*, 255 bytes at most, no component called `soho` in front.
// nullptr if it is one, else what is wrong with it.
const char* name_mismatch(std::string_view name);
// Methods and parameters: [A-Za-z_][A-Za-z0-9_]*, 255 bytes at most.
const char* identifier_mismatch(std::string_view name);

}  // namespace soho::wire
