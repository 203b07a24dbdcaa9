#include "host/object/arguments.hpp"

#include "tests/support/test_host.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

using test::MemoryParameter;

constexpr auto optional = SOHO_PARAMETER_OPTIONAL;

// A type of one method `f` with these parameters.
class Bindings {
public:
    explicit Bindings(std::vector<MemoryParameter> parameters) {
        test::MemoryType type{"T", {{"f", nullptr, 0, std::move(parameters)}}};
        memory_ = std::move(type);
        auto pending = copy_type(test::MemoryTable(memory_).type);
        if (!pending) throw std::runtime_error(pending.error().text);
        std::vector<std::unique_ptr<PendingType>> all;
        all.push_back(*std::move(pending));
        type_ = link_types(std::move(all))->front();
    }

    // args, or args and kwargs, or the refusal.
    std::string bind(std::string_view args, std::string_view kwargs = "") const {
        const std::string packed = test::pack(args);
        const std::string keywords = kwargs.empty() ? std::string() : test::pack(kwargs);
        data::Buffer scratch;
        const auto bound =
            bind_arguments({*type_, type_->find("f")}, data::as_bytes(packed), data::as_bytes(keywords), scratch);
        if (!bound) return std::string(code_name(bound.error().code)) + ": " + bound.error().text;
        return test::show(bound->args) + (bound->kwargs.empty() ? "" : " " + test::show(bound->kwargs));
    }

private:
    test::MemoryType memory_;
    TypePtr type_;
};

TEST(Arguments, OfTheRightNumberArePassedAsTheyAre) {
    EXPECT_EQ(Bindings({{"x"}, {"y"}}).bind(R"([1, "b"])"), R"([1, "b"])");
    EXPECT_EQ(Bindings({}).bind("[]"), "[]");
}

TEST(Arguments, OfTheWrongNumberAreRefused) {
    const Bindings one({{"x"}});
    EXPECT_EQ(one.bind("[]"), "bad_arguments: T.f(x) takes 1 argument, 0 were given");
    EXPECT_EQ(one.bind("[1, 2]"), "bad_arguments: T.f(x) takes 1 argument, 2 were given");
    const Bindings none({});
    EXPECT_EQ(none.bind("[1]"), "bad_arguments: T.f() takes 0 arguments, 1 was given");
    const Bindings some({{"x"}, {"y", optional, "\x02"}});
    EXPECT_EQ(some.bind("[]"), "bad_arguments: T.f(x, y=…) takes 1 to 2 arguments, 0 were given");
    EXPECT_EQ(some.bind("[1, 2, 3]"), "bad_arguments: T.f(x, y=…) takes 1 to 2 arguments, 3 were given");
    const Bindings more({{"x"}, {"rest", SOHO_PARAMETER_ARGS}});
    EXPECT_EQ(more.bind("[]"), "bad_arguments: T.f(x, *rest) takes at least 1 argument, 0 were given");
}

TEST(Arguments, LeftOutGetTheirDefaults) {
    const Bindings some({{"x"}, {"y", optional, "\x02"}, {"z", optional, test::pack(R"([1, {"a": nil}])")}});
    EXPECT_EQ(some.bind("[1]"), R"([1, 2, [1, {"a": nil}]])");
    EXPECT_EQ(some.bind("[1, 5]"), R"([1, 5, [1, {"a": nil}]])");
    EXPECT_EQ(some.bind("[1]", R"({"z": 3})"), "[1, 2, 3]");
}

TEST(Arguments, MayBeGivenByKeyword) {
    const Bindings two({{"x"}, {"y"}});
    EXPECT_EQ(two.bind("[1]", R"({"y": 2})"), "[1, 2]");
    EXPECT_EQ(two.bind("[]", R"({"y": 2, "x": 1})"), "[1, 2]");
    EXPECT_EQ(two.bind("[]", R"({"y": 2})"), "bad_arguments: T.f(x, y): argument \"x\" is missing");
    EXPECT_EQ(two.bind("[1, 2]", R"({"y": 2})"), "bad_arguments: T.f(x, y): argument \"y\" is given twice");
    EXPECT_EQ(two.bind("[1]", R"({"y": 2, "y": 3})"), "bad_arguments: T.f(x, y): argument \"y\" is given twice");
    EXPECT_EQ(two.bind("[1]", R"({"yy": 2})"), "bad_arguments: T.f(x, y) has no argument \"yy\"; did you mean \"y\"?");
    EXPECT_EQ(two.bind("[1]", R"({"colour": 2})"), "bad_arguments: T.f(x, y) has no argument \"colour\"");
    EXPECT_EQ(two.bind("[1]", R"({5: 2})"), "bad_arguments: T.f(x, y): the keys of kw must be strings, not int");
    EXPECT_EQ(two.bind("[1]", "[1]"), "bad_arguments: T.f(x, y): kw must be a map");
}

