#pragma once
// MessagePack into C++ values. For calls that expect to succeed: nothing throws on the way, and scalars, string views and
// spans take no memory.
//
//     data::DecodeContext context;
//     std::int64_t x = 0;
//     if (!data::decode_into(reader, x, context)) …context.sentence()…     // "expected int, got str"
//
//     auto names = data::decode<std::vector<std::string>>(bytes);           // throws DecodeError

#include <soho/data/containers.hpp>

#include <stdexcept>

namespace soho::data {

// A value was not what was wanted; what() is the sentence.
class DecodeError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// The next value of `in`.
template <class T>
T decode(Reader& in) {
    DecodeContext context;
    T value{};
    if (!decode_into(in, value, context)) throw DecodeError(context.sentence());
    return value;
}

// The one value that `bytes` are.
template <class T>
T decode(Bytes bytes) {
    Reader in(bytes);
    T value = decode<T>(in);
    if (!in.at_end()) throw DecodeError("something follows the value");
    return value;
}

}  // namespace soho::data
