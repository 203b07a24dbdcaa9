#include "host/registry/suggest.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

TEST(Suggestion, IsTheNearestNameIfOneIsNear) {
    EXPECT_EQ(suggestion("get_y", {"set_x", "get_x", "other"}), "; did you mean \"get_x\"?");
    EXPECT_EQ(suggestion("Pai", {"Pair"}), "; did you mean \"Pair\"?");
    EXPECT_EQ(suggestion("Pear", {"Pair"}), "; did you mean \"Pair\"?");
    EXPECT_EQ(suggestion("creat", {"create", "release"}), "; did you mean \"create\"?");
}

TEST(Suggestion, IsNothingWhereNoneIsNear) {
    EXPECT_EQ(suggestion("zebra", {"get_x", "Pair"}), "");
    EXPECT_EQ(suggestion("", {"a"}), "");
    EXPECT_EQ(suggestion("x", {}), "");
    EXPECT_EQ(suggestion("get", {""}), "");
}

TEST(Suggestion, DoesNoWorkOnLongNames) {
    EXPECT_EQ(suggestion(std::string(1 << 20, 'a'), {std::string_view("aaaa")}), "");
    const std::string long_name(100, 'a');
    EXPECT_EQ(suggestion("aaaa", {long_name}), "");
}

}  // namespace
}  // namespace soho::host
