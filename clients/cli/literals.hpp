#pragma once
// One argument as it was typed, read by the word for its declared type (ABI.md, 11).
//
//     str, bytes            taken literally
//     int…, float…, bool    strictly
//     any                   JSON; a bare word that cannot be JSON is a str
//     list, map, tuple      JSON
//     objects               @NAME or #ID
//     T?                    null, or a T
//
// `-` alone is the whole of the standard input, read by the same type; `\-` is a dash.

#include <soho/data/value.hpp>
#include <string>
#include <string_view>

namespace soho::cli {

// Where the objects and the standard input of arguments come from.
class Surroundings {
public:
    virtual const Value* variable(const std::string& name) = 0;  // @NAME in a shell: any value; NULL if there is none
    virtual Value named(const std::string& name) = 0;            // @NAME
    virtual Value numbered(std::uint64_t id) = 0;                // #ID
    virtual std::string standard_input() = 0;

protected:
    ~Surroundings() = default;
};

// Throws UsageError with a sentence that does not name the argument.
Value read_literal(const std::string& text, std::string_view type, Surroundings& surroundings);

}  // namespace soho::cli
