#include "tests/unit/data/support.hpp"

#include <gtest/gtest.h>

namespace soho {
namespace {

const Value everything = Value::Map{{"nil", nullptr},
                                    {"bool", true},
                                    {"int", -5},
                                    {"uint", UINT64_MAX},
                                    {"float", 1.5},
                                    {"str", "a\"b\n"},
                                    {"bytes", Value::Bytes{std::byte{0}, std::byte{'x'}}},
                                    {"array", Value::Array{1, "two", Value::Array{}}},
                                    {3, Value::Map{}},
                                    {"ext", Value::Extension{0x54, "\x90", nullptr}}};

TEST(Value, EveryKindComesBack) { EXPECT_EQ(data::round_trip(everything), everything); }

TEST(Value, KnowsItsKind) {
    EXPECT_TRUE(Value().is_nil());
    EXPECT_TRUE(Value(true).is_bool());
    EXPECT_TRUE(Value(5).is_integer());
    EXPECT_TRUE(Value(UINT64_MAX).is_integer());
    EXPECT_TRUE(Value(5.0).is_float());
    EXPECT_TRUE(Value("x").is_string());
    EXPECT_TRUE(Value(Value::Bytes()).is_bytes());
    EXPECT_TRUE(Value(Value::Array()).is_array());
    EXPECT_TRUE(Value(Value::Map()).is_map());
    EXPECT_EQ(Value(-1).kind(), data::Kind::negative_integer);
    EXPECT_EQ(Value(1).kind(), data::Kind::unsigned_integer);
}

TEST(Value, IntegersAreOneKindWhateverTypeTheyCameFrom) {
    EXPECT_EQ(Value(5), Value(std::uint8_t{5}));
    EXPECT_EQ(Value(5), Value(std::uint64_t{5}));
    EXPECT_EQ(*Value(std::uint64_t{5}).get_if<std::int64_t>(), 5);
}

TEST(Value, EqualityIsExact) {
    EXPECT_NE(Value(1), Value(1.0));
    EXPECT_NE(Value(1), Value(true));
    EXPECT_NE(Value("x"), Value(Value::Bytes{std::byte{'x'}}));
    EXPECT_NE(Value(Value::Array{1, 2}), Value(Value::Array{2, 1}));
    EXPECT_EQ(Value(Value::Array{Value::Map{{"a", 1}}}), Value(Value::Array{Value::Map{{"a", 1}}}));
}

TEST(Value, IsFoundByKeyAndIndex) {
    EXPECT_EQ(everything["int"].as<int>(), -5);
    EXPECT_EQ(everything["array"][1].as<std::string>(), "two");
    EXPECT_EQ(everything.find("no such key"), nullptr);
    EXPECT_NE(everything.find(Value(3)), nullptr);
    EXPECT_EQ(everything.size(), 10u);
    EXPECT_THROW(everything["no such key"], std::out_of_range);
    EXPECT_THROW(everything["array"][3], std::out_of_range);
    EXPECT_EQ(Value(5).find("x"), nullptr);
}

TEST(Value, BecomesAnyTypeByTheRulesOfArguments) {
    EXPECT_EQ(everything["array"][0].as<double>(), 1.0);
    EXPECT_EQ(everything["str"].as<std::string_view>().size(), 4u);
    EXPECT_EQ(Value(Value::Array{1, 2}).as<std::vector<int>>(), (std::vector<int>{1, 2}));
    EXPECT_EQ(Value().as<std::optional<int>>(), std::nullopt);
    EXPECT_EQ(Value(5).as<Value>(), Value(5));
    EXPECT_THROW(Value("x").as<int>(), data::DecodeError);
    EXPECT_THROW(Value(300).as<std::uint8_t>(), data::DecodeError);
    EXPECT_THROW(Value(5).as<std::string>(), data::DecodeError);
}

TEST(Value, ComesFromAnythingThatTravels) {
    EXPECT_EQ(Value::from(std::vector<int>{1, 2}), Value(Value::Array{1, 2}));
    EXPECT_EQ(Value::from(std::optional<int>()), Value());
    EXPECT_EQ(Value::from(std::string("x")), Value("x"));
    EXPECT_EQ(Value::from(std::map<std::string, bool>{{"a", true}}), Value(Value::Map{{"a", true}}));
}

TEST(Value, ReadsWellInALog) {
    EXPECT_EQ(everything.to_text(),
              R"({"nil": null, "bool": true, "int": -5, "uint": 18446744073709551615, "float": 1.5, "str": "a\"b\n", )"
              R"("bytes": b"\x00x", "array": [1, "two", []], 3: {}, "ext": ext(84, 1)})");
    EXPECT_EQ(Value(0.1).to_text(), "0.1");
    EXPECT_EQ(Value(3.0).to_text(), "3.0");
    EXPECT_EQ(Value(1e300).to_text(), "1e+300");
}

TEST(Value, AnExtensionKeepsItsKeeperThroughCopies) {
    auto kept = std::make_shared<int>(5);
    const std::weak_ptr<int> watch = kept;
    Value copy;
    {
        const Value value = Value::Extension{0x53, "x", std::move(kept)};
        copy = Value::Array{value};
    }
    EXPECT_FALSE(watch.expired());
    copy = nullptr;
    EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace soho
