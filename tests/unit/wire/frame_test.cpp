#include "tests/support/notation.hpp"

#include <soho/wire/frame.hpp>

#include <gtest/gtest.h>

namespace soho::wire {
namespace {

using Status = FrameReader::Status;
using test::pack;

// One value of every kind and width of MessagePack.
std::vector<std::string> every_kind() {
    std::vector<std::string> values = {"nil",
                                       "true",
                                       "false",
                                       "0",
                                       "127",
                                       "128",
                                       "255",
                                       "256",
                                       "65535",
                                       "65536",
                                       "4294967295",
                                       "4294967296",
                                       "18446744073709551615",
                                       "-1",
                                       "-32",
                                       "-33",
                                       "-128",
                                       "-129",
                                       "-32768",
                                       "-32769",
                                       "-2147483649",
                                       "1.5",
                                       R"("")",
                                       R"("abc")",
                                       "h''",
                                       "h'00ff'",
                                       "[]",
                                       "[1, [2, [3]]]",
                                       "{}",
                                       R"({"a": {"b": nil}})",
                                       "ext(1, h'00')",
                                       "ext(2, h'0001')",
                                       "ext(3, h'00010203')",
                                       "ext(4, h'0001020304050607')",
                                       "ext(5, h'000102030405060708090a0b0c0d0e0f')",
                                       "ext(-1, h'000102')",
                                       "ext(7, h'')"};
    for (auto& value : values) value = pack(value);
    values.push_back(test::from_hex("ca3fc00000"));                        // float 32
    values.push_back(test::from_hex("d97f") + std::string(0x7f, 'x'));     // str 8
    values.push_back(test::from_hex("da0100") + std::string(0x100, 'x'));  // str 16
    values.push_back(test::from_hex("db00000003") + "xyz");                // str 32
    values.push_back(test::from_hex("c50002") + "xy");                     // bin 16
    values.push_back(test::from_hex("c600000002") + "xy");                 // bin 32
    values.push_back(test::from_hex("c8000205") + "xy");                   // ext 16
    values.push_back(test::from_hex("c90000000205") + "xy");               // ext 32
    values.push_back(test::from_hex("dc00020102"));                        // array 16
    values.push_back(test::from_hex("dd000000020102"));                    // array 32
    values.push_back(test::from_hex("de00010102"));                        // map 16
    values.push_back(test::from_hex("df000000010102"));                    // map 32
    values.push_back(test::from_hex("d0ff"));                              // int 8
    values.push_back(test::from_hex("d300000000000000ff"));                // int 64, positive
    return values;
}

Status scan_all(FrameReader& reader, const std::string& bytes) { return reader.scan(data::as_bytes(bytes)); }

TEST(FrameReader, FindsTheEndOfEveryKindOfValue) {
    for (const std::string& value : every_kind()) {
        FrameReader reader({});
        const std::string more = value + "\x01\x02";
        ASSERT_EQ(scan_all(reader, more), Status::complete) << test::to_hex(data::as_bytes(value));
        EXPECT_EQ(data::as_text(reader.frame(data::as_bytes(more)).bytes), value);
    }
}

TEST(FrameReader, WaitsForTheRestOfAFrameSplitAtAnyByte) {
    for (const std::string& value : every_kind()) {
        for (std::size_t split = 0; split < value.size(); ++split) {
            FrameReader reader({});
            ASSERT_EQ(scan_all(reader, value.substr(0, split)), Status::incomplete) << split;
            ASSERT_EQ(scan_all(reader, value), Status::complete) << split;
            EXPECT_EQ(reader.frame(data::as_bytes(value)).bytes.size(), value.size());
        }
    }
}

TEST(FrameReader, TakesAFrameThatArrivesByteByByte) {
    std::string frame = "\x94";
    for (const auto& value :
         {R"(0)", R"(7)", R"("soho.call")", R"([{"$soho": 7, "type": "Pair"}, "set_x", [1, "long", {}]])"})
        frame += pack(value);
    FrameReader reader({});
    for (std::size_t size = 1; size < frame.size(); ++size)
        ASSERT_EQ(scan_all(reader, frame.substr(0, size)), Status::incomplete);
    ASSERT_EQ(scan_all(reader, frame), Status::complete);
    EXPECT_TRUE(reader.frame(data::as_bytes(frame)).may_hold_handles);
}

TEST(FrameReader, GoesOnToTheNextFrame) {
    const std::string frames = pack("[1, 2]") + pack(R"("x")");
    FrameReader reader({});
    EXPECT_TRUE(reader.at_start());
    ASSERT_EQ(scan_all(reader, frames), Status::complete);
    EXPECT_FALSE(reader.at_start());
    reader.next();
    EXPECT_TRUE(reader.at_start());
    ASSERT_EQ(scan_all(reader, frames.substr(3)), Status::complete);
    EXPECT_EQ(test::show(reader.frame(data::as_bytes(frames.substr(3))).bytes), R"("x")");
}

TEST(FrameReader, RefusesTheByteThatMessagePackNeverUses) {
    FrameReader reader({});
    EXPECT_EQ(scan_all(reader, "\x92\x01\xc1"), Status::refused);
    EXPECT_EQ(reader.error().code, Code::protocol);
    EXPECT_NE(reader.error().text.find("0xc1"), std::string::npos);
}

TEST(FrameReader, StaysRefused) {
    FrameReader reader({});
    ASSERT_EQ(scan_all(reader, "\xc1"), Status::refused);
    EXPECT_EQ(scan_all(reader, "\x01"), Status::refused);
    reader.next();
    EXPECT_EQ(scan_all(reader, "\x01"), Status::refused);
}

struct Bomb {
    const char* name;
    std::string bytes;
    const char* limit;  // as the sentence names it
};

// Else each test's name would carry the bytes of the struct.
void PrintTo(const Bomb& bomb, std::ostream* out) { *out << bomb.name; }

class Bombs : public testing::TestWithParam<Bomb> {};

TEST_P(Bombs, AreRefusedFromTheirHeaderAlone) {
    FrameReader reader({1000, 8, 100});
    EXPECT_EQ(scan_all(reader, GetParam().bytes), Status::refused);
    EXPECT_EQ(reader.error().code, Code::limit);
    EXPECT_NE(reader.error().text.find(GetParam().limit), std::string::npos) << reader.error().text;
}

INSTANTIATE_TEST_SUITE_P(FrameReader, Bombs,
                         testing::Values(Bomb{"str32", test::from_hex("dbffffffff"), "frame_bytes"},
                                         Bomb{"bin32", test::from_hex("c6ffffffff"), "frame_bytes"},
                                         Bomb{"ext32", test::from_hex("c9ffffffff53"), "frame_bytes"},
                                         Bomb{"str16", test::from_hex("da03e9"), "frame_bytes"},
                                         Bomb{"array32", test::from_hex("ddffffffff"), "frame_bytes"},
                                         Bomb{"map32", test::from_hex("dfffffffff"), "frame_bytes"},
                                         Bomb{"map32_of_half", test::from_hex("df80000000"), "frame_bytes"},
                                         Bomb{"wide", test::from_hex("dc0064"), "items"},
                                         Bomb{"wide_map", test::from_hex("de0032"), "items"},
                                         Bomb{"nested", test::from_hex("92dbffffffff"), "frame_bytes"},
                                         Bomb{"deep", std::string(9, '\x91'), "depth"}),
                         [](const auto& bomb) { return bomb.param.name; });

TEST(FrameReader, CountsItemsOverTheWholeFrame) {
    // 10 arrays of 9: 101 values with the outermost.
    std::string frame = "\x9a";
    for (int i = 0; i < 10; ++i) frame += "\x99" + std::string(9, '\x01');
    FrameReader enough({1000, 8, 101});
    EXPECT_EQ(scan_all(enough, frame), Status::complete);
    FrameReader one_short({1000, 8, 100});
    EXPECT_EQ(scan_all(one_short, frame), Status::refused);
    EXPECT_NE(one_short.error().text.find("items"), std::string::npos);
}

TEST(FrameReader, CountsTheItemOfATornBodyOnce) {
    const std::string frame = pack(R"(["abcdefghij", 1])");
    FrameReader reader({1000, 8, 3});
    for (std::size_t size = 0; size < frame.size(); ++size)
        ASSERT_EQ(scan_all(reader, frame.substr(0, size)), Status::incomplete);
    EXPECT_EQ(scan_all(reader, frame), Status::complete);
}

TEST(FrameReader, TakesAFrameOfExactlyTheLimit) {
    const std::string frame = test::from_hex("da03e5") + std::string(997, 'x');
    FrameReader reader({1000, 8, 100});
    EXPECT_EQ(scan_all(reader, frame), Status::complete);
    const std::string longer = test::from_hex("da03e6") + std::string(998, 'x');
    FrameReader strict({1000, 8, 100});
    EXPECT_EQ(scan_all(strict, longer), Status::refused);
}

TEST(FrameReader, BoundsManySmallValuesTogether) {
    std::string frame = test::from_hex("dc03e4") + std::string(996, '\x01');  // 999 bytes
    FrameReader fits({1000, 8, 2000});
    EXPECT_EQ(scan_all(fits, frame), Status::complete);
    // Three strings of 400: none is too long by itself.
    frame = "\x93";
    for (int i = 0; i < 3; ++i) frame += test::from_hex("da0190") + std::string(400, 'x');
    FrameReader reader({1000, 8, 100});
    EXPECT_EQ(scan_all(reader, frame), Status::refused);
    EXPECT_NE(reader.error().text.find("frame_bytes"), std::string::npos);
}

TEST(FrameReader, CountsTheHeadersOfEmptyValues) {
    FrameReader reader({3, 8, 100});
    EXPECT_EQ(scan_all(reader, test::from_hex("92d900d900")), Status::refused);  // 5 bytes
    FrameReader extension({2, 8, 100});
    EXPECT_EQ(scan_all(extension, test::from_hex("c70053")), Status::refused);
}

TEST(FrameReader, BoundsLongScalarsTogether) {
    std::string frame = test::from_hex("dc0080");
    for (int i = 0; i < 128; ++i) frame += test::from_hex("cfffffffffffffffff");
    FrameReader reader({1000, 8, 1000});
    EXPECT_EQ(scan_all(reader, frame), Status::refused);
    EXPECT_EQ(reader.error().code, Code::limit);
}

TEST(FrameReader, TakesDepth64AndRefuses65) {
    FrameReader deep({});
    EXPECT_EQ(scan_all(deep, std::string(64, '\x91') + '\x01'), Status::complete);
    FrameReader deeper({});
    EXPECT_EQ(scan_all(deeper, std::string(65, '\x91') + '\x01'), Status::refused);
    EXPECT_NE(deeper.error().text.find("64"), std::string::npos);
}

TEST(FrameReader, NeverLooksDeeperThanItCanStore) {
    FrameReader reader({1u << 20, 1'000'000, 1u << 20});
    EXPECT_EQ(scan_all(reader, std::string(65, '\x81') + std::string(200, '\x01')), Status::refused);
}

TEST(FrameReader, EmptyContainersTakeNoDepth) {
    FrameReader reader({1000, 1, 100});
    EXPECT_EQ(scan_all(reader, pack("[[], {}, []]")), Status::complete);
}

TEST(FrameReader, NotesWhatMayBeAHandle) {
    const auto may_hold = [](std::string_view notation) {
        FrameReader reader({});
        const std::string bytes = pack(notation);
        EXPECT_EQ(reader.scan(data::as_bytes(bytes)), Status::complete);
        return reader.frame(data::as_bytes(bytes)).may_hold_handles;
    };
    EXPECT_FALSE(may_hold(R"([0, 1, "soho.call", [7, "get", ["a$", {"soho": 1}, h'00', ext(1, h'00')]]])"));
    EXPECT_TRUE(may_hold(R"([{"$soho": 7, "type": "Pair"}])"));
    EXPECT_TRUE(may_hold(R"([{"$$soho": 7}])"));
    EXPECT_TRUE(may_hold(R"([ext(0x53, [7, "Pair"])])"));
    EXPECT_TRUE(may_hold(R"([ext(0x54, [1])])"));
    EXPECT_TRUE(may_hold(R"([ext(0x5f, h'')])"));
    EXPECT_FALSE(may_hold(R"([ext(0x60, h'00')])"));
    EXPECT_FALSE(may_hold(R"([ext(-128, h'00')])"));
}

// Whole frames are scanned in a way of their own: nothing but the time may tell.
TEST(FrameReader, MeansTheSameByAFrameInOnePieceAndInMany) {
    const std::vector<std::string> frames = {
        pack(R"([0, 4000000000, "soho.call", [4503599627370497, "get_x", []]])"),
        pack(
            R"([0, 1, "soho.call", [{"$soho": 7, "type": "Pair"}, "set", [-1, nil, 1.5, true], {"kw": {"a": [[]]}}]])"),
        pack(R"([ext(0x53, h'01'), [ext(9, h'01'), ["$", {}]], {"a": {"b": {"c": []}}}])"),
        pack(R"([1, 7, nil, "a string too long for one byte to say how long it is"])"),
        test::from_hex("c1"),
        test::from_hex("92c001")};
    int completed = 0, refused = 0;
    for (const std::string& frame : frames) {
        for (std::size_t bytes_max = 1; bytes_max <= frame.size() + 1; ++bytes_max) {
            for (const std::size_t depth_max : {0u, 1u, 2u, 3u, 4u, 5u, 64u}) {
                for (std::size_t items_max = 1; items_max <= 24; ++items_max) {
                    const FrameLimits limits{bytes_max, depth_max, items_max};
                    FrameReader at_once(limits), by_pieces(limits);
                    const Status status = scan_all(at_once, frame);
                    Status last = Status::incomplete;
                    for (std::size_t size = 1; size <= frame.size() && last == Status::incomplete; ++size)
                        last = scan_all(by_pieces, frame.substr(0, size));
                    ASSERT_EQ(status, last) << test::to_hex(data::as_bytes(frame)) << " within " << bytes_max << ", "
                                            << depth_max << ", " << items_max;
                    ASSERT_EQ(at_once.excess() == FrameReader::Excess::none,
                              by_pieces.excess() == FrameReader::Excess::none);
                    (status == Status::complete ? completed : refused) += 1;
                    if (status != Status::complete) continue;
                    const Frame one = at_once.frame(data::as_bytes(frame)),
                                other = by_pieces.frame(data::as_bytes(frame));
                    ASSERT_EQ(one.bytes.size(), other.bytes.size());
                    ASSERT_EQ(one.may_hold_handles, other.may_hold_handles);
                }
            }
        }
    }
    EXPECT_GT(completed, 100);
    EXPECT_GT(refused, 100);
}

TEST(FrameReader, ForgetsTheNoteWithTheFrame) {
    const std::string first = pack(R"("$soho")");
    const std::string second = pack("1");
    FrameReader reader({});
    ASSERT_EQ(scan_all(reader, first), Status::complete);
    reader.next();
    ASSERT_EQ(scan_all(reader, second), Status::complete);
    EXPECT_FALSE(reader.frame(data::as_bytes(second)).may_hold_handles);
}

TEST(FrameReader, SeesATornHandleOnceItIsWhole) {
    const std::string frame = pack(R"({"$soho": 7, "type": "Pair"})");
    for (std::size_t split = 0; split < frame.size(); ++split) {
        FrameReader reader({});
        ASSERT_EQ(scan_all(reader, frame.substr(0, split)), Status::incomplete);
        ASSERT_EQ(scan_all(reader, frame), Status::complete);
        EXPECT_TRUE(reader.frame(data::as_bytes(frame)).may_hold_handles) << split;
    }
}

TEST(PeekMsgid, ReadsTheMsgidOfATornRequest) {
    std::uint32_t msgid = 0;
    EXPECT_TRUE(peek_msgid(data::as_bytes(test::from_hex("9400ce01020304a9")), msgid));
    EXPECT_EQ(msgid, 0x01020304u);
    EXPECT_TRUE(peek_msgid(data::as_bytes(test::from_hex("dc00040007")), msgid));
    EXPECT_EQ(msgid, 7u);
}

TEST(PeekMsgid, FindsNoneWhereThereIsNone) {
    std::uint32_t msgid = 0;
    for (const char* hex :
         {"", "94", "9400", "9400ce0102", "930207", "9401 05", "9400ff", "9400cf0000000100000000", "c1", "80", "90"})
        EXPECT_FALSE(peek_msgid(data::as_bytes(test::from_hex(hex)), msgid)) << hex;
}

TEST(CheckValue, TakesExactlyOneValue) {
    EXPECT_TRUE(check_value(data::as_bytes(pack("[1]")), {}));
    const auto none = check_value({}, {});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().text, "no value at all");
    const auto cut = check_value(data::as_bytes("\x92\x01"), {});
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().text, "a value that is cut short");
    const auto more = check_value(data::as_bytes("\x01\x02\x03"), {});
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().text, "2 bytes behind the value");
    EXPECT_EQ(more.error().code, Code::protocol);
    const auto deep = check_value(data::as_bytes("\x91\x91\x01"), {1000, 1, 100});
    ASSERT_FALSE(deep);
    EXPECT_EQ(deep.error().code, Code::limit);
}

}  // namespace
}  // namespace soho::wire
