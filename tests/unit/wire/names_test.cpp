#include <soho/wire/message.hpp>

#include <gtest/gtest.h>
#include <string>

namespace soho::wire {
namespace {

std::string_view why(const char* text) { return text == nullptr ? "" : text; }

TEST(Names, AreLettersDigitsUnderscoresAndDots) {
    for (const char* name : {"Pair", "_x", "a.b.C9", "sohot", "x.soho", "a..b"})
        EXPECT_EQ(why(name_mismatch(name)), "") << name;
    EXPECT_EQ(name_mismatch(std::string(255, 'a')), nullptr);
}

TEST(Names, AreRefusedWithTheReason) {
    EXPECT_EQ(why(name_mismatch("")), "it is empty");
    EXPECT_EQ(why(name_mismatch(std::string(256, 'a'))), "it is longer than 255 bytes");
    EXPECT_EQ(why(name_mismatch("9a")), "it must begin with a letter or _");
    EXPECT_EQ(why(name_mismatch(".a")), "it must begin with a letter or _");
    EXPECT_EQ(why(name_mismatch("a b")), "only letters, digits, _ and . are allowed");
    EXPECT_EQ(why(name_mismatch("gr\xc3\xbc\xc3\x9f")), "only letters, digits, _ and . are allowed");
    EXPECT_EQ(why(name_mismatch(std::string_view("a\0b", 3))), "only letters, digits, _ and . are allowed");
    EXPECT_EQ(why(name_mismatch("soho")), "names that begin with `soho` are the host's own");
    EXPECT_EQ(why(name_mismatch("soho.x")), "names that begin with `soho` are the host's own");
    EXPECT_EQ(why(name_mismatch("a.")), "it must not end with a dot");
}

TEST(Identifiers, HaveNoDots) {
    EXPECT_EQ(identifier_mismatch("get_x"), nullptr);
    EXPECT_EQ(identifier_mismatch("soho"), nullptr);
    EXPECT_EQ(why(identifier_mismatch("a.b")), "only letters, digits and _ are allowed");
    EXPECT_EQ(why(identifier_mismatch("")), "it is empty");
}

TEST(MethodPath, IsSplitAtTheLastDot) {
    EXPECT_EQ(split_method("a.b.get").name, "a.b");
    EXPECT_EQ(split_method("a.b.get").method, "get");
    EXPECT_EQ(split_method("get").name, "");
    EXPECT_EQ(split_method("get").method, "get");
    EXPECT_EQ(split_method("a.").name, "a");
    EXPECT_EQ(split_method("a.").method, "");
}

TEST(CodeNames, AreToldForEveryNumber) {
    EXPECT_EQ(code_name(Code::failed), "failed");
    EXPECT_EQ(code_name(Code::no_type), "no_type");
    EXPECT_EQ(code_name(static_cast<Code>(4711)), "internal");
}

}  // namespace
}  // namespace soho::wire
