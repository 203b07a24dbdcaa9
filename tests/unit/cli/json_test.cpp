#include "clients/cli/json.hpp"

#include "clients/cli/show.hpp"

#include <gtest/gtest.h>

namespace soho::cli {
namespace {

Value bytes(std::string_view text) {
    const auto* from = reinterpret_cast<const std::byte*>(text.data());
    return Value::Bytes(from, from + text.size());
}

const Value handle = Value::Extension(0x53, "\x92\x07\xa4Pair");

TEST(Json, HoldsEveryKindOfValue) {
    EXPECT_EQ(json_text(Value::Array{nullptr, true, -1, UINT64_MAX, 2.5, "ü"}),
              "[null,true,-1,18446744073709551615,2.5,\"ü\"]");
    EXPECT_EQ(json_text(Value::Map{{"b", 1}, {2, "x"}}), R"({"b":1,"2":"x"})");
    EXPECT_EQ(json_text(handle), R"({"$soho":7,"type":"Pair"})");
    EXPECT_EQ(json_text(bytes("")), R"({"$bytes":""})");
    EXPECT_EQ(json_text(bytes("f")), R"({"$bytes":"Zg=="})");
    EXPECT_EQ(json_text(bytes("fo")), R"({"$bytes":"Zm8="})");
    EXPECT_EQ(json_text(bytes("foo")), R"({"$bytes":"Zm9v"})");
    EXPECT_EQ(json_text(Value::Extension(5, "ab")), R"({"$ext":[5,"YWI="]})");
}

TEST(Json, IsWellFormedWhateverAStrHolds) { EXPECT_EQ(json_text("\xff"), "\"\xef\xbf\xbd\""); }

TEST(Text, ShowsHandlesAndBytesForPeople) {
    EXPECT_EQ(text_of(Value::Array{handle, "a", bytes("x\n")}), "[#7 (Pair), \"a\", b\"x\\x0a\"]");
    EXPECT_EQ(text_of(Value::Map{{"x", 1.5}, {2, nullptr}}), "{\"x\": 1.5, 2: null}");
    EXPECT_EQ(text_of(Value::Extension(0x54, "\x92\x01\x02")), "(1, 2)");
    EXPECT_EQ(text_of(Value::Extension(0x56, "-12345678901234567890")), "-12345678901234567890");
    EXPECT_EQ(text_of(Value::Extension(0x58, "abc")), "ext(88, 3 bytes)");
}

TEST(Text, ShowsSignatures) {
    MethodDescription method;
    method.args = {
        {"key", "any", "", "", {}}, {"default", "any", "", "", std::string("\xc0")}, {"rest", "any", "", "args", {}}};
    method.returns = "any";
    EXPECT_EQ(signature("get", method), "get(key: any, default: any = null, *rest) -> any");
    method = {.args = {}, .returns = "nil", .doc = {}, .flags = {}, .returns_typeid = {}};
    EXPECT_EQ(signature("clear", method), "clear()");
    method.returns_typeid = "Iterator";
    EXPECT_EQ(signature("iter", method), "iter() -> object of Iterator");
}

}  // namespace
}  // namespace soho::cli
