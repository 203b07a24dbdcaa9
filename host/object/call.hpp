#pragma once
// A call that does not end where it began: it waits for a turn, runs on the pool, or its reply comes later. Calls that run
// and end at once never become one.

#include "host/object/invocation.hpp"
#include "host/object/object_table.hpp"

#include <functional>

// The C name of what a plugin holds while it owes a reply.
struct soho_pending {};

namespace soho::host {

// What is to run in an object's turn if a reply is not delivered; unless discard() is called, it is only disposed of.
class Discardable {
public:
    Discardable(ObjectPtr object, PluginTask task) : object_(std::move(object)), task_(std::move(task)) {
        object_->undelivered.fetch_add(1, std::memory_order_relaxed);
    }
    Discardable(const Discardable&) = delete;
    Discardable& operator=(const Discardable&) = delete;
    ~Discardable() { object_->undelivered.fetch_sub(1, std::memory_order_release); }
    void discard();

private:
    ObjectPtr object_;
    PluginTask task_;
};

// How a call ended.
struct Outcome {
    Error error{Code::ok, {}};
    data::Buffer value;             // MessagePack, checked; handles as extensions
    bool may_hold_handles = false;  // `value`
    ObjectPtr object;               // the result is a handle of this
    std::unique_ptr<Discardable> discardable;

    bool ok() const { return error.code == Code::ok; }
};

// Who wants to know how a call ended: a client's connection, or a plugin that called another object.
class Completion {
public:
    virtual ~Completion() = default;
    // Exactly once, unless the call was abandoned. [any thread]
    virtual void replied(Call& call, Outcome outcome) noexcept = 0;
    // Exactly once, last: the plugin is through with it, and its slot is free. [any thread]
    virtual void finished(Call& call) noexcept = 0;
};

class Call final : public soho_pending, public Deferral, public std::enable_shared_from_this<Call> {
public:
    struct Limits {
        std::size_t result_bytes_max = 16u << 20;
        std::size_t depth_max = 64;
    };

    // `home` adopts what comes of it, and runs what belongs to no object.
    Call(ObjectTable& objects, Pool& pool, Executor& home, std::shared_ptr<Completion> completion,
         const CallContext& context, Limits limits);
    ~Call() override;

    // What to call. Arguments are bound; both are copied.
    void set_method(ObjectPtr target, const Method& method, const BoundArguments& arguments,
                    std::vector<ObjectPtr> objects, std::vector<Turn*> argument_turns);
    void set_create(TypePtr type, const BoundArguments& arguments, std::vector<ObjectPtr> objects);

    // Queues it for its turns, or runs it later where it needs none.
    void submit();
    // Runs it here; its turns must be held already. `placed`: what it waited as, so that it can wait once more if a reload has changed
    // what it needs.
    void run(Activity* activity, const TurnTask* placed = nullptr) noexcept;

    // What the plugin's function returned and left, for a call that ran on somebody's stack; `value` is what it wrote.
    void conclude(std::uint32_t status, Invocation& invocation, data::Buffer value);

    // From here on it may be running in the plugin, and keeps what it was given until it ends; false if it is answered already.
    bool begin();
    // It is for what its target, or its type, is by now: true if a reload has changed that since it was made. Fails where that is
    // not to be called so. In its turns, before it begins.
    Result<bool> aim_anew();
    bool begun() const { return begun_.load(std::memory_order_acquire); }

    // Answers it with that code, if it has no answer yet, and tells the plugin. Its slot stays taken until the plugin is
    // through with it, or its turn comes; what it was given goes at once if it has not begun. [any thread]
    void cancel(Code code, std::string text);
    // The same where it has not begun and the host is about to end. [any thread]
    void refuse_to_start();
    // As cancel(), without an answer: the caller has gone. [any thread]
    void abandon();

    // Ends it with that outcome; nothing if it has ended. For calls that are never submitted. [any thread]
    void complete(Outcome outcome);
    // What is to run if the reply of a call that was deferred on somebody's stack is not delivered.
    void set_discarded(PluginTask task);

    CallContext context() const;
    std::vector<Turn*> turns() const;
    const ObjectPtr& target() const { return target_; }
    std::string callee_text() const;
    Callee callee() const {
        const std::scoped_lock lock(mutex_);  // it may be aimed anew
        return {type(), method_};
    }
    Executor& home() const { return home_; }
    bool answered() const { return answered_.load(std::memory_order_acquire); }

