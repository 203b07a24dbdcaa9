#pragma once
// Codecs of values made of values: optional, vector, deque, array, set, map, tuple, pair, variant.
//
//   optional             nil is an empty one
//   sets                 arrays; a value twice is one
//   tuple, pair, array   arrays of exactly that many elements
//   maps                 of two equal keys the last wins
//   variant              the first alternative that fits; std::monostate is nil
//
// Nothing is allocated from a header: an array of a billion elements in ten bytes is refused.

#include <soho/data/scalars.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace soho::data {

namespace detail {

// The header of an array or a map that can be there in full: each element takes a byte at least.
template <class Context>
bool take_header(Reader& in, Kind kind, std::uint32_t& size, Context& context) {
    Token token;
    if (!in.next(token)) return context.cut_short();
    if (token.kind != kind) return context.expected(kind_name(kind), token);
    if (token.children() > in.rest().size()) return context.cut_short();
    size = token.size;
    return true;
}

template <class T, class Context>
bool take_element(Reader& in, std::size_t index, T& out, Context& context) {
    return decode_into(in, out, context) || context.inside("element " + std::to_string(index));
}

inline constexpr std::uint32_t reserve_max = 1024;  // beyond that a vector grows as elements really come

template <class Sequence>
struct SequenceCodec : PlainCodec {
    using Element = typename Sequence::value_type;
    static std::string word() { return "list[" + data::word<Element>() + "]"; }
    template <class Context>
    static bool decode(Reader& in, Sequence& out, Context& context) {
        std::uint32_t size = 0;
        if (!context.enter() || !take_header(in, Kind::array, size, context)) return false;
        out.clear();
        if constexpr (requires { out.reserve(size); }) out.reserve(std::min(size, reserve_max));
        for (std::uint32_t i = 0; i != size; ++i) {
            Element element{};
            if (!take_element(in, i, element, context)) return false;
            if constexpr (requires { out.push_back(std::move(element)); }) {
                out.push_back(std::move(element));
            } else {
                out.insert(std::move(element));
            }
        }
        context.leave();
        return true;
    }
    template <class W>
    static void encode(W& out, const Sequence& value) {
        out.array(value.size());
        for (const auto& element : value) data::encode(out, static_cast<const Element&>(element));
    }
};

// What a sentence calls a key.
inline std::string key_text(Bytes key) {
    Reader in(key);
    Token token;
    if (!in.next(token)) return "key";
    switch (token.kind) {
        case Kind::string: return "key '" + std::string(token.text().substr(0, 80)) + "'";
        case Kind::unsigned_integer: return "key " + std::to_string(token.unsigned_value);
        case Kind::negative_integer: return "key " + std::to_string(token.signed_value);
        default: return "a " + std::string(kind_name(token.kind)) + " key";
    }
}

template <class Map>
struct MapCodec : PlainCodec {
    using Key = typename Map::key_type;
    using Mapped = typename Map::mapped_type;
    static std::string word() { return "map[" + data::word<Key>() + ", " + data::word<Mapped>() + "]"; }
    template <class Context>
    static bool decode(Reader& in, Map& out, Context& context) {
        std::uint32_t size = 0;
        if (!context.enter() || !take_header(in, Kind::map, size, context)) return false;
        out.clear();
        for (std::uint32_t i = 0; i != size; ++i) {
            Reader key_in = in;
            Key key{};
            if (!decode_into(in, key, context)) return context.inside(key_text(key_in.rest()));
            Mapped mapped{};
            if (!decode_into(in, mapped, context)) return context.inside(key_text(key_in.rest()));
            out.insert_or_assign(std::move(key), std::move(mapped));
        }
        context.leave();
        return true;
    }
    template <class W>
    static void encode(W& out, const Map& value) {
        out.map(value.size());
        for (const auto& [key, mapped] : value) {
            data::encode(out, key);
            data::encode(out, mapped);
        }
    }
};

template <class Tuple>
struct TupleCodec : PlainCodec {
    static constexpr std::size_t size = std::tuple_size_v<Tuple>;
    static std::string word() {
        std::string words;
        std::apply([&](const auto&... part) { ((words += words.empty() ? "" : ", ", words += part), ...); },
                   part_words(std::make_index_sequence<size>()));
        return "tuple[" + words + "]";
    }
    template <class Context>
    static bool decode(Reader& in, Tuple& out, Context& context) {
        std::uint32_t found = 0;
        if (!context.enter() || !take_header(in, Kind::array, found, context)) return false;
        if (found != size) return context.expected(std::to_string(size) + " elements", std::to_string(found));
        if (!decode_parts(in, out, context, std::make_index_sequence<size>())) return false;
        context.leave();
        return true;
    }
    template <class W>
    static void encode(W& out, const Tuple& value) {
        out.array(size);
        std::apply([&](const auto&... part) { (data::encode(out, part), ...); }, value);
    }

private:
    template <std::size_t... I>
    static auto part_words(std::index_sequence<I...>) {
        return std::array<std::string, size>{data::word<std::tuple_element_t<I, Tuple>>()...};
    }
    template <class Context, std::size_t... I>
    static bool decode_parts(Reader& in, Tuple& out, Context& context, std::index_sequence<I...>) {
        return (take_element(in, I, std::get<I>(out), context) && ...);
    }
};

}  // namespace detail

