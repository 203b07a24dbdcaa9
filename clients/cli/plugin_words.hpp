#pragma once
// `soho plugin …` is another program's, which comes with the SDK: soho-plugin. As git does with the
// commands that it does not have itself, this one hands over.

namespace soho::cli {

// Becomes soho-plugin, looked for beside this program and then in PATH, if the first word is `plugin`; else returns. Throws UsageError
// where it should and there is none: the sentence says which package brings it.
void hand_over_plugin_words(int count, char** words);

}  // namespace soho::cli
