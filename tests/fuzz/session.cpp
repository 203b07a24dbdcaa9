// Bytes of a connection, through FrameReader, Caller and Dispatcher to in-memory types: each request gets exactly one well-formed
// reply, at once or later, and nothing is left when the client has gone. The first byte says how the client greets.
#include "tests/fuzz/require.hpp"
#include "tests/support/test_host.hpp"

#include <spdlog/sinks/sink.h>

#include <map>

using namespace soho;

namespace {

class FuzzClient final : public host::Outlet {
public:
    explicit FuzzClient(test::TestHost& host)
        : host_(host),
          caller_(std::make_shared<host::Caller>(
              host.services, host.dispatcher,
              host::Peer{{"uid:1000", host::rights_all & ~std::uint32_t{host::right_admin}}, "", true, true},
              wire::ErrorForm::string)) {
        caller_->attach(*this);
    }

    // False: the connection is closed.
    bool take(const wire::Frame& frame) {
        std::uint32_t msgid = 0;
        bool known = false;
        const auto request = wire::decode_request(frame, &msgid, &known);
        const bool wants_reply = known && (!request || request->wants_reply);
        if (wants_reply) owe(msgid, 1);
        host_.seat.out.clear();
        host_.seat.arrive();
        const bool taken = caller_->take(frame, host_.seat);
        host_.seat.finish();
        if (!taken) {
            SOHO_REQUIRE(host_.seat.out.empty());
            if (wants_reply) owe(msgid, -1);  // a msgid that is in use
            return false;
        }
        check(host_.seat.out.bytes());
        host_.seat.out.clear();
        caller_->replies().take_notices();
        return true;
    }
    void deliver(data::Buffer frame, host::Undelivered) override { check(frame.bytes()); }

    void expect_nothing_owed() {
        const std::scoped_lock lock(mutex_);
        for (const auto& [msgid, count] : owed_) SOHO_REQUIRE(count == 0);
    }
    void go() { caller_->gone(host_.seat, "the input is over"); }

private:
    int owe(std::uint32_t msgid, int more) {
        const std::scoped_lock lock(mutex_);
        return owed_[msgid] += more;
    }
    void check(data::Bytes bytes) {
        data::Reader reader(bytes);
        while (!reader.at_end()) {
            const data::Bytes value = reader.take_value();
            const auto frame = wire::check_value(value, {64u << 20, 64, 16u << 20});
            SOHO_REQUIRE(frame.has_value());
            const auto reply = wire::decode_reply(*frame);
            SOHO_REQUIRE(reply.has_value());
            SOHO_REQUIRE(owe(reply->msgid, -1) >= 0);
            if (reply->ok()) continue;
            SOHO_REQUIRE(reply->result.size() == 1 && reply->result[0] == 0xc0);
            const Error error = wire::decode_error(reply->error);
            SOHO_REQUIRE(!error.text.empty() || !error.type.empty());  // a plugin may throw without a word
        }
    }

    test::TestHost& host_;
    std::shared_ptr<host::Caller> caller_;
    std::mutex mutex_;  // replies come from the pool, too
    std::map<std::uint32_t, int> owed_;
};

// Until nothing runs, waits or is pending.
void end_calls(test::TestHost& host, test::Counters& counters) {
    while (host.services.calls_in_flight != 0) {
        const bool ended = counters.end_all(R"([1, {"$soho": 1}, ext(0x54, [1])])");
        if (!ended && !host.home.run_one()) std::this_thread::yield();
    }
    host.run();
}

host::Limits small_limits() {
    host::Limits limits;
    limits.frame_bytes_max = 16u << 10;
    limits.depth_max = 16;
    limits.items_max = 2048;
    limits.calls_waiting_max = 8;
    limits.handles_max = 16;
    limits.tickets_max = 4;
    return limits;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    test::Counters counters;
    counters.unblocked = true;
    counters.on_hook = [&](test::Thing&, const soho_call* call) {
        return test::give_bytes(call, {call->args.data, static_cast<std::size_t>(call->args.size)});
    };
    {
        test::TestHost host(small_limits());
        host.log_sink->set_level(spdlog::level::off);
        host.load(counters.plugin);
        const host::ObjectPtr published = host.publish("c", "Counter", "[5]");
        FuzzClient client(host);
        if ((data[0] & 3) != 0) {
            const std::string hello =
                test::pack(fmt::format(R"([0, 0, "soho.hello", [{{"proto": 1, "errors": "{}", "handles": "{}"}}]])",
                                       (data[0] & 1) != 0 ? "full" : "string", (data[0] & 2) != 0 ? "ext" : "map"));
            client.take(*wire::check_value(data::as_bytes(hello), {}));
        }
        wire::FrameReader reader(host.limits.frame_limits());
        data::Bytes rest(data + 1, size - 1);
        bool open = true;
        while (open && reader.scan(rest) == wire::FrameReader::Status::complete) {
            const wire::Frame frame = reader.frame(rest);
            open = client.take(frame);
            rest = rest.subspan(frame.bytes.size());
            reader.next();
            if ((data[0] & 4) != 0) host.run();
        }
        if (open && (data[0] & 8) == 0) {
            end_calls(host, counters);
            client.expect_nothing_owed();
        }
        client.go();
        end_calls(host, counters);
        host.names.clear();
        host.tickets.clear();
        SOHO_REQUIRE(host.sessions.size() == 0);
    }
    return 0;
}
