#pragma once
// The keys and tokens that clients may log in with.

#include <soho/wire/login.hpp>

#include <memory>
#include <mutex>

namespace soho::host {

// Those of the moment; a reload swaps them as a whole. Thread-safe.
class Credentials {
public:
    struct Secrets {
        std::vector<wire::Secret> keys;
        std::vector<wire::Secret> tokens;
    };

    void set(Secrets secrets) {
        auto next = std::make_shared<const Secrets>(std::move(secrets));
        const std::scoped_lock lock(mutex_);
        secrets_.swap(next);
    }
    std::shared_ptr<const Secrets> get() const {
        const std::scoped_lock lock(mutex_);
        return secrets_;
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const Secrets> secrets_ = std::make_shared<const Secrets>();
};

}  // namespace soho::host
