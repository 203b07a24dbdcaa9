#pragma once
// How C++ types travel as MessagePack: Codec<T>, the one extension point, and what a decoder carries along.

#include <soho/data/reader.hpp>
#include <soho/data/writer.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

namespace soho::data {

// Specialise for a type to let it travel:
//
//     template <> struct soho::data::Codec<Colour> {
//         static std::string word() { return "colour"; }          // what descriptions and sentences call it
//         template <class Context>
//         static bool decode(Reader& in, Colour& out, Context& context);  // false: context.refuse() was called
//         template <class Writer>
//         static void encode(Writer& out, const Colour& value);
//     };
//
// A type that only leaves has no decode, one that only arrives no encode. A decoder that needs more than DecodeContext asks
// for its own class derived from that; where a plain context is given, such a type does not compile.
template <class T>
struct Codec;

// Marks the codecs of this floor: their types are always values, never hosted objects.
struct PlainCodec {
    using plain = void;
};

template <class T>
concept HasCodec = requires {
    sizeof(Codec<T>);
};

template <class T>
concept PlainValue = HasCodec<T> && requires {
    typename Codec<T>::plain;
};

// What travels through a decoder: the sentence that says why a value was not what was wanted, and how deep it is.
// Making one costs nothing; only a refusal allocates.
class DecodeContext {
public:
    static constexpr unsigned depth_max = 128;  // a host lets 64 through; this bounds the recursion for any source

    const std::string& sentence() const { return sentence_; }
    void forget() { sentence_.clear(); }

    // All of these return false, for `return context.refuse(…)`.
    [[gnu::cold]] bool refuse(std::string sentence) {
        sentence_ = std::move(sentence);
        return false;
    }
    [[gnu::cold]] bool expected(std::string_view what, std::string_view instead) {
        return refuse("expected " + std::string(what) + ", got " + std::string(instead));
    }
    [[gnu::cold]] bool expected(std::string_view what, const Token& instead) {
        return expected(what, kind_name(instead.kind));
    }
    [[gnu::cold]] bool cut_short() { return refuse("the value is cut short or not MessagePack"); }
    // Puts the place of a part before the sentence about it: "element 3: expected int, got str".
    [[gnu::cold]] bool inside(std::string_view place) {
        sentence_.insert(0, std::string(place) + ": ");
        return false;
    }

    bool enter() { return ++depth_ <= depth_max || refuse("nested deeper than " + std::to_string(depth_max)); }
    void leave() { --depth_; }

    // What a Value keeps beside an extension, for as long as it lives. The plugin floor keeps hosted objects alive so.
    std::shared_ptr<const void> keeper(std::int8_t, Bytes) { return nullptr; }

private:
    std::string sentence_;
    unsigned depth_ = 0;
};

// The name that descriptions use for a type: "int64", "str?", "list[int64]" (ABI.md lists the words).
template <class T>
std::string word() {
    return Codec<std::remove_cvref_t<T>>::word();
}

// One value into `out`. On false the context says why, `out` may be half filled, and the reader stands anywhere.
template <class T, class Context>
inline bool decode_into(Reader& in, T& out, Context& context) {
    static_assert(HasCodec<T>,
                  "soho: this type cannot travel: give it MSGPACK_DEFINE, or specialise soho::data::Codec");
    return Codec<T>::decode(in, out, context);
}

template <class W, class T>
inline void encode(W& out, const T& value) {
    static_assert(HasCodec<T>,
                  "soho: this type cannot travel: give it MSGPACK_DEFINE, or specialise soho::data::Codec");
    Codec<T>::encode(out, value);
}

}  // namespace soho::data
