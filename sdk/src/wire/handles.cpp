#include <soho/wire/handles.hpp>

#include <fmt/format.h>

namespace soho::wire {

using data::Bytes;
using data::Kind;
using data::Reader;
using data::Token;

namespace {

// Tuples, sets and the like keep their elements in a body that the FrameReader did not walk: this bounds the recursion.
constexpr int depth_max = static_cast<int>(FrameReader::depth_capacity);

Result<void> too_deep() { return refuse(Code::limit, fmt::format("values nested deeper than {} (depth)", depth_max)); }
Result<void> malformed(std::int8_t type) {
    return refuse(Code::bad_arguments, fmt::format("the body of extension 0x{:02x} is not what PROTOCOL.md says",
                                                   static_cast<unsigned>(type)));
}
bool holds_values(std::int8_t type) {
    return type == ext_tuple || type == ext_set || type == ext_slice || type == ext_range || type == ext_opaque;
}
bool is_handle(const Token& token) { return token.extension_type == ext_handle || token.extension_type == ext_own; }
bool is_text(const Token& token) {
    return token.kind == Kind::extension &&
           (token.extension_type == ext_big_integer || token.extension_type == ext_datetime);
}

// `$soho`, `$$soho` … : what must be told apart from a handle's key.
bool is_escaped_key(const Token& token) {
    if (token.kind != Kind::string && !is_text(token)) return false;
    const std::string_view text = token.text();
    const auto dollars = text.find_first_not_of('$');
    return dollars != 0 && dollars != std::string_view::npos && text.substr(dollars) == "soho";
}

// How many values the body of such an extension has; 0: any number.
std::uint32_t size_of_body(std::int8_t type) {
    if (type == ext_slice || type == ext_range) return 3;
    return type == ext_opaque ? 2 : 0;
}

// The body of an extension that holds values: one array, exactly, as long as its kind wants it.
bool body_elements(const Token& extension, Reader& elements, std::uint32_t& count) {
    Reader body(extension.bytes());
    Token array;
    if (!check_value(extension.bytes(), {}) || !body.next(array) || array.kind != Kind::array) return false;
    elements = body;
    count = array.size;
    const std::uint32_t wanted = size_of_body(extension.extension_type);
    return wanted == 0 || count == wanted;
}

class Walk {
public:
    explicit Walk(const HandleVisitor& visit) : visit_(visit) {}

    Result<void> handles(Reader& reader, int depth) {
        Token token;
        if (depth > depth_max) return too_deep();
        const std::uint8_t* start = reader.position();
        if (!reader.next(token)) return refuse(Code::protocol, "a value that is cut short");
        if (token.kind == Kind::extension) return extension(token, {start, reader.position()}, depth);
        for (std::uint64_t child = 0; child < token.children(); ++child) {
            if (auto done = handles(reader, depth + 1); !done) return done;
        }
        return {};
    }

    Result<void> from_map(Reader& reader, Out& out, int depth) {
        if (depth > depth_max) return too_deep();
        Reader ahead = reader;
        Token token;
        if (!ahead.next(token)) return refuse(Code::protocol, "a value that is cut short");
        if (token.children() == 0) {
            const Bytes value = reader.take_value();
            // A handle in this form is none of a map connection's, but the plugin would take it for one.
            if (token.kind == Kind::extension) {
                if (auto sound = extension(token, value, depth); !sound) return sound;
            }
            out.raw(value);
            return {};
        }
        if (token.kind == Kind::array) {
            reader = ahead;
            out.array(token.size);
            return each(token.size, [&] { return from_map(reader, out, depth + 1); });
        }
        Handle handle;
        if (read_handle(reader.rest(), HandleForm::map, handle)) {
            reader.skip();
            if (auto known = visit_(handle); !known) return known;
            write_handle(out, handle, HandleForm::ext);
            return {};
        }
        reader = ahead;
        out.map(token.size);
        if (Token key; reader.peek(key) && key.kind == Kind::string && is_escaped_key(key)) {
            reader.next(key);
            out.string(key.text().substr(key.text().starts_with("$$") ? 1 : 0));
            return each(token.children() - 1, [&] { return from_map(reader, out, depth + 1); });
        }
        return each(token.children(), [&] { return from_map(reader, out, depth + 1); });
    }

    Result<void> to_ext(Reader& reader, Out& out, int depth) {
        if (depth > depth_max) return too_deep();
        const std::uint8_t* start = reader.position();
        Token token;
        if (!reader.next(token)) return refuse(Code::protocol, "a value that is cut short");
        if (token.kind == Kind::extension) return extension_to_ext(token, {start, reader.position()}, out, depth);
        out.raw({start, reader.position()});
        return each(token.children(), [&] { return to_ext(reader, out, depth + 1); });
    }

