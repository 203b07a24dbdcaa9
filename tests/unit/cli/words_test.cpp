#include "clients/cli/words.hpp"

#include "clients/cli/usage_error.hpp"

#include <gtest/gtest.h>

namespace soho::cli {
namespace {

using Words = std::vector<std::string>;

TEST(Words, AreSplitAtBlanks) {
    EXPECT_EQ(split_words("  p = create\tPair 5 -6 "), (Words{"p", "=", "create", "Pair", "5", "-6"}));
    EXPECT_EQ(split_words(""), Words{});
    EXPECT_EQ(split_words("   "), Words{});
}

TEST(Words, AreKeptTogetherByQuotesAndBackslashes) {
    EXPECT_EQ(split_words(R"(say 'a "b" c' "d 'e' \" f" g\ h '')"),
              (Words{"say", "a \"b\" c", "d 'e' \" f", "g h", ""}));
    EXPECT_EQ(split_words(R"(key="two words")"), (Words{"key=two words"}));
    EXPECT_EQ(split_words(R"(say \- \\)"), (Words{"say", "\\-", "\\"}));
}

TEST(Words, KeepJsonAsItIs) {
    EXPECT_EQ(split_words(R"(d.update {"a b": [1, "}"], "c": "\""} [1, 2] x)"),
              (Words{"d.update", R"({"a b": [1, "}"], "c": "\""})", "[1, 2]", "x"}));
}

TEST(Words, AreRefusedWhenSomethingIsNotClosed) {
    EXPECT_THROW(split_words("say 'a"), UsageError);
    EXPECT_THROW(split_words("say \"a"), UsageError);
    EXPECT_THROW(split_words("say [1, 2"), UsageError);
    EXPECT_THROW(split_words(R"(say {"a)"), UsageError);
    EXPECT_THROW(split_words(R"(say {"a\)"), UsageError);
}

}  // namespace
}  // namespace soho::cli
