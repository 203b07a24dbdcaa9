#include "gen_word.hpp"

#include <soho/wire/message.hpp>

namespace soho::cli {

namespace {

constexpr unsigned depth_max = 16;
constexpr std::size_t size_max = 1000;

class Parser {
public:
    explicit Parser(std::string_view text) : rest_(text) {}

    // False where it is no word.
    bool parse(TypeWord& out) { return alternatives(out, 0) && rest_.empty(); }

private:
    bool take(std::string_view token) {
        if (!rest_.starts_with(token)) return false;
        rest_.remove_prefix(token.size());
        return true;
    }
    void blanks() {
        while (take(" ")) {
        }
    }

    bool alternatives(TypeWord& out, unsigned depth) {
        if (depth > depth_max || !optional(out, depth)) return false;
        for (blanks(); take("|"); blanks()) {
            blanks();
            if (out.name != "|") out = TypeWord{"|", {std::move(out)}};
            if (!optional(out.parts.emplace_back(), depth)) return false;
        }
        return true;
    }
    bool optional(TypeWord& out, unsigned depth) {
        if (!single(out, depth)) return false;
        if (take("?")) out = TypeWord{"?", {std::move(out)}};
        return true;
    }
    bool single(TypeWord& out, unsigned depth) {
        std::size_t size = 0;
        while (size < rest_.size() && rest_[size] != '[' && rest_[size] != ']' && rest_[size] != ',' &&
               rest_[size] != '?' && rest_[size] != '|' && rest_[size] != ' ')
            ++size;
        out.name = rest_.substr(0, size);
        rest_.remove_prefix(size);
        if (wire::name_mismatch(out.name) != nullptr) return false;
        if (!take("[")) return true;
        if (take("]")) return true;
        do {
            blanks();
            if (!alternatives(out.parts.emplace_back(), depth + 1)) return false;
            blanks();
        } while (take(","));
        return take("]");
    }

    std::string_view rest_;
};

}  // namespace

TypeWord parse_type_word(std::string_view text) {
    TypeWord word;
    if (text.size() <= size_max && Parser(text).parse(word)) return word;
    return TypeWord{"any"};
}

}  // namespace soho::cli
