#include "host/tool/arguments_maker.hpp"

#include <soho/data/value.hpp>

#include <gtest/gtest.h>

using namespace soho;
using namespace soho::host;
using namespace soho::host::tool;

namespace {

Signature signature_of(std::initializer_list<const char*> words) {
    Signature signature;
    for (const char* word : words) {
        Parameter parameter;
        parameter.type = word;
        signature.parameters.push_back(parameter);
    }
    signature.required = static_cast<std::uint32_t>(words.size());
    return signature;
}

ArgumentsMaker maker(std::uint64_t seed = 1) {
    return {seed, [](const void*) { return ObjectPtr(); }};
}

template <class T>
std::tuple<T> decoded(const Arguments& arguments) {
    return data::decode<std::tuple<T>>(data::as_bytes(arguments.args));
}

// That what is made for a word is taken by the type that says it.
template <class T>
void expect_fits(const char* word) {
    ArgumentsMaker made = maker();
    for (int i = 0; i < 200; ++i) {
        const Arguments arguments = made.typed(signature_of({word}));
        EXPECT_NO_THROW(decoded<T>(arguments)) << word << " " << text_of(arguments);
    }
}

}  // namespace

TEST(ArgumentsMaker, MakesWhatTheWordSays) {
    expect_fits<bool>("bool");
    expect_fits<std::int8_t>("int8");
    expect_fits<std::int32_t>("int32");
    expect_fits<std::int64_t>("int64");
    expect_fits<std::uint16_t>("uint16");
    expect_fits<std::uint64_t>("uint64");
    expect_fits<double>("float64");
    expect_fits<std::string>("str");
    expect_fits<std::vector<std::byte>>("bytes");
    expect_fits<std::chrono::duration<double>>("seconds");
    expect_fits<std::optional<std::int64_t>>("int64?");
    expect_fits<std::vector<std::string>>("list[str]");
    expect_fits<std::map<std::string, std::vector<std::int64_t>>>("map[str, list[int64]]");
    expect_fits<std::tuple<std::int64_t, std::string, bool>>("tuple[int64, str, bool]");
    expect_fits<std::variant<std::int64_t, std::string>>("int64 | str");
    expect_fits<Value>("any");
}

TEST(ArgumentsMaker, MakesWellFormedValuesOfAnyType) {
    ArgumentsMaker made = maker();
    for (int i = 0; i < 2000; ++i) {
        const Arguments arguments = made.random(3);
        ASSERT_TRUE(wire::check_value(data::as_bytes(arguments.args), {})) << i;
    }
}

TEST(ArgumentsMaker, MakesTheSameFromTheSameSeed) {
    ArgumentsMaker one = maker(7), same = maker(7), other = maker(8);
    bool differs = false;
    for (int i = 0; i < 50; ++i) {
        const std::string made = one.random(2).args;
        EXPECT_EQ(made, same.random(2).args);
        differs = differs || made != other.random(2).args;
    }
    EXPECT_TRUE(differs);
}

TEST(ArgumentsMaker, MakesOnesThatAreToldWhateverTheSeed) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        Signature signature = signature_of({"str", "int64", "any", "list[str]", "str?", "uint8"});
        signature.required = 1;
        const Arguments arguments = maker(seed).telling(signature);
        using All = std::tuple<std::string, std::int64_t, Value, std::vector<std::string>, std::optional<std::string>,
                               std::uint8_t>;
        const auto [text, number, any, list, optional, small] = data::decode<All>(data::as_bytes(arguments.args));
        for (const std::string& each : {text, any.as<std::string>(), list.at(0), optional.value()})
            EXPECT_EQ(each, ArgumentsMaker::marker);
        EXPECT_TRUE(number >= 1 && number < 10 && small >= 1 && small < 10);
    }
}

TEST(ArgumentsMaker, MakesWrongOnesOnlyWhereTheWordExcludesThem) {
    ArgumentsMaker made = maker();
    for (const char* word :
         {"int64", "uint8", "float64", "bool", "str", "bytes", "list[any]", "map[str, any]", "seconds"})
        EXPECT_TRUE(made.wrong(signature_of({word}), 0)) << word;
    for (const char* word : {"any", "int64?", "int64 | str", "object", "Point"})
        EXPECT_FALSE(made.wrong(signature_of({word}), 0)) << word;
    EXPECT_THROW(decoded<std::int64_t>(*made.wrong(signature_of({"int64"}), 0)), std::exception);
    EXPECT_THROW(decoded<std::string>(*made.wrong(signature_of({"str"}), 0)), std::exception);
}

TEST(ArgumentsMaker, LeavesOutWhatHasADefault) {
    Signature signature = signature_of({"int64", "int64"});
    signature.required = 1;
    ArgumentsMaker made = maker();
    std::set<std::size_t> counts;
    for (int i = 0; i < 200; ++i)
        counts.insert(data::decode<std::vector<Value>>(data::as_bytes(made.typed(signature).args)).size());
    EXPECT_EQ(counts, (std::set<std::size_t>{1, 2}));
}

TEST(ArgumentsMaker, SaysLongArgumentsShortly) {
    const Arguments arguments{std::string("\x91\xda\x03\xe8", 4) + std::string(1000, 'x'), {}};
    EXPECT_LT(text_of(arguments).size(), 210u);
    EXPECT_TRUE(text_of(arguments).ends_with("..."));
}
