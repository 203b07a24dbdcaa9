#pragma once
// `soho plugin list` and `reload` are about a host; `new`, `run`, `inspect` and `check` are another program's, which comes with the SDK:
// soho-plugin. As git does with the commands that it does not have itself, this one hands over.

#include <string_view>

namespace soho::cli {

// Whether soho-plugin knows this word behind `plugin`.
bool is_plugin_tool_word(std::string_view word);

// Becomes soho-plugin, looked for beside this program and then in PATH, if the words are `plugin` and one of those; else returns. Throws
// UsageError where it should and there is none: the sentence says which package brings it.
void hand_over_plugin_words(int count, char** words);

}  // namespace soho::cli
