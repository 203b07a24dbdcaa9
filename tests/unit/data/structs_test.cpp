#include <soho/data/structs.hpp>

#include "tests/unit/data/support.hpp"

#include <gtest/gtest.h>

namespace shapes {

struct Point {
    int x = 0, y = 0;
    MSGPACK_DEFINE_MAP(x, y)
    bool operator==(const Point&) const = default;
};
struct Line {
    Point from, to;
    std::string name;
    MSGPACK_DEFINE(from, to, name)
    bool operator==(const Line&) const = default;
};
struct Foreign {
    int number = 0;
};

}  // namespace shapes

namespace msgpack {
MSGPACK_API_VERSION_NAMESPACE(MSGPACK_DEFAULT_API_NS) {
    namespace adaptor {
    template <>
    struct pack<shapes::Foreign> {
        template <class Stream>
        packer<Stream>& operator()(packer<Stream>& out, const shapes::Foreign& value) const {
            return out.pack(value.number);
        }
    };
    template <>
    struct convert<shapes::Foreign> {
        const msgpack::object& operator()(const msgpack::object& from, shapes::Foreign& value) const {
            value.number = from.as<int>();
            return from;
        }
    };
    }  // namespace adaptor
}
}  // namespace msgpack

template <>
inline constexpr bool soho::data::uses_msgpack<shapes::Foreign> = true;

namespace soho::data {
namespace {

TEST(Structs, TravelByTheirOwnAdaptors) {
    EXPECT_EQ(Value::from(shapes::Point{3, 4}), Value(Value::Map{{"x", 3}, {"y", 4}}));
    const shapes::Line line{{1, 2}, {3, 4}, "l"};
    EXPECT_EQ(round_trip(line), line);
    EXPECT_EQ(round_trip(std::vector<shapes::Point>{{1, 2}, {3, 4}}), (std::vector<shapes::Point>{{1, 2}, {3, 4}}));
    EXPECT_EQ(round_trip(shapes::Foreign{7}).number, 7);
}

TEST(Structs, MembersThatAreMissingKeepTheirValues) {
    EXPECT_EQ(decode<shapes::Point>(encoded(Value(Value::Map{{"y", 4}})).bytes()), (shapes::Point{0, 4}));
}

TEST(Structs, WhatDoesNotFitIsRefusedWithTheClassName) {
    EXPECT_EQ(problem_of<shapes::Point>(5), "expected Point; this int does not fit it");
    EXPECT_EQ(problem_of<shapes::Point>(Value::Map{{"x", "wide"}}), "expected Point; this map does not fit it");
    EXPECT_EQ(problem_of<std::vector<shapes::Point>>(Value::Array{1}),
              "element 0: expected Point; this int does not fit it");
}

TEST(Structs, MalformedBytesAreRefused) {
    const std::uint8_t bomb[] = {0xdd, 0xff, 0xff, 0xff, 0xff, 0x01};
    EXPECT_NE(problem<shapes::Line>(bomb), "");
    EXPECT_NE(problem<shapes::Line>({}), "");
}

TEST(Structs, TypeNamesStandWithoutNamespaces) {
    EXPECT_EQ(type_name<shapes::Point>(), "Point");
    EXPECT_EQ(type_name<std::vector<shapes::Point>>().substr(0, 7), "vector<");
}

}  // namespace
}  // namespace soho::data
