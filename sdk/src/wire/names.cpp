#include <soho/wire/message.hpp>

namespace soho::wire {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

const char* mismatch(std::string_view name, bool dots) {
    if (name.empty()) return "it is empty";
    if (name.size() > 255) return "it is longer than 255 bytes";
    if (!is_letter(name.front())) return "it must begin with a letter or _";
    for (const char c : name) {
        if (is_letter(c) || is_digit(c) || (dots && c == '.')) continue;
        return dots ? "only letters, digits, _ and . are allowed" : "only letters, digits and _ are allowed";
    }
    return nullptr;
}

}  // namespace

const char* name_mismatch(std::string_view name) {
    if (const char* why = mismatch(name, true)) return why;
    if (name == "soho" || name.starts_with("soho.")) return "names that begin with `soho` are the host's own";
    if (name.back() == '.') return "it must not end with a dot";
    return nullptr;
}

const char* identifier_mismatch(std::string_view name) { return mismatch(name, false); }

}  // namespace soho::wire
