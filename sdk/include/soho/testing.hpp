#pragma once
// The test kit of the plugin author: a host in memory, for the plugin that is linked into the test program.
//
//     #include <soho/testing.hpp>
//
//     TEST(Pair, KeepsWhatItIsGiven) {
//         soho::testing::Host host;                     // loads the plugin of this program, by a host's own rules
//         auto pair = host.create("Pair", 1, 2);
//         pair.call("set_x", 7);
//         EXPECT_EQ(pair.call<std::int64_t>("get_x"), 7);
//         EXPECT_EQ(host.open("pair").call<std::int64_t>("get_y"), 6);
//     }
//
// No sockets, no other process, no dlopen, and no GoogleTest either: any framework will do. The host speaks the C ABI to the
// plugin, as sohod does, so everything between the two is the real thing: registration and its refusals, exposed methods,
// keywords and defaults, results as objects, replies that come later, references and destructors.
//
// Threads: the kit has one thread, the one that made the Host, and only that may use the Host and what comes from it. It runs the
// plugin's methods, callbacks and destructors, `blocking` ones as well, so a test is repeatable. While a method waits for
// another object's (ObjectRef::call().get()), a second thread stands in. The plugin's own threads may do what they may do
// in any host; what they bring about runs with the test's next statement about the host, or while it waits.
//
// Time stands still but for Host::advance(). Nothing else of the kit waits, except a call whose reply has to come from a
// thread of the plugin's.
//
// Failures are exceptions: CallError for a call, LoadError for a plugin that a host would refuse.

#include <soho/testing/object.hpp>

namespace soho::testing {

// What a host may be told about the plugin. Use it as Host host({.settings = Value::Map{{"size", 3}}}).
struct Options {
    Value settings = Value::Map();            // the plugin's section of the config
    std::int64_t object_bytes_max = 1 << 30;  // what charge() lets one object hold
    std::size_t result_bytes_max = 16 << 20;
    std::chrono::milliseconds patience =
        std::chrono::seconds(10);        // of real time, for replies from the plugin's threads
    std::string principal = "uid:1000";  // who the first session is
};

// The client's end of a connection: it has references, and calls by them carry its number. Copies are the same session.
class Session {
public:
    Session(std::shared_ptr<detail::Core> core, detail::SessionPtr state)
        : core_(std::move(core)),
          state_(std::move(state)) {}

    std::uint64_t id() const { return state_->id; }

    // Makes an object with arguments as of Object::call(), Keywords included. Throws CallError, as a host refuses it.
    template <class... A>
    Object create(std::string_view type_id, const A&... arguments) const {
        return start_create(type_id, arguments...).wait();
    }
    // As create(), where the callable may reply later.
    template <class... A>
    Pending<Object> start_create(std::string_view type_id, const A&... arguments) const {
        check_open();
        const detail::Type& type = core_->type_named(type_id);
        if (type.create == nullptr || (type.flags & SOHO_TYPE_NO_CREATE) != 0) throw not_created(type);
        auto call = std::make_shared<detail::CallState>(core_, type, nullptr, nullptr);
        call->context = detail::context_of(*core_, *state_, {});
        const detail::Bound given = detail::encoded_arguments(arguments...);
        call->set_arguments(given.args.bytes(), given.kwargs.bytes(),
                            [&](std::uint64_t id) { return core_->usable(*state_, id); });
        detail::submit(call);
        return Pending<Object>(std::move(call), state_);
    }
    // The object that is published under a name, by the plugin or with Host::publish().
    Object open(std::string_view name) const {
        check_open();
        const std::lock_guard lock(core_->mutex);
        std::vector<std::string> known;
        for (const auto& [other, object] : core_->names) {
            if (other == name) return Object(std::make_shared<const detail::Held>(core_, state_, object));
            known.push_back(other);
        }
        throw CallError(SOHO_NO_OBJECT,
                        "nothing is published as " + detail::in_quotes(name) + detail::suggestion(name, known));
    }
    // Makes an object of what Object::save() gave, or of a state as an older version of the plugin wrote it:
    //
    //     auto pair = host.load("Pair", 1, std::tuple(5, 6));
    //
    // Throws CallError: what load failed with, or SOHO_NO_METHOD where the type offers no state.
    Object load(const SavedState& saved) const { return load(saved.type_id, saved.version, saved.value); }
    template <class State>
    Object load(std::string_view type_id, std::uint32_t version, const State& state) const {
        check_open();
        const data::Buffer bytes = data::encoded(state);
        const detail::ObjectPtr object =
            detail::load_state(core_, core_->type_named(type_id), version, bytes.bytes(), 0);
        return Object(std::make_shared<const detail::Held>(core_, state_, object));
    }
    // The object that a handle in a soho::Value means.
    Object object(const Value& handle) const {
        detail::ResultContext context;
        context.core = core_;
        context.session = state_;
        const data::Buffer bytes = data::encoded(handle);
        data::Reader in(bytes.bytes());
        Object object;
        if (!data::decode_into(in, object, context)) throw CallError(SOHO_NO_OBJECT, context.sentence());
        return object;
    }

