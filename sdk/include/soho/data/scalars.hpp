#pragma once
// Codecs of single values: bool, integers, floats, strings, bytes, enums, durations.
//
//   integers     range-checked; a float or a bool is no integer. Enums travel as their underlying integer.
//   floats       take integers, too
//   strings      str only. std::string_view borrows what it is read from; const char* can only leave
//   bytes        bin only: std::vector<std::byte>, std::vector<std::uint8_t>, and spans of either, which borrow.
//                std::vector<std::uint8_t> also takes an array of integers
//   durations    seconds: an integer where the duration is a whole number of seconds, else a float

#include <soho/data/codec.hpp>

#include <array>
#include <chrono>
#include <cmath>
#include <concepts>
#include <limits>
#include <span>
#include <variant>
#include <vector>

namespace soho::data {

namespace detail {

template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                  !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

template <class T>
std::string integer_word() {
    return (std::is_signed_v<T> ? "int" : "uint") + std::to_string(sizeof(T) * 8);
}

[[gnu::cold]] inline bool out_of_range(DecodeContext& context, const std::string& value, const std::string& type) {
    return context.refuse(value + " is out of range for " + type);
}

template <Integer T, class Context>
bool narrow(const Token& token, T& out, Context& context) {
    if (token.kind == Kind::unsigned_integer) {
        if (std::in_range<T>(token.unsigned_value)) [[likely]] {
            out = static_cast<T>(token.unsigned_value);
            return true;
        }
        return out_of_range(context, std::to_string(token.unsigned_value), integer_word<T>());
    }
    if (token.kind == Kind::negative_integer) {
        if (std::in_range<T>(token.signed_value)) [[likely]] {
            out = static_cast<T>(token.signed_value);
            return true;
        }
        return out_of_range(context, std::to_string(token.signed_value), integer_word<T>());
    }
    return context.expected("int", token);
}

// Strings and bytes: the body, borrowed.
template <class Context>
bool take_body(Reader& in, Kind kind, Token& token, Context& context) {
    if (!in.next(token)) return context.cut_short();
    return token.kind == kind || context.expected(kind_name(kind), token);
}

template <class Byte>
concept ByteLike = std::same_as<Byte, std::byte> || std::same_as<Byte, std::uint8_t>;

template <ByteLike Byte>
Bytes to_bytes(std::span<const Byte> bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace detail

template <>
struct Codec<bool> : PlainCodec {
    static std::string word() { return "bool"; }
    template <class Context>
    static bool decode(Reader& in, bool& out, Context& context) {
        Token token;
        if (!in.next(token)) return context.cut_short();
        if (token.kind != Kind::boolean) return context.expected("bool", token);
        out = token.unsigned_value != 0;
        return true;
    }
    template <class W>
    static void encode(W& out, bool value) {
        out.boolean(value);
    }
};

template <detail::Integer T>
struct Codec<T> : PlainCodec {
    static std::string word() { return detail::integer_word<T>(); }
    template <class Context>
    static bool decode(Reader& in, T& out, Context& context) {
        Token token;
        if (!in.next(token)) return context.cut_short();
        return detail::narrow(token, out, context);
    }
    template <class W>
    static void encode(W& out, T value) {
        if constexpr (std::is_signed_v<T>) {
            out.integer(value);
        } else {
            out.unsigned_integer(value);
        }
    }
};

template <class T>
requires std::same_as<T, float> || std::same_as<T, double>
struct Codec<T> : PlainCodec {
    static std::string word() { return sizeof(T) == 4 ? "float32" : "float64"; }
    template <class Context>
    static bool decode(Reader& in, T& out, Context& context) {
        Token token;
        if (!in.next(token)) return context.cut_short();
        switch (token.kind) {
            case Kind::floating:
                if constexpr (sizeof(T) == 4) {
                    if (std::isfinite(token.floating_value) &&
                        std::abs(token.floating_value) > std::numeric_limits<T>::max()) {
                        return detail::out_of_range(context, std::to_string(token.floating_value), word());
                    }
                }
                out = static_cast<T>(token.floating_value);
                return true;
            case Kind::unsigned_integer: out = static_cast<T>(token.unsigned_value); return true;
            case Kind::negative_integer: out = static_cast<T>(token.signed_value); return true;
            default: return context.expected("float", token);
        }
    }
    template <class W>
    static void encode(W& out, T value) {
        out.floating(value);
    }
};

template <class T>
requires std::is_enum_v<T> &&(!std::same_as<T, std::byte>)struct Codec<T> : PlainCodec {
    using Number = std::underlying_type_t<T>;
    static std::string word() { return Codec<Number>::word(); }
    template <class Context>
    static bool decode(Reader& in, T& out, Context& context) {
        Number number{};
        if (!Codec<Number>::decode(in, number, context)) return false;
        out = static_cast<T>(number);
        return true;
    }
    template <class W>
    static void encode(W& out, T value) {
        Codec<Number>::encode(out, static_cast<Number>(value));
    }
};

template <class T>
requires std::same_as<T, std::string> || std::same_as<T, std::string_view>
struct Codec<T> : PlainCodec {
    static std::string word() { return "str"; }
    template <class Context>
    static bool decode(Reader& in, T& out, Context& context) {
        Token token;
        if (!detail::take_body(in, Kind::string, token, context)) return false;
        out = token.text();
        return true;
    }
    template <class W>
    static void encode(W& out, std::string_view value) {
        out.string(value);
    }
};

// Text that can only leave. A null pointer leaves as nil.
template <class T>
requires std::same_as<T, const char*> || std::same_as<T, char*>
struct Codec<T> : PlainCodec {
    static std::string word() { return "str"; }
    template <class W>
    static void encode(W& out, const char* value) {
        if (value == nullptr) return out.nil();
        out.string(value);
    }
};
template <std::size_t N>
struct Codec<char[N]> : Codec<const char*> {};

template <>
struct Codec<std::monostate> : PlainCodec {
    static std::string word() { return "nil"; }
    template <class Context>
    static bool decode(Reader& in, std::monostate&, Context& context) {
        Token token;
        if (!in.next(token)) return context.cut_short();
        return token.kind == Kind::nil || context.expected("nil", token);
    }
    template <class W>
    static void encode(W& out, std::monostate) {
        out.nil();
    }
};
template <>
struct Codec<std::nullptr_t> : PlainCodec {
    static std::string word() { return "nil"; }
    template <class W>
    static void encode(W& out, std::nullptr_t) {
        out.nil();
    }
};

// Borrowed bytes: good for as long as what they were read from.
template <class Byte>
requires detail::ByteLike<std::remove_const_t<Byte>>
struct Codec<std::span<Byte>> : PlainCodec {
    static std::string word() { return "bytes"; }
    template <class Context>
    requires std::is_const_v<Byte>
    static bool decode(Reader& in, std::span<Byte>& out, Context& context) {
        Token token;
        if (!detail::take_body(in, Kind::binary, token, context)) return false;
        out = {reinterpret_cast<Byte*>(token.body), token.size};
        return true;
    }
    template <class W>
    static void encode(W& out, std::span<const Byte> value) {
        out.binary(detail::to_bytes<std::remove_const_t<Byte>>(value));
    }
};

template <detail::ByteLike Byte, class Allocator>
struct Codec<std::vector<Byte, Allocator>> : PlainCodec {
    static std::string word() { return "bytes"; }
    template <class Context>
    static bool decode(Reader& in, std::vector<Byte, Allocator>& out, Context& context) {
        Token token;
        if (!in.next(token)) return context.cut_short();
        if constexpr (std::same_as<Byte, std::uint8_t>) {
            if (token.kind == Kind::array) return decode_numbers(in, token.size, out, context);
        }
        if (token.kind != Kind::binary) return context.expected(kind_name(Kind::binary), token);
        const auto* from = reinterpret_cast<const Byte*>(token.body);
        out.assign(from, from + token.size);
        return true;
    }
    template <class W>
    static void encode(W& out, const std::vector<Byte, Allocator>& value) {
        out.binary(detail::to_bytes(std::span<const Byte>(value)));
    }

private:
    template <class Context>
    static bool decode_numbers(Reader& in, std::uint32_t size, std::vector<Byte, Allocator>& out, Context& context) {
        if (in.rest().size() < size) return context.cut_short();
        out.resize(size);
        for (std::uint32_t i = 0; i != size; ++i) {
            if (!Codec<Byte>::decode(in, out[i], context)) return context.inside("element " + std::to_string(i));
        }
        return true;
    }
};

// As many bytes as it holds, no more and no fewer.
template <detail::ByteLike Byte, std::size_t N>
struct Codec<std::array<Byte, N>> : PlainCodec {
    static std::string word() { return "bytes"; }
    template <class Context>
    static bool decode(Reader& in, std::array<Byte, N>& out, Context& context) {
        Token token;
        if (!detail::take_body(in, Kind::binary, token, context)) return false;
        if (token.size != N) return context.expected(std::to_string(N) + " bytes", std::to_string(token.size));
        if constexpr (N != 0) std::memcpy(out.data(), token.body, N);
        return true;
    }
    template <class W>
    static void encode(W& out, const std::array<Byte, N>& value) {
        out.binary(detail::to_bytes(std::span<const Byte>(value)));
    }
};

template <class Number, class Period>
struct Codec<std::chrono::duration<Number, Period>> : PlainCodec {
    using Duration = std::chrono::duration<Number, Period>;
    static std::string word() { return "seconds"; }
    template <class Context>
    static bool decode(Reader& in, Duration& out, Context& context) {
        double seconds = 0;
        if (!Codec<double>::decode(in, seconds, context)) {
            return context.sentence().starts_with("expected float,")
                       ? context.refuse("expected seconds," + context.sentence().substr(sizeof("expected float,") - 1))
                       : false;
        }
        const double ticks = seconds / Period::num * Period::den;
        if constexpr (std::is_floating_point_v<Number>) {
            out = Duration(static_cast<Number>(ticks));
        } else {
            // The largest Number may round up to a double that it cannot hold: so the upper bound is excluded.
            constexpr auto lowest = static_cast<double>(std::numeric_limits<Number>::min());
            constexpr auto highest = static_cast<double>(std::numeric_limits<Number>::max());
            if (!(ticks >= lowest && ticks < highest)) {
                return detail::out_of_range(context, std::to_string(seconds), "seconds here");
            }
            out = Duration(static_cast<Number>(std::llround(ticks)));
        }
        return true;
    }
    template <class W>
    static void encode(W& out, const Duration& value) {
        if constexpr (!std::is_floating_point_v<Number>) {
            const auto whole = std::chrono::floor<std::chrono::duration<std::int64_t>>(value);
            if (whole == value) return out.integer(whole.count());
        }
        out.floating(std::chrono::duration<double>(value).count());
    }
};

}  // namespace soho::data