template <class T>
struct Codec<std::optional<T>> : PlainCodec {
    static std::string word() { return data::word<T>() + "?"; }
    template <class Context>
    static bool decode(Reader& in, std::optional<T>& out, Context& context) {
        Token token;
        Reader copy = in;
        if (copy.next(token) && token.kind == Kind::nil) {
            in = copy;
            out.reset();
            return true;
        }
        return decode_into(in, out.emplace(), context);
    }
    template <class W>
    static void encode(W& out, const std::optional<T>& value) {
        if (!value) return out.nil();
        data::encode(out, *value);
    }
};

template <class T, class Allocator>
struct Codec<std::vector<T, Allocator>> : detail::SequenceCodec<std::vector<T, Allocator>> {};
template <class T, class Allocator>
struct Codec<std::deque<T, Allocator>> : detail::SequenceCodec<std::deque<T, Allocator>> {};
template <class T, class... Rest>
struct Codec<std::set<T, Rest...>> : detail::SequenceCodec<std::set<T, Rest...>> {};
template <class T, class... Rest>
struct Codec<std::unordered_set<T, Rest...>> : detail::SequenceCodec<std::unordered_set<T, Rest...>> {};

template <class K, class V, class... Rest>
struct Codec<std::map<K, V, Rest...>> : detail::MapCodec<std::map<K, V, Rest...>> {};
template <class K, class V, class... Rest>
struct Codec<std::unordered_map<K, V, Rest...>> : detail::MapCodec<std::unordered_map<K, V, Rest...>> {};

template <class... Parts>
struct Codec<std::tuple<Parts...>> : detail::TupleCodec<std::tuple<Parts...>> {};
template <class First, class Second>
struct Codec<std::pair<First, Second>> : detail::TupleCodec<std::pair<First, Second>> {
    template <class W>
    static void encode(W& out, const std::pair<First, Second>& value) {
        out.array(2);
        data::encode(out, value.first);
        data::encode(out, value.second);
    }
};

template <class T, std::size_t N>
struct Codec<std::array<T, N>> : PlainCodec {
    static std::string word() { return "list[" + data::word<T>() + "]"; }
    template <class Context>
    static bool decode(Reader& in, std::array<T, N>& out, Context& context) {
        std::uint32_t found = 0;
        if (!context.enter() || !detail::take_header(in, Kind::array, found, context)) return false;
        if (found != N) return context.expected(std::to_string(N) + " elements", std::to_string(found));
        for (std::size_t i = 0; i != N; ++i) {
            if (!detail::take_element(in, i, out[i], context)) return false;
        }
        context.leave();
        return true;
    }
    template <class W>
    static void encode(W& out, const std::array<T, N>& value) {
        out.array(N);
        for (const T& element : value) data::encode(out, element);
    }
};

template <class... Alternatives>
struct Codec<std::variant<Alternatives...>> : PlainCodec {
    using Variant = std::variant<Alternatives...>;
    static std::string word() {
        std::string words;
        ((words += words.empty() ? "" : " | ", words += data::word<Alternatives>()), ...);
        return words;
    }
    template <class Context>
    static bool decode(Reader& in, Variant& out, Context& context) {
        if (!context.enter()) return false;
        if ((fits<Alternatives>(in, out, context) || ...)) {
            context.leave();
            return true;
        }
        Token token;
        return in.next(token) ? context.expected(word(), token) : context.cut_short();
    }
    template <class W>
    static void encode(W& out, const Variant& value) {
        std::visit([&](const auto& alternative) { data::encode(out, alternative); }, value);
    }

private:
    template <class T, class Context>
    static bool fits(Reader& in, Variant& out, Context& context) {
        Reader copy = in;
        Context attempt = context;
        if (!decode_into(copy, out.template emplace<T>(), attempt)) return false;
        in = copy;
        return true;
    }
};

}  // namespace soho::data
