// Lock, RLock and Condition.

#include "families.hpp"
#include "lock_core.hpp"

namespace shared {

namespace {

// What clients see of a LockCore. A class for each kind, because each has its own methods' words.
template <LockCore::Kind kind>
struct LockOf {
    std::shared_ptr<LockCore> core = std::make_shared<LockCore>(kind);
};
using Lock = LockOf<LockCore::Kind::plain>;
using RLock = LockOf<LockCore::Kind::reentrant>;

struct Condition {
    soho::ObjectRef lock;  // as it was given, kept alive
    std::shared_ptr<LockCore> core;
    std::shared_ptr<ConditionQueue> queue = std::make_shared<ConditionQueue>();
};

Condition make_condition(const soho::Call& call, const Value& lock) {
    if (lock.is_nil()) return {{}, RLock().core};
    if (const auto plain = call.find_object<Lock>(lock)) return {soho::ObjectRef::from(lock), plain->core};
    if (const auto reentrant = call.find_object<RLock>(lock)) return {soho::ObjectRef::from(lock), reentrant->core};
    throw type_error("lock must be a Lock or an RLock of this host, not " + type_name(lock));
}

template <class T>
void add_acquire(soho::Methods<T>& methods) {
    using namespace soho::literals;
    methods
        .method("acquire",
                [](T& self, soho::Call& call, soho::Reply<bool> reply, const Value& blocking, Seconds timeout) {
                    self.core->acquire(call, std::move(reply), truth(blocking), timeout);
                })
        .args("blocking"_a = true, "timeout"_a = nullptr)
        .doc("Takes the lock, after all who asked before; False if it is not to be had within timeout seconds.")
        .method("release", [](T& self, soho::Call& call) { self.core->release(call); })
        .doc("Gives the lock to the next who waits; RuntimeError if it is not locked, or not by the caller.")
        .method("__enter__", [](T& self, soho::Call& call,
                                soho::Reply<bool> reply) { self.core->acquire(call, std::move(reply), true, {}); })
        .doc("acquire().")
        .method("__exit__", [](T& self, soho::Call& call, const soho::Args&) { self.core->release(call); })
        .doc("release(), whatever the arguments.")
        .method("locked", [](const T& self) { return self.core->locked(); })
        .readonly()
        .doc("Whether anybody holds it.")
        .method("recovered", [](const T& self) { return self.core->recovered(); })
        .readonly()
        .doc("Whether it came to its present owner because the session of the one before ended.");
}

template <class T>
void add_lock(soho::Plugin& plugin, const char* type_id, const char* doc) {
    auto methods = plugin.methods<T>();
    add_acquire(methods);
    add_text(methods, [](const T& self, const soho::Call& call) { return self.core->text(call); });
    plugin.type<T>(type_id)
        .concurrent()
        .proxytype("AcquirerProxy",
                   {"acquire", "release", "locked", "recovered", "__enter__", "__exit__", "__repr__", "__str__"})
        .doc(doc);
}

std::string text_of(const Condition& self, const soho::Call& call) {
    return "<Condition(" + self.core->text(call) + ", " + std::to_string(self.core->waiting(*self.queue)) + ")>";
}

}  // namespace

void add_locks(soho::Plugin& plugin) {
    add_lock<Lock>(plugin, "Lock",
                   "A lock that anybody may release. When the session that took it ends, the next one has it.");
    add_lock<RLock>(plugin, "RLock",
                    "A lock that its owner, a session and an owner's name within it, may take again and again.");
}

void add_condition(soho::Plugin& plugin) {
    using namespace soho::literals;
    auto methods = plugin.methods<Condition>();
    add_acquire(methods);
    methods
        .method("wait", [](Condition& self, soho::Call& call, soho::Reply<bool> reply,
                           Seconds timeout) { self.core->wait(self.queue, call, std::move(reply), timeout); })
        .args("timeout"_a = nullptr)
        .doc(
            "Releases the lock, waits to be notified, takes the lock again; False after timeout seconds. Wait for a "
            "predicate in a loop around it. A call that is cancelled does not take the lock again.")
        .method("notify",
                [](Condition& self, soho::Call& call, std::int64_t count) {
                    self.core->notify(self.queue, call, count > 0 ? static_cast<std::uint64_t>(count) : 0);
                })
        .args("n"_a = 1)
        .doc("Wakes the n that wait longest.")
        .method("notify_all",
                [](Condition& self, soho::Call& call) { self.core->notify(self.queue, call, UINT64_MAX); })
        .doc("Wakes all that wait.");
    add_text(methods, &text_of);
    plugin.type<Condition>("Condition")
        .callable([](soho::Call& call, const Value& lock) { return make_condition(call, lock); })
        .args("lock"_a = nullptr)
        .concurrent()
        .proxytype("ConditionProxy", {"acquire", "release", "wait", "notify", "notify_all", "locked", "recovered",
                                      "__enter__", "__exit__", "__repr__", "__str__"})
        .doc("Waiting for a change under a lock: a Lock or RLock that is given, or an RLock of its own.");
}

}  // namespace shared
