// Cap'n Proto: its two-party RPC, one thread on each side.

#include "bench/peers/peer.hpp"

#include <capnp/ez-rpc.h>
#include <pair.capnp.h>

#include <deque>
#include <stdexcept>

namespace soho::bench {
namespace {

using namespace ::bench::capnproto;

constexpr capnp::ReaderOptions large{.traversalLimitInWords = std::uint64_t{1} << 40};

class PairServer final : public Pair::Server {
public:
    explicit PairServer(std::int64_t x) : x_(x) {}
    kj::Promise<void> getX(GetXContext context) override {
        context.getResults().setValue(x_);
        return kj::READY_NOW;
    }

private:
    const std::int64_t x_;
};

class ServiceServer final : public Service::Server {
    kj::Promise<void> pair(PairContext context) override {
        context.getResults().setPair(shared_);
        return kj::READY_NOW;
    }
    kj::Promise<void> make(MakeContext context) override {
        context.getResults().setPair(kj::heap<PairServer>(context.getParams().getX()));
        return kj::READY_NOW;
    }
    kj::Promise<void> echo(EchoContext context) override {
        context.getResults().setBytes(context.getParams().getBytes());
        return kj::READY_NOW;
    }

    Pair::Client shared_ = kj::heap<PairServer>(5);
};

std::string target(const std::string& address) {
    return address.starts_with("tcp:") ? "127.0.0.1:" + address.substr(4) : address;
}

void serve(const std::string& address) {
    capnp::EzRpcServer server(kj::heap<ServiceServer>(), target(address).c_str(), 0, large);
    kj::NEVER_DONE.wait(server.getWaitScope());
}

// A client lives on the thread that connected it.
class Connected {
public:
    Connected(const std::string& address, Work work)
        : client_(target(address).c_str(), 0, large),
          service_(client_.getMain<Service>()),
          pair_(service_.pairRequest().send().wait(scope()).getPair()) {
        if (work != Work::window) return;
        for (std::size_t i = 0; i < window_calls; ++i) calls_.push_back(pair_.getXRequest().send());
    }

    void call() { check(pair_.getXRequest().send().wait(scope()).getValue()); }
    // Takes the oldest of those in flight, and sends one more.
    void next_of_window() {
        check(kj::mv(calls_.front()).wait(scope()).getValue());
        calls_.pop_front();
        calls_.push_back(pair_.getXRequest().send());
    }
    void make_and_release() {
        auto request = service_.makeRequest();
        request.setX(5);
        request.setY(6);
        request.send().wait(scope()).getPair();  // released as it goes
    }
    void echo(const std::string& payload) {
        auto request = service_.echoRequest();
        request.setBytes(capnp::Data::Reader(reinterpret_cast<const kj::byte*>(payload.data()), payload.size()));
        if (request.send().wait(scope()).getBytes().size() != payload.size()) throw std::runtime_error("a short echo");
    }

private:
    kj::WaitScope& scope() { return client_.getWaitScope(); }
    static void check(std::int64_t x) {
        if (x != 5) throw std::runtime_error("x is not 5");
    }

    capnp::EzRpcClient client_;
    Service::Client service_;
    Pair::Client pair_;
    std::deque<capnp::RemotePromise<Pair::GetXResults>> calls_;
};

class CapnpCaller final : public Caller {
public:
    CapnpCaller(std::string address, Work work, std::size_t bytes)
        : address_(std::move(address)),
          work_(work),
          payload_(bytes, 'x') {}

    std::size_t step() override {
        if (capnp_ == nullptr)
            capnp_ = new Connected(address_, work_);  // until the program ends: its thread may go before
        switch (work_) {
            case Work::pairs: capnp_->make_and_release(); break;
            case Work::echo: capnp_->echo(payload_); break;
            case Work::window: capnp_->next_of_window(); break;
            default: capnp_->call();
        }
        return 1;
    }

private:
    const std::string address_;
    const Work work_;
    const std::string payload_;
    Connected* capnp_ = nullptr;
};

}  // namespace
}  // namespace soho::bench

int main(int argc, char** argv) {
    using namespace soho::bench;
    return peer_main(argc, argv,
                     {serve, [](const std::string& address, Work work, std::size_t bytes) -> std::unique_ptr<Caller> {
                          return std::make_unique<CapnpCaller>(address, work, bytes);
                      }});
}
