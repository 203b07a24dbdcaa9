// The .so that IceBox loads.

#include "bench/peers/ice_servant.hpp"

#include <IceBox/IceBox.h>

namespace {

class BenchService final : public IceBox::Service {
public:
    void start(const std::string& name, const std::shared_ptr<Ice::Communicator>& communicator,
               const Ice::StringSeq&) override {
        adapter_ = communicator->createObjectAdapter(name);
        soho::bench::add_servants(adapter_);
    }
    void stop() override { adapter_->destroy(); }

private:
    std::shared_ptr<Ice::ObjectAdapter> adapter_;
};

}  // namespace

extern "C" __attribute__((visibility("default"))) IceBox::Service* create(const std::shared_ptr<Ice::Communicator>&) {
    return new BenchService;
}
