// ZeroC Ice: peer_ice serves from the program itself, peer_icebox from a service in IceBox (ice_service.cpp), which is Ice's host for .so
// files.

#include "bench/peers/ice_servant.hpp"
#include "bench/peers/peer.hpp"

#include <unistd.h>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace soho::bench {
namespace {

std::string endpoint(const std::string& address) { return "tcp -h 127.0.0.1 -p " + address.substr(4); }

std::shared_ptr<Ice::Communicator> new_communicator() {
    Ice::InitializationData data;
    data.properties = Ice::createProperties();
    data.properties->setProperty("Ice.MessageSizeMax", "0");
    return Ice::initialize(data);
}

void serve(const std::string& address) {
#ifdef SOHO_BENCH_ICEBOX_SERVICE
    const std::string service = std::string("--IceBox.Service.Bench=") + SOHO_BENCH_ICEBOX_SERVICE + ":create";
    const std::string endpoints = "--Bench.Endpoints=" + endpoint(address);
    ::execlp("icebox++11", "icebox++11", "--IceBox.InheritProperties=1", "--Ice.MessageSizeMax=0", service.c_str(),
             endpoints.c_str(), nullptr);
    throw std::runtime_error("icebox++11 does not start");
#else
    const auto communicator = new_communicator();
    const auto adapter = communicator->createObjectAdapterWithEndpoints("Bench", endpoint(address));
    add_servants(adapter);
    communicator->waitForShutdown();
#endif
}

// A communicator for each, as each is to have its connection.
struct Connected {
    explicit Connected(const std::string& address)
        : communicator(new_communicator()),
          pair(Ice::uncheckedCast<Bench::PairPrx>(communicator->stringToProxy("pair:" + endpoint(address)))),
          service(Ice::uncheckedCast<Bench::ServicePrx>(communicator->stringToProxy("service:" + endpoint(address)))) {}
    ~Connected() { communicator->destroy(); }

    std::shared_ptr<Ice::Communicator> communicator;
    std::shared_ptr<Bench::PairPrx> pair;
    std::shared_ptr<Bench::ServicePrx> service;
};

class IceCaller final : public Caller {
public:
    IceCaller(const std::string& address, Work work, std::size_t bytes)
        : ice_(address),
          work_(work),
          payload_(bytes, Ice::Byte{'x'}) {}

    std::size_t step() override {
        if (work_ == Work::pairs) {
            ice_.service->make(5, 6)->release();
        } else if (work_ == Work::echo) {
            const auto* const begin = payload_.data();
            if (ice_.service->echo({begin, begin + payload_.size()}).size() != payload_.size())
                throw std::runtime_error("a short echo");
        } else if (ice_.pair->getX() != 5) {
            throw std::runtime_error("x is not 5");
        }
        return 1;
    }

private:
    Connected ice_;
    const Work work_;
    const Bench::Bytes payload_;
};

class IceWindow final : public Caller {
public:
    explicit IceWindow(const std::string& address) : ice_(address) {
        for (std::size_t i = 0; i < window_calls; ++i) ask();
    }

    ~IceWindow() override { over_ = true; }

    std::size_t step() override {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return answered_.exchange(0);
    }

private:
    void ask() {
        ice_.pair->getXAsync([this](Ice::Long) {
            answered_.fetch_add(1, std::memory_order_relaxed);
            if (!over_) ask();
        });
    }

    Connected ice_;
    std::atomic<std::size_t> answered_{0};
    std::atomic<bool> over_{false};
};

}  // namespace
}  // namespace soho::bench

int main(int argc, char** argv) {
    using namespace soho::bench;
    return peer_main(argc, argv,
                     {serve, [](const std::string& address, Work work, std::size_t bytes) -> std::unique_ptr<Caller> {
                          if (work == Work::window) return std::make_unique<IceWindow>(address);
                          return std::make_unique<IceCaller>(address, work, bytes);
                      }});
}
