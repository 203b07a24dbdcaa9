#include "words.hpp"

#include "usage_error.hpp"

namespace soho::cli {

namespace {

class Splitter {
public:
    explicit Splitter(const std::string& line) : line_(line) {}

    std::vector<std::string> words() {
        std::vector<std::string> found;
        while (skip_blanks()) {
            const bool is_json = line_[at_] == '[' || line_[at_] == '{';
            found.push_back(is_json ? json() : word());
        }
        return found;
    }

private:
    bool is_blank() const { return line_[at_] == ' ' || line_[at_] == '\t' || line_[at_] == '\r'; }
    bool skip_blanks() {
        while (at_ < line_.size() && is_blank()) ++at_;
        return at_ < line_.size();
    }

    std::string word() {
        std::string text;
        char quote = 0;
        for (; at_ < line_.size() && (quote != 0 || !is_blank()); ++at_) {
            const char c = line_[at_];
            if (quote == 0 && (c == '\'' || c == '"')) {
                quote = c;
            } else if (c == quote) {
                quote = 0;
            } else if (c == '\\' && quote != '\'' && at_ + 1 < line_.size()) {
                // `\-` stays as it is: arguments know it as a dash that is not the standard input.
                if (quote == 0 && text.empty() && line_[at_ + 1] == '-') text += c;
                text += line_[++at_];
            } else {
                text += c;
            }
        }
        if (quote != 0) throw UsageError(std::string("a ") + quote + " is not closed");
        return text;
    }

    std::string json() {
        const std::size_t begin = at_;
        int open = 0;
        bool in_string = false;
        do {
            const char c = line_[at_];
            if (in_string) {
                if (c == '\\') ++at_;
                if (c == '"') in_string = false;
            } else {
                if (c == '"') in_string = true;
                if (c == '[' || c == '{') ++open;
                if (c == ']' || c == '}') --open;
            }
            ++at_;
        } while (open != 0 && at_ < line_.size());
        if (open != 0) throw UsageError("a bracket is not closed");
        return line_.substr(begin, at_ - begin);
    }

    const std::string& line_;
    std::size_t at_ = 0;
};

}  // namespace

std::vector<std::string> split_words(const std::string& line) { return Splitter(line).words(); }

}  // namespace soho::cli
