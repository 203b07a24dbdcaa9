// gRPC: its callback API on both sides.

#include "bench/peers/peer.hpp"

#include <grpcpp/grpcpp.h>
#include <pair.grpc.pb.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace soho::bench {
namespace {

std::string target(const std::string& address) {
    return address.starts_with("tcp:") ? "127.0.0.1:" + address.substr(4) : address;
}

class PairService final : public ::bench::Pair::CallbackService {
    grpc::ServerUnaryReactor* GetX(grpc::CallbackServerContext* context, const ::bench::Nothing*,
                                   ::bench::Number* reply) override {
        reply->set_value(5);
        return finished(context);
    }
    grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context, const ::bench::Payload* request,
                                   ::bench::Payload* reply) override {
        reply->set_value(request->value());
        return finished(context);
    }
    static grpc::ServerUnaryReactor* finished(grpc::CallbackServerContext* context) {
        grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }
};

void serve(const std::string& address) {
    PairService service;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(target(address), grpc::InsecureServerCredentials());
    builder.RegisterService(&service);
    builder.BuildAndStart()->Wait();
}

std::unique_ptr<::bench::Pair::Stub> connected(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection for each
    return ::bench::Pair::NewStub(
        grpc::CreateCustomChannel(target(address), grpc::InsecureChannelCredentials(), arguments));
}

void check(const grpc::Status& status) {
    if (!status.ok()) throw std::runtime_error("gRPC: " + status.error_message());
}

class GrpcCaller final : public Caller {
public:
    GrpcCaller(const std::string& address, std::size_t bytes) : stub_(connected(address)) {
        payload_.set_value(std::string(bytes, 'x'));
    }

    std::size_t step() override {
        grpc::ClientContext context;
        if (!payload_.value().empty()) {
            check(stub_->Echo(&context, payload_, &echoed_));
            if (echoed_.value().size() != payload_.value().size()) throw std::runtime_error("a short echo");
            return 1;
        }
        ::bench::Number number;
        check(stub_->GetX(&context, {}, &number));
        if (number.value() != 5) throw std::runtime_error("x is not 5");
        return 1;
    }

private:
    std::unique_ptr<::bench::Pair::Stub> stub_;
    ::bench::Payload payload_, echoed_;
};

class GrpcWindow final : public Caller {
public:
    explicit GrpcWindow(const std::string& address) : stub_(connected(address)) {
        for (std::size_t i = 0; i < window_calls; ++i) ask();
    }

    std::size_t step() override {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return answered_.exchange(0);
    }

private:
    struct Call {
        grpc::ClientContext context;
        ::bench::Nothing request;
        ::bench::Number reply;
    };

    void ask() {
        auto* const call = new Call;
        stub_->async()->GetX(&call->context, &call->request, &call->reply, [this, call](const grpc::Status& status) {
            const bool right = status.ok() && call->reply.value() == 5;
            delete call;
            if (!right) std::abort();
            answered_.fetch_add(1, std::memory_order_relaxed);
            ask();
        });
    }

    std::unique_ptr<::bench::Pair::Stub> stub_;
    std::atomic<std::size_t> answered_{0};
};

}  // namespace
}  // namespace soho::bench

int main(int argc, char** argv) {
    using namespace soho::bench;
    return peer_main(argc, argv,
                     {serve, [](const std::string& address, Work work, std::size_t bytes) -> std::unique_ptr<Caller> {
                          if (work == Work::window) return std::make_unique<GrpcWindow>(address);
                          return std::make_unique<GrpcCaller>(address, bytes);
                      }});
}