    Result<void> to_map(Reader& reader, Out& out, int depth) {
        if (depth > depth_max) return too_deep();
        const std::uint8_t* start = reader.position();
        Token token;
        if (!reader.next(token)) return refuse(Code::protocol, "a value that is cut short");
        switch (token.kind) {
            case Kind::array: out.array(token.size); break;
            case Kind::map:
                out.map(token.size);
                if (Token key; token.size != 0 && reader.peek(key) && is_escaped_key(key)) {
                    reader.next(key);
                    out.string(std::string("$").append(key.text()));
                    return each(token.children() - 1, [&] { return to_map(reader, out, depth + 1); });
                }
                break;
            case Kind::extension: return extension_to_map(token, {start, reader.position()}, out, depth);
            default: out.raw({start, reader.position()}); return {};
        }
        return each(token.children(), [&] { return to_map(reader, out, depth + 1); });
    }

private:
    template <class Step>
    Result<void> each(std::uint64_t count, Step step) {
        for (std::uint64_t i = 0; i < count; ++i) {
            if (auto done = step(); !done) return done;
        }
        return {};
    }

    Result<void> extension(const Token& token, Bytes whole, int depth) {
        if (is_handle(token)) {
            Handle handle;
            if (!read_handle(whole, HandleForm::ext, handle)) return malformed(token.extension_type);
            return visit_(handle);
        }
        if (!holds_values(token.extension_type)) return {};
        Reader elements;
        std::uint32_t count = 0;
        if (!body_elements(token, elements, count)) return malformed(token.extension_type);
        return each(count, [&] { return handles(elements, depth + 1); });
    }

    Result<void> extension_to_ext(const Token& token, Bytes whole, Out& out, int depth) {
        Handle handle;
        if (is_handle(token)) {
            if (!read_handle(whole, HandleForm::ext, handle)) return malformed(token.extension_type);
            if (auto known = visit_(handle); !known) return known;
            write_handle(out, handle, HandleForm::ext);
            return {};
        }
        if (!holds_values(token.extension_type)) {
            out.raw(whole);
            return {};
        }
        Reader elements;
        std::uint32_t count = 0;
        if (!body_elements(token, elements, count)) return malformed(token.extension_type);
        data::Buffer body;
        Out inner(body);
        inner.array(count);
        auto done = each(count, [&] { return to_ext(elements, inner, depth + 1); });
        if (done) out.extension(token.extension_type, body.bytes());
        return done;
    }

    Result<void> extension_to_map(const Token& token, Bytes whole, Out& out, int depth) {
        Handle handle;
        Reader elements;
        std::uint32_t count = 0;
        switch (token.extension_type) {
            case ext_handle:
            case ext_own:
                if (!read_handle(whole, HandleForm::ext, handle)) return malformed(token.extension_type);
                if (auto known = visit_(handle); !known) return known;
                write_handle(out, handle, HandleForm::map);
                return {};
            case ext_tuple:
            case ext_set:
                if (!body_elements(token, elements, count)) return malformed(token.extension_type);
                out.array(count);
                return each(count, [&] { return to_map(elements, out, depth + 1); });
            case ext_big_integer:
            case ext_datetime: out.string(token.text()); return {};
            case ext_slice:
            case ext_range: return named(token, {"start", "stop", "step"}, out, depth);
            case ext_opaque: return named(token, {"language", "bytes"}, out, depth);
            default: out.raw(whole); return {};
        }
    }

    // [a, b, …] as {"name of a": a, …}
    Result<void> named(const Token& token, std::initializer_list<std::string_view> names, Out& out, int depth) {
        Reader elements;
        std::uint32_t count = 0;
        if (!body_elements(token, elements, count)) return malformed(token.extension_type);
        out.map(names.size());
        for (const auto name : names) {
            out.string(name);
            if (auto done = to_map(elements, out, depth + 1); !done) return done;
        }
        return {};
    }

    const HandleVisitor& visit_;
};

}  // namespace

Result<void> visit_handles(Bytes value, const HandleVisitor& visit) {
    Reader reader(value);
    return Walk(visit).handles(reader, 0);
}

Result<void> from_map_form(Bytes value, Out& out, const HandleVisitor& visit) {
    Reader reader(value);
    return Walk(visit).from_map(reader, out, 0);
}

Result<void> to_ext_form(Bytes value, Out& out, const HandleVisitor& visit) {
    Reader reader(value);
    return Walk(visit).to_ext(reader, out, 0);
}

Result<void> to_map_form(Bytes value, Out& out, const HandleVisitor& visit) {
    Reader reader(value);
    return Walk(visit).to_map(reader, out, 0);
}

}  // namespace soho::wire
