#pragma once
// Between the ABI's pointers and lengths and C++'s views.

#include <soho/abi.h>
#include <soho/data/reader.hpp>

#include <string_view>

// The SDK lives in an inline namespace of its own, so that a program may hold it beside a host or a client.
namespace soho {
inline namespace sdk {
namespace detail {

inline soho_text to_abi(std::string_view text) { return {text.data(), text.size()}; }
inline soho_bytes to_abi(data::Bytes bytes) { return {bytes.data(), bytes.size()}; }
inline std::string_view from_abi(soho_text text) { return {text.data, static_cast<std::size_t>(text.size)}; }
inline data::Bytes from_abi(soho_bytes bytes) { return {bytes.data, static_cast<std::size_t>(bytes.size)}; }

// "item" items of an ABI array.
template <class T>
soho_array to_abi_array(const T* items, std::size_t count) {
    return {count == 0 ? nullptr : items, static_cast<std::uint32_t>(count), sizeof(T)};
}

}  // namespace detail
}  // namespace sdk
}  // namespace soho
