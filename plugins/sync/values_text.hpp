#pragma once
// Values as Python's repr() and str() write them.

#include "values.hpp"

namespace shared {

std::string repr(const Value& value);
// A string is itself; all else as repr.
std::string str(const Value& value);
// A float's shortest digits that read back as the same number, laid out as Python does.
std::string repr(double number);

void append_repr(std::string& text, const Value& value);
// The elements with ", " between them.
template <class Elements>
void append_elements(std::string& text, const Elements& elements) {
    const char* between = "";
    for (const Value& element : elements) {
        text += std::exchange(between, ", ");
        append_repr(text, element);
    }
}

// How a hosted object reads inside another: "<ListProxy object, typeid 'list' at 0x2a>".
std::string handle_repr(std::uint64_t id, std::string_view type_id);

// Whether Python prints the character as it is; the table is of Unicode 14.
bool is_printable(char32_t character);

}  // namespace shared
