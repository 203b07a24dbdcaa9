#include "host/object/account.hpp"

namespace soho::host {

Account& Accounts::of(std::string_view principal) {
    const std::scoped_lock lock(mutex_);
    const auto found = accounts_.find(principal);
    if (found != accounts_.end()) return *found->second;
    auto account = std::make_unique<Account>(std::string(principal));
    set_maxima_(*account);
    return *accounts_.emplace(account->name, std::move(account)).first->second;
}

void Accounts::set_maxima(SetMaxima set) {
    const std::scoped_lock lock(mutex_);
    set_maxima_ = std::move(set);
    for (const auto& [name, account] : accounts_) set_maxima_(*account);
}

std::vector<const Account*> Accounts::all() const {
    const std::scoped_lock lock(mutex_);
    std::vector<const Account*> accounts;
    for (const auto& [name, account] : accounts_) accounts.push_back(account.get());
    return accounts;
}

}  // namespace soho::host
