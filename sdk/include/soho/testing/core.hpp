#pragma once
// What the host of a test keeps: objects, sessions, names, timers, and the work that waits for its thread. Nothing here calls a
// plugin but run_work() and what it runs.
//
// The mutex guards all of it, as a plugin's own threads come by the host's table. It is recursive because giving up an object or
// a task, which may happen under it, queues work or releases further references.

#include <soho/testing/arguments.hpp>
#include <soho/testing/registration.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace soho::testing {

// A line that the plugin logged.
struct LogLine {
    LogLevel level = LogLevel::info;
    std::string text;
};

namespace detail {

// A plugin's task: disposed of once, when this goes.
class Task {
public:
    Task() = default;
    explicit Task(const soho_task& task) : task_(task) {}
    Task(Task&& other) noexcept : task_(std::exchange(other.task_, soho_task{})) {}
    Task& operator=(Task&& other) noexcept {
        std::swap(task_, other.task_);
        return *this;
    }
    ~Task() {
        if (task_.dispose != nullptr) task_.dispose(task_.context);
    }
    explicit operator bool() const { return task_.size != 0; }
    void run() const {
        if (task_.run != nullptr) task_.run(task_.context);
    }

private:
    soho_task task_{};
};

// An object that the plugin gave. It lives as long as somebody holds an ObjectPtr; then its owner goes back, in its turn.
struct HostedObject {
    std::uint64_t id = 0;
    const Type* type = nullptr;
    soho_instance instance{};
    const void* turn = nullptr;  // equal turns exclude each other; NULL: none
    std::int64_t bytes = 0;
    std::shared_ptr<const void> owner{};  // of an instance that was moved, for all that have it; `instance` has none
};
using ObjectPtr = std::shared_ptr<HostedObject>;

struct SessionState {
    std::uint64_t id = 0;
    std::string principal;
    bool ended = false;
    std::map<std::uint64_t, std::pair<ObjectPtr, std::size_t>> held;  // by id, with how often
};
using SessionPtr = std::shared_ptr<SessionState>;

// A task that waits for a time or for a session's end. Cancelled inside itself it runs on, and is disposed of behind it.
struct Waiting {
    std::int64_t due_ns = 0, period_ns = 0;
    std::uint64_t session = 0;
    bool in_turn = false;
    std::weak_ptr<HostedObject> object;
    std::shared_ptr<Task> task;
    std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
};

class CallState;

struct Core : std::enable_shared_from_this<Core> {
    std::recursive_mutex mutex;
    std::condition_variable_any changed;

    soho_plugin plugin{};
    void* state = nullptr;
    soho_host table{};
    std::vector<TypePtr> types;
    std::string name;

    std::map<std::uint64_t, std::weak_ptr<HostedObject>> objects;
    std::map<std::uint64_t, SessionPtr> sessions;
    std::map<std::string, ObjectPtr, std::less<>> names;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::pair<ObjectPtr, std::size_t>> references;  // (id, holder)
    std::uint64_t last_id = 1000, last_session = 0, last_number = 0;

    std::int64_t now_ns = 0;
    std::map<std::uint64_t, Waiting> timers, session_ends;
    std::vector<std::weak_ptr<CallState>> deadlines;
    std::vector<std::weak_ptr<CallState>> deferred;  // calls whose replies come later

    std::vector<LogLine> log;
    data::Buffer settings;
    std::int64_t object_bytes_max = 0;
    std::size_t result_bytes_max = 0;
    std::chrono::milliseconds patience{};
    std::size_t completed_twice = 0;

    // ---- work

    // `work` runs on the host's thread when nothing runs that has the same turn.
    void post(const void* turn, std::function<void()> work) {
        const std::lock_guard lock(mutex);
        works_.push_back({turn, std::move(work)});
        changed.notify_all();
    }
    void post_task(const void* turn, ObjectPtr keep, Task task) {
        post(turn, [keep = std::move(keep), task = std::make_shared<Task>(std::move(task))] { task->run(); });
    }
    // A task that does not keep its object alive: nothing if it has gone.
    void post_waiting(const Waiting& waiting) {
        ObjectPtr object = waiting.object.lock();
        if (waiting.in_turn && object == nullptr) return;
        const void* const turn = object != nullptr ? object->turn : nullptr;
        post(turn, [object, task = waiting.task, cancelled = waiting.cancelled] {
            if (!*cancelled) task->run();
        });
    }

    // All that can run now. Only the host's thread may.
    void run_work() {
        while (run_one()) {
        }
    }
    // Runs what comes until `done`, also from the plugin's own threads; false where it does not come in `patience`.
    template <class Done>
    bool run_until(const Done& done) {
        for (;;) {
            run_work();
            std::unique_lock lock(mutex);
            if (done()) return true;
            if (!changed.wait_for(lock, patience, [&] { return can_run() || done(); })) return false;
        }
    }
    // After whatever a test does: nothing is left to be done when it looks. Not inside plugin code.
    void settle() {
        if (!on_thread() || !running.empty()) return;
        run_work();
        for (std::thread& thread : std::exchange(waiting_threads, {})) thread.join();
    }

    // The calls that run, outer ones first: more than one where a method waits for another's. The host's thread is `driver`.
    std::vector<CallState*> running;
    std::vector<const void*> held_turns;
    std::atomic<std::thread::id> driver = std::this_thread::get_id();
    std::vector<std::thread> waiting_threads;
    bool on_thread() const { return std::this_thread::get_id() == driver; }

    // ---- types and objects

