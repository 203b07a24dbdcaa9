#pragma once
// MessagePack as text, as PROTOCOL.md writes its examples: JSON with nil, h'0aff' for a binary and ext(0x53, body) for an
// extension, whose body is a value, a string (types whose body is text) or h'…'. pack() writes the shortest form.

#include <soho/data/writer.hpp>
#include <soho/wire/message.hpp>

#include <string>
#include <string_view>

namespace soho::test {

// Throws std::runtime_error where the text is no notation.
std::string pack(std::string_view notation);

// What is no single well-formed value is shown as `not MessagePack: <hex>`.
std::string show(data::Bytes value);
inline std::string show(std::string_view value) { return show(data::as_bytes(value)); }

std::string from_hex(std::string_view hex);
std::string to_hex(data::Bytes bytes);

}  // namespace soho::test
