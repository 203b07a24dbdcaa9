// Every type of argument and result, and every kind of failure. Types: Kinds, Node, Empty.
#include <soho/plugin.hpp>

#include <any>
#include <filesystem>
#include <thread>

namespace {

using namespace std::chrono_literals;

struct Point {
    std::int64_t x = 0, y = 0;
    MSGPACK_DEFINE_MAP(x, y)
};

enum class Colour : std::uint8_t { red, green, blue };

struct NotEnough : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Gives back what it got: echo<T> is a method for each T.
struct Kinds {
    std::int64_t calls = 0;
    std::vector<bool> were_oneway;
};

template <class T>
T echo(Kinds& kinds, T value) {
    ++kinds.calls;
    return value;
}

template <class E>
void raise(Kinds&) {
    throw E("why not");
}

void add_echoes(soho::Methods<Kinds> methods) {
    methods.method("echo_bool", &echo<bool>)
        .args("value")
        .method("echo_int8", &echo<std::int8_t>)
        .args("value")
        .method("echo_int16", &echo<std::int16_t>)
        .args("value")
        .method("echo_int32", &echo<std::int32_t>)
        .args("value")
        .method("echo_int64", &echo<std::int64_t>)
        .args("value")
        .idempotent()
        .method("echo_uint8", &echo<std::uint8_t>)
        .args("value")
        .method("echo_uint16", &echo<std::uint16_t>)
        .args("value")
        .method("echo_uint32", &echo<std::uint32_t>)
        .args("value")
        .method("echo_uint64", &echo<std::uint64_t>)
        .args("value")
        .method("echo_float32", &echo<float>)
        .args("value")
        .method("echo_float64", &echo<double>)
        .args("value")
        .method("echo_str", &echo<std::string>)
        .args("value")
        .method("echo_view", &echo<std::string_view>)
        .args("value")
        .method("echo_bytes", &echo<std::vector<std::byte>>)
        .args("value")
        .method("echo_span", &echo<std::span<const std::byte>>)
        .args("value")
        .method("echo_optional", &echo<std::optional<std::int64_t>>)
        .args("value")
        .method("echo_list", &echo<std::vector<std::int64_t>>)
        .args("value")
        .method("echo_array", &echo<std::array<std::int64_t, 3>>)
        .args("value")
        .method("echo_map", &echo<std::map<std::string, std::int64_t>>)
        .args("value")
        .method("echo_set", &echo<std::set<std::int64_t>>)
        .args("value")
        .method("echo_tuple", &echo<std::tuple<std::int64_t, std::string, bool>>)
        .args("value")
        .method("echo_variant", &echo<std::variant<std::monostate, std::int64_t, std::string>>)
        .args("value")
        .method("echo_duration", &echo<std::chrono::milliseconds>)
        .args("value")
        .method("echo_enum", &echo<Colour>)
        .args("value")
        .method("echo_struct", &echo<Point>)
        .args("value")
        .method("echo_structs", &echo<std::vector<Point>>)
        .args("value")
        .method("echo_value", &echo<soho::Value>)
        .args("value")
        .method("echo_ref", &echo<soho::ObjectRef>)
        .args("value")
        .method("echo_refs", &echo<std::vector<soho::ObjectRef>>)
        .args("value");
}

void add_errors(soho::Methods<Kinds> methods) {
    methods
        .method("raise",
                [](Kinds&, std::string type, std::string text, std::optional<soho::Value> data) {
                    if (!data) throw soho::Error(std::move(type), std::move(text));
                    throw soho::Error(std::move(type), std::move(text), *data);
                })
        .args("type", "text", soho::Argument("data") = nullptr)
        .method("raise_code", [](Kinds&, std::uint32_t code,
                                 std::string text) { throw soho::Error::with_code(code, std::move(text)); })
        .args("code", "text")
        .method("raise_out_of_range", &raise<std::out_of_range>)
        .method("raise_invalid_argument", &raise<std::invalid_argument>)
        .method("raise_overflow", &raise<std::overflow_error>)
        .method("raise_runtime", &raise<std::runtime_error>)
        .method("raise_logic", &raise<std::logic_error>)
        .method("raise_own", &raise<NotEnough>)
        .method("raise_bad_alloc", [](Kinds&) { throw std::bad_alloc(); })
        .method("raise_bad_cast", [](Kinds&) { static_cast<void>(std::any_cast<int>(std::any(1.5))); })
        .method("raise_bad_optional", [](Kinds&) { static_cast<void>(std::optional<int>().value()); })
        .method("raise_file",
                [](Kinds&) {
                    throw std::filesystem::filesystem_error("open",
                                                            std::make_error_code(std::errc::no_such_file_or_directory));
                })
        .method("raise_int", [](Kinds&) { throw 42; })
        .method("raise_text", [](Kinds&) { throw "only text"; });
}

void add_others(soho::Methods<Kinds> methods) {
    using namespace soho::literals;
    methods.method("nothing", [](Kinds&) {})
        .doc("Does nothing and returns nothing.")
        .method("calls", [](const Kinds& kinds) { return kinds.calls; })
        .readonly()
        .method("point", [](Kinds&, std::int64_t x, std::int64_t y,
                            std::string label) { return std::tuple(x, y, std::move(label)); })
        .args("x", "y"_a = 7, "label"_a = "none")
        .doc("Two numbers and a label; y and label have defaults.")
        .method("positional_only", [](Kinds&, std::int64_t x) { return x; })
        .method("variadic",
                [](Kinds&, std::int64_t first, const soho::Args& rest) {
                    return soho::Value::Map{{"first", first}, {"args", rest.positional()}, {"kwargs", rest.keywords()}};
                })
        .args("first")
        .method(
            "who",
            [](Kinds&, soho::Call& call) {
                return soho::Value::Map{
                    {"object", call.object()},
                    {"session", call.session()},
                    {"origin_session", call.origin_session()},
                    {"owner", call.owner()},
                    {"principal", call.principal()},
                    {"trace", call.trace()},
                    {"has_deadline", call.deadline() != std::chrono::steady_clock::time_point::max()},
                    {"oneway", call.oneway()},
                    {"chain", soho::Value::from(std::vector<std::uint64_t>(call.chain().begin(), call.chain().end()))}};
            })
        .doc("What a method can learn of its caller.")
        .method("text_of", [](Kinds&, const soho::Value& value) { return value.to_text(); })
        .args("value")
        .method("long_text", [](Kinds&, std::uint64_t size) { return std::string(size, 'x'); })
        .args("size")
        .method("increment", [](Kinds& kinds) { ++kinds.calls; })
        .oneway()
        .method("note_oneway", [](Kinds& kinds, soho::Call& call) { kinds.were_oneway.push_back(call.oneway()); })
        .method("were_oneway", [](Kinds& kinds) { return kinds.were_oneway; })
        .doc("What note_oneway() saw, call by call.")
        .method("settings", [](Kinds&, soho::Call& call) { return call.host().settings(); })
        .method("log",
                [](Kinds&, soho::Call& call, std::string_view line) { call.host().log(soho::LogLevel::warning, line); })
        .args("line")
        .method("charge",
                [](Kinds&, soho::Call& call, std::int64_t bytes) { return call.host().charge(call.object(), bytes); })
        .args("bytes")
        .method("_hidden", [](Kinds&) { return "not exposed by default"; });
}

}  // namespace

SOHO_PLUGIN(kinds, "1.2", plugin) {
    auto methods = plugin.methods<Kinds>();
    add_echoes(methods);
    add_errors(methods);
    add_others(methods);
    plugin.type<Kinds>("Kinds").doc("Every type of argument and result.").version(1, 2);
}
