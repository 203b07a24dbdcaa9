#include "tests/support/fake_host.hpp"

#include <gtest/gtest.h>

namespace soho {
namespace {

struct Empty : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct Thrower {};

template <class E>
void raise(Thrower&) {
    throw E("why");
}

void throwers(Plugin& plugin) {
    plugin.methods<Thrower>()
        .method("error",
                [](Thrower&) {
                    throw Error("KeyError", "no 'Ada'", Value::Map{{"key", "Ada"}});
                })
        .method("code", [](Thrower&) { throw Error::with_code(SOHO_UNAVAILABLE, "later"); })
        .method("index", &raise<std::out_of_range>)
        .method("value", &raise<std::invalid_argument>)
        .method("domain", &raise<std::domain_error>)
        .method("overflow", &raise<std::overflow_error>)
        .method("runtime", &raise<std::runtime_error>)
        .method("own", &raise<Empty>)
        .method("memory", [](Thrower&) { throw std::bad_alloc(); })
        .method("cast", [](Thrower&) { static_cast<void>(std::any_cast<int>(std::any(1.0))); })
        .method("optional", [](Thrower&) { static_cast<void>(std::optional<int>().value()); })
        .method("variant", [](Thrower&) { static_cast<void>(std::get<int>(std::variant<int, bool>(true))); })
        .method("value_as", [](Thrower&) { static_cast<void>(Value("x").as<int>()); })
        .method("file", [](Thrower&) { throw std::system_error(ENOENT, std::generic_category(), "open"); })
        .method("io", [](Thrower&) { throw std::system_error(EIO, std::generic_category(), "read"); })
        .method("number", [](Thrower&) { throw 42; })
        .method("string", [](Thrower&) { throw std::string("text"); })
        .method("literal", [](Thrower&) { throw "literal"; });
    plugin.type<Thrower>("Thrower");
    plugin.type<Thrower>("Refuses").callable([](int n) -> Thrower { throw Error("ValueError", std::to_string(n)); });
}

class Errors : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(host.load<&throwers>()) << host.refusal;
        id = host.create("Thrower");
    }
    std::string type_of(const std::string& method) {
        const auto ended = host.call(id, method);
        EXPECT_EQ(ended.status, std::uint32_t{SOHO_FAILED});
        EXPECT_EQ(ended.code, std::uint32_t{SOHO_RAISED});
        return ended.type;
    }
    test::FakeHost host;
    std::uint64_t id = 0;
};

TEST_F(Errors, AnErrorTravelsWithTypeTextAndData) {
    const auto ended = host.call(id, "error");
    EXPECT_EQ(ended.code, std::uint32_t{SOHO_RAISED});
    EXPECT_EQ(ended.type, "KeyError");
    EXPECT_EQ(ended.text, "no 'Ada'");
    EXPECT_EQ(ended.data, Value(Value::Map{{"key", "Ada"}}));
}

TEST_F(Errors, AnErrorMayHaveACodeOfSohos) {
    EXPECT_EQ(host.call(id, "code").code, std::uint32_t{SOHO_UNAVAILABLE});
    EXPECT_EQ(host.call(id, "code").text, "later");
}

TEST_F(Errors, StandardExceptionsHaveTheNamesThatPythonHas) {
    EXPECT_EQ(type_of("index"), "IndexError");
    EXPECT_EQ(type_of("value"), "ValueError");
    EXPECT_EQ(type_of("domain"), "ValueError");
    EXPECT_EQ(type_of("overflow"), "OverflowError");
    EXPECT_EQ(type_of("runtime"), "RuntimeError");
    EXPECT_EQ(type_of("memory"), "MemoryError");
    EXPECT_EQ(type_of("cast"), "TypeError");
    EXPECT_EQ(type_of("optional"), "ValueError");
    EXPECT_EQ(type_of("variant"), "TypeError");
    EXPECT_EQ(type_of("value_as"), "TypeError");
    EXPECT_EQ(type_of("file"), "FileNotFoundError");
    EXPECT_EQ(type_of("io"), "OSError");
}

TEST_F(Errors, AnAuthorsOwnExceptionHasItsOwnName) { EXPECT_EQ(type_of("own"), "Empty"); }

TEST_F(Errors, WhatIsNoExceptionIsUnknown) {
    EXPECT_EQ(type_of("number"), "unknown");
    EXPECT_EQ(host.call(id, "number").text, "an exception of type int");
    EXPECT_EQ(host.call(id, "string").text, "text");
    EXPECT_EQ(host.call(id, "literal").text, "literal");
}

TEST_F(Errors, ACallableMayThrow) {
    EXPECT_EQ(host.create("Refuses", 5), 0u);
    EXPECT_EQ(host.last.type, "ValueError");
    EXPECT_EQ(host.last.text, "5");
    EXPECT_EQ(host.create("Refuses", "x"), 0u);
    EXPECT_EQ(host.last.text, "argument 1: expected int, got str");
}

}  // namespace
}  // namespace soho
