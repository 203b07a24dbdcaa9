#pragma once
// The calls of one connection that have no reply yet, found by msgid.

#include "socket.hpp"

#include <soho/client/request.hpp>

#include <condition_variable>

namespace soho::client {

// A reply as it came.
struct ReplyBytes {
    bool ok = false;
    data::Bytes body;  // the result, or the error
    bool may_hold_handles = false;
};

// One blocking call, on the stack of its caller; or a caller that drives the connection without one (receiver is null).
// The connection's mutex guards it, except that the leader fills in its own.
struct Waiter {
    enum class State : std::uint8_t { waiting, copied, answered };

    explicit Waiter(Receiver* receiver_, data::Buffer* copy_) : receiver(receiver_), copy(copy_) {}

    Receiver* receiver;
    data::Buffer* copy;  // where another thread that leads puts the reply
    State state = State::waiting;
    bool leads = false;
    bool never_sent = false;
    bool copied_ok = false;
    bool copied_may_hold_handles = false;
    std::uint32_t msgid = 0;
    std::optional<Failure> failure;
    std::vector<ClassUse> unchecked;
    std::condition_variable wake;
    Waiter* next = nullptr;  // among those that wait for a leader's word
    Waiter* previous = nullptr;
};

// Who waits for a msgid. None of both: the call was given up, its reply is still to come.
struct Pending {
    Waiter* waiter = nullptr;
    std::unique_ptr<Completion> completion;
    Deadline expires = no_deadline;
};

// A msgid is a place here and a counter that tells its uses apart. Not thread-safe: the connection's mutex guards it.
class PendingTable {
public:
    PendingTable() { places_.reserve(64); }

    std::uint32_t add(Pending pending) {
        if (free_ == none) {
            if (places_.size() == places_max)
                throw CallError(Failure(CallCode::overloaded, "a million calls wait on one connection"));
            places_.emplace_back();
            free_ = static_cast<std::uint32_t>(places_.size() - 1);
        }
        const std::uint32_t index = free_;
        Place& place = places_[index];
        free_ = place.next_free;
        place.taken = true;
        place.pending = std::move(pending);
        return place.uses << index_bits | index;
    }

    Pending* find(std::uint32_t msgid) {
        const std::uint32_t index = msgid & (places_max - 1);
        if (index >= places_.size()) return nullptr;
        Place& place = places_[index];
        return place.taken && place.uses == msgid >> index_bits ? &place.pending : nullptr;
    }

    Pending take(std::uint32_t msgid) {
        const std::uint32_t index = msgid & (places_max - 1);
        Place& place = places_[index];
        place.taken = false;
        place.uses = (place.uses + 1) & ((1u << (32 - index_bits)) - 1);
        place.next_free = std::exchange(free_, index);
        return std::exchange(place.pending, Pending());
    }

    template <class Visit>
    void each(Visit visit) {
        for (std::size_t index = 0; index < places_.size(); ++index) {
            Place& place = places_[index];
            if (place.taken) visit(place.uses << index_bits | static_cast<std::uint32_t>(index), place.pending);
        }
    }

private:
    static constexpr std::uint32_t index_bits = 20;
    static constexpr std::uint32_t places_max = 1u << index_bits;
    static constexpr std::uint32_t none = UINT32_MAX;

    struct Place {
        Pending pending;
        std::uint32_t uses = 0;
        std::uint32_t next_free = none;
        bool taken = false;
    };

    std::vector<Place> places_;
    std::uint32_t free_ = none;
};

}  // namespace soho::client
