#pragma once
// A connection whose other end hosts objects, too (PROTOCOL.md, 9): what stands in the place of a plugin's functions sends it requests,
// and its replies complete them. Nothing above the object floor can tell an object that lives there from one of this process.

#include "host/object/invocation.hpp"
#include "host/session/services.hpp"

#include <soho/wire/handles.hpp>

#include <map>
#include <mutex>

namespace soho::host {

class Caller;
class Link;
class Provider;
class Upstream;
struct RequestOptions;
struct Undelivered;

// An object that lives at the other end, while there is something of it here.
struct RemoteObject {
    std::shared_ptr<Link> link;
    std::uint64_t id;
    std::uint64_t count = 0;  // handles of it that came; with the link's mutex

    RemoteObject(std::shared_ptr<Link> link_, std::uint64_t id_) : link(std::move(link_)), id(id_) {}
    RemoteObject(const RemoteObject&) = delete;
    RemoteObject& operator=(const RemoteObject&) = delete;
    ~RemoteObject();
};

// Thread-safe, but for what is for its connection's reactor.
class Link : public std::enable_shared_from_this<Link> {
public:
    // Whose handles are "a provider's own" (0x5b): the other end's, or this one's.
    enum class Provides : std::uint8_t { they, we };

    Link(Services& services, Caller& caller, Provides provides);
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    virtual ~Link() = default;

    // What it is, where that matters: a host's link to a provider, or a worker's to its host.
    virtual Provider* provider() { return nullptr; }
    virtual Upstream* upstream() { return nullptr; }

    const SessionPtr& session() const { return session_; }

    // -- for its connection's reactor --
    // A reply from there. False: the connection must be closed, and `why` says why.
    bool take(const wire::Frame& frame, std::string& why);
    // The connection has gone; `why` is for the log.
    virtual void gone(std::string_view why) = 0;

    // What a call on behalf of that request inherits. Null where it is not being served there.
    std::shared_ptr<const InheritedContext> inherited(std::uint32_t msgid);
    // It wants to hear what becomes of its reply to that request.
    void want_verdict(std::uint32_t msgid);

    bool has_gone() const {
        const std::scoped_lock lock(mutex_);
        return caller_ == nullptr;
    }

    // -- its end, where another one takes its place --
    // Whoever is about to ask it for an object keeps a reservation. False: it is closed, and asked for nothing any more.
    bool reserve();
    void give_back_reservation();
    // Closes it if there is no object of theirs here, and nothing owed or about to be.
    bool close_if_idle();
    // Whether there is an object of theirs here that is reached through it.
    bool has(const Object& object) const;

    // -- handles --
    bool is_theirs(const wire::Handle& handle) const { return handle.own == (provides_ == Provides::they); }
    // Our object for a handle of theirs, which counts one.
    Result<ObjectPtr> adopt(const wire::Handle& theirs);
    // What our object is called there. One that is not theirs is held for its session, and noted in `held`.
    Result<wire::Handle> introduce(const ObjectPtr& object, std::vector<std::uint64_t>& held);

    // -- for the functions of its types --
    std::uint32_t invoke(const RemoteObject& target, std::string_view method, const soho_call& call);
    std::uint32_t create(std::string_view type_id, const soho_call& call);
    void forget(RemoteObject& object);

    // Asks for something; `done` gets the reply, or why there is none. Where that says so, on the connection's reactor. [any thread]
    using Answered = std::function<void(const Result<data::Bytes>& result)>;
    void ask(std::string_view request, const std::function<void(wire::Out&)>& write_params, Answered done);
    void notify(std::string_view what, std::uint64_t number);
    void notify(std::string_view what, const std::function<void(wire::Out&)>& write_params);

protected:
    struct Owed {
        soho_pending* pending = nullptr;  // null: `answered`
        std::string callee{};
        const Type* result_type = nullptr;  // the result is an object of theirs, of that type
        std::shared_ptr<const InheritedContext> context{};
        Answered answered{};
        bool wants_verdict = false;
    };

