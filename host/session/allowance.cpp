#include "host/session/allowance.hpp"

#include <algorithm>

namespace soho::host {

Allowances::Allowances(Accounts& accounts, LimitHits& hits, LimitRules rules) : accounts_(accounts), hits_(hits) {
    replace(std::move(rules));
}

const Allowance& Allowances::of(std::string_view listener, std::string_view principal) {
    Account& account = accounts_.of(principal);  // which asks for its maxima, so before the lock
    const std::scoped_lock lock(mutex_);
    auto& allowance = all_[{std::string(listener), std::string(principal)}];
    if (allowance == nullptr) {
        allowance = std::make_unique<Allowance>(account, hits_);
        allowance->limits_ = keep(limits_of(listener, principal));
    }
    return *allowance;
}

void Allowances::replace(LimitRules rules) {
    {
        const std::scoped_lock lock(mutex_);
        rules.listeners.merge(rules_.listeners);
        rules_ = std::move(rules);
        base_ = keep(rules_.base);
        for (const auto& [key, allowance] : all_)
            allowance->limits_.store(keep(limits_of(key.first, key.second)), std::memory_order_release);
    }
    accounts_.set_maxima([this](Account& account) { set_maxima(account); });
}

// With the mutex held, as keep().
Limits Allowances::limits_of(std::string_view listener, std::string_view principal) const {
    Limits limits = rules_.base;
    if (const auto found = rules_.listeners.find(listener); found != rules_.listeners.end())
        apply(found->second, limits);
    if (const auto found = rules_.principals.find(principal); found != rules_.principals.end())
        apply(found->second, limits);
    return limits;
}

// Most are the same.
const Limits* Allowances::keep(const Limits& limits) {
    const auto found = std::find(kept_.rbegin(), kept_.rend(), limits);
    return found != kept_.rend() ? &*found : &kept_.emplace_back(limits);
}

void Allowances::set_maxima(Account& account) const {
    const std::scoped_lock lock(mutex_);
    const Limits limits = limits_of({}, account.name);
    account.connections_max = limits.principal_connections_max;
    account.objects_max = limits.principal_objects_max;
    account.bytes_max = limits.principal_bytes_max;
}

}  // namespace soho::host
