#pragma once
// soho::Value: any value that can travel.
//
//     Value v = Value::Map{{"name", "Ada"}, {"born", 1815}};
//     v["born"].as<int>();                        // 1815; DecodeError where it does not fit
//     if (const Value* name = v.find("name")) …
//     Value::from(std::vector<int>{1, 2, 3});     // anything that has a codec
//
// Maps keep their order and whatever keys they came with. Integers are one kind, whatever type they came from. Equality is
// exact: of the same kind and, all the way down, the same parts in the same order; 1 is not 1.0, and text is not bytes. A
// plugin that wants another language's equality writes it.
//
// An extension is kept as it is. Where a Value was decoded inside a plugin, a handle in it keeps its object alive for as
// long as the Value, or a copy of it, lives.

#include <soho/data/decode.hpp>
#include <soho/data/encode.hpp>

#include <compare>

namespace soho {

class Value;

// Said before anything asks for them.
template <>
struct data::Codec<Value>;
template <>
struct data::Codec<std::vector<std::pair<Value, Value>>>;

namespace data::detail {
void append_text(std::string& text, const Value& value);  // value_text.hpp
}

class Value {
public:
    using Bytes = std::vector<std::byte>;
    using Array = std::vector<Value>;
    using Map = std::vector<std::pair<Value, Value>>;
    // Its type, its body and what keeps it good; see above. Copies share them.
    class Extension {
    public:
        Extension() = default;
        Extension(std::int8_t type, std::string body, std::shared_ptr<const void> keeper = nullptr)
            : parts_(std::make_shared<const Parts>(type, std::move(body), std::move(keeper))) {}
        std::int8_t type() const { return parts_ ? parts_->type : std::int8_t{0}; }
        std::string_view body() const { return parts_ ? std::string_view(parts_->body) : std::string_view(); }
        std::shared_ptr<const void> keeper() const { return parts_ ? parts_->keeper : nullptr; }
        friend bool operator==(const Extension& a, const Extension& b) {
            return a.type() == b.type() && a.body() == b.body();
        }

    private:
        struct Parts {
            Parts(std::int8_t type_, std::string body_, std::shared_ptr<const void> keeper_)
                : type(type_),
                  body(std::move(body_)),
                  keeper(std::move(keeper_)) {}
            std::int8_t type;
            std::string body;
            std::shared_ptr<const void> keeper;
        };
        std::shared_ptr<const Parts> parts_;
    };

    Value() = default;
    Value(std::nullptr_t) {}
    Value(std::monostate) {}
    template <std::same_as<bool> T>
    Value(T value) : held_(static_cast<bool>(value)) {}
    template <data::detail::Integer T>
    Value(T value) {
        if (std::in_range<std::int64_t>(value)) {
            held_ = static_cast<std::int64_t>(value);
        } else {
            held_ = static_cast<std::uint64_t>(value);
        }
    }
    template <std::floating_point T>
    Value(T value) : held_(static_cast<double>(value)) {}
    Value(const char* text) : held_(std::string(text)) {}
    Value(std::string_view text) : held_(std::string(text)) {}
    Value(std::string text) : held_(std::move(text)) {}
    Value(Bytes bytes) : held_(std::move(bytes)) {}
    Value(Array elements) : held_(std::move(elements)) {}
    Value(Map pairs) : held_(std::move(pairs)) {}
    Value(Extension extension) : held_(std::move(extension)) {}
    // Types of other floors that know how to become a Value, such as ObjectRef.
    template <class T>
    requires requires(const T& value) { data::Codec<T>::to_value(value); }
    Value(const T& value) : Value(data::Codec<T>::to_value(value)) {}

    // Anything that has a codec.
    template <class T>
    static Value from(const T& value) {
        if constexpr (requires { data::Codec<T>::to_value(value); }) {
            return data::Codec<T>::to_value(value);
        } else if constexpr (std::is_constructible_v<Value, const T&>) {
            return Value(value);
        } else {
            return data::decode<Value>(data::encoded(value).bytes());
        }
    }

