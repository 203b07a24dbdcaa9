#pragma once
// Lines from a terminal, with history, and Tab for commands, types, names, methods and variables.

#include "workspace.hpp"

#include <optional>

namespace soho::cli {

// What the last word of `line` could become, whole words; sorted.
std::vector<std::string> completions(Workspace& workspace, const std::string& line);

// One at a time: the library behind it has one line.
class LineEditor {
public:
    explicit LineEditor(Workspace& workspace);
    LineEditor(const LineEditor&) = delete;
    ~LineEditor();

    // Nothing at the end of the input.
    std::optional<std::string> read(const char* prompt);
};

}  // namespace soho::cli
