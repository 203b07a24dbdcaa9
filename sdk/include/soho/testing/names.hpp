#pragma once
// The host's rules for names, and its guess at which name was meant.

#include <soho/testing/error.hpp>

#include <algorithm>
#include <numeric>
#include <vector>

namespace soho::testing::detail {

inline bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

inline const char* spelling_mismatch(std::string_view name, bool dots) {
    if (name.empty()) return "it is empty";
    if (name.size() > 255) return "it is longer than 255 bytes";
    if (!is_letter(name.front())) return "it must begin with a letter or _";
    for (const char c : name) {
        if (is_letter(c) || (c >= '0' && c <= '9') || (dots && c == '.')) continue;
        return dots ? "only letters, digits, _ and . are allowed" : "only letters, digits and _ are allowed";
    }
    return nullptr;
}

// Why this is no name of a method, a parameter or a proxytype; NULL if it is one.
inline const char* identifier_mismatch(std::string_view name) { return spelling_mismatch(name, false); }

// … of a typeid, a plugin, or a published object.
inline const char* name_mismatch(std::string_view name) {
    if (const char* why = spelling_mismatch(name, true)) return why;
    if (name == "soho" || name.starts_with("soho.")) return "names that begin with `soho` are the host's own";
    if (name.back() == '.') return "it must not end with a dot";
    return nullptr;
}

// How many letters must change to make one name of the other; two neighbours swapped count as one.
inline std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
    std::iota(above.begin(), above.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substituted = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, substituted});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before.swap(above);
        above.swap(row);
    }
    return above.back();
}

// "; did you mean "get_x"?", or nothing where no name is near.
inline std::string suggestion(std::string_view name, const std::vector<std::string>& known) {
    if (name.empty() || name.size() > 64) return {};
    std::string_view best;
    std::size_t best_distance = (name.size() < 4 ? 1 : std::max<std::size_t>(2, name.size() / 3)) + 1;
    for (const std::string& candidate : known) {
        const std::size_t d = candidate.size() > 64 ? best_distance : distance(name, candidate);
        if (d >= best_distance) continue;
        best_distance = d;
        best = candidate;
    }
    return best.empty() ? std::string() : "; did you mean " + in_quotes(best) + "?";
}

}  // namespace soho::testing::detail
