#include "host/tool/arguments_maker.hpp"

#include <soho/data/value.hpp>
#include <soho/data/value_text.hpp>

#include <array>

namespace soho::host::tool {

namespace {

constexpr int depth_max = 4;

// "a, b" of "list[a, b]"; empty if the word is no such thing.
std::string_view inside(std::string_view word, std::string_view name) {
    if (!word.starts_with(name) || !word.ends_with(']') || word.size() < name.size() + 2 || word[name.size()] != '[')
        return {};
    return word.substr(name.size() + 1, word.size() - name.size() - 2);
}

// Cut at what stands outside of brackets.
std::vector<std::string_view> split(std::string_view word, std::string_view at) {
    std::vector<std::string_view> parts;
    int nested = 0;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (word[i] == '[') ++nested;
        if (word[i] == ']') --nested;
        if (nested != 0 || word.substr(i, at.size()) != at) continue;
        parts.push_back(word.substr(begin, i - begin));
        begin = i + at.size();
    }
    parts.push_back(word.substr(begin));
    return parts;
}

// What no value of that type is: a text, or an integer; nothing where the word excludes neither.
enum class Excludes : std::uint8_t { nothing, text, integer };
Excludes excluded_by(std::string_view word) {
    if (word.ends_with('?') || word.find('|') != std::string_view::npos) return Excludes::nothing;
    if (word.starts_with("int") || word.starts_with("uint") || word.starts_with("float") || word == "bool" ||
        word == "seconds")
        return Excludes::text;
    if (word == "str" || word == "bytes" || word.starts_with("list[") || word.starts_with("map["))
        return Excludes::integer;
    return Excludes::nothing;
}

}  // namespace

Arguments ArgumentsMaker::made(data::Buffer& buffer) {
    return {std::string(buffer.text()), std::exchange(objects_, {})};
}

Arguments ArgumentsMaker::typed(const Signature& signature) {
    data::Buffer buffer;
    wire::Out out(buffer);
    const std::size_t further = signature.args_name.empty() ? 0 : below(3);
    const std::size_t left_out =
        values_ != Values::telling && one_in(3) ? below(signature.parameters.size() - signature.required + 1) : 0;
    const std::size_t count = signature.parameters.size() - left_out;
    out.array(count + (left_out == 0 ? further : 0));
    for (std::size_t i = 0; i < count; ++i) {
        const Parameter& parameter = signature.parameters[i];
        parameter.object() ? object(out, parameter.class_key) : value_of(parameter.type, out, 0);
    }
    for (std::size_t i = 0; left_out == 0 && i < further; ++i) any(out, 2);
    return made(buffer);
}

Arguments ArgumentsMaker::plain(const Signature& signature) {
    values_ = Values::plain;
    Arguments arguments = typed(signature);
    values_ = Values::all;
    return arguments;
}

Arguments ArgumentsMaker::telling(const Signature& signature) {
    values_ = Values::telling;
    Arguments arguments = typed(signature);
    values_ = Values::all;
    return arguments;
}

Arguments ArgumentsMaker::random(std::size_t count) {
    data::Buffer buffer;
    wire::Out out(buffer);
    out.array(count);
    for (std::size_t i = 0; i < count; ++i) any(out, 0);
    return made(buffer);
}

std::optional<Arguments> ArgumentsMaker::wrong(const Signature& signature, std::size_t which) {
    const Excludes excluded = excluded_by(signature.parameters[which].type);
    if (excluded == Excludes::nothing || signature.parameters[which].object()) return std::nullopt;
    data::Buffer buffer;
    wire::Out out(buffer);
    out.array(signature.parameters.size());
    for (std::size_t i = 0; i < signature.parameters.size(); ++i) {
        const Parameter& parameter = signature.parameters[i];
        if (i != which) {
            parameter.object() ? object(out, parameter.class_key) : value_of(parameter.type, out, 0);
        } else if (excluded == Excludes::text) {
            out.string("not a number");
        } else {
            out.integer(7);
        }
    }
    return made(buffer);
}

