#pragma once
// A line of the shell, split into words: at blanks, but not within '…', "…", or the brackets of JSON.

#include <string>
#include <vector>

namespace soho::cli {

// '…' is literal; in "…" and outside a backslash takes the next character literally. A word that begins with [ or { goes on
// to the bracket that closes it, and keeps its quotes. Throws UsageError for what is never closed.
std::vector<std::string> split_words(const std::string& line);

}  // namespace soho::cli
