#pragma once
// Frames into requests and replies, and back. Everything decoded borrows from the frame.

#include <soho/data/writer.hpp>
#include <soho/wire/frame.hpp>
#include <soho/wire/message.hpp>

namespace soho::wire {

using Out = data::Writer<data::Buffer>;

// A well-formed frame as a request or notification. Fails with Code::protocol and a sentence; where `*msgid_known` becomes
// true, `*msgid` says whom to answer.
Result<Request> decode_request(const Frame& frame, std::uint32_t* msgid, bool* msgid_known);
// The usual request, into a fresh `request`: [0, msgid, "method", [...]], the name and the array short enough for one byte to say it.
// False for any other, which may be one, too.
inline bool decode_usual(const Frame& frame, Request& request) {
    const std::uint8_t* at = frame.bytes.data();
    if (at[0] != 0x94 || at[1] != static_cast<std::uint8_t>(FrameType::request)) return false;
    at += 2;
    std::uint64_t msgid = 0;
    if (!read_unsigned(at, msgid) || msgid > UINT32_MAX) return false;
    request.msgid = static_cast<std::uint32_t>(msgid);
    if ((*at & 0xe0) != 0xa0) return false;
    request.method = data::as_text({at + 1, static_cast<std::size_t>(*at & 0x1f)});
    at += 1 + request.method.size();
    if ((*at & 0xf0) != 0x90) return false;
    request.params = {at, frame.bytes.data() + frame.bytes.size()};
    request.may_hold_handles = frame.may_hold_handles;
    return true;
}
Result<Reply> decode_reply(const Frame& frame);
// Whether it says that it is one.
bool is_reply(const Frame& frame);

// [0, msgid, method, …: the caller writes params. Without a msgid: [2, method, …
void begin_request(Out& out, std::uint32_t msgid, std::string_view method);
void begin_notification(Out& out, std::string_view method);
// [1, msgid, nil, …: the caller writes the result.
void begin_reply(Out& out, std::uint32_t msgid);
inline void begin_reply(data::Buffer& out, std::uint32_t msgid) {
    std::uint8_t* at = out.reserve(8);
    *at++ = 0x94;
    *at++ = static_cast<std::uint8_t>(FrameType::reply);
    at = data::detail::put_unsigned(at, msgid);
    *at++ = 0xc0;
    out.commit(at);
}
// A whole error reply. `trace` may be empty.
void write_error_reply(Out& out, std::uint32_t msgid, const Error& error, ErrorForm form, std::string_view trace = {});

// The error of a reply, in either form; an error of another host's making becomes Code::internal with its text.
Error decode_error(data::Bytes error);

// A handle; as an extension it is [id, typeid] in type 0x53, or 0x5b for a provider's own, which has no other form.
void write_handle(Out& out, const Handle& handle, HandleForm form);
// Whether `value` (one whole value) is a handle in that form.
bool read_handle(data::Bytes value, HandleForm form, Handle& handle);

}  // namespace soho::wire