    data::Kind kind() const {
        using enum data::Kind;
        constexpr data::Kind kinds[] = {nil,   boolean, negative_integer, unsigned_integer, floating, string, binary,
                                        array, map,     extension};
        if (const auto* number = std::get_if<std::int64_t>(&held_); number != nullptr && *number >= 0) {
            return unsigned_integer;
        }
        return kinds[held_.index()];
    }
    bool is_nil() const { return is<std::monostate>(); }
    bool is_bool() const { return is<bool>(); }
    bool is_integer() const { return is<std::int64_t>() || is<std::uint64_t>(); }
    bool is_float() const { return is<double>(); }
    bool is_number() const { return is_integer() || is_float(); }
    bool is_string() const { return is<std::string>(); }
    bool is_bytes() const { return is<Bytes>(); }
    bool is_array() const { return is<Array>(); }
    bool is_map() const { return is<Map>(); }
    bool is_extension() const { return is<Extension>(); }

    // What is held, if it is of just that kind: bool, std::int64_t (integers up to its maximum), std::uint64_t (those
    // above), double, std::string, Bytes, Array, Map, Extension. Else NULL.
    template <class T>
    T* get_if() {
        return std::get_if<T>(&held_);
    }
    template <class T>
    const T* get_if() const {
        return std::get_if<T>(&held_);
    }

    // As any type that has a codec, by the same rules as arguments; throws DecodeError. A string_view borrows from here.
    template <class T>
    T as() const;

    // Elements of an array, pairs of a map, bytes of a string or of bytes; 0 for all else.
    std::size_t size() const {
        if (const auto* elements = get_if<Array>()) return elements->size();
        if (const auto* pairs = get_if<Map>()) return pairs->size();
        if (const auto* text = get_if<std::string>()) return text->size();
        if (const auto* bytes = get_if<Bytes>()) return bytes->size();
        return 0;
    }
    // The element there; throws std::out_of_range.
    template <std::integral Index>
    const Value& operator[](Index index) const {
        const auto* elements = get_if<Array>();
        if (elements == nullptr) throw data::DecodeError("expected array, got " + std::string(kind_text()));
        return elements->at(static_cast<std::size_t>(index));
    }
    // The value under that key, or NULL: also for what is no map.
    const Value* find(const Value& key) const {
        const auto* pairs = get_if<Map>();
        if (pairs == nullptr) return nullptr;
        for (const auto& [there, value] : *pairs) {
            if (there == key) return &value;
        }
        return nullptr;
    }
    const Value* find(std::string_view key) const {
        const auto* pairs = get_if<Map>();
        if (pairs == nullptr) return nullptr;
        for (const auto& [there, value] : *pairs) {
            const auto* text = there.get_if<std::string>();
            if (text != nullptr && *text == key) return &value;
        }
        return nullptr;
    }
    const Value* find(const char* key) const { return find(std::string_view(key)); }
    // The value under that key; throws std::out_of_range.
    const Value& operator[](std::string_view key) const {
        if (const Value* value = find(key)) return *value;
        throw std::out_of_range("no key '" + std::string(key) + "'");
    }
    const Value& operator[](const char* key) const { return (*this)[std::string_view(key)]; }

    // For logs and messages: as in JSON, with b"…" for bytes and ext(type, size) for extensions.
    std::string to_text() const;
    std::string_view kind_text() const { return data::kind_name(kind()); }

    friend bool operator==(const Value& a, const Value& b) { return a.held_ == b.held_; }

private:
    friend struct data::Codec<Value>;

    using Held = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Bytes, Array, Map,
                              Extension>;

    template <class T>
    bool is() const {
        return std::holds_alternative<T>(held_);
    }

    Held held_;
};

template <>
struct data::Codec<Value> : data::PlainCodec {
    static std::string word() { return "any"; }

    template <class Context>
    static bool decode(Reader& in, Value& out, Context& context) {
        Token token;
        if (!in.next(token)) return context.cut_short();
        switch (token.kind) {
            case Kind::nil: out.held_ = std::monostate(); return true;
            case Kind::boolean: out.held_ = token.unsigned_value != 0; return true;
            case Kind::unsigned_integer: out = Value(token.unsigned_value); return true;
            case Kind::negative_integer: out.held_ = token.signed_value; return true;
            case Kind::floating: out.held_ = token.floating_value; return true;
            case Kind::string: out.held_ = std::string(token.text()); return true;
            case Kind::binary: {
                const auto* from = reinterpret_cast<const std::byte*>(token.body);
                out.held_ = Value::Bytes(from, from + token.size);
                return true;
            }
            case Kind::extension: return decode_extension(token, out, context);
            case Kind::array: return decode_array(in, token.size, out, context);
            case Kind::map: return decode_map(in, token.size, out, context);
        }
        return context.cut_short();
    }

