#pragma once
// What each principal uses of the host in all: its connections, the objects it made and what they hold.

#include "host/registry/quota.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace soho::host {

// Thread-safe.
struct Account {
    explicit Account(std::string name_) : name(std::move(name_)) {}

    const std::string name;  // of the principal
    Quota connections, objects, bytes;
    // What it may have at most; without limit until somebody sets one.
    std::atomic<std::uint64_t> connections_max{UINT64_MAX}, objects_max{UINT64_MAX}, bytes_max{UINT64_MAX};

    bool take_object() { return objects.take(1, objects_max.load(std::memory_order_relaxed)); }
    bool take_connection() { return connections.take(1, connections_max.load(std::memory_order_relaxed)); }
};

// One for each principal that ever came: they are never dropped, as there are no more than the system and the config know.
// Thread-safe.
class Accounts {
public:
    using SetMaxima = std::function<void(Account& account)>;

    Account& of(std::string_view principal);
    // For all that there are and will be.
    void set_maxima(SetMaxima set);
    std::vector<const Account*> all() const;

private:
    mutable std::mutex mutex_;
    SetMaxima set_maxima_ = [](Account&) {};
    std::map<std::string, std::unique_ptr<Account>, std::less<>> accounts_;
};

}  // namespace soho::host
