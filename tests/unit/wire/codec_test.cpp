#include "tests/support/notation.hpp"

#include <soho/wire/codec.hpp>

#include <gtest/gtest.h>

namespace soho::wire {
namespace {

using test::pack;
using test::show;

Frame frame_of(const std::string& bytes) { return *check_value(data::as_bytes(bytes), {}); }

struct Decoded {
    Result<Request> request;
    std::uint32_t msgid = 0;
    bool msgid_known = false;
};

// `keep` holds the bytes that the request borrows.
Decoded decode(std::string_view notation, std::string& keep) {
    keep = pack(notation);
    Decoded decoded{refuse(Code::internal, ""), 0, false};
    decoded.request = decode_request(frame_of(keep), &decoded.msgid, &decoded.msgid_known);
    return decoded;
}

TEST(DecodeRequest, TakesARequest) {
    std::string keep;
    const auto decoded = decode(R"([0, 4294967295, "soho.call", [7, "get_x"]])", keep);
    ASSERT_TRUE(decoded.request);
    EXPECT_TRUE(decoded.msgid_known);
    EXPECT_EQ(decoded.msgid, 4294967295u);
    EXPECT_TRUE(decoded.request->wants_reply);
    EXPECT_EQ(decoded.request->msgid, 4294967295u);
    EXPECT_EQ(decoded.request->method, "soho.call");
    EXPECT_EQ(show(decoded.request->params), R"([7, "get_x"])");
    EXPECT_FALSE(decoded.request->may_hold_handles);
}

TEST(DecodeRequest, TakesANotification) {
    std::string keep;
    const auto decoded = decode(R"([2, "pair.set_x", [{"$soho": 1, "type": "T"}]])", keep);
    ASSERT_TRUE(decoded.request);
    EXPECT_FALSE(decoded.msgid_known);
    EXPECT_FALSE(decoded.request->wants_reply);
    EXPECT_EQ(decoded.request->method, "pair.set_x");
    EXPECT_TRUE(decoded.request->may_hold_handles);
}

TEST(DecodeRequest, TakesABinaryForAMethodAndNilForNoParams) {
    std::string keep;
    const auto decoded = decode("[0, 1, h'61', nil]", keep);
    ASSERT_TRUE(decoded.request);
    EXPECT_EQ(decoded.request->method, "a");
    EXPECT_EQ(show(decoded.request->params), "[]");
}

TEST(DecodeRequest, TakesAnyMsgpackFormOfItsHeader) {
    const std::string bytes = test::from_hex("dd00000004 d000 d2000000ff d90161 dc0000");
    std::uint32_t msgid = 0;
    bool known = false;
    const auto request = decode_request(frame_of(bytes), &msgid, &known);
    ASSERT_TRUE(request) << request.error().text;
    EXPECT_EQ(msgid, 255u);
    EXPECT_EQ(request->method, "a");
}

struct Shape {
    const char* notation;
    bool msgid_known;
    const char* sentence;
};
class WrongShapes : public testing::TestWithParam<Shape> {};

TEST_P(WrongShapes, AreRefusedWithASentence) {
    std::string keep;
    const auto decoded = decode(GetParam().notation, keep);
    ASSERT_FALSE(decoded.request);
    EXPECT_EQ(decoded.request.error().code, Code::protocol);
    EXPECT_EQ(decoded.request.error().text, GetParam().sentence);
    EXPECT_EQ(decoded.msgid_known, GetParam().msgid_known);
}

INSTANTIATE_TEST_SUITE_P(
    DecodeRequest, WrongShapes,
    testing::Values(
        Shape{"5", false, "a frame must be an array"}, Shape{"{0: 1}", false, "a frame must be an array"},
        Shape{"[]", false, "a frame's first element must be 0 (request) or 2 (notification)"},
        Shape{R"(["x"])", false, "a frame's first element must be 0 (request) or 2 (notification)"},
        Shape{"[-1]", false, "a frame's first element must be 0 (request) or 2 (notification)"},
        Shape{"[0]", false, "a request's msgid must be an unsigned 32-bit integer"},
        Shape{R"([0, "1", "m", []])", false, "a request's msgid must be an unsigned 32-bit integer"},
        Shape{R"([0, -1, "m", []])", false, "a request's msgid must be an unsigned 32-bit integer"},
        Shape{R"([0, 4294967296, "m", []])", false, "a request's msgid must be an unsigned 32-bit integer"},
        Shape{R"([0, 7, "m"])", true, "a request has 4 elements [0, msgid, method, params], this one has 3"},
        Shape{R"([0, 7, "m", [], 1])", true, "a request has 4 elements [0, msgid, method, params], this one has 5"},
        Shape{"[0, 7, 8, []]", true, "the method must be a string, not int"},
        Shape{"[0, 7, nil, []]", true, "the method must be a string, not nil"},
        Shape{R"([0, 7, "m", {}])", true, "params must be an array, not map"},
        Shape{R"([0, 7, "m", "x"])", true, "params must be an array, not str"},
        Shape{R"([2, "m"])", false, "a notification has 3 elements [2, method, params], this one has 2"},
        Shape{R"([2, "m", [], 1])", false, "a notification has 3 elements [2, method, params], this one has 4"},
        Shape{"[2, 1, []]", false, "the method must be a string, not int"},
        Shape{"[1, 1, nil, 5]", false, "a frame of type 1: a host takes requests (0) and notifications (2)"},
        Shape{"[18446744073709551615, 1, nil, 5]", false,
              "a frame of type 18446744073709551615: a host takes requests (0) and notifications (2)"}));

TEST(DecodeReply, TakesResultsAndErrors) {
    const std::string result = pack("[1, 7, nil, [1, 2]]");
    const auto reply = decode_reply(frame_of(result));
    ASSERT_TRUE(reply);
    EXPECT_TRUE(reply->ok());
    EXPECT_EQ(reply->msgid, 7u);
    EXPECT_EQ(show(reply->result), "[1, 2]");
    const std::string error = pack(R"([1, 8, "no_type: x", nil])");
    const auto failure = decode_reply(frame_of(error));
    ASSERT_TRUE(failure);
    EXPECT_FALSE(failure->ok());
    EXPECT_EQ(show(failure->error), R"("no_type: x")");
}

TEST(DecodeReply, RefusesWhatIsNone) {
    for (const char* notation : {"1", "[]", "[1, 7, nil]", "[0, 7, nil, 1]", "[1, -7, nil, 1]",
                                 "[1, 4294967296, nil, 1]", "[1, 7, nil, 1, 2]", R"(["1", 7, nil, 1])"}) {
        const std::string bytes = pack(notation);
        const auto reply = decode_reply(frame_of(bytes));
        ASSERT_FALSE(reply) << notation;
        EXPECT_EQ(reply.error().code, Code::protocol);
    }
}

template <class Write>
std::string written(Write write) {
    data::Buffer buffer;
    Out out(buffer);
    write(out);
    return show(buffer.bytes());
}

TEST(Envelopes, AreWrittenAsTheProtocolSays) {
    EXPECT_EQ(written([](Out& out) {
                  begin_request(out, 70000, "m");
                  out.array(0);
              }),
              R"([0, 70000, "m", []])");
    EXPECT_EQ(written([](Out& out) {
                  begin_notification(out, "m");
                  out.array(0);
              }),
              R"([2, "m", []])");
    EXPECT_EQ(written([](Out& out) {
                  begin_reply(out, 3);
                  out.nil();
              }),
              "[1, 3, nil, nil]");
}

std::string error_reply(const Error& error, ErrorForm form, std::string_view trace = {}) {
    return written([&](Out& out) { write_error_reply(out, 5, error, form, trace); });
}

TEST(ErrorReply, IsOneStringByDefault) {
    EXPECT_EQ(error_reply({Code::no_method, "no such"}, ErrorForm::string), R"([1, 5, "no_method: no such", nil])");
    EXPECT_EQ(error_reply({Code::failed, "'x'", "KeyError"}, ErrorForm::string),
              R"([1, 5, "failed: KeyError: 'x'", nil])");
    EXPECT_EQ(error_reply({Code::failed, "'x'", "KeyError", pack("[1]")}, ErrorForm::string, "t"),
              R"([1, 5, "failed: KeyError: 'x'", nil])");
}

TEST(ErrorReply, IsAnArrayInFull) {
    EXPECT_EQ(error_reply({Code::no_method, "no such"}, ErrorForm::full),
              R"([1, 5, [3, "no such", {"kind": "no_method"}], nil])");
    EXPECT_EQ(error_reply({Code::failed, "'x'", "KeyError", pack("[1]")}, ErrorForm::full, "t"),
              R"([1, 5, [16, "'x'", {"kind": "failed", "type": "KeyError", "data": [1], "trace": "t"}], nil])");
    // A type is told of `failed` only.
    EXPECT_EQ(error_reply({Code::limit, "x", "T"}, ErrorForm::full), R"([1, 5, [10, "x", {"kind": "limit"}], nil])");
}

Error decoded_error(std::string_view notation) {
    const std::string bytes = pack(notation);
    return decode_error(data::as_bytes(bytes));
}

TEST(DecodeError, ReadsBothFormsOfEveryCode) {
    for (std::uint32_t number = 1; number < code_names.size(); ++number) {
        Error error(static_cast<Code>(number), "why: because");
        if (error.code == Code::failed) error.type = "KeyError";
        for (const ErrorForm form : {ErrorForm::string, ErrorForm::full}) {
            data::Buffer buffer;
            Out out(buffer);
            write_error_reply(out, 1, error, form);
            const auto reply = decode_reply(frame_of(std::string(buffer.text())));
            ASSERT_TRUE(reply);
            const std::string bytes(buffer.text());
            const auto again = decode_reply(frame_of(bytes));
            const Error read = decode_error(again->error);
            EXPECT_EQ(read.code, error.code) << number;
            EXPECT_EQ(read.text, error.text);
            EXPECT_EQ(read.type, error.type);
        }
    }
}

TEST(DecodeError, KeepsDataAndIgnoresWhatItDoesNotKnow) {
    const Error error = decoded_error(R"([16, "x", {"new": [1, {}], "type": "E", "data": [1, 2], 3: 4}])");
    EXPECT_EQ(error.code, Code::failed);
    EXPECT_EQ(error.type, "E");
    EXPECT_EQ(show(error.data), "[1, 2]");
}

TEST(DecodeError, MakesTheBestOfStrangers) {
    EXPECT_EQ(decoded_error(R"("kaboom")").code, Code::internal);
    EXPECT_EQ(decoded_error(R"("kaboom")").text, "kaboom");
    EXPECT_EQ(decoded_error(R"("Error: kaboom")").text, "Error: kaboom");
    EXPECT_EQ(decoded_error(R"("ok: fine")").code, Code::internal);
    EXPECT_EQ(decoded_error(R"("failed: lonely")").code, Code::failed);
    EXPECT_EQ(decoded_error(R"([0, "x"])").code, Code::internal);
    EXPECT_EQ(decoded_error(R"([99, "x"])").code, Code::internal);
    EXPECT_EQ(decoded_error(R"([99, "x"])").text, "x");
    EXPECT_EQ(decoded_error(R"([3, "x", 5])").code, Code::no_method);
    for (const char* notation : {"5", "[]", "[1]", "[1, 2]", R"(["a", "b"])", "{}", "true"}) {
        EXPECT_EQ(decoded_error(notation).code, Code::internal) << notation;
        EXPECT_FALSE(decoded_error(notation).text.empty());
    }
    EXPECT_EQ(decode_error({}).code, Code::internal);
    EXPECT_EQ(decode_error(data::as_bytes("\x92\x03")).code, Code::internal);
}

TEST(Handle, IsReadAsItIsWritten) {
    for (const HandleForm form : {HandleForm::map, HandleForm::ext}) {
        for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{7}, std::uint64_t{1} << 32, id_max}) {
            for (const std::string& type : {std::string("T"), std::string(255, 'x')}) {
                data::Buffer buffer;
                Out out(buffer);
                write_handle(out, {id, type}, form);
                Handle handle;
                ASSERT_TRUE(read_handle(buffer.bytes(), form, handle));
                EXPECT_EQ(handle.id, id);
                EXPECT_EQ(handle.type_id, type);
                const HandleForm other = form == HandleForm::map ? HandleForm::ext : HandleForm::map;
                EXPECT_FALSE(read_handle(buffer.bytes(), other, handle));
            }
        }
    }
}

