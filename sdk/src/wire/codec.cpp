#include <soho/wire/codec.hpp>

#include <soho/wire/sound.hpp>

#include <fmt/format.h>

#include <charconv>

namespace soho::wire {

using data::Kind;
using data::Reader;
using data::Token;

namespace {

constexpr std::uint8_t empty_array[] = {0x90};

bool is_uint32(const Token& token) {
    return token.kind == Kind::unsigned_integer && token.unsigned_value <= UINT32_MAX;
}

// Error::data may be empty, but what follows a key must be a value.
std::size_t detail_count(const Error& error, std::string_view trace) {
    return 1 + (error.code == Code::failed) + !error.data.empty() + !trace.empty();
}

std::string error_as_string(const Error& error) {
    if (error.code == Code::failed) return fmt::format("{}: {}: {}", code_name(error.code), error.type, error.text);
    return fmt::format("{}: {}", code_name(error.code), error.text);
}

Code code_of_number(std::uint64_t number) {
    return number != 0 && number < code_names.size() ? static_cast<Code>(number) : Code::internal;
}

// "no_method: …" or "failed: KeyError: …", as a host says it to clients that asked for nothing better.
Error error_from_string(std::string_view text) {
    const auto colon = text.find(": ");
    if (colon == std::string_view::npos) return Error(Code::internal, std::string(text));
    for (std::size_t number = 1; number < code_names.size(); ++number) {
        if (text.substr(0, colon) != code_names[number]) continue;
        std::string_view rest = text.substr(colon + 2);
        std::string_view type;
        if (static_cast<Code>(number) == Code::failed) {
            const auto type_end = std::min(rest.find(": "), rest.size());
            type = rest.substr(0, type_end);
            rest.remove_prefix(std::min(type_end + 2, rest.size()));
        }
        return Error(static_cast<Code>(number), std::string(rest), std::string(type));
    }
    return Error(Code::internal, std::string(text));
}

void read_error_details(Reader& reader, Error& error) {
    Token details;
    if (!reader.next(details) || details.kind != Kind::map) return;
    for (std::uint32_t pair = 0; pair < details.size; ++pair) {
        Token key;
        if (!reader.next(key)) return;
        const data::Bytes value = reader.take_value();
        if (key.kind != Kind::string || value.empty()) return;
        Token token;
        if (key.text() == "type" && Reader(value).next(token) && token.kind == Kind::string) error.type = token.text();
        if (key.text() == "data") error.data = data::as_text(value);
    }
}

[[gnu::noinline]] Result<Request> decode_any(const Frame& frame, std::uint32_t* msgid, bool* msgid_known) {
    *msgid_known = false;
    Reader reader(frame.bytes);
    Token token;
    if (!reader.next(token) || token.kind != Kind::array) return refuse(Code::protocol, "a frame must be an array");
    const std::uint32_t size = token.size;
    if (size == 0 || !reader.next(token) || token.kind != Kind::unsigned_integer) {
        return refuse(Code::protocol, "a frame's first element must be 0 (request) or 2 (notification)");
    }

    Request request;
    request.may_hold_handles = frame.may_hold_handles;
    switch (token.unsigned_value) {
        case static_cast<unsigned>(FrameType::request):
            if (size < 2 || !reader.next(token) || !is_uint32(token)) {
                return refuse(Code::protocol, "a request's msgid must be an unsigned 32-bit integer");
            }
            *msgid = request.msgid = static_cast<std::uint32_t>(token.unsigned_value);
            *msgid_known = true;
            if (size != 4)
                return refuse(
                    Code::protocol,
                    fmt::format("a request has 4 elements [0, msgid, method, params], this one has {}", size));
            break;
        case static_cast<unsigned>(FrameType::notification):
            request.wants_reply = false;
            if (size != 3)
                return refuse(Code::protocol,
                              fmt::format("a notification has 3 elements [2, method, params], this one has {}", size));
            break;
        default:
            return refuse(Code::protocol,
                          fmt::format("a frame of type {}: a host takes requests (0) and notifications (2)",
                                      token.unsigned_value));
    }

    if (!reader.next(token) || (token.kind != Kind::string && token.kind != Kind::binary)) {
        return refuse(Code::protocol, fmt::format("the method must be a string, not {}", kind_name(token.kind)));
    }
    request.method = token.text();
    request.params = reader.rest();
    reader.next(token);
    if (token.kind == Kind::nil) {
        request.params = empty_array;
    } else if (token.kind != Kind::array) {
        return refuse(Code::protocol, fmt::format("params must be an array, not {}", kind_name(token.kind)));
    }
    return request;
}

}  // namespace

Result<Request> decode_request(const Frame& frame, std::uint32_t* msgid, bool* msgid_known) {
    Request usual;
    if (!decode_usual(frame, usual)) return decode_any(frame, msgid, msgid_known);
    *msgid = usual.msgid;
    *msgid_known = true;
    return usual;
}

bool is_reply(const Frame& frame) {
    Reader reader(frame.bytes);
    Token array, type;
    return reader.next(array) && array.kind == Kind::array && array.size != 0 && reader.next(type) &&
           type.kind == Kind::unsigned_integer && type.unsigned_value == static_cast<unsigned>(FrameType::reply);
}

Result<Reply> decode_reply(const Frame& frame) {
    Reader reader(frame.bytes);
    Token token;
    Reply reply;
    if (!reader.next(token) || token.kind != Kind::array || token.size != 4 || !reader.next(token) ||
        token.kind != Kind::unsigned_integer || token.unsigned_value != static_cast<unsigned>(FrameType::reply) ||
        !reader.next(token) || !is_uint32(token)) {
        return refuse(Code::protocol, "a reply must be [1, msgid, error, result]");
    }
    reply.msgid = static_cast<std::uint32_t>(token.unsigned_value);
    reply.error = reader.take_value();
    reply.result = reader.rest();
    return reply;
}

void begin_request(Out& out, std::uint32_t msgid, std::string_view method) {
    out.array(4);
    out.unsigned_integer(static_cast<unsigned>(FrameType::request));
    out.unsigned_integer(msgid);
    out.string(method);
}

void begin_reply(Out& out, std::uint32_t msgid) {
    out.array(4);
    out.unsigned_integer(static_cast<unsigned>(FrameType::reply));
    out.unsigned_integer(msgid);
    out.nil();
}

void begin_notification(Out& out, std::string_view method) {
    out.array(3);
    out.unsigned_integer(static_cast<unsigned>(FrameType::notification));
    out.string(method);
}

void write_error_reply(Out& out, std::uint32_t msgid, const Error& error, ErrorForm form, std::string_view trace) {
    out.array(4);
    out.unsigned_integer(static_cast<unsigned>(FrameType::reply));
    out.unsigned_integer(msgid);
    if (form == ErrorForm::string) {
        out.string(error_as_string(error));
    } else {
        out.array(3);
        out.unsigned_integer(static_cast<std::uint32_t>(error.code));
        out.string(error.text);
        out.map(detail_count(error, trace));
        out.string("kind");
        out.string(code_name(error.code));
        if (error.code == Code::failed) {
            out.string("type");
            out.string(error.type);
        }
        if (!error.data.empty()) {
            out.string("data");
            out.raw(data::as_bytes(error.data));
        }
        if (!trace.empty()) {
            out.string("trace");
            out.string(trace);
        }
    }
    out.nil();
}

Error decode_error(data::Bytes bytes) {
    Reader reader(bytes);
    Token token;
    if (!reader.next(token)) return Error(Code::internal, "an error that cannot be read");
    if (token.kind == Kind::string) return error_from_string(token.text());
    Token code;
    Token text;
    if (token.kind != Kind::array || token.size < 2 || !reader.next(code) || code.kind != Kind::unsigned_integer ||
        !reader.next(text) || text.kind != Kind::string) {
        return Error(Code::internal, "an error of an unknown form");
    }
    Error error(code_of_number(code.unsigned_value), std::string(text.text()));
    if (token.size > 2) read_error_details(reader, error);
    return error;
}

void write_handle(Out& out, const Handle& handle, HandleForm form) {
    if (form == HandleForm::map) {
        out.map(2);
        out.string(handle_key);
        out.unsigned_integer(handle.id);
        out.string(handle_type_key);
        out.string(handle.type_id);
        return;
    }
    // The longest body: array(2), a uint64, and a typeid of up to 255 bytes.
    data::Buffer body;
    Out inner(body);
    inner.array(2);
    inner.unsigned_integer(handle.id);
    inner.string(handle.type_id);
    out.extension(handle.own ? ext_own : ext_handle, body.bytes());
}

bool read_handle(data::Bytes value, HandleForm form, Handle& handle) {
    Reader reader(value);
    Token token;
    if (!reader.next(token)) return false;
    Token id;
    Token type;
    if (form == HandleForm::ext) {
        if (token.kind != Kind::extension) return false;
        handle.own = token.extension_type == ext_own;
        if (!handle.own && token.extension_type != ext_handle) return false;
        Reader body(token.bytes());
        if (!body.next(token) || token.kind != Kind::array || token.size != 2 || !body.next(id) || !body.next(type) ||
            !body.at_end())
            return false;
    } else {
        Token key;
        handle.own = false;
        if (token.kind != Kind::map || token.size != 2 || !reader.next(key) || key.kind != Kind::string ||
            key.text() != handle_key || !reader.next(id) || !reader.next(key) || key.kind != Kind::string ||
            key.text() != handle_type_key || !reader.next(type)) {
            return false;
        }
    }
    if (id.kind != Kind::unsigned_integer || id.unsigned_value > id_max || type.kind != Kind::string) return false;
    handle.id = id.unsigned_value;
    handle.type_id = type.text();
    return true;
}

}  // namespace soho::wire
