// Requests that come in one read share a look-up and counters. Nothing else may tell that they came together.

#include "tests/support/in_process_host.hpp"

#include <gtest/gtest.h>

namespace soho::test {
namespace {

const std::string pair_plugin = std::string(SOHO_TEST_BUNDLED_PLUGIN_DIR) + "/pair.so";

class Batch : public ::testing::Test {
protected:
    // An object of its own that nothing else refers to.
    std::uint64_t create_pair() {
        const wire::Reply reply =
            *wire::decode_reply({host_.run("\x94\x00\x02\xab"
                                           "soho.create\x92\xa4"
                                           "Pair\x92\x05\x06"sv)});
        wire::Handle handle;
        EXPECT_TRUE(reply.ok() && wire::read_handle(reply.result, wire::HandleForm::ext, handle));
        host_.settle();
        return handle.id;
    }
    static std::string release(std::uint64_t id) {
        data::Buffer buffer;
        wire::Out out(buffer);
        wire::begin_request(out, 3, "soho.release");
        out.array(1);
        out.array(2);
        out.unsigned_integer(id);
        out.unsigned_integer(1);
        return std::string(buffer.text());
    }
    // The code of each reply; Code::ok for a result.
    static std::vector<Code> codes_of(data::Bytes replies) {
        std::vector<Code> codes;
        for (data::Reader reader(replies); !reader.at_end();) {
            const auto reply = wire::decode_reply({reader.take_value()});
            codes.push_back(!reply ? Code::protocol : reply->ok() ? Code::ok : wire::decode_error(reply->error).code);
        }
        return codes;
    }
    std::vector<Code> run(const std::string& batch) { return codes_of(host_.run(batch)); }

    InProcessHost host_{pair_plugin};
    const std::uint64_t shared_ = host_.open_pair();
};

TEST_F(Batch, CallsWhatTheRequestBeforeHasReleasedNoMore) {
    const std::uint64_t pair = create_pair();
    const std::string call = call_request(pair, "get_x", "\x90");
    const std::size_t objects = host_.services().objects.size();
    EXPECT_EQ(run(call + call + release(pair) + call), (std::vector{Code::ok, Code::ok, Code::ok, Code::no_object}));
    host_.settle();
    EXPECT_EQ(host_.services().objects.size(), objects - 1);
}

TEST_F(Batch, KeepsNothingThatItCalledBeyondItsEnd) {
    const std::uint64_t pair = create_pair();
    EXPECT_EQ(run(call_request(pair, "get_x", "\x90")), std::vector{Code::ok});
    host_.caller().session()->drop(pair);
    host_.settle();
    EXPECT_EQ(host_.services().objects.find(pair), nullptr);
    EXPECT_EQ(run(call_request(pair, "get_x", "\x90")), std::vector{Code::no_object});
}

TEST_F(Batch, CallsEachTargetThatItNames) {
    const std::uint64_t pair = create_pair();
    const std::string set = call_request(pair, "set_x", "\x91\x09");
    const std::string get = call_request(pair, "get_x", "\x90"), get_shared = call_request(shared_, "get_x", "\x90");
    const data::Bytes replies = host_.run(set + get + get_shared + std::string(get_x_by_name_request) + get);
    std::vector<int> results;
    for (data::Reader reader(replies); !reader.at_end();) {
        const data::Bytes reply = reader.take_value();
        results.push_back(reply[reply.size() - 1]);
    }
    EXPECT_EQ(results, (std::vector{0xc0, 9, 5, 5, 9}));
}

TEST_F(Batch, IsOfOneCallerAlone) {
    const std::uint64_t pair = create_pair();
    host::Seat& seat = host_.seat();
    const auto other =
        std::make_shared<host::Caller>(host_.services(), host_.dispatcher(),
                                       host::Peer{{"uid:1", host::rights_all}, "", true, true}, wire::ErrorForm::full);
    const std::string call = call_request(pair, "get_x", "\x90");
    seat.out.clear();
    seat.arrive();
    EXPECT_TRUE(host_.caller().take({data::as_bytes(call)}, seat));
    EXPECT_TRUE(other->take({data::as_bytes(call)}, seat));
    seat.finish();
    EXPECT_EQ(codes_of(seat.out.bytes()), (std::vector{Code::ok, Code::no_object}));
    other->gone(seat, "the test wants it");
}

TEST_F(Batch, IsCountedByItsEnd) {
    const std::string call = call_request(shared_, "get_x", "\x90");
    const std::uint64_t before = host_.caller().session()->calls;
    std::string batch;
    for (int i = 0; i < 40; ++i) batch += call;
    host_.run(batch);
    EXPECT_EQ(host_.caller().session()->calls - before, 40u);
    host::CallCounts counted;
    for (std::uint32_t number = 0; number < host::CallStats::callees_max; ++number)
        host_.seat().calls.add_to(counted, number);
    host_.run(call);
    host::CallCounts after;
    for (std::uint32_t number = 0; number < host::CallStats::callees_max; ++number)
        host_.seat().calls.add_to(after, number);
    EXPECT_GE(counted.calls, 40u);
    EXPECT_EQ(after.calls, counted.calls + 1);
}

}  // namespace
}  // namespace soho::test
