#pragma once
// A worker's link to its host (PROTOCOL.md, 9): the host's requests come over it, and what a plugin wants of the host goes back.

#include "host/session/link.hpp"
#include "host/session/replies.hpp"

#include <atomic>
#include <map>
#include <set>

namespace soho::host {

// Thread-safe, but for what is for its connection's reactor.
class Upstream final : public Link {
public:
    Upstream(Services& services, Caller& caller) : Link(services, caller, Provides::we) {}

    Upstream* upstream() override { return this; }
    // The host has: this process is to end.
    void gone(std::string_view why) override;

    // Tells the host of the plugin's types. `done` gets what it said; on the connection's reactor, or at once.
    void offer(const Plugin& plugin, std::function<void(const Result<void>&)> done);

    // Called when that session of the host's ends, or soon if it has. Returns a number for cancel_session_end().
    std::uint64_t on_session_end(std::uint64_t session, Work when_ended);
    void cancel_session_end(std::uint64_t number);
    // Waits for the host's word: for a plugin's code on any thread; the connection's reactor gets another thread meanwhile.
    Result<void> publish(std::string_view name, const ObjectPtr& object);
    Result<void> unpublish(std::string_view name);

    // What is to be done if the host says that nobody got the reply to that request.
    void await_verdict(std::uint32_t msgid, std::unique_ptr<Discardable> discardable);

    // The plugin has charged bytes to that object, or given them back: the host shows and counts them.
    void charged(const Object& object);
    // Sends what was charged to objects that the host knows; before the replies that it belongs to. [its connection's reactor]
    void tell_charges();

    // -- what the host tells --
    void session_ended(std::uint64_t session);
    void verdict(std::uint64_t msgid, bool delivered);

private:
    TypePtr type_of(std::string_view type_id) override;
    void introducing(const ObjectPtr& object) override;
    std::string text() const override { return "the host"; }
    std::string why_not_started(std::string_view callee, Of of) const override;
    std::string why_lost(std::string_view callee) const override;
    Result<void> write_options(const soho_call& call, const wire::HandleVisitor& visit, wire::Out& out) override;
    TypePtr make_type(std::string_view type_id);
    Result<void> ask_and_wait(std::string_view request, const std::function<void(wire::Out&)>& write_params);

    std::mutex mutex_;
    OpenMethods methods_;
    std::map<std::string, TypePtr, std::less<>> types_;  // of the host's objects
    struct Waiter {
        std::uint64_t session;
        Work work;
    };
    std::map<std::uint64_t, Waiter> waiters_;
    std::map<std::uint64_t, std::vector<std::uint64_t>> watched_;  // sessions, and who waits
    std::uint64_t next_waiter_ = 1;
    std::unordered_map<std::uint64_t, std::unique_ptr<Discardable>> verdicts_;
    std::set<std::uint64_t> charged_;  // not told yet
    std::atomic<bool> has_charged_{false};
};

}  // namespace soho::host
