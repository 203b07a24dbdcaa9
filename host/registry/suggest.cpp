#include "host/registry/suggest.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <numeric>

namespace soho::host {

namespace {

// Names are the host's own or come from a peer: longer ones are not worth the quadratic work.
constexpr std::size_t name_size_max = 64;

// Levenshtein distance, with two neighbours swapped counted as one step: the commonest slip of all.
std::size_t distance(std::string_view a, std::string_view b) {
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

}  // namespace

std::string suggestion(std::string_view name, const std::vector<std::string_view>& known) {
    if (name.empty() || name.size() > name_size_max) return {};
    std::string_view best;
    std::size_t best_distance = (name.size() < 4 ? 1 : std::max<std::size_t>(2, name.size() / 3)) + 1;
    for (const auto candidate : known) {
        if (candidate.size() > name_size_max) continue;
        const std::size_t d = distance(name, candidate);
        if (d < best_distance) {
            best_distance = d;
            best = candidate;
        }
    }
    return best.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", best);
}

}  // namespace soho::host
