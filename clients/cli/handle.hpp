#pragma once
// The handle in an extension, as something to print.

#include <optional>
#include <soho/data/value.hpp>
#include <string>

namespace soho::cli {

struct Handle {
    std::uint64_t id = 0;
    std::string type;

    std::string text() const { return "#" + std::to_string(id) + " (" + type + ")"; }
};

inline std::optional<Handle> handle_of(const Value::Extension& extension) {
    constexpr std::int8_t handle_type = 0x53;
    if (extension.type() != handle_type) return std::nullopt;
    data::Reader in(data::as_bytes(extension.body()));
    std::tuple<std::uint64_t, std::string> parts;
    data::DecodeContext context;
    if (!data::decode_into(in, parts, context)) return std::nullopt;
    return Handle{std::get<0>(parts), std::get<1>(parts)};
}

inline std::optional<Handle> handle_of(const Value& value) {
    const auto* extension = value.get_if<Value::Extension>();
    return extension != nullptr ? handle_of(*extension) : std::nullopt;
}

}  // namespace soho::cli