    template <class W>
    static void encode(W& out, const Value& value) {
        std::visit([&](const auto& held) { data::encode(out, held); }, value.held_);
    }

private:
    template <class Context>
    static bool decode_extension(const Token& token, Value& out, Context& context) {
        out.held_ = Value::Extension(token.extension_type, std::string(token.text()),
                                     context.keeper(token.extension_type, token.bytes()));
        return true;
    }
    template <class Context>
    static bool decode_array(Reader& in, std::uint32_t size, Value& out, Context& context) {
        if (size > in.rest().size()) return context.cut_short();
        if (!context.enter()) return false;
        Value::Array elements;
        elements.reserve(std::min(size, detail::reserve_max));
        for (std::uint32_t i = 0; i != size; ++i) {
            if (!decode(in, elements.emplace_back(), context)) return false;
        }
        context.leave();
        out.held_ = std::move(elements);
        return true;
    }
    template <class Context>
    static bool decode_map(Reader& in, std::uint32_t size, Value& out, Context& context) {
        if (size > in.rest().size() / 2) return context.cut_short();
        if (!context.enter()) return false;
        Value::Map pairs;
        pairs.reserve(std::min(size, detail::reserve_max));
        for (std::uint32_t i = 0; i != size; ++i) {
            auto& [key, value] = pairs.emplace_back();
            if (!decode(in, key, context) || !decode(in, value, context)) return false;
        }
        context.leave();
        out.held_ = std::move(pairs);
        return true;
    }
};

// An extension of whatever type, as it is.
template <>
struct data::Codec<Value::Extension> : data::PlainCodec {
    static std::string word() { return "ext"; }
    template <class Context>
    static bool decode(Reader& in, Value::Extension& out, Context& context) {
        Token token;
        if (!in.next(token)) return context.cut_short();
        if (token.kind != Kind::extension) return context.expected(kind_name(Kind::extension), token);
        out = Value::Extension(token.extension_type, std::string(token.text()),
                               context.keeper(token.extension_type, token.bytes()));
        return true;
    }
    template <class W>
    static void encode(W& out, const Value::Extension& value) {
        out.extension(value.type(), as_bytes(value.body()));
    }
};

// A map, although it is a vector of pairs.
template <>
struct data::Codec<Value::Map> : data::PlainCodec {
    static std::string word() { return "map[any, any]"; }
    template <class Context>
    static bool decode(Reader& in, Value::Map& out, Context& context) {
        Value value;
        if (!decode_into(in, value, context)) return false;
        if (!value.is_map()) return context.expected(kind_name(Kind::map), value.kind_text());
        out = std::move(*value.get_if<Value::Map>());
        return true;
    }
    template <class W>
    static void encode(W& out, const Value::Map& value) {
        out.map(value.size());
        for (const auto& [key, mapped] : value) {
            data::encode(out, key);
            data::encode(out, mapped);
        }
    }
};

template <class T>
T Value::as() const {
    if constexpr (std::same_as<T, Value>) {
        return *this;
    } else if constexpr (requires(T & out) { data::Codec<T>::from_value(*this, out); }) {
        T out{};
        data::Codec<T>::from_value(*this, out);  // throws
        return out;
    } else if constexpr (std::same_as<T, std::string_view> || std::same_as<T, std::string>) {
        const auto* text = get_if<std::string>();
        if (text == nullptr) throw data::DecodeError("expected str, got " + std::string(kind_text()));
        return *text;
    } else {
        static_assert(!std::same_as<T, std::span<const std::byte>> && !std::same_as<T, data::Bytes>,
                      "soho: these would borrow from a temporary; use get_if<Value::Bytes>()");
        return data::decode<T>(data::encoded(*this).bytes());
    }
}

inline std::string Value::to_text() const {
    std::string text;
    data::detail::append_text(text, *this);
    return text;
}

}  // namespace soho

#include <soho/data/value_text.hpp>
