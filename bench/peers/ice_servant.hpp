#pragma once
// The work for Ice: a shared Pair, echo, and objects that are made and released.

#include <Ice/Ice.h>
#include <pair.h>

#include <memory>

namespace soho::bench {

class PairServant final : public Bench::Pair {
public:
    PairServant(Ice::Long x, Ice::Long y) : x_(x), y_(y) {}

    Ice::Long getX(const Ice::Current&) override { return x_; }
    void release(const Ice::Current& current) override { current.adapter->remove(current.id); }

private:
    Ice::Long x_, y_;
};

class ServiceServant final : public Bench::Service {
public:
    std::shared_ptr<Bench::PairPrx> make(Ice::Long x, Ice::Long y, const Ice::Current& current) override {
        return Ice::uncheckedCast<Bench::PairPrx>(current.adapter->addWithUUID(std::make_shared<PairServant>(x, y)));
    }
    Bench::Bytes echo(std::pair<const Ice::Byte*, const Ice::Byte*> bytes, const Ice::Current&) override {
        return {bytes.first, bytes.second};
    }
};

inline void add_servants(const std::shared_ptr<Ice::ObjectAdapter>& adapter) {
    adapter->add(std::make_shared<PairServant>(5, 6), Ice::stringToIdentity("pair"));
    adapter->add(std::make_shared<ServiceServant>(), Ice::stringToIdentity("service"));
    adapter->activate();
}

}  // namespace soho::bench