    // The client goes: all its references do, its callbacks of on_session_end run, and so do those of what it waits for once the
    // Pending calls are dropped.
    void end() {
        std::map<std::uint64_t, std::pair<detail::ObjectPtr, std::size_t>> held;
        {
            const std::lock_guard lock(core_->mutex);
            if (std::exchange(state_->ended, true)) return;
            held.swap(state_->held);
            core_->sessions.erase(state_->id);
            for (const auto& [number, waiting] : core_->session_ends) {
                if (waiting.session == state_->id) core_->post_waiting(waiting);
            }
            std::erase_if(core_->session_ends, [&](const auto& end) { return end.second.session == state_->id; });
        }
        held.clear();
        core_->settle();
    }

private:
    void check_open() const {
        if (state_->ended) throw CallError(SOHO_UNAVAILABLE, "this session has ended");
    }
    static CallError not_created(const detail::Type& type) {
        const char* why = type.create == nullptr ? "it has no callable" : "create_method is false";
        return CallError(SOHO_DENIED, "type " + type.type_id + " is not created by name (" + why +
                                          "): its objects come from other objects' methods");
    }

    std::shared_ptr<detail::Core> core_;
    detail::SessionPtr state_;
};

// A host with one plugin. At its end it drops what is left, stops the plugin and unloads it, in a host's order; what the test
// still has of it then means nothing any more. Neither copied nor moved.
class Host {
public:
    using Entry = const soho_plugin* (*)(std::uint32_t);

    // Loads the plugin of SOHO_PLUGIN, or of another entry function, creates what it publishes, and begins a first session.
    // Throws LoadError with the host's sentence where a host would refuse it.
    explicit Host(Options options = {}, Entry entry = &soho_plugin_entry) : core_(std::make_shared<detail::Core>()) {
        using std::chrono::nanoseconds;
        core_->now_ns =
            std::chrono::duration_cast<nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
        core_->settings = data::encoded(options.settings);
        core_->object_bytes_max = options.object_bytes_max;
        core_->result_bytes_max = options.result_bytes_max;
        core_->patience = options.patience;
        detail::fill_table(*core_);
        enter(entry);
        try {
            load();
            session_.emplace(begin_session(std::move(options.principal)));
        } catch (...) {
            close();
            throw;
        }
    }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    ~Host() { close(); }

    // The first session's; see Session.
    template <class... A>
    Object create(std::string_view type_id, const A&... arguments) const {
        return session_->create(type_id, arguments...);
    }
    template <class... A>
    Pending<Object> start_create(std::string_view type_id, const A&... arguments) const {
        return session_->start_create(type_id, arguments...);
    }
    Object load(const SavedState& saved) const { return session_->load(saved); }
    template <class State>
    Object load(std::string_view type_id, std::uint32_t version, const State& state) const {
        return session_->load(type_id, version, state);
    }
    Object open(std::string_view name) const { return session_->open(name); }
    Object object(const Value& handle) const { return session_->object(handle); }
    Session session() const { return *session_; }

    // Another client. Sessions of one principal may use each other's objects, those of others may not.
    Session begin_session(std::string principal = "uid:1000") {
        const std::lock_guard lock(core_->mutex);
        auto state = std::make_shared<detail::SessionState>();
        state->id = ++core_->last_session;
        state->principal = std::move(principal);
        core_->sessions.emplace(state->id, state);
        return Session(core_, std::move(state));
    }

