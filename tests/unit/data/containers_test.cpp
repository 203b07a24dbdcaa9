#include "tests/unit/data/support.hpp"

#include <gtest/gtest.h>

namespace soho::data {
namespace {

TEST(Containers, EveryKindComesBack) {
    EXPECT_EQ(round_trip(std::vector<int>{1, -2, 70000}), (std::vector<int>{1, -2, 70000}));
    EXPECT_EQ(round_trip(std::vector<bool>{true, false}), (std::vector<bool>{true, false}));
    EXPECT_EQ(round_trip(std::deque<std::string>{"a", "b"}), (std::deque<std::string>{"a", "b"}));
    EXPECT_EQ(round_trip(std::set<int>{3, 1}), (std::set<int>{1, 3}));
    EXPECT_EQ(round_trip(std::unordered_set<int>{3, 1}), (std::unordered_set<int>{1, 3}));
    EXPECT_EQ(round_trip(std::map<std::string, int>{{"a", 1}}), (std::map<std::string, int>{{"a", 1}}));
    EXPECT_EQ(round_trip(std::unordered_map<int, std::string>{{1, "a"}}),
              (std::unordered_map<int, std::string>{{1, "a"}}));
    EXPECT_EQ(round_trip(std::array<int, 2>{4, 5}), (std::array<int, 2>{4, 5}));
    EXPECT_EQ(round_trip(std::pair<int, std::string>{1, "a"}), (std::pair<int, std::string>{1, "a"}));
    EXPECT_EQ(round_trip(std::tuple<int, bool, double>{1, true, 2.5}), (std::tuple<int, bool, double>{1, true, 2.5}));
    EXPECT_EQ(round_trip(std::tuple<>()), std::tuple<>());
}

TEST(Containers, AnOptionalIsNilOrTheValue) {
    EXPECT_EQ(encoding(std::optional<int>()), encoding(nullptr));
    EXPECT_EQ(round_trip(std::optional<int>(5)), 5);
    EXPECT_EQ(round_trip(std::optional<int>()), std::nullopt);
    EXPECT_EQ(problem_of<std::optional<int>>("x"), "expected int, got str");
}

TEST(Containers, ASentenceNamesThePlace) {
    EXPECT_EQ(problem_of<std::vector<int>>(Value::Array{1, 2, 3, "four"}), "element 3: expected int, got str");
    EXPECT_EQ((problem_of<std::map<std::string, int>>(Value::Map{{"x", "y"}})), "key 'x': expected int, got str");
    EXPECT_EQ((problem_of<std::map<int, int>>(Value::Map{{5, "y"}})), "key 5: expected int, got str");
    EXPECT_EQ((problem_of<std::map<std::string, std::vector<std::uint8_t>>>(Value::Map{{"x", Value::Array{1, 300}}})),
              "key 'x': element 1: 300 is out of range for uint8");
    EXPECT_EQ((problem_of<std::tuple<int, std::string>>(Value::Array{1, 2})), "element 1: expected str, got int");
}

TEST(Containers, ATupleHasItsSizeExactly) {
    EXPECT_EQ((problem_of<std::pair<int, int>>(Value::Array{1})), "expected 2 elements, got 1");
    EXPECT_EQ((problem_of<std::tuple<int>>(Value::Array{1, 2})), "expected 1 elements, got 2");
    EXPECT_EQ((problem_of<std::array<int, 3>>(Value::Array{1, 2})), "expected 3 elements, got 2");
}

TEST(Containers, AVariantTakesTheFirstThatFits) {
    using Variant = std::variant<std::monostate, std::uint8_t, double, std::string>;
    EXPECT_EQ(decode<Variant>(encoded(5).bytes()).index(), 1u);
    EXPECT_EQ(decode<Variant>(encoded(500).bytes()).index(), 2u);
    EXPECT_EQ(decode<Variant>(encoded("x").bytes()).index(), 3u);
    EXPECT_EQ(decode<Variant>(encoded(nullptr).bytes()).index(), 0u);
    EXPECT_EQ(problem_of<Variant>(true), "expected nil | uint8 | float64 | str, got bool");
    EXPECT_EQ(encoding(Variant(std::string("x"))), encoding("x"));
}

TEST(Containers, NothingIsAllocatedFromAHeader) {
    const std::uint8_t array_bomb[] = {0xdd, 0xff, 0xff, 0xff, 0xff, 0x01};
    EXPECT_NE(problem<std::vector<int>>(array_bomb), "");
    EXPECT_NE(problem<Value>(array_bomb), "");
    EXPECT_NE(problem<std::vector<std::uint8_t>>(array_bomb), "");
    const std::uint8_t map_bomb[] = {0xdf, 0x7f, 0xff, 0xff, 0xff, 0x01};
    EXPECT_NE((problem<std::map<int, int>>(map_bomb)), "");
    EXPECT_NE(problem<Value>(map_bomb), "");
    const std::uint8_t string_bomb[] = {0xdb, 0xff, 0xff, 0xff, 0xff, 'x'};
    EXPECT_NE(problem<std::string>(string_bomb), "");
}

struct Node {
    std::vector<Node> children;
};
}  // namespace

template <>
struct Codec<Node> : PlainCodec {
    static std::string word() { return "node"; }
    template <class Context>
    static bool decode(Reader& in, Node& out, Context& context) {
        return decode_into(in, out.children, context);
    }
};

namespace {

TEST(Containers, DepthHasAnEnd) {
    const std::vector<std::uint8_t> deep(100'000, 0x91);
    EXPECT_EQ(problem<Value>(deep).substr(0, 19), "nested deeper than ");
    EXPECT_NE(problem<Node>(deep).find("nested deeper than "), std::string::npos);
}

TEST(Containers, WordsDescribeTypes) {
    EXPECT_EQ(word<std::int64_t>(), "int64");
    EXPECT_EQ(word<const std::string&>(), "str");
    EXPECT_EQ(word<std::optional<std::string>>(), "str?");
    EXPECT_EQ((word<std::map<std::string, std::vector<double>>>()), "map[str, list[float64]]");
    EXPECT_EQ((word<std::tuple<int, bool>>()), "tuple[int32, bool]");
    EXPECT_EQ((word<std::variant<int, std::string>>()), "int32 | str");
    EXPECT_EQ(word<std::vector<std::byte>>(), "bytes");
    EXPECT_EQ(word<Value>(), "any");
}

}  // namespace
}  // namespace soho::data
