#pragma once
// A test's own references to objects, and the calls that it makes by them.

#include <soho/testing/host_table.hpp>

namespace soho::testing {

// Keyword arguments: the last argument of a call.
//
//     pair.call<void>("set_x", Keywords{{"x", 7}});
struct Keywords {
    Keywords(std::initializer_list<std::pair<Value, Value>> given) : values(given) {}
    Value::Map values;
};

// What a call carries beside its arguments.
struct CallOptions {
    std::chrono::nanoseconds timeout{0};  // of the host's clock, see Host::advance(); 0: none
    std::string owner;                    // tells threads of one session apart
    std::string trace;
};

// An object as it was saved: what its type's .state() makes of it.
struct SavedState {
    std::string type_id;
    std::uint32_t version = 0;  // of the state
    Value value;                // while it lives, so do the objects whose handles are in it
};

template <class R>
class Pending;

namespace detail {

// One reference of a session.
struct Held {
    Held(std::shared_ptr<Core> core_, SessionPtr session_, const ObjectPtr& object)
        : core(std::move(core_)),
          session(std::move(session_)),
          id(object->id),
          type(object->type) {
        core->hold(*session, object);
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() {
        core->let_go(*session, id);
        core->settle();
    }
    const std::shared_ptr<Core> core;
    const SessionPtr session;
    const std::uint64_t id;
    const Type* const type;
};

// Decodes results: handles in them become references of the session.
struct ResultContext : data::DecodeContext {
    std::shared_ptr<Core> core;
    SessionPtr session;

    std::shared_ptr<const Held> take(std::uint64_t id) {
        const ObjectPtr object = core->find(id);
        return object != nullptr ? std::make_shared<const Held>(core, session, object) : nullptr;
    }
    // A Value keeps what the handles in it mean, also of those in a tuple or a set.
    std::shared_ptr<const void> keeper(std::int8_t extension, data::Bytes body) {
        sdk::detail::Handle handle;
        if (extension == handle_extension && sdk::detail::read_handle(body, handle)) return take(handle.id);
        auto kept = std::make_shared<std::vector<std::shared_ptr<const Held>>>();
        if (extension == tuple_extension || extension == set_extension)
            visit_handles(body, [&](std::uint64_t id) { kept->push_back(take(id)); });
        return kept->empty() ? nullptr : kept;
    }
};

inline std::string handle_body(std::uint64_t id, const std::string& type_id) {
    return std::string(data::encoded(std::tuple(id, type_id)).text());
}

}  // namespace detail

// An object in the host, as a client refers to it. While this or a copy of it lives, so does the object; with the last
// reference its destructor runs, before the statement that dropped it is over. Moved or copied freely; used by the host's
// thread alone. As an argument, also inside lists and maps, it travels as the object; as a result type it is the object
// that a method gave.
class Object {
public:
    Object() = default;  // refers to nothing
    // For the kit.
    explicit Object(std::shared_ptr<const detail::Held> held) : held_(std::move(held)) {}

    explicit operator bool() const { return held_ != nullptr; }
    std::uint64_t id() const { return held_ ? held_->id : 0; }
    std::string type_id() const { return held_ ? held_->type->type_id : std::string(); }
    std::uint64_t session() const { return held_ ? held_->session->id : 0; }
    friend bool operator==(const Object& a, const Object& b) { return a.id() == b.id(); }

    // The bytes that the plugin has said this object holds: Host::charge() in the plugin.
    std::int64_t charged() const {
        const detail::ObjectPtr object = live();
        const std::lock_guard lock(held_->core->mutex);
        return object->bytes;
    }

    // The same object; calls by it have these options.
    Object with(CallOptions options) const {
        Object other = *this;
        other.options_ = std::move(options);
        return other;
    }

    // Calls a method and waits for its result, a value of any type that has a codec, an Object, or a soho::Value. A reply that
    // comes later is waited for: what the plugin has queued runs meanwhile, and its own threads may complete it; the host's
    // clock stands still. Throws CallError; where no reply comes in Options::patience of real time, with SOHO_DEADLINE.
    template <class R = void, class... A>
    R call(std::string_view method, const A&... arguments) const;
    // As call(), without waiting for what comes later.
    template <class R = void, class... A>
    Pending<R> start(std::string_view method, const A&... arguments) const;
    // A call that nobody waits for the result of. Throws where it is refused; how it ended is not told.
    template <class... A>
    void notify(std::string_view method, const A&... arguments) const;

