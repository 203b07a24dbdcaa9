#pragma once
// The words by which descriptions say types (ABI.md, 11), taken apart.

#include <string>
#include <string_view>
#include <vector>

namespace soho::cli {

// "list[str]?" is {"?", {{"list", {{"str"}}}}}; "int64 | str" is {"|", …}. A word that is none, or that is nested deeper than anybody
// writes, is "any": a host may send anything.
struct TypeWord {
    std::string name;
    std::vector<TypeWord> parts{};
};

TypeWord parse_type_word(std::string_view text);

}  // namespace soho::cli
