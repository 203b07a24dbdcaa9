#pragma once
// How calls fail: the one table of codes, and the value that carries a failure. Internal to soho (host, wire, clients'
// implementation): installed headers do not use it, so that nobody who uses them needs tl::expected.

#include <soho/abi.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace soho {

enum class Code : std::uint32_t {
    ok = SOHO_OK,
    protocol = SOHO_PROTOCOL,
    no_object = SOHO_NO_OBJECT,
    no_method = SOHO_NO_METHOD,
    bad_arguments = SOHO_BAD_ARGUMENTS,
    denied = SOHO_DENIED,
    unauthenticated = SOHO_UNAUTHENTICATED,
    deadline = SOHO_DEADLINE,
    cancelled = SOHO_CANCELLED,
    overloaded = SOHO_OVERLOADED,
    limit = SOHO_LIMIT,
    unavailable = SOHO_UNAVAILABLE,
    moved = SOHO_MOVED,
    fenced = SOHO_FENCED,
    not_started = SOHO_NOT_STARTED,
    internal = SOHO_INTERNAL,
    failed = SOHO_RAISED,
    exists = SOHO_EXISTS,
    no_type = SOHO_NO_TYPE,
};

inline constexpr std::array<std::string_view, 19> code_names = {
    "ok",          "protocol",  "no_object",  "no_method", "bad_arguments", "denied", "unauthenticated",
    "deadline",    "cancelled", "overloaded", "limit",     "unavailable",   "moved",  "fenced",
    "not_started", "internal",  "failed",     "exists",    "no_type"};

// The name that travels in errors; "internal" for a number that is none of ours.
constexpr std::string_view code_name(Code code) {
    const auto index = static_cast<std::size_t>(code);
    return index < code_names.size() ? code_names[index] : code_names[SOHO_INTERNAL];
}

// Why a request was refused or failed. `type` is set for Code::failed; `data` is MessagePack or empty.
struct Error {
    Code code = Code::internal;
    std::string text;
    std::string type;
    std::string data;

    Error() = default;
    Error(Code code_, std::string text_, std::string type_ = {}, std::string data_ = {})
        : code(code_),
          text(std::move(text_)),
          type(std::move(type_)),
          data(std::move(data_)) {}
};

template <class T>
using Result = tl::expected<T, Error>;

// Success without a value, for what every call passes by. `{}` says the same, but g++ zeroes the room for an error first, and takes 25 ns
// for that, more than most of what succeeds there does. What is moved is not.
inline Result<void> success() {
    Result<void> nothing;
    return Result<void>(std::move(nothing));
}

inline tl::unexpected<Error> refuse(Code code, std::string text) {
    return tl::unexpected<Error>(Error(code, std::move(text)));
}

}  // namespace soho
