#pragma once
// A session that offers types (PROTOCOL.md, 9): what stands in the place of a plugin's functions sends it requests, and its replies
// complete them. Nothing above the object floor can tell an object that lives there from one of this process.

#include "host/object/invocation.hpp"
#include "host/session/services.hpp"

#include <soho/wire/codec.hpp>

#include <deque>

namespace soho::host {

class Caller;
class Provider;

// What one plugin of types stands on. It stays as long as the host, as types do; who offers the same again, after the one before has
// gone, is given it again. Thread-safe.
class Offer {
public:
    struct Callee {
        Offer* offer = nullptr;
        std::string_view name{};  // of the method, or of the type
    };

    Offer(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {}

    const std::string& name() const { return name_; }
    const std::string& text() const { return text_; }  // MessagePack: what was offered
    Plugin& plugin() const { return *plugin_; }
    // Of an open type: the method of that name, if it can be one; made when it is first asked for.
    const Method* open_method(const Type& type, std::string_view name);
    // Who stands behind it now; null: nobody.
    std::shared_ptr<Provider> provider() const {
        const std::scoped_lock lock(mutex_);
        return provider_;
    }

private:
    friend class Offers;

    const std::string name_, text_;
    Plugin* plugin_ = nullptr;
    std::deque<Callee> callees_;
    mutable std::mutex mutex_;
    struct OpenMethod {
        Method method;
        Callee callee;
    };
    std::map<std::pair<const Type*, std::string>, OpenMethod> open_methods_;
    std::shared_ptr<Provider> provider_;
};

// All that was ever offered. Thread-safe.
class Offers {
public:
    // For `soho.offer` of {name, version?, types}. Fails with a sentence.
    Result<std::shared_ptr<Provider>> take(Caller& caller, data::Bytes offer);
    // Its types are no longer there to be created; objects stay. Nothing if that is so already.
    void withdraw(Provider& provider, Registry& registry);

private:
    Result<Offer*> find(Caller& caller, data::Bytes text);
    Result<Offer*> make(Caller& caller, data::Bytes text);

    std::mutex mutex_;
    std::deque<Offer> all_;
};

// An object that lives in a provider, while the host has something of it.
struct RemoteObject {
    std::shared_ptr<Provider> provider;
    std::uint64_t id;
    std::uint64_t count = 0;  // handles of it that came; with the provider's mutex

    RemoteObject(std::shared_ptr<Provider> provider_, std::uint64_t id_) : provider(std::move(provider_)), id(id_) {}
    RemoteObject(const RemoteObject&) = delete;
    RemoteObject& operator=(const RemoteObject&) = delete;
    ~RemoteObject();
};

// One connection that has made an offer. Thread-safe.
class Provider : public std::enable_shared_from_this<Provider> {
public:
    Provider(Services& services, Caller& caller, Offer& offer);

    const Offer& offer() const { return offer_; }
    const SessionPtr& session() const { return session_; }

    // -- for its connection's reactor --
    // A reply of its. False: the connection must be closed, and `why` says why.
    bool take(const wire::Frame& frame, std::string& why);
    // Its connection has gone: what it owes fails, once.
    void gone();

    // What a call on behalf of that request inherits. Null where it is not being served.
    std::shared_ptr<const InheritedContext> inherited(std::uint32_t msgid);

    // The host's object behind a handle that the provider gave of its own.
    Result<ObjectPtr> adopt(const wire::Handle& own);

    // -- for the functions of its types --
    std::uint32_t invoke(const RemoteObject& target, std::string_view method, const soho_call& call);
    std::uint32_t create(std::string_view type_id, const soho_call& call);
    void forget(RemoteObject& object);

private:
    struct Owed {
        soho_pending* pending;
        std::string_view callee;  // of the offer, which stays
        bool of_object;           // the result is an object of the provider's
        std::shared_ptr<const InheritedContext> context;
    };
    struct Cancelling;

    bool send(std::uint32_t msgid, Owed owed, data::Buffer frame);
    std::uint32_t start(const soho_call& call, std::string_view callee, bool of_object,
                        const std::function<void(wire::Out&)>& write_target, std::string_view request);
    Result<void> write_arguments(const soho_call& call, wire::Out& out, std::vector<std::uint64_t>& held);
    void cancel(std::uint32_t msgid);
    void complete(const Owed& owed, const wire::Reply& reply);
    Result<soho_instance> instance_of(data::Bytes value);
    std::shared_ptr<RemoteObject> own(std::uint64_t id);
    std::uint32_t fail(const soho_call& call, const Error& error) const;
    std::string text() const;
    const soho_host& host() const;

    Services& services_;
    Offer& offer_;
    const SessionPtr session_;

    std::mutex mutex_;
    Caller* caller_;  // null: gone
    std::uint32_t last_msgid_ = 0;
    std::unordered_map<std::uint32_t, Owed> owed_;
    std::unordered_map<std::uint64_t, std::weak_ptr<RemoteObject>> objects_;
};

}  // namespace soho::host