    // Publishes an object, as the config or a client may. Throws CallError.
    void publish(std::string_view name, const Object& object) {
        if (const char* why = detail::name_mismatch(name))
            throw CallError(SOHO_BAD_ARGUMENTS, detail::in_quotes(name) + " cannot be published: " + why);
        detail::ObjectPtr kept = core_->find(object.id());
        if (kept == nullptr) throw core_->no_object(object.id());
        const std::lock_guard lock(core_->mutex);
        const auto [at, added] = core_->names.emplace(name, std::move(kept));
        if (!added)
            throw CallError(SOHO_EXISTS, "the name " + detail::in_quotes(name) + " is taken by #" +
                                             std::to_string(at->second->id) + " (" + at->second->type->type_id + ")");
    }

    // Lets time pass: timers run in their order, and calls whose timeout is over end with SOHO_DEADLINE. advance(0ns) runs what
    // is due by now.
    void advance(std::chrono::nanoseconds by) {
        const std::int64_t until = core_->now_ns + by.count();
        core_->settle();
        while (const auto due = next_due(until)) {
            core_->now_ns = std::max(core_->now_ns, *due);
            end_late_calls();
            start_due_timers();
            core_->settle();
        }
        core_->now_ns = until;
    }
    // The clock: as a plugin sees it in Call::deadline().
    std::chrono::steady_clock::time_point now() const {
        return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(core_->now_ns));
    }

    // Runs what the plugin's own threads have queued since; every other statement about the host does so, too.
    void settle() { core_->settle(); }

    // What the plugin logged so far.
    std::vector<LogLine> log() const {
        const std::lock_guard lock(core_->mutex);
        return core_->log;
    }
    // How many objects live, of all types or of one: what is left over when a test expects nothing to be.
    std::size_t living(std::string_view type_id = {}) const {
        core_->settle();
        const std::lock_guard lock(core_->mutex);
        std::size_t count = 0;
        for (const auto& entry : core_->objects) {
            const detail::ObjectPtr object = entry.second.lock();
            count += object != nullptr && (type_id.empty() || object->type->type_id == type_id) ? 1 : 0;
        }
        return count;
    }
    // The bytes that the plugin has said all living objects hold.
    std::int64_t charged() const {
        const std::lock_guard lock(core_->mutex);
        std::int64_t sum = 0;
        for (const auto& entry : core_->objects) {
            const detail::ObjectPtr object = entry.second.lock();
            sum += object != nullptr ? object->bytes : 0;
        }
        return sum;
    }
    // Replies that the plugin completed a second time, which a host ignores and counts.
    std::size_t completed_twice() const {
        const std::lock_guard lock(core_->mutex);
        return core_->completed_twice;
    }

private:
    void enter(Entry entry) {
        const soho_plugin* const table = entry(SOHO_ABI);
        const std::string abi = std::to_string(SOHO_ABI);
        if (table == nullptr)
            throw LoadError("its soho_plugin_entry() has no table for ABI " + abi +
                            ", which this host speaks: rebuild it");
        if (table->size < offsetof(soho_plugin, stop))
            throw LoadError("its table says its size is " + std::to_string(table->size) + " bytes, ABI " + abi +
                            " has " + std::to_string(sizeof(soho_plugin)));
        std::memcpy(&core_->plugin, table, std::min<std::size_t>(table->size, sizeof core_->plugin));
        core_->name = detail::text_of(core_->plugin.name);
        if (core_->plugin.abi != SOHO_ABI)
            throw LoadError("its table is for ABI " + std::to_string(core_->plugin.abi) + ", this host speaks ABI " +
                            abi + ": rebuild it with an SDK for ABI " + abi);
        if (const char* why = detail::name_mismatch(core_->name))
            throw LoadError("its name " + detail::in_quotes(core_->name) + ": " + why);
        if (core_->plugin.load == nullptr) throw LoadError("its table has no load()");
    }