TEST(Arguments, WithoutANameArePositionalOnly) {
    const Bindings unnamed({{""}, {"", optional, "\x02"}});
    EXPECT_EQ(unnamed.bind("[1]"), "[1, 2]");
    EXPECT_EQ(unnamed.bind("[1]", R"({"": 5})"), "bad_arguments: T.f(arg1, arg2=…) has no argument \"\"");
    EXPECT_EQ(unnamed.bind("[]", R"({"a": 5})"), "bad_arguments: T.f(arg1, arg2=…) has no argument \"a\"");
}

TEST(Arguments, BeyondTheDescribedGoToArgsAndKwargs) {
    const Bindings open(
        {{"x"}, {"y", optional, "\x02"}, {"args", SOHO_PARAMETER_ARGS}, {"kwargs", SOHO_PARAMETER_KWARGS}});
    EXPECT_EQ(open.bind("[1]"), "[1, 2]");
    EXPECT_EQ(open.bind("[1, 5, 6, 7]"), "[1, 5, 6, 7]");
    EXPECT_EQ(open.bind("[1]", R"({"a": 1, "y": 5, "b": [2]})"), R"([1, 5] {"a": 1, "b": [2]})");
    EXPECT_EQ(open.bind("[1, 5, 6]", R"({"a": 1})"), R"([1, 5, 6] {"a": 1})");
    EXPECT_EQ(open.bind("[1]", R"({"a": 1, "a": 2})"),
              "bad_arguments: T.f(x, y=…, *args, **kwargs): argument \"a\" is given twice");
    EXPECT_EQ(open.bind("[1]", R"({"": 2})"), R"([1, 2] {"": 2})");
}

struct ObjectArguments : testing::Test {
    ObjectArguments() {
        host.load(counters.plugin);
        other.add({"Other", {{"f", nullptr}}, [](const soho_call*, soho_instance*) { return 0u; }});
        host.load(other);
    }
    ObjectPtr object(std::string_view type) {
        return *host.objects.adopt(*host.registry.snapshot()->find(type), test::instance_of(counters.make(0)), "me",
                                   host.home);
    }
    std::string turns(std::string_view method, std::string_view args, const std::vector<ObjectPtr>& objects) {
        const TypePtr type = *host.registry.snapshot()->find("Counter");
        const std::string packed = test::pack(args);
        const auto needed = argument_turns({*type, type->find(method)}, data::as_bytes(packed), objects);
        return needed ? std::to_string(needed->size()) : needed.error().text;
    }
    test::Counters counters;
    test::MemoryPlugin other{"other"};
    test::TestHost host;
};

TEST_F(ObjectArguments, NeedTheTurnOfWhatIsTakenByReference) {
    const ObjectPtr counter = object("Counter");
    const std::string args = fmt::format(R"([ext(0x53, [{}, "Counter"])])", counter->id());
    EXPECT_EQ(turns("swap", args, {counter}), "1");
    EXPECT_EQ(turns("sum", args, {counter}), "0");
    // Another type of the same class.
    const ObjectPtr child = object("Child");
    EXPECT_EQ(turns("swap", fmt::format(R"([ext(0x53, [{}, "Child"])])", child->id()), {child}), "1");
    EXPECT_EQ(turns("swap", "[nil]", {}), "0");
}

TEST_F(ObjectArguments, OfAnotherClassAreRefused) {
    const ObjectPtr stranger = object("Other");
    EXPECT_EQ(turns("swap", fmt::format(R"([ext(0x53, [{}, "Other"])])", stranger->id()), {stranger}),
              fmt::format("Counter.swap(other): argument \"other\" must be an object of class Counter, not #{} (Other)",
                          stranger->id()));
    EXPECT_EQ(turns("swap", R"([ext(0x53, [5, "Counter"])])", {}),
              "Counter.swap(other): argument \"other\" must be an object of class Counter, not #5 (Counter)");
}

}  // namespace
}  // namespace soho::host
