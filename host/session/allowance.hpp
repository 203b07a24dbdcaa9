#pragma once
// Which limits hold for whom: those of everybody, what a listener says of its connections, and what is said of a principal.

#include "host/object/account.hpp"
#include "host/session/limit_hits.hpp"

#include <deque>

namespace soho::host {

struct LimitRules {
    Limits base;
    std::map<std::string, LimitOverrides, std::less<>> listeners;   // by address
    std::map<std::string, LimitOverrides, std::less<>> principals;  // by name; they come after the listener's
};

// What holds for one principal through one listener. Its limits change with a reload, for those that live, too. Thread-safe.
class Allowance {
public:
    Allowance(Account& account, LimitHits& hits) : account_(account), hits_(hits) {}

    const Limits& limits() const { return *limits_.load(std::memory_order_acquire); }
    Account& account() const { return account_; }
    LimitHits& hits() const { return hits_; }

private:
    friend class Allowances;
    std::atomic<const Limits*> limits_{nullptr};
    Account& account_;
    LimitHits& hits_;
};

// Thread-safe. Allowances live as long as this, and so do the limits that they had: reloads are few.
class Allowances {
public:
    Allowances(Accounts& accounts, LimitHits& hits, LimitRules rules);

    const Allowance& of(std::string_view listener, std::string_view principal);
    // What is the host's own, and what holds where nothing else is said.
    const Limits& base() const { return *base_.load(std::memory_order_acquire); }
    LimitHits& hits() const { return hits_; }
    LimitRules rules() const {
        const std::scoped_lock lock(mutex_);
        return rules_;
    }
    // A listener that they do not name keeps its own: it listens until the host ends.
    void replace(LimitRules rules);

private:
    Limits limits_of(std::string_view listener, std::string_view principal) const;
    const Limits* keep(const Limits& limits);
    void set_maxima(Account& account) const;

    Accounts& accounts_;
    LimitHits& hits_;
    mutable std::mutex mutex_;
    LimitRules rules_;
    std::deque<Limits> kept_;
    std::atomic<const Limits*> base_{nullptr};
    std::map<std::pair<std::string, std::string>, std::unique_ptr<Allowance>> all_;  // by listener and principal
};

}  // namespace soho::host
