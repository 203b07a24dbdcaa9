#pragma once
// Frames of soho's wire, made beforehand. Their msgid is 1.

#include "bench/load/drive.hpp"

#include <soho/data/reader.hpp>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace soho::bench::frames {

inline constexpr std::uint64_t some_id = std::uint64_t{1} << 50;  // ids need nine bytes on the wire

std::string hello();
std::string open(std::string_view name);
// Of a method without arguments, whose reply is one byte.
Exchange call(std::uint64_t id, std::string_view method);
Exchange get_x(std::uint64_t id);
Exchange create(std::string_view type_id, std::initializer_list<std::uint64_t> args);
Exchange create_pair();
Exchange release(std::uint64_t id);
Exchange retain(std::uint64_t id, std::string_view type_id);
// The reply is the bytes again.
Exchange echo(std::uint64_t id, std::size_t bytes);

// Of the handle that is a reply's result. Throws std::runtime_error.
std::uint64_t id_in(std::string_view reply);

}  // namespace soho::bench::frames
