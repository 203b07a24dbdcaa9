#pragma once
// A session that offers types (PROTOCOL.md, 9): a client that hosts objects, or a plugin's worker process.

#include "host/session/link.hpp"
#include "host/session/worker.hpp"

#include <deque>

namespace soho::host {

// What one plugin of types stands on. It stays as long as the host, as types do; who offers the same again, after the one before has
// gone, is given it again. Thread-safe.
class Offer {
public:
    struct Callee : RemoteCallee {
        Offer* offer = nullptr;
    };

    Offer(std::string name, std::string text, bool of_worker)
        : name_(std::move(name)),
          text_(std::move(text)),
          of_worker_(of_worker) {}

    const std::string& name() const { return name_; }
    const std::string& text() const { return text_; }  // MessagePack: what was offered
    Plugin& plugin() const { return *plugin_; }
    // Of a plugin in a process of its own: the process that stands behind it, or did so last. Else null.
    std::shared_ptr<Worker> worker() const {
        const std::scoped_lock lock(mutex_);
        return worker_;
    }
    bool is_of_worker() const { return of_worker_; }
    // Of an open type: the method of that name, if it can be one; made when it is first asked for.
    const Method* open_method(const Type& type, std::string_view name, std::string_view who) {
        return open_methods_.find(type, name, who);
    }
    // Who stands behind it now; null: nobody.
    std::shared_ptr<Provider> provider() const {
        const std::scoped_lock lock(mutex_);
        return provider_;
    }

private:
    friend class Offers;

    const std::string name_, text_;
    const bool of_worker_;
    Plugin* plugin_ = nullptr;
    bool entered_ = false;  // its types are in the registry's snapshot; with the mutex of all offers
    std::deque<Callee> callees_;
    OpenMethods open_methods_;
    mutable std::mutex mutex_;
    std::shared_ptr<Provider> provider_;
    std::shared_ptr<Worker> worker_;
};

// All that was ever offered. Thread-safe.
class Offers {
public:
    // For `soho.offer` of {name, version?, types}. Fails with a sentence.
    Result<std::shared_ptr<Provider>> take(Caller& caller, data::Bytes offer);
    // Its types are no longer there to be created; objects stay. Nothing if that is so already.
    void withdraw(Provider& provider, Registry& registry);
    // Its types stay, and wait for another to stand behind them.
    void vacate(Provider& provider);
    // A worker that is_replacing() takes the place of the one before: from here on objects are made by it. Those that are stay where
    // they are. Returns who stood there, null if nobody did. Fails, and nothing has changed.
    Result<std::shared_ptr<Provider>> replace(Provider& provider, Registry& registry);
    // Of one that was replaced: whether there is nothing of it here any more, nor can be. From then on it is asked for nothing.
    bool retire_if_idle(Provider& provider);

private:
    // What a principal's sessions have offered since the host began.
    struct Made {
        std::size_t offers = 0, bytes = 0;
    };

    Result<void> check_room(Caller& caller, std::size_t bytes);
    static bool same_owner(const Offer& offer, Caller& caller);
    Result<Offer*> find(Caller& caller, data::Bytes text);
    Result<Offer*> make(Caller& caller, data::Bytes text);
    Offer* offer_of(Provider& provider);
    Result<void> enter(Offer& offer, Registry& registry);

    std::mutex mutex_;
    std::deque<Offer> all_;
    std::map<std::string, Made> made_by_;
};

// One connection that has made an offer. Thread-safe, but for what is for its connection's reactor.
class Provider final : public Link {
public:
    Provider(Services& services, Caller& caller, Offer& offer);

    const Offer& offer() const { return offer_; }
    // Of a plugin's worker; else null.
    const std::shared_ptr<Worker>& worker() const { return worker_; }
    Provider* provider() override { return this; }

    // What it owes fails, once; that of a worker when it is known how that ended.
    void gone(std::string_view why) override;
    // How the process ended.
    void died(std::string how);
    // What its object says that it holds: counted as if a plugin here had charged it, but refused by no cap.
    void set_bytes(std::uint64_t id, std::uint64_t bytes);
    // Has it told when that session ends.
    void watch_session(std::uint64_t session);

private:
    TypePtr type_of(std::string_view type_id) override;
    std::string text() const override;
    std::string why_not_started(std::string_view callee, Of of) const override;
    std::string why_lost(std::string_view callee) const override;
    Result<void> write_options(const soho_call& call, const wire::HandleVisitor& visit, wire::Out& out) override;
    std::string how_it_ended() const;

    friend class Offers;

    Offer& offer_;
    const std::shared_ptr<Worker> worker_;
    mutable std::mutex mutex_;
    std::string how_;                                           // it died; empty: nobody knows yet
    std::unordered_map<std::uint64_t, std::uint64_t> watched_;  // sessions, and what waits for their end
};

}  // namespace soho::host
