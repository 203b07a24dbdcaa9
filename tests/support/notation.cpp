#include "tests/support/notation.hpp"

#include <soho/wire/frame.hpp>

#include <fmt/format.h>
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <vector>

namespace soho::test {

namespace {

using data::Buffer;
using data::Bytes;
using data::Kind;
using data::Reader;
using data::Token;
using Out = data::Writer<Buffer>;

bool body_is_value(std::int8_t type) {
    return type == wire::ext_handle || type == wire::ext_tuple || type == wire::ext_set || type == wire::ext_slice ||
           type == wire::ext_range || type == wire::ext_opaque || type == wire::ext_own;
}
bool body_is_text(std::int8_t type) { return type == wire::ext_big_integer || type == wire::ext_datetime; }

class Parser {
public:
    explicit Parser(std::string_view text) : rest_(text) {}

    void value(Buffer& buffer) {
        Out out(buffer);
        skip_space();
        if (take_word("nil")) return out.nil();
        if (take_word("true")) return out.boolean(true);
        if (take_word("false")) return out.boolean(false);
        if (take_word("ext(")) return extension(buffer);
        if (rest_.starts_with("h'")) return out.binary(data::as_bytes(binary()));
        if (rest_.starts_with('"')) return out.string(string());
        if (rest_.starts_with('[')) return elements(buffer, '[', ']');
        if (rest_.starts_with('{')) return elements(buffer, '{', '}');
        number(out);
    }
    void end() {
        skip_space();
        if (!rest_.empty()) fail("something behind the value");
    }

private:
    [[noreturn]] void fail(const char* why) {
        throw std::runtime_error(fmt::format("{} at: {}", why, rest_.substr(0, 40)));
    }
    void skip_space() {
        while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) rest_.remove_prefix(1);
    }
    bool take_word(std::string_view word) {
        if (!rest_.starts_with(word)) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    void expect(char c) {
        skip_space();
        if (rest_.empty() || rest_.front() != c) fail(fmt::format("no {}", c).c_str());
        rest_.remove_prefix(1);
    }
    std::string binary() {
        const auto close = rest_.find('\'', 2);
        if (close == std::string_view::npos) fail("an open binary");
        const std::string bytes = from_hex(rest_.substr(2, close - 2));
        rest_.remove_prefix(close + 1);
        return bytes;
    }
    std::string string() {
        std::string text;
        for (rest_.remove_prefix(1); !rest_.empty() && rest_.front() != '"'; rest_.remove_prefix(1)) {
            if (rest_.front() != '\\') {
                text += rest_.front();
                continue;
            }
            rest_.remove_prefix(1);
            if (rest_.starts_with("u00") && rest_.size() > 5) {
                text += from_hex(rest_.substr(3, 2));
                rest_.remove_prefix(4);
            } else if (rest_.starts_with('n')) {
                text += '\n';
            } else {
                text += rest_.front();
            }
        }
        expect('"');
        return text;
    }
    void number(Out& out) {
        const auto size = std::min(rest_.find_first_of(" ,]}):\n"), rest_.size());
        const std::string text(rest_.substr(0, size));
        if (text.empty()) fail("no value");
        rest_.remove_prefix(size);
        if (text.find_first_of(".en") != std::string::npos) return out.floating(std::strtod(text.c_str(), nullptr));
        if (text.front() == '-') return out.integer(std::strtoll(text.c_str(), nullptr, 10));
        out.unsigned_integer(std::strtoull(text.c_str(), nullptr, text.starts_with("0x") ? 16 : 10));
    }
    void elements(Buffer& buffer, char open, char close) {
        expect(open);
        Buffer inner;
        std::size_t count = 0;
        for (skip_space(); !rest_.starts_with(close); skip_space()) {
            if (count++ != 0) expect(',');
            value(inner);
            if (close != '}') continue;
            expect(':');
            value(inner);
        }
        expect(close);
        Out out(buffer);
        if (close == '}') {
            out.map(count);
        } else {
            out.array(count);
        }
        out.raw(inner.bytes());
    }
    void extension(Buffer& buffer) {
        const auto comma = rest_.find(',');
        if (comma == std::string_view::npos) fail("an extension without a body");
        const auto type =
            static_cast<std::int8_t>(std::strtol(std::string(rest_.substr(0, comma)).c_str(), nullptr, 0));
        rest_.remove_prefix(comma + 1);
        skip_space();
        Buffer body;
        if (rest_.starts_with("h'")) {
            body.append(data::as_bytes(binary()));
        } else if (body_is_text(type)) {
            body.append(data::as_bytes(string()));
        } else {
            value(body);
        }
        expect(')');
        Out(buffer).extension(type, body.bytes());
    }

    std::string_view rest_;
};

void show_value(Reader& reader, std::string& text);

void show_string(std::string_view characters, std::string& text) {
    text += '"';
    for (const char c : characters) {
        const auto code = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            text += '\\';
            text += c;
        } else if (c == '\n') {
            text += "\\n";
        } else if (code < 0x20) {
            text += fmt::format("\\u{:04x}", code);
        } else {
            text += c;
        }
    }
    text += '"';
}

void show_extension(const Token& token, std::string& text) {
    text += fmt::format("ext({}, ", token.extension_type >= 0 ? fmt::format("0x{:02x}", token.extension_type)
                                                              : fmt::format("{}", token.extension_type));
    if (body_is_value(token.extension_type) && wire::check_value(token.bytes(), {})) {
        Reader body(token.bytes());
        show_value(body, text);
    } else if (body_is_text(token.extension_type)) {
        show_string(token.text(), text);
    } else {
        text += fmt::format("h'{}'", to_hex(token.bytes()));
    }
    text += ')';
}

void show_value(Reader& reader, std::string& text) {
    Token token;
    reader.next(token);
    switch (token.kind) {
        case Kind::nil: text += "nil"; break;
        case Kind::boolean: text += token.unsigned_value != 0 ? "true" : "false"; break;
        case Kind::unsigned_integer: text += std::to_string(token.unsigned_value); break;
        case Kind::negative_integer: text += std::to_string(token.signed_value); break;
        case Kind::floating: {
            std::string digits = fmt::format("{}", token.floating_value);
            if (digits.find_first_of(".en") == std::string::npos) digits += ".0";
            text += digits;
            break;
        }
        case Kind::string: show_string(token.text(), text); break;
        case Kind::binary: text += fmt::format("h'{}'", to_hex(token.bytes())); break;
        case Kind::extension: show_extension(token, text); break;
        case Kind::array:
            text += '[';
            for (std::uint32_t i = 0; i < token.size; ++i) {
                if (i != 0) text += ", ";
                show_value(reader, text);
            }
            text += ']';
            break;
        case Kind::map:
            text += '{';
            for (std::uint32_t i = 0; i < token.size; ++i) {
                if (i != 0) text += ", ";
                show_value(reader, text);
                text += ": ";
                show_value(reader, text);
            }
            text += '}';
            break;
    }
}

}  // namespace

std::string pack(std::string_view notation) {
    Buffer buffer;
    Parser parser(notation);
    parser.value(buffer);
    parser.end();
    return std::string(buffer.text());
}

std::string show(Bytes value) {
    if (!wire::check_value(value, {})) return "not MessagePack: " + to_hex(value);
    std::string text;
    Reader reader(value);
    show_value(reader, text);
    return text;
}

std::string from_hex(std::string_view hex) {
    std::string bytes;
    std::string digits;
    for (const char c : hex) {
        if (c == ' ' || c == '\n') continue;
        digits += c;
        if (digits.size() != 2) continue;
        unsigned byte = 0;
        const auto [end, failure] = std::from_chars(digits.data(), digits.data() + 2, byte, 16);
        if (failure != std::errc() || end != digits.data() + 2) throw std::runtime_error("no hex: " + digits);
        bytes += static_cast<char>(byte);
        digits.clear();
    }
    if (!digits.empty()) throw std::runtime_error("half a byte");
    return bytes;
}

std::string to_hex(Bytes bytes) {
    std::string text;
    for (const auto byte : bytes) text += fmt::format("{:02x}", byte);
    return text;
}

}  // namespace soho::test