    // Has the plugin save the object. Throws CallError: what save failed with, or SOHO_NO_METHOD where its type offers no state.
    // Session::load() makes an object of it again.
    SavedState save() const;
    // As a reload of the plugin does it, with this version for the new one as well: the object is saved, made again from that, and
    // the new one has the old one's place, with its id and all references; then the old one is destroyed. Throws CallError where a
    // host would leave the object as it is: its save or load failed, or a reply of it is pending.
    void move() const;

    // For the kit.
    const std::shared_ptr<const detail::Held>& held() const { return held_; }

private:
    detail::ObjectPtr live() const {
        if (!held_) throw CallError(SOHO_NO_OBJECT, "an empty Object was used");
        const std::lock_guard lock(held_->core->mutex);
        if (held_->session->ended || !held_->session->held.contains(held_->id)) throw held_->core->no_object(held_->id);
        return held_->core->usable(*held_->session, held_->id);
    }
    template <class... A>
    std::shared_ptr<detail::CallState> make_call(bool oneway, std::string_view method, const A&... arguments) const;

    std::shared_ptr<const detail::Held> held_;
    CallOptions options_;
};

}  // namespace soho::testing

template <>
struct soho::data::Codec<soho::testing::Object> : soho::data::PlainCodec {
    static std::string word() { return "object"; }
    template <class W>
    static void encode(W& out, const testing::Object& object) {
        if (!object) return out.nil();
        const std::string body = testing::detail::handle_body(object.id(), object.type_id());
        out.extension(handle_extension, as_bytes(body));
    }
    static bool decode(Reader& in, testing::Object& out, testing::detail::ResultContext& context) {
        Token token;
        soho::sdk::detail::Handle handle;
        if (!in.next(token)) return context.cut_short();
        if (token.kind == Kind::nil) return true;  // a method may have no object to give
        if (token.kind != Kind::extension || token.extension_type != handle_extension ||
            !soho::sdk::detail::read_handle(token.bytes(), handle))
            return context.expected("object", token);
        out = testing::Object(context.take(handle.id));
        return static_cast<bool>(out) || context.refuse("no object " + std::to_string(handle.id));
    }
    static Value to_value(const testing::Object& object) {
        if (!object) return {};
        return Value::Extension(handle_extension, testing::detail::handle_body(object.id(), object.type_id()),
                                object.held());
    }
};

namespace soho::testing {

// A call that start() made. Not copied; used by the host's thread alone. Dropped before wait(), its caller has gone: the plugin hears
// of it as it would of a client that died.
template <class R>
class Pending {
public:
    Pending(std::shared_ptr<detail::CallState> call, detail::SessionPtr session)
        : call_(std::move(call)),
          session_(std::move(session)) {}
    Pending(Pending&&) noexcept = default;
    Pending& operator=(Pending&& other) noexcept {
        if (this != &other) {
            caller_goes();
            call_ = std::move(other.call_);
            session_ = std::move(other.session_);
        }
        return *this;
    }
    ~Pending() { caller_goes(); }

    // Whether there is a result or an error by now.
    bool done() const {
        call_->core->settle();
        return call_->answered();
    }
    // The result, as of Object::call(); once. The reply counts as delivered then: on_discarded does not run.
    R wait() {
        detail::Core& core = *call_->core;
        if (!core.run_until([&] { return call_->answered(); })) {
            call_->stop(CallError(
                SOHO_DEADLINE, call_->callee().text() + " has not replied in " + std::to_string(core.patience.count()) +
                                   " ms, and the host has nothing left to do: complete it, or use start()"));
            core.settle();
        }
        const auto call = std::move(call_);
        call->delivered();
        detail::Outcome& outcome = call->outcome();
        if (outcome.error) throw *outcome.error;
        return read(core.shared_from_this(), outcome);
    }

    // The caller cancels: wait() throws SOHO_CANCELLED, on_cancel runs. Nothing where it is answered already.
    void cancel() { stop(SOHO_CANCELLED, "cancelled by the caller"); }
    // The caller goes, as when its process is killed: a call that waits hears of it by on_cancel, a result that it has got meanwhile
    // does not reach it, and goes back by on_discarded. Also what a result that comes later meets.
    void caller_goes() {
        if (call_ == nullptr) return;
        const auto call = std::move(call_);
        if (call->answered()) {
            call->discard();
            call->outcome() = {};  // the plugin may keep the call's handle for long
        }
        call->stop(CallError(SOHO_CANCELLED, "the caller has gone"));
        call->core->settle();
    }

private:
    void stop(std::uint32_t code, const char* why) {
        call_->stop(CallError(code, why));
        call_->core->settle();
    }