    const Type* find_type(std::string_view type_id) const {
        for (const TypePtr& type : types) {
            if (type->type_id == type_id) return type.get();
        }
        return nullptr;
    }
    const Type& type_named(std::string_view type_id) const {
        if (const Type* type = find_type(type_id)) return *type;
        std::vector<std::string> known;
        for (const TypePtr& type : types) known.push_back(type->type_id);
        throw CallError(SOHO_NO_TYPE, "no type " + in_quotes(type_id) + suggestion(type_id, known));
    }

    ObjectPtr find(std::uint64_t id) {
        const std::lock_guard lock(mutex);
        const auto found = objects.find(id);
        return found != objects.end() ? found->second.lock() : nullptr;
    }
    CallError no_object(std::uint64_t id) const {
        const bool ours = id > 1000 && id <= last_id;
        return CallError(SOHO_NO_OBJECT,
                         "no object #" + std::to_string(id) +
                             (ours ? ", or none that this session may use" : ": from an earlier host, or made up"));
    }

    const void* turn_for(const Type& type, const void* identity) const {
        return type.concurrent() ? nullptr : type.per_plugin() ? this : identity;
    }
    // The objects of one instance, each with its typeid.
    std::vector<ObjectPtr> all_of(const void* identity) {
        const std::lock_guard lock(mutex);
        std::vector<ObjectPtr> found;
        for (const auto& entry : objects) {
            ObjectPtr object = entry.second.lock();
            if (object != nullptr && object->instance.identity == identity) found.push_back(std::move(object));
        }
        return found;
    }
    // Puts the instance of `made`, which nobody else has, in the place of theirs, whose owners go back.
    void replace(const std::vector<ObjectPtr>& replaced, const ObjectPtr& made) {
        const std::lock_guard lock(mutex);
        const soho_instance instance = made->instance;
        made->instance.release = nullptr;
        const void* const turn = turn_for(*made->type, instance.identity);
        const auto give = [core = shared_from_this(), turn, instance](const void*) { core->give_back(turn, instance); };
        const std::shared_ptr<const void> owner(instance.self, give);
        for (const ObjectPtr& object : replaced) {
            give_back(object->turn, object->instance);
            object->instance = instance;
            object->instance.release = nullptr;
            object->turn = turn_for(*object->type, instance.identity);
            object->owner = owner;
            object->bytes = 0;
        }
    }

    // Equal identities under one typeid are one object: the further owner goes back.
    ObjectPtr adopt(const Type& type, soho_instance instance) {
        if (instance.identity == nullptr) instance.identity = instance.self;
        const void* const turn = turn_for(type, instance.identity);
        const std::lock_guard lock(mutex);
        for (const auto& entry : objects) {
            ObjectPtr known = entry.second.lock();
            if (known == nullptr || known->type != &type || known->instance.identity != instance.identity) continue;
            give_back(turn, instance);
            return known;
        }
        auto* const made = new HostedObject{++last_id, &type, instance, turn};
        const auto retire = [core = shared_from_this()](HostedObject* last) {
            core->give_back(last->turn, last->instance);
            const std::lock_guard retiring(core->mutex);
            core->objects.erase(last->id);
            delete last;
        };
        ObjectPtr object(made, retire);
        objects.emplace(object->id, object);
        return object;
    }
    void give_back(const void* turn, const soho_instance& instance) {
        if (instance.release == nullptr) return;
        post(turn, [instance] { instance.release(instance.owner); });
    }

    // ---- sessions

    void hold(SessionState& session, const ObjectPtr& object) {
        const std::lock_guard lock(mutex);
        auto& [held, count] = session.held[object->id];
        held = object;
        ++count;
    }
    void let_go(SessionState& session, std::uint64_t id) {
        ObjectPtr last;
        const std::lock_guard lock(mutex);
        const auto found = session.held.find(id);
        if (found == session.held.end() || --found->second.second != 0) return;
        last = std::move(found->second.first);
        session.held.erase(found);
    }
    // An object that one of the principal's sessions refers to.
    ObjectPtr usable(const SessionState& session, std::uint64_t id) {
        const std::lock_guard lock(mutex);
        for (const auto& entry : sessions) {
            const SessionState& other = *entry.second;
            const auto found = other.held.find(id);
            if (other.principal == session.principal && found != other.held.end()) return found->second.first;
        }
        throw no_object(id);
    }

private:
    struct Work {
        const void* turn;
        std::function<void()> run;
    };
    bool may_run(const Work& work) const {
        return work.turn == nullptr || std::find(held_turns.begin(), held_turns.end(), work.turn) == held_turns.end();
    }
    bool can_run() const {
        return std::any_of(works_.begin(), works_.end(), [&](const Work& work) { return may_run(work); });
    }
    bool run_one() {
        std::function<void()> next;
        {
            const std::lock_guard lock(mutex);
            const auto found =
                std::find_if(works_.begin(), works_.end(), [&](const Work& work) { return may_run(work); });
            if (found == works_.end()) return false;
            next = std::move(found->run);
            works_.erase(found);
        }
        next();
        return true;
    }
    std::deque<Work> works_;
};

// Every handle in MessagePack, also those inside tuples and sets.
template <class Visit>
void visit_handles(data::Bytes bytes, const Visit& visit, unsigned depth = 0) {
    data::Reader in(bytes);
    for (data::Token token; in.next(token);) {
        if (token.kind != data::Kind::extension) continue;
        sdk::detail::Handle handle;
        if (token.extension_type == handle_extension && sdk::detail::read_handle(token.bytes(), handle)) {
            visit(handle.id);
        } else if ((token.extension_type == tuple_extension || token.extension_type == set_extension) && depth < 64) {
            visit_handles(token.bytes(), visit, depth + 1);
        }
    }
}

}  // namespace detail
}  // namespace soho::testing
