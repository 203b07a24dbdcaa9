#include "tests/unit/data/support.hpp"

#include <gtest/gtest.h>

namespace soho::data {
namespace {

using namespace std::chrono_literals;

TEST(Scalars, AnIntegerIsNoOtherKindOfValue) {
    EXPECT_EQ(problem_of<int>("five"), "expected int, got str");
    EXPECT_EQ(problem_of<int>(1.0), "expected int, got float");
    EXPECT_EQ(problem_of<int>(true), "expected int, got bool");
    EXPECT_EQ(problem_of<int>(nullptr), "expected int, got nil");
}

TEST(Scalars, AnIntegerOutOfRangeIsRefusedByName) {
    EXPECT_EQ(problem_of<std::uint8_t>(300), "300 is out of range for uint8");
    EXPECT_EQ(problem_of<std::uint8_t>(-1), "-1 is out of range for uint8");
    EXPECT_EQ(problem_of<std::int8_t>(128), "128 is out of range for int8");
    EXPECT_EQ(problem_of<std::int64_t>(UINT64_MAX), "18446744073709551615 is out of range for int64");
    EXPECT_EQ(problem_of<std::uint64_t>(-1), "-1 is out of range for uint64");
}

TEST(Scalars, TheEndsOfEveryIntegerTypeComeBack) {
    EXPECT_EQ(round_trip(INT64_MIN), INT64_MIN);
    EXPECT_EQ(round_trip(UINT64_MAX), UINT64_MAX);
    EXPECT_EQ(round_trip(std::int8_t{-128}), -128);
    EXPECT_EQ(round_trip(std::uint16_t{65535}), 65535);
    EXPECT_EQ(round_trip(static_cast<long long>(1) << 40), static_cast<long long>(1) << 40);
}

TEST(Scalars, ABoolIsNoInteger) {
    EXPECT_EQ(round_trip(true), true);
    EXPECT_EQ(problem_of<bool>(1), "expected bool, got int");
}

TEST(Scalars, AFloatTakesIntegers) {
    EXPECT_EQ(decode<double>(encoded(3).bytes()), 3.0);
    EXPECT_EQ(decode<double>(encoded(-3).bytes()), -3.0);
    EXPECT_EQ(decode<float>(encoded(1.5).bytes()), 1.5f);
    EXPECT_EQ(round_trip(1.5f), 1.5f);
    EXPECT_EQ(problem_of<double>("1"), "expected float, got str");
    EXPECT_NE(problem_of<float>(1e300).find("out of range for float32"), std::string::npos);
    EXPECT_TRUE(std::isinf(decode<float>(encoded(INFINITY).bytes())));
}

TEST(Scalars, AStringIsNoBytes) {
    EXPECT_EQ(round_trip(std::string("grün")), "grün");
    EXPECT_EQ(encoding("abc"), encoding(std::string("abc")));
    EXPECT_EQ(encoding(static_cast<const char*>(nullptr)), encoding(nullptr));
    EXPECT_EQ(problem_of<std::string>(std::vector<std::byte>(3)),
              "expected str, got " + std::string(kind_name(Kind::binary)));
    EXPECT_EQ(problem_of<std::vector<std::byte>>("abc"),
              "expected " + std::string(kind_name(Kind::binary)) + ", got str");
}

TEST(Scalars, AStringViewBorrows) {
    const Buffer buffer = encoded("abc");
    const auto view = decode<std::string_view>(buffer.bytes());
    EXPECT_EQ(view, "abc");
    EXPECT_EQ(static_cast<const void*>(view.data()), buffer.data() + 1);
}

TEST(Scalars, BytesComeInEveryShape) {
    const std::vector<std::uint8_t> bytes = {1, 2, 255};
    const Buffer buffer = encoded(bytes);
    EXPECT_EQ(bytes_of(buffer), (std::vector<std::uint8_t>{0xc4, 3, 1, 2, 255}));
    EXPECT_EQ(round_trip(bytes), bytes);
    EXPECT_EQ(decode<std::span<const std::byte>>(buffer.bytes()).size(), 3u);
    EXPECT_EQ(decode<std::vector<std::byte>>(buffer.bytes())[2], std::byte{255});
    EXPECT_EQ((decode<std::array<std::uint8_t, 3>>(buffer.bytes())[0]), 1);
    EXPECT_EQ((problem<std::array<std::uint8_t, 4>>(buffer.bytes())), "expected 4 bytes, got 3");
}

TEST(Scalars, BytesAlsoComeAsAnArrayOfIntegers) {
    EXPECT_EQ(decode<std::vector<std::uint8_t>>(encoded(std::vector<int>{1, 255}).bytes()),
              (std::vector<std::uint8_t>{1, 255}));
    EXPECT_EQ(problem_of<std::vector<std::uint8_t>>(std::vector<int>{1, 256}),
              "element 1: 256 is out of range for uint8");
}

enum class Colour : std::uint8_t { red, green };

TEST(Scalars, AnEnumTravelsAsItsNumber) {
    EXPECT_EQ(encoding(Colour::green), encoding(1));
    EXPECT_EQ(round_trip(Colour::green), Colour::green);
    EXPECT_EQ(problem_of<Colour>(256), "256 is out of range for uint8");
}

TEST(Scalars, ADurationTravelsAsSeconds) {
    EXPECT_EQ(encoding(2min), encoding(120));
    EXPECT_EQ(encoding(1500ms), encoding(1.5));
    EXPECT_EQ(encoding(-2000ms), encoding(-2));
    EXPECT_EQ(decode<std::chrono::milliseconds>(encoded(1.5).bytes()), 1500ms);
    EXPECT_EQ(decode<std::chrono::seconds>(encoded(3).bytes()), 3s);
    EXPECT_EQ(decode<std::chrono::duration<double>>(encoded(0.25).bytes()).count(), 0.25);
    EXPECT_EQ(problem_of<std::chrono::seconds>("1"), "expected seconds, got str");
}

TEST(Scalars, ADurationThatDoesNotFitIsRefused) {
    EXPECT_NE(problem_of<std::chrono::nanoseconds>(1e300), "");
    EXPECT_NE(problem_of<std::chrono::nanoseconds>(-1e300), "");
    EXPECT_NE(problem_of<std::chrono::nanoseconds>(static_cast<double>(NAN)), "");
    EXPECT_NE(problem_of<std::chrono::nanoseconds>(9223372036.854775807), "");
    EXPECT_EQ(problem_of<std::chrono::nanoseconds>(-9223372036.854775808), "");
}

}  // namespace
}  // namespace soho::data