    virtual TypePtr type_of(std::string_view type_id) = 0;
    // For messages: who is there.
    virtual std::string text() const = 0;
    // What is said of a call that did not start, as nobody is there: of an object there, or another; of one that may have run.
    enum class Of : std::uint8_t { object, other };
    virtual std::string why_not_started(std::string_view callee, Of of) const = 0;
    virtual std::string why_lost(std::string_view callee) const = 0;
    // The options of a request, as a map.
    virtual Result<void> write_options(const soho_call& call, const wire::HandleVisitor& visit, wire::Out& out) = 0;

    // An object of ours is about to be known there.
    virtual void introducing(const ObjectPtr&) {}

    std::uint32_t fail(const soho_call& call, const Error& error) const;
    // Takes the connection away; false: it was before.
    bool leave();
    // Ends all that is owed, saying why_lost().
    void fail_owed();
    // Nobody will be there again for the objects of theirs.
    void lose_objects();
    // The one of that id of theirs; a handle of it has come.
    std::shared_ptr<RemoteObject> remote(std::uint64_t id);
    // Null where there is nothing of it.
    std::shared_ptr<RemoteObject> find_remote(std::uint64_t id) const;

    Services& services_;
    const SessionPtr session_;

private:
    struct Cancelling;
    struct Verdict;

    std::uint32_t start(const soho_call& call, std::string_view callee, std::string_view request,
                        const std::function<void(wire::Out&)>& write_target);
    std::uint32_t next_msgid();
    Result<void> check_room(std::string_view callee, Of of);
    bool send(std::uint32_t msgid, Owed owed, data::Buffer frame);
    void cancel(std::uint32_t msgid);
    void complete(std::uint32_t msgid, const Owed& owed, const wire::Reply& reply);
    Result<soho_instance> instance_of(data::Bytes value, const Type& type);
    wire::HandleVisitor importer(std::vector<ObjectPtr>& adopted);

    const Provides provides_;
    const soho_host table_;

    mutable std::mutex mutex_;
    Caller* caller_;  // null: gone
    std::uint32_t last_msgid_ = 0;
    std::unordered_map<std::uint32_t, Owed> owed_;
    std::unordered_map<std::uint64_t, std::weak_ptr<RemoteObject>> objects_;
    std::uint64_t reserved_ = 0;
    bool closed_ = false;
};

// What a method of theirs has for its context.
struct RemoteCallee {
    std::string_view name;
};
std::uint32_t invoke_remote(void* context, void* self, const soho_call* call);

// Methods of types that leave it to the other end what an object exposes: each made when it is first asked for. Thread-safe.
class OpenMethods {
public:
    // As Type::find_open(). Names that clients make up are kept, too, so each principal may make so many; those that are there serve all.
    const Method* find(const Type& type, std::string_view name, std::string_view who);
    static constexpr std::size_t names_max = 1000;
    // Whether a method can be called so at all.
    static bool may_be_named(std::string_view name);

private:
    struct Entry {
        Method method;
        RemoteCallee callee;
    };

    std::mutex mutex_;
    std::map<std::pair<const Type*, std::string>, Entry> methods_;
    std::map<std::string, std::size_t, std::less<>> made_by_;
};

// Everything but `kw`, as a request from a host to what serves it has it.
class OptionsWriter {
public:
    OptionsWriter& text(std::string_view key, soho_text value);
    OptionsWriter& number(std::string_view key, std::uint64_t value);  // 0: none
    OptionsWriter& msgid(std::string_view key, std::uint32_t value);
    OptionsWriter& flag(std::string_view key, bool value);
    // What is left of the call's time.
    OptionsWriter& deadline(std::int64_t deadline_ns);
    Result<void> write(soho_bytes kwargs, const wire::HandleVisitor& visit, wire::Out& out) const;

private:
    std::vector<std::pair<std::string_view, soho_text>> texts_;
    std::vector<std::pair<std::string_view, std::uint64_t>> numbers_;
    std::vector<std::string_view> flags_;
};

}  // namespace soho::host
