#pragma once
// How the calls of a test fail, and how a plugin is refused: with the codes, the types and the sentences that a host gives.

#include <soho/plugin.hpp>

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

namespace soho::testing {

// "no_method" for SOHO_NO_METHOD; "internal" for a number that is none of soho's.
inline std::string_view code_name(std::uint32_t code) {
    constexpr std::array<std::string_view, 19> names = {
        "ok",          "protocol",  "no_object",  "no_method", "bad_arguments", "denied", "unauthenticated",
        "deadline",    "cancelled", "overloaded", "limit",     "unavailable",   "moved",  "fenced",
        "not_started", "internal",  "failed",     "exists",    "no_type"};
    return names[code < names.size() ? code : std::uint32_t{SOHO_INTERNAL}];
}

// A call that was refused or has failed. what() reads as on a host's wire: "no_method: type Pair exposes no …",
// "failed: KeyError: no account 'Ada'".
class CallError : public std::runtime_error {
public:
    CallError(std::uint32_t code, std::string text, std::string type = {}, Value data = {})
        : std::runtime_error(sentence(code, text, type)),
          code_(code),
          text_(std::move(text)),
          type_(std::move(type)),
          data_(std::move(data)) {}

    std::uint32_t code() const { return code_; }       // SOHO_NO_METHOD, SOHO_RAISED …
    const std::string& type() const { return type_; }  // of what the method threw: "KeyError"; else empty
    const std::string& text() const { return text_; }
    const Value& data() const { return data_; }  // what an Error carries in addition; else nil

private:
    static std::string sentence(std::uint32_t code, const std::string& text, const std::string& type) {
        return std::string(code_name(code)) + ": " + (type.empty() ? "" : type + ": ") + text;
    }

    std::uint32_t code_;
    std::string text_, type_;
    Value data_;
};

// A plugin that was refused: what() is the host's sentence, without the name of a file.
class LoadError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

namespace detail {

inline std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

}  // namespace detail
}  // namespace soho::testing
