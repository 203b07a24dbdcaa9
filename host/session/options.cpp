#include "host/session/options.hpp"

#include "host/registry/suggest.hpp"
#include "host/session/params.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

namespace soho::host {

using data::Kind;
using data::Reader;
using data::Token;

namespace {

constexpr double timeout_ms_max = 1e12;      // some thirty years
constexpr std::size_t text_bytes_max = 256;  // a call that waits keeps copies of `owner` and `trace`

bool read_timeout(const Token& token, RequestOptions& options) {
    const double ms = token.kind == Kind::floating           ? token.floating_value
                      : token.kind == Kind::unsigned_integer ? static_cast<double>(token.unsigned_value)
                                                             : 0;
    if (!(ms > 0) || ms > timeout_ms_max) return false;
    options.timeout_ns = std::max<std::int64_t>(1, std::llround(ms * 1e6));
    return true;
}

// What is wrong with this value, or nullptr.
const char* read_option(std::string_view key, const Token& token, data::Bytes value, bool of_a_call,
                        RequestOptions& options) {
    const auto text = [&](std::string_view& to) {
        if (token.kind != Kind::string) return "a string";
        to = token.text();
        return static_cast<const char*>(nullptr);
    };
    const auto short_text = [&](std::string_view& to) {
        const char* wanted = text(to);
        return wanted == nullptr && to.size() > text_bytes_max ? "a string of at most 256 bytes" : wanted;
    };
    const auto unsigned_integer = [&](std::uint64_t& to) {
        if (token.kind != Kind::unsigned_integer) return "an unsigned integer";
        to = token.unsigned_value;
        return static_cast<const char*>(nullptr);
    };
    const auto boolean = [&](bool& to) {
        if (token.kind != Kind::boolean) return "a bool";
        to = token.unsigned_value != 0;
        return static_cast<const char*>(nullptr);
    };
    if (key == "kw") {
        if (token.kind != Kind::map) return "a map";
        options.kw = token.size == 0 ? data::Bytes{} : value;
        return nullptr;
    }
    if (key == "timeout_ms")
        return read_timeout(token, options) ? nullptr : "a positive number of milliseconds, at most 1e12";
    if (key == "owner") return short_text(options.owner);
    if (key == "trace") return short_text(options.trace);
    if (key == "name") return text(options.name);
    if (key == "uses") return unsigned_integer(options.uses);
    if (key == "referrers") return unsigned_integer(options.referrers);
    if (key == "parent") {
        if (token.kind != Kind::unsigned_integer || token.unsigned_value > UINT32_MAX) return "a msgid";
        options.parent = static_cast<std::uint32_t>(token.unsigned_value);
        return nullptr;
    }
    if (key == "session" && of_a_call) return unsigned_integer(options.on_behalf.session);
    if (key == "origin_session") return unsigned_integer(options.on_behalf.origin_session);
    if (key == "oneway") return boolean(options.on_behalf.oneway);
    if (key == "principal") return text(options.on_behalf.principal);
    if (key == "session") return boolean(options.session);
    if (key == "methods") return boolean(options.methods);
    if (key == "force") return boolean(options.force);
    const bool known = token.kind == Kind::string && (token.text() == "open" || token.text() == "fail");
    options.open_if_exists = known && token.text() == "open";
    return known ? nullptr : "\"open\" or \"fail\"";
}

}  // namespace

Result<RequestOptions> parse_options(data::Bytes value, std::string_view request,
                                     std::initializer_list<std::string_view> allowed) {
    RequestOptions options;
    if (value.empty()) return options;
    Reader reader(value);
    Token map;
    if (!reader.next(map) || map.kind == Kind::nil) return options;
    if (map.kind != Kind::map)
        return bad_arguments(fmt::format("{}: options must be a map, not {}", request, kind_name(map.kind)));
    // `session` is who calls, in what a host tells a worker; elsewhere a name's bond to its session.
    const bool of_a_call = std::find(allowed.begin(), allowed.end(), "origin_session") != allowed.end();
    for (std::uint32_t pair = 0; pair < map.size; ++pair) {
        Token key;
        if (!reader.next(key) || key.kind != Kind::string)
            return bad_arguments(fmt::format("{}: the keys of options must be strings", request));
        if (std::find(allowed.begin(), allowed.end(), key.text()) == allowed.end()) {
            return bad_arguments(
                fmt::format("{} has no option \"{}\"{}", request, key.text(), suggestion(key.text(), allowed)));
        }
        const data::Bytes bytes = reader.take_value();
        if (const char* wanted = read_option(key.text(), first_token(bytes), bytes, of_a_call, options)) {
            return bad_arguments(fmt::format("{}: option \"{}\" must be {}", request, key.text(), wanted));
        }
    }
    return options;
}

}  // namespace soho::host
