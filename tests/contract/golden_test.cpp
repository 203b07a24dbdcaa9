// Every ```golden block of sdk/PROTOCOL.md: its bytes, its value in notation, and what the codec makes of both.
#include "tests/support/test_host.hpp"

#include <gtest/gtest.h>
#include <fstream>
#include <map>

namespace soho {
namespace {

struct Golden {
    std::string name;
    std::string bytes;
    std::string notation;
};

// Else each test's name would carry the bytes of the struct.
void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.name; }

std::vector<Golden> read_goldens() {
    std::ifstream file(SOHO_TEST_SOURCE_DIR "/sdk/PROTOCOL.md");
    constexpr std::string_view front = "```golden ";
    std::vector<Golden> goldens;
    std::string line;
    while (std::getline(file, line)) {
        if (!line.starts_with(front)) continue;
        std::vector<std::string> lines;
        const std::string name = line.substr(front.size());
        while (std::getline(file, line) && line != "```") lines.push_back(line);
        if (lines.size() < 2) throw std::runtime_error(name + ": no bytes, or no value");
        Golden& golden = goldens.emplace_back(Golden{name, {}, lines.back()});
        lines.pop_back();
        for (const std::string& hex : lines) golden.bytes += test::from_hex(hex);
    }
    return goldens;
}

const std::vector<Golden>& goldens() {
    static const std::vector<Golden> all = read_goldens();
    return all;
}

wire::Frame frame_of(const Golden& golden) { return *wire::check_value(data::as_bytes(golden.bytes), {}); }

class Block : public testing::TestWithParam<Golden> {};

INSTANTIATE_TEST_SUITE_P(Golden, Block, testing::ValuesIn(goldens()), [](const auto& block) {
    std::string name = block.param.name;
    for (char& c : name) {
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    }
    return name;
});

TEST_P(Block, SaysTheSameInBytesAndInNotation) {
    EXPECT_EQ(test::to_hex(data::as_bytes(test::pack(GetParam().notation))),
              test::to_hex(data::as_bytes(GetParam().bytes)));
    EXPECT_EQ(test::show(GetParam().bytes), GetParam().notation);
}

// The codec's own way from bytes to words and back.
TEST_P(Block, IsWrittenAsItIsRead) {
    const wire::Frame frame = frame_of(GetParam());
    data::Buffer buffer;
    wire::Out out(buffer);
    std::uint32_t msgid = 0;
    bool known = false;
    const auto request = wire::decode_request(frame, &msgid, &known);
    const auto reply = wire::decode_reply(frame);
    wire::Handle handle;
    if (request) {
        request->wants_reply ? wire::begin_request(out, request->msgid, request->method)
                             : wire::begin_notification(out, request->method);
        const bool nil_params =
            static_cast<std::uint8_t>(GetParam().bytes.back()) == 0xc0 && test::show(request->params) == "[]";
        nil_params ? out.nil() : out.raw(request->params);
    } else if (reply && reply->ok()) {
        wire::begin_reply(out, reply->msgid);
        out.raw(reply->result);
    } else if (reply) {
        const auto form = test::show(reply->error).starts_with("[") ? wire::ErrorForm::full : wire::ErrorForm::string;
        const std::string trace = GetParam().notation.find("\"trace\": \"a1\"") != std::string::npos ? "a1" : "";
        wire::write_error_reply(out, reply->msgid, wire::decode_error(reply->error), form, trace);
    } else if (GetParam().name == "handle as a map" || GetParam().name == "handle as an extension") {
        const auto form = GetParam().name == "handle as a map" ? wire::HandleForm::map : wire::HandleForm::ext;
        ASSERT_TRUE(wire::read_handle(frame.bytes, form, handle));
        wire::write_handle(out, handle, form);
    } else {
        out.raw(frame.bytes);
    }
    EXPECT_EQ(test::show(buffer.bytes()), GetParam().notation);
    EXPECT_EQ(test::to_hex(buffer.bytes()), test::to_hex(frame.bytes));
}

TEST_P(Block, IsOneFrame) {
    wire::FrameReader reader({});
    EXPECT_EQ(reader.scan(data::as_bytes(GetParam().bytes)), wire::FrameReader::Status::complete);
    EXPECT_EQ(reader.frame(data::as_bytes(GetParam().bytes)).bytes.size(), GetParam().bytes.size());
}

TEST_P(Block, IsTakenByAHostIfItIsARequest) {
    const wire::Frame frame = frame_of(GetParam());
    std::uint32_t msgid = 0;
    bool known = false;
    const auto request = wire::decode_request(frame, &msgid, &known);
    if (!request || GetParam().name.starts_with("the host ")) return;  // those are what it sends
    if (GetParam().name.starts_with("a worker ")) return;              // and those take a worker's connection
    test::Counters counters;
    test::TestHost host;
    host.load(counters.plugin);
    test::TestClient client(host);
    if (GetParam().name.starts_with("offer")) client.ask("soho.hello", R"([{"proto": 1, "handles": "ext"}])");
    const std::string reply = client.send_bytes(GetParam().bytes);
    EXPECT_EQ(reply.find("closed"), std::string::npos) << reply;
    EXPECT_EQ(reply.find("\"protocol: "), std::string::npos) << reply;
    EXPECT_EQ(reply.find("\"bad_arguments: "), std::string::npos) << reply;
    EXPECT_EQ(reply.empty(), !request->wants_reply);
}

const wire::HandleVisitor any_handle = [](wire::Handle&) -> Result<void> { return {}; };

// A block "X in a map connection" is what a map connection gets of the block "X".
TEST(Golden, MapConnectionsGetWhatTheBlocksSay) {
    constexpr std::string_view tail = " in a map connection";
    std::map<std::string, const Golden*> by_name;
    for (const Golden& golden : goldens())
        EXPECT_TRUE(by_name.emplace(golden.name, &golden).second) << golden.name << " twice";
    int pairs = 0;
    for (const auto& [name, golden] : by_name) {
        if (!name.ends_with(tail)) continue;
        const std::string plain = name.substr(0, name.size() - tail.size());
        ASSERT_TRUE(by_name.contains(plain)) << plain;
        ++pairs;
        data::Buffer outward;
        wire::Out out(outward);
        ASSERT_TRUE(wire::to_map_form(data::as_bytes(by_name[plain]->bytes), out, any_handle));
        EXPECT_EQ(test::show(outward.bytes()), golden->notation);
        if (!plain.starts_with("data") && !plain.starts_with("handles")) continue;  // the others lose their shape
        data::Buffer inward;
        wire::Out in(inward);
        ASSERT_TRUE(wire::from_map_form(data::as_bytes(golden->bytes), in, any_handle));
        EXPECT_EQ(test::show(inward.bytes()), by_name[plain]->notation);
    }
    EXPECT_GE(pairs, 10);
}

TEST(Golden, CoversEveryExtensionTypeAndBothErrorForms) {
    std::string all;
    for (const Golden& golden : goldens()) all += golden.notation + "\n";
    for (int type = 0x53; type <= 0x5b; ++type)
        EXPECT_NE(all.find(fmt::format("ext(0x{:02x}, ", type)), std::string::npos) << type;
    EXPECT_NE(all.find("[1, 1, \"no_type: "), std::string::npos);
    EXPECT_NE(all.find("[1, 1, [18, "), std::string::npos);
    EXPECT_GE(goldens().size(), 40u);
}

}  // namespace
}  // namespace soho
