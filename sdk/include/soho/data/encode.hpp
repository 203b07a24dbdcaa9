#pragma once
// C++ values into MessagePack: data::encode(writer, value) for anything that has a Codec.

#include <soho/data/containers.hpp>

namespace soho::data {

template <class T>
Buffer encoded(const T& value) {
    Buffer buffer;
    Writer<Buffer> out(buffer);
    encode(out, value);
    return buffer;
}

// Several values as one array: the arguments of a call.
template <class W, class... T>
void encode_array(W& out, const T&... values) {
    out.array(sizeof...(T));
    (encode(out, values), ...);
}

}  // namespace soho::data