    R read(std::shared_ptr<detail::Core> core, detail::Outcome& outcome) {
        if constexpr (!std::is_void_v<R>) {
            detail::ResultContext context;
            context.core = std::move(core);
            context.session = session_;
            data::Buffer value = std::move(outcome.value);
            if (outcome.object != nullptr) {
                const std::string body = detail::handle_body(outcome.object->id, outcome.object->type->type_id);
                data::Writer<data::Buffer>(value).extension(handle_extension, data::as_bytes(body));
            }
            data::Reader in(value.bytes());
            R result{};
            if (!data::decode_into(in, result, context))
                throw CallError(SOHO_RAISED, "result: " + context.sentence(), "TypeError");
            outcome = {};
            return result;
        }
    }

    std::shared_ptr<detail::CallState> call_;
    detail::SessionPtr session_;
};

namespace detail {

// Arguments as MessagePack, positional ones and keywords apart.
template <class... A>
Bound encoded_arguments(const A&... arguments) {
    constexpr std::size_t keyword_sets = (std::is_same_v<A, Keywords> + ... + 0);
    static_assert(keyword_sets <= 1, "soho: give all keywords in one Keywords{…}");
    Bound bound;
    data::Writer<data::Buffer> out(bound.args);
    out.array(sizeof...(A) - keyword_sets);
    [[maybe_unused]] const auto encode_one = [&](const auto& argument) {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(argument)>, Keywords>) {
            bound.kwargs = data::encoded(argument.values);
        } else {
            data::encode(out, argument);
        }
    };
    (encode_one(arguments), ...);
    return bound;
}

inline CallContext context_of(const Core& core, const SessionState& session, const CallOptions& options) {
    CallContext context;
    context.session = context.origin_session = session.id;
    context.principal = session.principal;
    context.owner = options.owner;
    context.trace = options.trace;
    if (options.timeout.count() > 0) context.deadline_ns = core.now_ns + options.timeout.count();
    return context;
}

// Queued in the target's turn, as it may be the plugin that calls back into the test.
inline void submit(const std::shared_ptr<CallState>& call) {
    Core& core = *call->core;
    if (call->context.deadline_ns != 0) {
        const std::lock_guard lock(core.mutex);
        core.deadlines.push_back(call);
    }
    core.post(call->target != nullptr ? call->target->turn : nullptr, [call] { call->run(); });
    core.settle();
}

}  // namespace detail

template <class... A>
std::shared_ptr<detail::CallState> Object::make_call(bool oneway, std::string_view method,
                                                     const A&... arguments) const {
    const detail::ObjectPtr object = live();
    const detail::Method* const called = object->type->find(method);
    if (called == nullptr) throw object->type->no_method(method);
    auto call = std::make_shared<detail::CallState>(held_->core, *object->type, called, object);
    call->context = detail::context_of(*held_->core, *held_->session, options_);
    call->context.oneway = oneway;
    const detail::Bound given = detail::encoded_arguments(arguments...);
    call->set_arguments(given.args.bytes(), given.kwargs.bytes(),
                        [&](std::uint64_t id) { return held_->core->usable(*held_->session, id); });
    detail::submit(call);
    return call;
}

template <class R, class... A>
Pending<R> Object::start(std::string_view method, const A&... arguments) const {
    static_assert(std::is_void_v<R> || data::HasCodec<R>, "soho: this type cannot be a result");
    auto call = make_call(false, method, arguments...);  // first: it throws where this refers to nothing
    return Pending<R>(std::move(call), held_->session);
}

template <class R, class... A>
R Object::call(std::string_view method, const A&... arguments) const {
    return start<R>(method, arguments...).wait();
}

template <class... A>
void Object::notify(std::string_view method, const A&... arguments) const {
    static_cast<void>(make_call(true, method, arguments...));
}

// ---- state

namespace detail {

inline const StateHooks& hooks_of(const Type& type) {
    if (type.state) return *type.state;
    throw CallError(SOHO_NO_METHOD, "type " + type.type_id + " offers no state: its registration has no .state()");
}

// A hook is run as the method that it looks like, and ends at once.
inline Outcome run_hook(const std::shared_ptr<CallState>& call) {
    call->context.principal = "plugin:" + call->core->name;
    submit(call);
    if (!call->answered())
        throw CallError(SOHO_UNAVAILABLE, "plugin code runs: objects are saved and loaded between calls");
    Outcome outcome = std::move(call->outcome());
    if (outcome.error) throw *outcome.error;
    return outcome;
}

inline Outcome save_state(const std::shared_ptr<Core>& core, const ObjectPtr& object) {
    const StateHooks& hooks = hooks_of(*object->type);
    Method save;
    save.name = "save";
    save.context = hooks.context;
    save.invoke = hooks.save;
    const auto call = std::make_shared<CallState>(core, *object->type, &save, object);
    data::Writer<data::Buffer>(call->bound.args).array(0);
    return run_hook(call);
}

// `id`: what the object is told its id will be.
inline ObjectPtr load_state(const std::shared_ptr<Core>& core, const Type& type, std::uint32_t version,
                            data::Bytes state, std::uint64_t id) {
    struct Load {
        const StateHooks& hooks;
        std::uint32_t version;
        static std::uint32_t run(void* context, void*, const soho_call* call) {
            const auto& load = *static_cast<const Load*>(context);
            soho_instance made{};
            made.size = sizeof made;
            const std::uint32_t status = load.hooks.load(load.hooks.context, call, load.version, &made);
            if (status == SOHO_DONE) CallState::of(call).core->table.result_object(call, &made);
            return status;
        }
    } hook{hooks_of(type), version};
    Method load;
    load.name = "load";
    load.context = &hook;
    load.invoke = &Load::run;
    load.returns_type = &type;
    const auto call = std::make_shared<CallState>(core, type, &load, nullptr);
    call->object_id = id;
    call->bound.args.append(state);
    std::vector<ObjectPtr> kept;  // but not for object_argument()
    visit_handles(state, [&](std::uint64_t handle) {
        kept.push_back(core->find(handle));
        if (kept.back() == nullptr) throw core->no_object(handle);
    });
    Outcome outcome = run_hook(call);
    if (outcome.object == nullptr) throw CallError(SOHO_INTERNAL, "the load of " + type.type_id + " gave no object");
    return std::move(outcome.object);
}

// Why a host would not move the object of these ids.
inline void check_movable(const Core& core, const std::vector<ObjectPtr>& objects) {
    for (const ObjectPtr& object : objects) {
        const std::string name = "#" + std::to_string(object->id) + " (" + object->type->type_id + ")";
        if (object->type->class_key != objects.front()->type->class_key)
            throw CallError(SOHO_UNAVAILABLE, name + " is reached through types of several classes, so it cannot move");
        for (const auto& weak : core.deferred) {
            const auto call = weak.lock();
            if (call != nullptr && call->is_pending_on(*object))
                throw CallError(SOHO_UNAVAILABLE, "a reply of " + name + " is pending: it cannot move meanwhile");
        }
    }
}

}  // namespace detail

inline SavedState Object::save() const {
    const detail::ObjectPtr object = live();
    detail::ResultContext context;
    context.core = held_->core;
    context.session = held_->session;
    const detail::Outcome outcome = detail::save_state(held_->core, object);
    data::Reader in(outcome.value.bytes());
    SavedState saved{object->type->type_id, object->type->state->version, {}};
    if (!data::decode_into(in, saved.value, context)) throw CallError(SOHO_INTERNAL, "state: " + context.sentence());
    return saved;
}

inline void Object::move() const {
    const detail::ObjectPtr object = live();
    detail::Core& core = *held_->core;
    core.settle();
    const auto all = core.all_of(object->instance.identity);  // by their ids
    detail::check_movable(core, all);
    const detail::ObjectPtr& first = all.front();
    const std::uint64_t last_id = core.last_id;
    const detail::Outcome saved = detail::save_state(held_->core, first);
    detail::ObjectPtr made =
        detail::load_state(held_->core, *first->type, first->type->state->version, saved.value.bytes(), first->id);
    if (made == first) return;  // one that the plugin shares, and has put the state into
    if (made->id <= last_id)
        throw CallError(SOHO_EXISTS, "the load of " + made->type->type_id + " gave an object that is there already: #" +
                                         std::to_string(made->id));
    core.replace(all, made);
    made.reset();
    core.settle();
}

}  // namespace soho::testing
