// soho.hello, the first request of every connection.
#include "connection.hpp"

namespace soho::client {

namespace {

struct Welcome final : Receiver {
    bool receive(data::Bytes result, ResultContext& context) override {
        data::Reader in(result);
        return read(in,
                    [&](std::string_view key, data::Reader& value) {
                        if (key == "proto") return data::decode_into(value, proto, context);
                        if (key == "host") return data::decode_into(value, host, context);
                        if (key != "limits") return true;
                        return read(value, [&](std::string_view limit, data::Reader& number) {
                            return limit != "frame_bytes" || data::decode_into(number, frame_bytes, context);
                        });
                    }) ||
               context.refuse("a hello that is no map");
    }

    unsigned proto = 0;
    std::string host;
    std::size_t frame_bytes = 16u << 20;

private:
    template <class Entry>
    static bool read(data::Reader& in, Entry entry) {
        data::Token map;
        if (!in.next(map) || map.kind != data::Kind::map) return false;
        for (std::uint32_t i = 0; i < map.size; ++i) {
            data::Token key;
            if (!in.next(key) || key.kind != data::Kind::string) return false;
            data::Reader value(in.take_value());
            if (!entry(key.text(), value)) return false;
        }
        return true;
    }
};

}  // namespace

void Connection::greet(const std::string& client_name, Deadline until) {
    data::Buffer frame;
    wire::Out out(frame);
    wire::begin_request(out, msgid_placeholder, "soho.hello");
    out.array(1);
    out.map(4);
    out.string("proto");
    out.unsigned_integer(wire::protocol_version);
    out.string("client");
    out.string(client_name.empty() ? "soho-cpp/" SOHO_SDK_VERSION : client_name + " (soho-cpp/" SOHO_SDK_VERSION ")");
    out.string("errors");
    out.string("full");
    out.string("handles");
    out.string("ext");

    Welcome welcome;
    data::Buffer copy;
    Waiter waiter(&welcome, &copy);
    // The grace is for hosts that answer `deadline` by themselves; none does for a hello.
    const auto left = std::max<std::chrono::nanoseconds>(until - Clock::now() - grace, std::chrono::milliseconds(1));
    exchange(frame, waiter, left);
    if (waiter.failure) refuse_greeting(*waiter.failure);
    if (welcome.proto != wire::protocol_version) {
        throw CallError(Failure(CallCode::protocol, welcome.host + " speaks protocol " + std::to_string(welcome.proto) +
                                                        ", this client " + std::to_string(wire::protocol_version)));
    }
    frame_bytes_max_ = welcome.frame_bytes;
}

// No call was made yet, so none of these says whether it ran.
void Connection::refuse_greeting(const Failure& failure) {
    if (failure.code == CallCode::deadline) throw CallError(Failure(failure.code, "it did not answer in time"));
    if (failure.code != CallCode::connection_lost) failure.raise();
    const std::lock_guard lock(mutex_);
    throw ConnectionLost(Failure(failure.code, why_lost_ + " before the login ended"));
}

}  // namespace soho::client
