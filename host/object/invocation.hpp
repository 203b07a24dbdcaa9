#pragma once
// One run of a plugin's function: the table's view of a call while it lasts. Lives on the stack of the thread that runs it.

#include "host/object/arguments.hpp"
#include "host/object/plugin_task.hpp"

#include <mutex>
#include <optional>
#include <span>

namespace soho::host {

class Call;

// On whose behalf something is called. Everything is borrowed.
struct CallContext {
    std::uint64_t session = 0;
    std::uint64_t origin_session = 0;
    std::string_view owner;
    std::string_view principal;
    std::string_view trace;
    std::int64_t deadline_ns = 0;
    bool oneway = false;                   // nobody waits for the result
    std::span<const std::uint64_t> chain;  // objects whose calls led here
    std::span<Turn* const> held;           // turns that the waiting part of that chain keeps
    std::optional<std::uint32_t> request;  // of its host, that a worker serves with this
};

// What a call made on another's behalf has of that one, owned.
struct InheritedContext {
    std::uint64_t origin_session = 0;
    std::string owner, trace;
    std::int64_t deadline_ns = 0;
    std::vector<std::uint64_t> chain;  // with the object that was called
};

// Where a reply that comes later gets its Call from.
class Deferral {
public:
    virtual ~Deferral() = default;
    // Null if this call may not be deferred. At most once.
    virtual std::shared_ptr<Call> defer() = 0;
    virtual bool caller_gone() const = 0;
};

class Invocation {
public:
    // The result is appended to `out`, at most `result_bytes_max` bytes of it. If another thread may read what is in front of it,
    // `out` moves only with `out_mutex` held.
    Invocation(const CallContext& context, Callee callee, const BoundArguments& arguments,
               const std::vector<ObjectPtr>& objects, data::Buffer& out, std::size_t result_bytes_max,
               Deferral& deferral, std::mutex* out_mutex = nullptr);
    Invocation(const Invocation&) = delete;
    Invocation& operator=(const Invocation&) = delete;
    ~Invocation();

    // Run the method on `target`, or the callable. Return SOHO_DONE, SOHO_FAILED or SOHO_PENDING, and nothing else.
    std::uint32_t invoke(const Object& target, Activity* activity);
    std::uint32_t create(void* source, Activity* activity);
    // The same for the hooks of a type that has state; the result of `load` is an object that is to have that id. Both end at
    // once. See state.hpp.
    std::uint32_t save(const Object& target, Activity* activity);
    std::uint32_t load(std::uint32_t version, std::uint64_t id, Activity* activity);

    // After SOHO_FAILED.
    Error take_error();
    // After SOHO_DONE, where the result is an object: what was handed over; an owner not taken is given back.
    bool has_instance() const { return has_instance_; }
    soho_instance take_instance();
    // After SOHO_DONE: what is to run if the reply is not delivered.
    bool has_discarded() const { return static_cast<bool>(discarded_); }
    PluginTask take_discarded() { return std::move(discarded_); }

    // References that the plugin gave up meanwhile, kept so that a handle in its result still means an object.
    void keep(ObjectPtr object) { kept_.push_back(std::move(object)); }
    // What this thread runs, if it runs a plugin's function.
    static Invocation* current();
    // On the pool, where a thread may wait for other objects: the turns that this run keeps meanwhile.
    void let_block(std::span<Turn* const> turns) {
        may_block_ = true;
        turns_ = turns;
    }
    bool may_block() const { return may_block_; }
    std::span<Turn* const> turns() const { return turns_; }

    std::uint64_t object_id() const { return call_.object; }
    const Callee& callee() const { return callee_; }
    const CallContext& context() const { return context_; }

    // The part of the host's table that is about a running call.
    static void fill(soho_host& table);
    // The call behind what a table function got.
    static Invocation& of(const soho_call* call) { return *static_cast<Invocation*>(call->host_data); }

private:
    // soho_sink is C: what it needs besides follows it.
    struct Sink {
        soho_sink table;
        data::Buffer* out;
        std::size_t size_max;   // of `out`
        std::mutex* out_mutex;  // null: none
        bool starved = false;   // it found no memory to grow
    };

    Activity* watched(Activity* activity) const;
    std::uint32_t take_made(std::uint32_t status, const soho_instance& made);
    std::uint32_t finish(std::uint32_t status);
    std::uint32_t finish_unusual(std::uint32_t status);
    std::string text() const;
    static int grow(soho_sink* sink, std::uint64_t more);
    static void fail(const soho_call* call, std::uint32_t code, soho_text type, soho_text text, soho_bytes data);
    static int object_argument(const soho_call* call, std::uint64_t id, const void* class_key, soho_object* out);
    static void result_object(const soho_call* call, const soho_instance* instance);
    static int caller_gone(const soho_call* call);
    static void on_discarded(const soho_call* call, const soho_task* task);
    static soho_pending* defer(const soho_call* call);

    const CallContext& context_;
    const Callee callee_;
    enum class Hook : std::uint8_t { none, save, load } hook_ = Hook::none;
    const std::vector<ObjectPtr>& objects_;
    Deferral& deferral_;
    Sink sink_;
    std::size_t result_start_ = 0;  // in `out`
    soho_call call_;
    bool has_instance_ = false;
    bool deferred_ = false;
    std::optional<Error> error_;  // it has failed
    soho_instance instance_;      // set with has_instance_
    PluginTask discarded_;
    std::vector<ObjectPtr> kept_;
    bool may_block_ = false;
    std::span<Turn* const> turns_;
};

// What a plugin says of an error, made safe to send: a known code, a type name where one is due, well-formed data.
Error error_from_plugin(std::uint32_t code, soho_text type, soho_text text, soho_bytes data);

// What is said where a result, or a reply with it, finds no memory. Needs next to none itself.
Error out_of_memory();

}  // namespace soho::host
