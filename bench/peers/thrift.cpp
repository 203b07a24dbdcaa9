// Thrift: its non-blocking server; the binary protocol in frames. It has no objects: what would make and release them is left out.

#include "bench/peers/peer.hpp"

#include <Pair.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/server/TNonblockingServer.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TNonblockingServerSocket.h>
#include <thrift/transport/TSocket.h>

#include <stdexcept>

namespace soho::bench {
namespace {

namespace server = apache::thrift::server;
namespace transport = apache::thrift::transport;
using apache::thrift::protocol::TBinaryProtocol;
using apache::thrift::protocol::TBinaryProtocolFactory;

class PairHandler final : public ::bench::thrift::PairIf {
    std::int64_t getX() override { return 5; }
    void echo(std::string& echoed, const std::string& bytes) override { echoed = bytes; }
};

void serve(const std::string& address) {
    const bool is_tcp = address.starts_with("tcp:");
    const auto socket = is_tcp ? std::make_shared<transport::TNonblockingServerSocket>(std::stoi(address.substr(4)))
                               : std::make_shared<transport::TNonblockingServerSocket>(address.substr(5));
    server::TNonblockingServer(std::make_shared<::bench::thrift::PairProcessor>(std::make_shared<PairHandler>()),
                               std::make_shared<TBinaryProtocolFactory>(), socket)
        .serve();
}

struct Connected {
    explicit Connected(const std::string& address)
        : socket(address.starts_with("tcp:")
                     ? std::make_shared<transport::TSocket>("127.0.0.1", std::stoi(address.substr(4)))
                     : std::make_shared<transport::TSocket>(address.substr(5))),
          client(std::make_shared<TBinaryProtocol>(std::make_shared<transport::TFramedTransport>(socket))) {
        socket->open();
    }

    std::shared_ptr<transport::TSocket> socket;
    ::bench::thrift::PairClient client;
};

class ThriftCaller final : public Caller {
public:
    ThriftCaller(const std::string& address, std::size_t bytes) : thrift_(address), payload_(bytes, 'x') {}

    std::size_t step() override {
        if (payload_.empty()) {
            if (thrift_.client.getX() != 5) throw std::runtime_error("x is not 5");
        } else {
            thrift_.client.echo(echoed_, payload_);
            if (echoed_.size() != payload_.size()) throw std::runtime_error("a short echo");
        }
        return 1;
    }

private:
    Connected thrift_;
    const std::string payload_;
    std::string echoed_;
};

// Replies come in the order of the requests.
class ThriftWindow final : public Caller {
public:
    explicit ThriftWindow(const std::string& address) : thrift_(address) {
        for (std::size_t i = 0; i < window_calls; ++i) thrift_.client.send_getX();
    }

    std::size_t step() override {
        if (thrift_.client.recv_getX() != 5) throw std::runtime_error("x is not 5");
        thrift_.client.send_getX();
        return 1;
    }

private:
    Connected thrift_;
};

}  // namespace
}  // namespace soho::bench

int main(int argc, char** argv) {
    using namespace soho::bench;
    return peer_main(argc, argv,
                     {serve, [](const std::string& address, Work work, std::size_t bytes) -> std::unique_ptr<Caller> {
                          if (work == Work::window) return std::make_unique<ThriftWindow>(address);
                          return std::make_unique<ThriftCaller>(address, bytes);
                      }});
}
