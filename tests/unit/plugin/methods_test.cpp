#include "tests/support/fake_host.hpp"

#include <gtest/gtest.h>

namespace soho {
namespace {

struct Base {
    int base() const { return 1; }
};
struct Counter : Base {
    std::int64_t n = 0;
    std::int64_t add(std::int64_t k) { return n += k; }
    std::int64_t get() const noexcept { return n; }
    void reset() & { n = 0; }
};
std::int64_t twice(const Counter& counter) { return 2 * counter.n; }

void counters(Plugin& plugin) {
    using namespace literals;
    plugin.methods<Counter>()
        .method("add", &Counter::add)
        .args("k"_a.doc("how many"))
        .doc("Adds k.")
        .idempotent()
        .method("get", &Counter::get)
        .readonly()
        .method("reset", &Counter::reset)
        .oneway()
        .method("base", &Counter::base)
        .method("twice", &twice)
        .method("thrice", [](Counter& counter) { return 3 * counter.n; })
        .blocking()
        .method("who", [](Counter&, Call& call, std::string_view greeting) {
            return std::string(greeting) + " " + std::string(call.principal()) + " of " +
                   std::to_string(call.session());
        });
    plugin.type<Counter>("Counter");
}

class Methods : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(host.load<&counters>()) << host.refusal;
        counter = host.create("Counter");
        ASSERT_NE(counter, 0u);
    }
    test::FakeHost host;
    std::uint64_t counter = 0;
};

TEST_F(Methods, OfEveryShapeAreCalled) {
    EXPECT_EQ(host.call(counter, "add", 5).value, Value(5));
    EXPECT_EQ(host.call(counter, "get").value, Value(5));
    EXPECT_EQ(host.call(counter, "base").value, Value(1));
    EXPECT_EQ(host.call(counter, "twice").value, Value(10));
    EXPECT_EQ(host.call(counter, "thrice").value, Value(15));
    EXPECT_EQ(host.call(counter, "reset").value, Value());
    EXPECT_EQ(host.call(counter, "get").value, Value(0));
}

TEST_F(Methods, SeeWhoCalls) { EXPECT_EQ(host.call(counter, "who", "hello").value, Value("hello uid:1000 of 7")); }

TEST_F(Methods, AreDescribed) {
    const auto& methods = host.types.at("Counter").methods;
    EXPECT_EQ(methods.at("add").doc, "Adds k.");
    EXPECT_EQ(methods.at("add").flags, std::uint32_t{SOHO_METHOD_IDEMPOTENT});
    EXPECT_EQ(methods.at("add").returns, "int64");
    EXPECT_EQ(methods.at("add").parameters[0].name, "k");
    EXPECT_EQ(methods.at("add").parameters[0].type, "int64");
    EXPECT_EQ(methods.at("add").parameters[0].doc, "how many");
    EXPECT_EQ(methods.at("get").flags, std::uint32_t{SOHO_METHOD_READONLY});
    EXPECT_EQ(methods.at("reset").flags, std::uint32_t{SOHO_METHOD_ONEWAY});
    EXPECT_EQ(methods.at("reset").returns, "nil");
    EXPECT_EQ(methods.at("thrice").flags, std::uint32_t{SOHO_METHOD_BLOCKING});
    EXPECT_EQ(methods.at("who").parameters.size(), 1u);
}

TEST_F(Methods, RefuseArgumentsThatDoNotFit) {
    EXPECT_EQ(host.call(counter, "add", "five").code, std::uint32_t{SOHO_BAD_ARGUMENTS});
    EXPECT_EQ(host.call(counter, "add", "five").text, "argument 'k': expected int, got str");
    EXPECT_EQ(host.call(counter, "who", 5).text, "argument 1: expected str, got int");
    EXPECT_EQ(host.call(counter, "add", UINT64_MAX).text,
              "argument 'k': 18446744073709551615 is out of range for int64");
}

TEST_F(Methods, RefuseAWrongNumberFromACarelessHost) {
    EXPECT_EQ(host.call(counter, "add").text, "expected 1 arguments, got 0");
    EXPECT_EQ(host.call(counter, "add", 1, 2).text, "expected 1 arguments, got 2");
    host.args.clear();
    EXPECT_EQ(host.call_with_arguments(counter, "add").text, "arguments must be an array");
}

}  // namespace
}  // namespace soho
