#include "clients/cli/arguments.hpp"

#include "clients/cli/usage_error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace soho::cli {
namespace {

// @pair and #7 are extensions of their own; the shell's variable `seven` is 7.
class FakeSurroundings final : public Surroundings {
public:
    const Value* variable(const std::string& name) override { return name == "seven" ? &seven_ : nullptr; }
    Value named(const std::string& name) override { return Value::Extension(1, name); }
    Value numbered(std::uint64_t id) override { return Value::Extension(2, std::to_string(id)); }
    std::string standard_input() override { return "12\n"; }

private:
    Value seven_ = 7;
};

Value read(const std::string& text, std::string_view type) {
    FakeSurroundings surroundings;
    return read_literal(text, type, surroundings);
}

std::string refusal(const std::string& text, std::string_view type) {
    try {
        read(text, type);
    } catch (const UsageError& error) {
        return error.what();
    }
    return "no error";
}

const Value pair_object = Value::Extension(1, "pair");
const Value object_7 = Value::Extension(2, "7");

TEST(Literals, OfNumbersAreStrict) {
    EXPECT_EQ(read("-5", "int64"), Value(-5));
    EXPECT_EQ(read("18446744073709551615", "uint64"), Value(UINT64_MAX));
    EXPECT_EQ(read("-128", "int8"), Value(-128));
    EXPECT_EQ(read("2.5", "float64"), Value(2.5));
    EXPECT_EQ(read("2", "seconds"), Value(2.0));
    EXPECT_EQ(read("true", "bool"), Value(true));
    EXPECT_EQ(refusal("128", "int8"), "expected int8, got '128'");
    EXPECT_EQ(refusal("-1", "uint8"), "expected uint8, got '-1'");
    EXPECT_EQ(refusal("256", "uint8"), "expected uint8, got '256'");
    EXPECT_EQ(refusal("5x", "int64"), "expected int64, got '5x'");
    EXPECT_EQ(refusal("", "int64"), "expected int64, got ''");
    EXPECT_EQ(refusal("yes", "bool"), "expected true or false, got 'yes'");
}

TEST(Literals, OfStrAreTakenAsTheyAre) {
    for (const char* text : {"", "true", "[1]", "#7", "@pair", "a=b", "--x"}) EXPECT_EQ(read(text, "str"), Value(text));
    EXPECT_EQ(read("ab", "bytes"), Value(Value::Bytes{std::byte{'a'}, std::byte{'b'}}));
}

TEST(Literals, OfAnyAreJsonOrABareWord) {
    EXPECT_EQ(read("5", "any"), Value(5));
    EXPECT_EQ(read("null", "any"), Value());
    EXPECT_EQ(read(R"({"a": [1, 2.5, "x"]})", "any"), Value(Value::Map{{"a", Value::Array{1, 2.5, "x"}}}));
    EXPECT_EQ(read("Ada", "any"), Value("Ada"));
    EXPECT_EQ(read("@pair", "any"), pair_object);
    EXPECT_EQ(read(R"({"$soho": 7, "type": "Pair"})", "any"), object_7);
    EXPECT_EQ(refusal("[1,", "any"), "expected any value as JSON, got '[1,'");
    EXPECT_EQ(refusal("5x", ""), "expected any value as JSON, got '5x'");
}

TEST(Literals, OfContainersAreJson) {
    EXPECT_EQ(read("[1, 2]", "list[int64]"), Value(Value::Array{1, 2}));
    EXPECT_EQ(read("{}", "map[str, any]"), Value(Value::Map{}));
    EXPECT_EQ(refusal("1,2", "list[int64]"), "expected list[int64] as JSON, got '1,2'");
}

TEST(Literals, OfObjectsAreReferences) {
    EXPECT_EQ(read("@pair", "Pair"), pair_object);
    EXPECT_EQ(read("#7", "object"), object_7);
    EXPECT_EQ(read("[1, 2]", "Point"), Value(Value::Array{1, 2})) << "a struct has a name, too";
    EXPECT_THAT(refusal("pair", "Pair"), testing::HasSubstr("@NAME or #ID"));
    EXPECT_THAT(refusal("#x", "Pair"), testing::HasSubstr("#NUMBER"));
}

TEST(Literals, OfOptionalAndAlternativeTypes) {
    EXPECT_EQ(read("null", "int64?"), Value());
    EXPECT_EQ(read("3", "int64?"), Value(3));
    EXPECT_EQ(read("3", "str | int64"), Value(3));
    EXPECT_EQ(read("x", "str | int64"), Value("x"));
    EXPECT_EQ(refusal("x", "int64 | bool"), "expected int64 | bool, got 'x'");
}

TEST(Literals, CanBeVariablesAndTheStandardInput) {
    EXPECT_EQ(read("@seven", "int64"), Value(7));
    EXPECT_EQ(read("-", "int64"), Value(12));
    EXPECT_EQ(read("-", "str"), Value("12\n"));
    EXPECT_EQ(read("\\-", "str"), Value("-"));
}

Arguments arguments(const std::vector<std::string>& words, const std::vector<ParameterDescription>& parameters) {
    FakeSurroundings surroundings;
    return read_arguments(words, &parameters, surroundings);
}

const ParameterDescription x{"x", "int64", "", "", {}};
const ParameterDescription text{"text", "str", "", "", {}};
const ParameterDescription rest{"rest", "any", "", "args", {}};
const ParameterDescription others{"others", "any", "", "kwargs", {}};

TEST(Arguments, AreReadByTheirParameters) {
    const auto read = arguments({"5", "5"}, {x, text});
    EXPECT_EQ(read.positional, (Value::Array{5, "5"}));
    EXPECT_TRUE(read.keywords.empty());
}

TEST(Arguments, AreKeywordsWhereTheKeyIsDeclared) {
    const auto read = arguments({"a=b", "x=7"}, {text, x});
    EXPECT_EQ(read.positional, (Value::Array{"a=b"}));
    EXPECT_EQ(read.keywords, (Value::Map{{"x", 7}}));
    EXPECT_EQ(arguments({"k=1"}, {others}).keywords, (Value::Map{{"k", 1}}));
}

TEST(Arguments, BeyondTheDeclaredOnesAreAny) {
    EXPECT_EQ(arguments({"1", "two", "[3]"}, {x, rest}).positional, (Value::Array{1, "two", Value::Array{3}}));
    EXPECT_EQ(arguments({"1", "2"}, {x}).positional, (Value::Array{1, "2"})) << "for the host to refuse";
    EXPECT_EQ(arguments({"1", "{"}, {x}).positional, (Value::Array{1, "{"}));
}

std::string refusal_of(const std::vector<std::string>& words, const std::vector<ParameterDescription>& parameters) {
    try {
        arguments(words, parameters);
    } catch (const UsageError& error) {
        return error.what();
    }
    return "no error";
}

TEST(Arguments, SayWhereAnOptionBelongs) {
    EXPECT_EQ(refusal_of({"--json"}, {}), "options come before the target: --json");
    EXPECT_EQ(refusal_of({"--timeout=1"}, {}), "options come before the target: --timeout=1");
    EXPECT_EQ(refusal_of({"--referrers"}, {}), "options come before the target: --referrers");
    EXPECT_EQ(refusal_of({"--json"}, {x}), "argument x: expected int64, got '--json'; options come before the target");
    EXPECT_EQ(arguments({"--json"}, {text}).positional, (Value::Array{"--json"}));
}

TEST(Arguments, AreNamedWhenTheyAreWrong) {
    try {
        arguments({"abc"}, {x});
        FAIL();
    } catch (const UsageError& error) {
        EXPECT_STREQ(error.what(), "argument x: expected int64, got 'abc'");
    }
}

}  // namespace
}  // namespace soho::cli