TEST(Handle, IsExactlyThatMap) {
    Handle handle;
    for (const char* notation :
         {R"({"$soho": 7})", R"({"type": "T", "$soho": 7})", R"({"$soho": 7, "type": "T", "x": 1})",
          R"({"$soho": -7, "type": "T"})", R"({"$soho": 9007199254740992, "type": "T"})", R"({"$soho": 7, "type": 5})",
          R"({"$soho": 7, "type": h'54'})", R"({"$soho": "7", "type": "T"})", R"({"$$soho": 7, "type": "T"})", "{}",
          "7", R"([{"$soho": 7, "type": "T"}])"}) {
        const std::string bytes = pack(notation);
        EXPECT_FALSE(read_handle(data::as_bytes(bytes), HandleForm::map, handle)) << notation;
    }
}

TEST(Handle, IsExactlyThatExtension) {
    Handle handle;
    for (const char* notation :
         {R"(ext(0x53, [7]))", R"(ext(0x53, [7, "T", 1]))", R"(ext(0x54, [7, "T"]))", R"(ext(0x53, {7: "T"}))",
          "ext(0x53, h'')", "ext(0x53, h'92')", "ext(0x53, h'9207a15400')", R"(ext(0x53, ["T", 7]))",
          R"(ext(0x53, [9007199254740992, "T"]))"}) {
        const std::string bytes = pack(notation);
        EXPECT_FALSE(read_handle(data::as_bytes(bytes), HandleForm::ext, handle)) << notation;
    }
}

}  // namespace
}  // namespace soho::wire
