#pragma once
// Published names: each keeps its object alive until it is unpublished.

#include "host/object/object.hpp"

#include <functional>
#include <map>
#include <unordered_map>

namespace soho::host {

// Thread-safe.
class Names {
public:
    struct Entry {
        ObjectPtr object;
        std::string principal;      // who published it, and may unpublish it
        std::uint64_t session = 0;  // not 0: unpublished when that session ends
    };

    // Fails with Code::exists if the name is taken, or about to be, and bad_arguments if it is no name. Whose object is lost may take
    // its name anew: it names that until then, so that a call by it says what has happened.
    Result<void> publish(std::string_view name, Entry entry);
    // The same for a name that a reservation holds.
    void fulfil(std::string_view name, Entry entry);

    // create-or-open is atomic: the first to come reserves the name, makes the object and fulfils or abandons it; later ones
    // are told when that has happened. Nothing is called under the lock.
    enum class Reservation { reserved, taken, waiting };
    using Waiter = std::function<void()>;
    Result<Reservation> reserve(std::string_view name, std::string_view principal, Waiter when_settled);
    void abandon(std::string_view name);

    ObjectPtr find(std::string_view name) const;
    // The sentence for a name that nothing has; what it suggests instead is one of those that `may_know` tells of.
    using MayKnow = std::function<bool(const std::string& name, const Entry& entry)>;
    Error no_name(std::string_view name, const MayKnow& may_know = {}) const;
    // What the object is published as.
    std::vector<std::string> names_of(std::uint64_t object) const;
    // Fails with no_object (no such name) or denied (another's; `admin` may all).
    Result<void> unpublish(std::string_view name, std::string_view principal, bool admin);
    void drop_session(std::uint64_t session);
    // Takes an object's names away (soho.drop), or all (the host goes).
    void drop_object(std::uint64_t id);
    void clear();

    std::vector<std::pair<std::string, Entry>> all() const;
    std::size_t size() const;

private:
    using Entries = std::map<std::string, Entry, std::less<>>;

    static bool may_take(const Entry& entry, std::string_view principal);
    Entry take(std::string_view name, Entry entry);
    Entries::iterator remove(Entries::iterator at);
    template <class Predicate>
    void drop_if(Predicate predicate);

    mutable std::mutex mutex_;
    Entries entries_;
    std::unordered_multimap<std::uint64_t, const std::string*> by_object_;
    std::map<std::string, std::vector<Waiter>, std::less<>> reserved_;
};

// A name that was reserved: given up with the last that holds this, unless it was fulfilled. [any thread]
class NameClaim {
public:
    NameClaim(Names& names, std::string_view name) : names_(names), name_(name) {}
    NameClaim(const NameClaim&) = delete;
    NameClaim& operator=(const NameClaim&) = delete;
    ~NameClaim() {
        if (held_.load(std::memory_order_acquire)) names_.abandon(name_);
    }

    Result<Names::Reservation> reserve(std::string_view principal, Names::Waiter when_settled) {
        auto reservation = names_.reserve(name_, principal, std::move(when_settled));
        if (reservation && *reservation == Names::Reservation::reserved) held_.store(true, std::memory_order_release);
        return reservation;
    }
    void fulfil(Names::Entry entry) {
        names_.fulfil(name_, std::move(entry));
        held_.store(false, std::memory_order_release);
    }

private:
    Names& names_;
    const std::string name_;
    std::atomic<bool> held_{false};
};
using NameClaimPtr = std::shared_ptr<NameClaim>;

}  // namespace soho::host