void ArgumentsMaker::value_of(std::string_view word, wire::Out& out, int depth) {
    if (const auto choices = split(word, " | "); choices.size() > 1)
        return value_of(choices[below(choices.size())], out, depth);
    if (word.ends_with('?')) {
        if (values_ != Values::telling && one_in(3)) return out.nil();
        return value_of(word.substr(0, word.size() - 1), out, depth);
    }
    const std::size_t size = depth >= depth_max ? 0 : values_ == Values::telling ? 1 : below(5);
    if (const auto of = inside(word, "list"); !of.empty()) {
        out.array(size);
        for (std::size_t i = 0; i < size; ++i) value_of(of, out, depth + 1);
    } else if (const auto pair = inside(word, "map"); !pair.empty()) {
        const auto parts = split(pair, ", ");
        out.map(size);
        for (std::size_t i = 0; i < size; ++i) {
            value_of(parts.front(), out, depth + 1);
            value_of(parts.back(), out, depth + 1);
        }
    } else if (const auto elements = inside(word, "tuple"); !elements.empty()) {
        const auto parts = split(elements, ", ");
        out.array(parts.size());
        for (const auto part : parts) value_of(part, out, depth + 1);
    } else if (word == "nil") {
        out.nil();
    } else if (word == "bool") {
        out.boolean(values_ == Values::telling || one_in(2));
    } else if (word.starts_with("int") || word.starts_with("uint")) {
        const bool is_signed = word.starts_with("int");
        const auto digits = word.substr(is_signed ? 3 : 4);
        const int bits = digits == "8" ? 8 : digits == "16" ? 16 : digits == "32" ? 32 : 64;
        const std::uint64_t most = (bits == 64 ? UINT64_MAX : (std::uint64_t{1} << bits) - 1) >> (is_signed ? 1 : 0);
        integer(out, is_signed ? -static_cast<std::int64_t>(most) - 1 : 0, most);
    } else if (word.starts_with("float")) {
        constexpr std::array<double, 6> edges{0, -1.5, 1e300, 1e-300, -0.0, 3.25};
        out.floating(edges[below(edges.size())]);
    } else if (word == "seconds") {
        out.floating(static_cast<double>(below(50)) / 1000);
    } else if (word == "str") {
        text(out);
    } else if (word == "bytes") {
        bytes(out);
    } else if (word == "object") {
        object(out, nullptr);
    } else {
        any(out, depth);
    }
}

// Small ones mostly; the ends of the range, and what lies between, too.
void ArgumentsMaker::integer(wire::Out& out, std::int64_t least, std::uint64_t most) {
    if (values_ == Values::telling) return out.unsigned_integer(1 + below(9));
    switch (values_ == Values::plain ? 7 : below(8)) {
        case 0: return out.integer(least);
        case 1: return out.unsigned_integer(most);
        case 2: return out.integer(least < 0 ? -1 : 0);
        case 3: return out.unsigned_integer(random_() & most);
        default: return out.unsigned_integer(below(std::min<std::uint64_t>(most, 20)));
    }
}

void ArgumentsMaker::text(wire::Out& out) {
    if (values_ == Values::telling) return out.string(marker);
    switch (below(8)) {
        case 0: return out.string("");
        case 1:
        case 2: {
            const char letter = static_cast<char>((one_in(3) ? 'A' : 'a') + below(26));
            return out.string({&letter, 1});
        }
        case 3: return out.string("\xff\xfe no UTF-8");
        case 4: return out.string(std::string(1 + below(3000), 'x'));
        case 5: return out.string("π ≠ \"'\\\n\t");
        default: return out.string(marker);
    }
}

void ArgumentsMaker::bytes(wire::Out& out) {
    std::string body(below(one_in(8) ? 5000 : 24), '\0');
    for (char& byte : body) byte = static_cast<char>(random_());
    out.binary(data::as_bytes(body));
}

void ArgumentsMaker::object(wire::Out& out, const void* class_key) {
    const ObjectPtr found = find_object_(class_key);
    if (found == nullptr) return out.nil();
    objects_.push_back(found);
    wire::write_handle(out, {found->id(), found->type().type_id}, wire::HandleForm::ext);
}

void ArgumentsMaker::plain_value(wire::Out& out) {
    const char letter = static_cast<char>('a' + below(26));
    switch (below(8)) {
        case 0: return out.nil();
        case 1: return out.string(marker);
        case 2: out.array(1); return out.unsigned_integer(below(20));
        case 3: return out.array(0);
        case 4:
        case 5: return out.string({&letter, 1});
        default: return out.unsigned_integer(below(20));
    }
}

void ArgumentsMaker::any(wire::Out& out, int depth) {
    if (values_ == Values::telling) return out.string(marker);
    if (values_ == Values::plain) return plain_value(out);
    const std::size_t size = below(5);
    switch (below(depth >= depth_max ? 8 : 12)) {
        case 0: return out.nil();
        case 1: return out.boolean(one_in(2));
        case 2: return integer(out, INT64_MIN, UINT64_MAX);
        case 3: return out.unsigned_integer(below(20));
        case 4: return value_of("float64", out, depth);
        case 5:
        case 6: return text(out);
        case 7: return bytes(out);
        case 8: return out.extension(static_cast<std::int8_t>(below(64)), data::as_bytes("\x01\x02\x03"));
        case 9: return one_in(4) ? object(out, nullptr) : out.nil();
        case 10:
            out.array(size);
            for (std::size_t i = 0; i < size; ++i) any(out, depth + 1);
            return;
        default:
            out.map(size);
            for (std::size_t i = 0; i < size; ++i) {
                one_in(4) ? any(out, depth + 1) : text(out);
                any(out, depth + 1);
            }
    }
}

std::string text_of(const Arguments& arguments) {
    constexpr std::size_t most = 200;
    std::string text;
    try {
        text = data::decode<Value>(data::as_bytes(arguments.args)).to_text();
    } catch (const std::exception&) {
        text = "arguments that have no text";
    }
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
    }
    if (text.size() > most) text.replace(most, std::string::npos, "...");
    return text;
}

}  // namespace soho::host::tool