    void load() {
        detail::Registration registration;
        const int status = core_->plugin.load(&core_->table, registration.table(), &core_->state);
        loaded_ = status == 0;
        if (!registration.reason().empty()) throw LoadError(registration.reason());
        if (status != 0) throw LoadError("its load() returned " + std::to_string(status) + " without a reason");
        core_->types = registration.take_types();
        if (core_->plugin.get_extension != nullptr) {
            const void* const state = core_->plugin.get_extension(core_->state, sdk::detail::to_abi(SOHO_STATE));
            if (state != nullptr) detail::add_state(*static_cast<const soho_state*>(state), core_->types);
        }
        for (const detail::Publication& publication : registration.take_publications()) create_published(publication);
    }

    void create_published(const detail::Publication& publication) {
        const detail::Type& type = core_->type_named(publication.type_id);
        Session loader = begin_session("plugin:" + core_->name);
        try {
            auto call = std::make_shared<detail::CallState>(core_, type, nullptr, nullptr);
            call->context.principal = "plugin:" + core_->name;
            call->set_arguments(publication.args.bytes(), {},
                                [&](std::uint64_t id) -> detail::ObjectPtr { throw core_->no_object(id); });
            detail::submit(call);
            publish(publication.name, Pending<Object>(call, state_of(loader)).wait());
        } catch (const CallError& error) {
            throw LoadError("publishing " + detail::in_quotes(publication.name) + " as a " + type.type_id + ": " +
                            (error.type().empty() ? "" : error.type() + ": ") + error.text());
        }
        loader.end();
    }
    detail::SessionPtr state_of(const Session& session) const { return core_->sessions.at(session.id()); }

    std::optional<std::int64_t> next_due(std::int64_t until) const {
        const std::lock_guard lock(core_->mutex);
        std::optional<std::int64_t> next;
        const auto consider = [&](std::int64_t due) {
            if (due <= until && (!next || due < *next)) next = due;
        };
        for (const auto& [number, timer] : core_->timers) consider(timer.due_ns);
        for (const auto& weak : core_->deadlines) {
            const auto call = weak.lock();
            if (call != nullptr && !call->answered()) consider(call->context.deadline_ns);
        }
        return next;
    }
    void end_late_calls() {
        std::vector<std::shared_ptr<detail::CallState>> late;
        {
            const std::lock_guard lock(core_->mutex);
            std::erase_if(core_->deadlines, [&](const auto& weak) {
                const auto call = weak.lock();
                if (call == nullptr || call->answered()) return true;
                if (call->context.deadline_ns > core_->now_ns) return false;
                late.push_back(call);
                return true;
            });
        }
        for (const auto& call : late)
            call->stop(CallError(SOHO_DEADLINE, call->callee().text() + " has not replied in time"));
    }
    void start_due_timers() {
        std::vector<detail::Waiting> over;  // disposed of after the lock
        const std::lock_guard lock(core_->mutex);
        for (auto at = core_->timers.begin(); at != core_->timers.end();) {
            detail::Waiting& timer = at->second;
            const bool due = timer.due_ns <= core_->now_ns;
            if (due) core_->post_waiting(timer);
            const bool gone = timer.in_turn && timer.object.expired();
            if (due && timer.period_ns > 0 && !gone) {
                timer.due_ns += timer.period_ns;
            } else if (due) {
                over.push_back(std::move(timer));
                at = core_->timers.erase(at);
                continue;
            }
            ++at;
        }
    }

    // A host's order: references, stop, whatever still waits, unload.
    void close() {
        std::map<std::string, detail::ObjectPtr, std::less<>> names;
        {
            const std::lock_guard lock(core_->mutex);
            names.swap(core_->names);
        }
        names.clear();
        for (auto sessions = core_->sessions; auto& [id, state] : sessions) Session(core_, state).end();
        core_->settle();
        if (!loaded_) return;
        if (core_->plugin.stop != nullptr) core_->plugin.stop(core_->state);
        drop_waiting();
        if (core_->plugin.unload != nullptr) core_->plugin.unload(core_->state);
        core_->settle();
    }
    void drop_waiting() {
        core_->settle();
        for (auto* all : {&core_->timers, &core_->session_ends}) std::exchange(*all, {}).clear();
        decltype(core_->references) references;
        {
            const std::lock_guard lock(core_->mutex);
            references.swap(core_->references);
        }
        references.clear();
        core_->settle();
    }

    std::shared_ptr<detail::Core> core_;
    std::optional<Session> session_;
    bool loaded_ = false;
};

}  // namespace soho::testing
