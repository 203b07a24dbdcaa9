#pragma once
// What all who read a request's parameters need. The bytes are well-formed: the frame was checked.

#include <soho/data/reader.hpp>
#include <soho/result.hpp>

#include <string>

namespace soho::host {

// A value's own token, or the header of an array or map; nil where there are no bytes.
inline data::Token first_token(data::Bytes value) {
    data::Token token;
    data::Reader(value).next(token);
    return token;
}

// Whether a value is a string, or an array, so short that its first byte says how long it is.
inline bool is_short_text(data::Bytes value) { return !value.empty() && (value[0] & 0xe0) == 0xa0; }
inline bool is_short_array(data::Bytes value) { return !value.empty() && (value[0] & 0xf0) == 0x90; }

inline tl::unexpected<Error> bad_arguments(std::string why) { return refuse(Code::bad_arguments, std::move(why)); }

}  // namespace soho::host
