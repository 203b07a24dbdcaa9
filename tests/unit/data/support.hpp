#pragma once
// Shorthands of the tests of sdk/data.

#include <soho/data/value.hpp>

#include <initializer_list>
#include <string>
#include <vector>

namespace soho::data {

inline std::vector<std::uint8_t> bytes_of(const Buffer& buffer) {
    return {buffer.data(), buffer.data() + buffer.size()};
}
template <class T>
std::vector<std::uint8_t> encoding(const T& value) {
    return bytes_of(encoded(value));
}

// Why `bytes` are no T; empty if they are one.
template <class T>
std::string problem(Bytes bytes) {
    Reader in(bytes);
    DecodeContext context;
    T value{};
    return decode_into(in, value, context) ? "" : context.sentence();
}
// Why what `value` travels as is no T.
template <class T, class From>
std::string problem_of(const From& value) {
    const Buffer buffer = encoded(value);
    return problem<T>(buffer.bytes());
}
// There and back.
template <class T>
T round_trip(const T& value) {
    const Buffer buffer = encoded(value);
    return decode<T>(buffer.bytes());
}

}  // namespace soho::data
