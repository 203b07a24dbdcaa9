#include "tests/unit/data/support.hpp"

#include <gtest/gtest.h>

namespace soho::data {
namespace {

// Each boundary of MessagePack's integer forms, with the bytes of its shortest form.
struct IntegerForm {
    std::int64_t value;
    std::vector<std::uint8_t> bytes;
};
const IntegerForm integer_forms[] = {
    {0, {0x00}},
    {127, {0x7f}},
    {128, {0xcc, 0x80}},
    {255, {0xcc, 0xff}},
    {256, {0xcd, 0x01, 0x00}},
    {65535, {0xcd, 0xff, 0xff}},
    {65536, {0xce, 0x00, 0x01, 0x00, 0x00}},
    {4294967295, {0xce, 0xff, 0xff, 0xff, 0xff}},
    {4294967296, {0xcf, 0, 0, 0, 1, 0, 0, 0, 0}},
    {-1, {0xff}},
    {-32, {0xe0}},
    {-33, {0xd0, 0xdf}},
    {-128, {0xd0, 0x80}},
    {-129, {0xd1, 0xff, 0x7f}},
    {-32768, {0xd1, 0x80, 0x00}},
    {-32769, {0xd2, 0xff, 0xff, 0x7f, 0xff}},
    {INT32_MIN, {0xd2, 0x80, 0, 0, 0}},
    {std::int64_t{INT32_MIN} - 1, {0xd3, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff}},
};

TEST(Writer, PutsIntegersInTheirShortestForm) {
    for (const auto& [value, bytes] : integer_forms) EXPECT_EQ(encoding(value), bytes) << value;
}

TEST(Reader, ReadsEveryIntegerForm) {
    for (const auto& [value, bytes] : integer_forms) EXPECT_EQ(decode<std::int64_t>(Bytes(bytes)), value) << value;
}

TEST(Reader, ReadsIntegersThatAreNotInTheirShortestForm) {
    const std::uint8_t five[] = {0xd3, 0, 0, 0, 0, 0, 0, 0, 5};
    EXPECT_EQ(decode<std::uint8_t>(Bytes(five)), 5);
}

TEST(Reader, RefusesAValueCutShortAtAnyByte) {
    const Buffer whole = encoded(Value(Value::Map{{"text", std::string(300, 'x')},
                                                  {1.5, Value::Array{-70000, nullptr}},
                                                  {"b", Value::Bytes(40)},
                                                  {true, 1u << 31}}));
    for (std::size_t size = 0; size != whole.size(); ++size) {
        EXPECT_NE(problem<Value>(whole.bytes().first(size)), "") << size;
    }
    EXPECT_EQ(problem<Value>(whole.bytes()), "");
}

TEST(Reader, SkipsAWholeNestedValue) {
    Buffer buffer;
    Writer<Buffer> out(buffer);
    encode(out, Value(Value::Array{Value::Map{{"a", Value::Array{1, 2}}}, "b"}));
    encode(out, 42);
    Reader in(buffer.bytes());
    ASSERT_TRUE(in.skip());
    EXPECT_EQ(decode<int>(in), 42);
}

}  // namespace
}  // namespace soho::data