    // -- a pending reply --
    // A further reference for the plugin, given back by pending_release.
    soho_pending* lend();
    std::shared_ptr<Call> defer() override;
    bool caller_gone() const override { return answered(); }
    // Whether the plugin took it upon itself to reply later.
    bool deferred() const { return deferred_.load(std::memory_order_relaxed); }
    // The part of the host's table that is about pending replies.
    static void fill(soho_host& table);
    static Call& of(soho_pending* pending) { return *static_cast<Call*>(pending); }

    // Free for the completion's use.
    std::uint32_t tag = 0;
    bool oneway = false;
    bool blocking = false;
    std::size_t bytes = 0;
    std::int64_t arrived_ns = 0;
    std::atomic<std::uint64_t> timer{0};

private:
    class Task;
    class ThroughCallable;

    void submit(std::shared_ptr<Task> task);
    bool submit_anew(const TurnTask& placed);
    Outcome checked(data::Buffer value) const;
    std::uint32_t settle(Outcome outcome);
    std::uint32_t end_with(Error error);
    void finish();
    void be_pending();
    std::atomic<std::uint32_t>& pending_count() const;
    void go_through_callable(data::Buffer value, const soho_instance* source);
    bool begin_completion(std::uint32_t& refused);
    Outcome adopted(const soho_instance& instance);
    enum class Unless : std::uint8_t { answered, begun };
    bool stop(Unless unless = Unless::answered);
    void answer(Code code, std::string text);
    void post_on_cancel(PluginTask task);
    const Type& type() const { return *type_; }

    static std::uint32_t pending_complete(soho_pending* pending, soho_bytes result);
    static std::uint32_t pending_complete_object(soho_pending* pending, const soho_instance* instance);
    static std::uint32_t pending_fail(soho_pending* pending, std::uint32_t code, soho_text type, soho_text text,
                                      soho_bytes data);
    static void pending_on_cancel(soho_pending* pending, const soho_task* task);
    static void pending_on_discarded(soho_pending* pending, const soho_task* task);
    static int pending_caller_gone(soho_pending* pending);
    static void pending_release(soho_pending* pending);

    ObjectTable& objects_;
    Pool& pool_;
    Executor& home_;
    const std::shared_ptr<Completion> completion_;
    const Limits limits_;

    // The context, owned.
    CallContext context_;
    std::string owner_, principal_, trace_;
    std::vector<std::uint64_t> chain_;
    std::vector<Turn*> held_;

    ObjectPtr target_;  // of a method
    TypePtr type_;      // … its type, or that of a create
    std::shared_ptr<Turn> factory_turn_;
    const Method* method_ = nullptr;
    data::Buffer arguments_;
    std::size_t args_size_ = 0;
    std::vector<ObjectPtr> argument_objects_;
    std::vector<Turn*> argument_turns_;
    soho_instance source_{};  // of a create through a mapping: given back when this ends

    std::atomic<bool> answered_{false};  // by the plugin, or by cancel; changed under the mutex
    std::atomic<bool> deferred_{false};
    std::atomic<bool> begun_{false};  // changed under the mutex
    mutable std::mutex mutex_;
    bool stays_ = false;        // a create that takes what a method gave: of the same version
    bool is_pending_ = false;   // counted in pending_count()
    bool plugin_done_ = false;  // the plugin has given its result or failure
    bool finished_ = false;
    bool stuck_ = false;
    std::shared_ptr<Call> lent_;  // this, while the plugin holds a handle
    std::shared_ptr<Call> next_;  // the callable that takes the result
    PluginTask on_cancel_;
    PluginTask on_discarded_;
};

// Runs `task` in the object's turn, later; not if the object has been moved to another version of its plugin by then, as what posted it
// has gone. `type`: that it has for who posts it; null: that it has now. [any thread]
void post_to_turn(const ObjectPtr& object, PluginTask task, const Type* type = nullptr);
// Runs `task`, which belongs to no object, at `home`, later. `part` says what it is, and must be a literal. [any thread]
void post_at_home(Executor& home, const Plugin& plugin, const char* part, PluginTask task);

}  // namespace soho::host
