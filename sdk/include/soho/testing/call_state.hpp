#pragma once
// One call on its way through the plugin: the border's soho_call while its function runs, its soho_pending from then on.

#include <soho/testing/core.hpp>

namespace soho::testing::detail {

// How a call ended: an error, an object, or a value with the objects whose handles are in it.
struct Outcome {
    std::optional<CallError> error;
    ObjectPtr object;
    data::Buffer value;
    std::vector<ObjectPtr> kept;
};

struct CallContext {
    std::uint64_t session = 0, origin_session = 0;
    std::string owner, principal, trace;
    std::int64_t deadline_ns = 0;
    bool oneway = false;
    std::vector<std::uint64_t> chain;
};

class CallState : public std::enable_shared_from_this<CallState> {
public:
    CallState(std::shared_ptr<Core> core_, const Type& type_, const Method* method_, ObjectPtr target_)
        : core(std::move(core_)),
          type(type_),
          method(method_),
          target(std::move(target_)),
          object_(target) {}
    CallState(const CallState&) = delete;
    CallState& operator=(const CallState&) = delete;
    ~CallState() {
        if (source.release != nullptr) core->give_back(nullptr, source);
    }

    const std::shared_ptr<Core> core;
    const Type& type;
    const Method* const method;  // NULL: create
    // Until its function has returned: a reply that comes later does not keep the object.
    ObjectPtr target;
    CallContext context;
    Bound bound;
    std::vector<ObjectPtr> objects;                        // those that handles in the arguments mean
    soho_instance source{};                                // what a callable gets instead of arguments
    std::uint64_t object_id = 0;                           // without a target: the id that the plugin hears
    std::function<void(std::shared_ptr<CallState>)> then;  // once it is answered; on whichever thread that was

    Callee callee() const { return {type, method}; }
    // For the thread that waits, once answered() is true.
    Outcome& outcome() { return *outcome_; }
    bool answered() const {
        const std::lock_guard lock(core->mutex);
        return outcome_.has_value();
    }

    // Binds the arguments and finds what their handles mean; `find` throws where they mean nothing. Throws CallError.
    template <class Find>
    void set_arguments(data::Bytes args, data::Bytes kwargs, const Find& find) {
        for (const data::Bytes part : {args, kwargs})
            visit_handles(part, [&](std::uint64_t id) { objects.push_back(find(id)); });
        bound = bind_arguments(callee(), args, kwargs);
        check_objects();
    }

    // On the host's thread, in the target's turn.
    void run() {
        if (answered()) return;
        Sink sink{{sizeof(soho_sink), 0, nullptr, nullptr, &grow}, &value_, core->result_bytes_max};
        sink.table.cursor = value_.reserve(8);  // small, so that results make it grow
        sink.table.end = sink.table.cursor + 8;
        call_ = border(sink);
        soho_instance made{};
        made.size = sizeof made;
        const void* const turn = target != nullptr ? target->turn : type.concurrent() ? nullptr : &type;
        core->running.push_back(this);
        core->held_turns.push_back(turn);
        void* const self = target != nullptr ? target->instance.self : nullptr;
        const std::uint32_t status = method != nullptr ? method->invoke(method->context, self, &call_)
                                                       : type.create(type.context, &call_, &made);
        core->held_turns.pop_back();
        core->running.pop_back();
        value_.commit(sink.table.cursor);
        if (method == nullptr && status == SOHO_DONE && !instance_) instance_ = made;
        conclude(status);
        kept_.clear();
        objects.clear();
        target.reset();
    }

    // The caller is answered otherwise than by the plugin, which hears of it. Nothing where it is answered already.
    void stop(CallError why) {
        Task on_cancel;
        {
            const std::lock_guard lock(core->mutex);
            if (outcome_) return;
            if (!plugin_done_) on_cancel = std::move(on_cancel_);
        }
        Outcome outcome;
        outcome.error = std::move(why);
        answer(std::move(outcome));
        if (on_cancel) post_on_cancel(std::move(on_cancel));
    }
    // The result did not reach the caller after all.
    void discard() {
        Task task;
        {
            const std::lock_guard lock(core->mutex);
            task = std::move(discardable_);
        }
        if (task) core->post_task(turn(), object_.lock(), std::move(task));
    }
    // It did.
    void delivered() {
        Task task;
        const std::lock_guard lock(core->mutex);
        task = std::move(discardable_);
    }

    // Whether it has left `object`, and the plugin still owes its reply.
    bool is_pending_on(const HostedObject& object) const {
        const std::lock_guard lock(core->mutex);
        return deferred_ && !plugin_done_ && object_.lock().get() == &object;
    }
    // Whether a reference that the plugin gives up now may be in the result that it writes.
    void keep(ObjectPtr object) { kept_.push_back(std::move(object)); }

    static CallState& of(const soho_call* call) { return *static_cast<CallState*>(call->host_data); }
    static CallState& of(soho_pending* pending) { return *reinterpret_cast<CallState*>(pending); }
    static void fill(soho_host& table);

private:
    struct Sink {
        soho_sink table;
        data::Buffer* out;
        std::size_t bytes_max;
    };
    static int grow(soho_sink* table, std::uint64_t more) {
        auto* sink = reinterpret_cast<Sink*>(table);
        sink->out->commit(table->cursor);
        if (sink->out->size() + more > sink->bytes_max) return 1;
        table->cursor = sink->out->reserve(static_cast<std::size_t>(more));
        table->end = table->cursor + more;
        return 0;
    }

    const void* turn() const {
        const ObjectPtr object = object_.lock();
        return object != nullptr ? object->turn : nullptr;
    }

    soho_call border(Sink& sink) {
        using sdk::detail::to_abi;
        soho_call call{};
        call.size = sizeof call;
        if (method != nullptr && method->returns_type != nullptr)
            call.flags = method->through_callable ? SOHO_CALL_WANTS_SOURCE : SOHO_CALL_WANTS_OBJECT;
        if (context.oneway) call.flags |= SOHO_CALL_ONEWAY;
        call.args = to_abi(bound.args.bytes());
        call.kwargs = to_abi(bound.kwargs.bytes());
        call.result = &sink.table;
        call.object = target != nullptr ? target->id : object_id;
        call.session = context.session;
        call.origin_session = context.origin_session;
        call.owner = to_abi(context.owner);
        call.principal = to_abi(context.principal);
        call.trace = to_abi(context.trace);
        call.deadline_ns = context.deadline_ns;
        call.chain = context.chain.data();
        call.chain_size = static_cast<std::uint32_t>(context.chain.size());
        call.source = source.self;
        call.host_data = this;
        return call;
    }

    void check_objects() const {
        data::Reader reader(bound.args.bytes());
        data::Token array;
        reader.next(array);
        const Signature& signature = callee().signature();
        for (std::size_t i = 0; i != signature.parameters.size(); ++i) {
            const data::Bytes value = reader.take_value();
            if (!signature.parameters[i].object()) continue;
            visit_handles(value, [&](std::uint64_t id) {
                const ObjectPtr object = argument(id);
                if (object->type->class_key == signature.parameters[i].class_key) return;
                refuse_arguments(callee().text() + ": argument " + in_quotes(signature.name(i)) +
                                 " must be an object of class " + signature.parameters[i].type + ", not #" +
                                 std::to_string(id) + " (" + object->type->type_id + ")");
            });
        }
    }
    ObjectPtr argument(std::uint64_t id) const {
        for (const ObjectPtr& object : objects) {
            if (object->id == id) return object;
        }
        return nullptr;
    }

    // ---- what became of it

    CallError defect(const std::string& what) const {
        return CallError(SOHO_INTERNAL, callee().text() + " " + what + ": a defect of plugin " + core->name);
    }
    void fail_with(CallError why) {
        Outcome outcome;
        outcome.error = std::move(why);
        settle(std::move(outcome));
    }

    // Why what the function returned does not fit what it did.
    std::optional<CallError> broken(std::uint32_t status) const {
        if (deferred_) return defect("deferred its reply, and then gave one");
        if (status == SOHO_PENDING) return defect("says that its reply comes later, but deferred none");
        if (status > SOHO_PENDING) return defect("returned the unknown status " + std::to_string(status));
        if (error_) return error_;
        if (status == SOHO_FAILED) return defect("failed without saying why");
        const bool is_nil = value_.size() == 1 && value_.data()[0] == 0xc0;
        if (instance_ && method != nullptr && method->returns_type == nullptr)
            return defect("gave an object, but is mapped to no typeid");
        const bool wants_object = method == nullptr || (method->returns_type != nullptr && !method->through_callable);
        const bool may_be_nil = method != nullptr && !instance_ && is_nil;
        if (wants_object && !may_be_nil && (!instance_ || instance_->self == nullptr)) return defect("gave no object");
        return std::nullopt;
    }

    void conclude(std::uint32_t status) {
        if (status == SOHO_PENDING && deferred_) return;
        {
            const std::lock_guard lock(core->mutex);
            if (std::exchange(plugin_done_, true)) return;  // it had deferred, and replied through that
        }
        if (auto why = broken(status)) {
            if (instance_) core->give_back(nullptr, *std::exchange(instance_, std::nullopt));
            return fail_with(*std::move(why));
        }
        succeed(std::exchange(instance_, std::nullopt), std::move(value_));
    }

    void succeed(std::optional<soho_instance> instance, data::Buffer value) {
        if (method != nullptr && method->through_callable) return go_through_callable(instance, std::move(value));
        Outcome outcome;
        if (instance) {
            outcome.object = core->adopt(method != nullptr ? *method->returns_type : type, *instance);
            settle(std::move(outcome));
            return;
        }
        if (const std::string why = value_mismatch(value.bytes()); !why.empty())
            return fail_with(CallError(SOHO_INTERNAL, "the result of " + callee().text() + " is not MessagePack: " +
                                                          why + "; a defect of plugin " + core->name));
        std::optional<CallError> missing;
        visit_handles(value.bytes(), [&](std::uint64_t id) {
            if (ObjectPtr object = core->find(id)) {
                outcome.kept.push_back(std::move(object));
            } else {
                missing = core->no_object(id);
            }
        });
        if (missing) return fail_with(*std::move(missing));
        outcome.value = std::move(value);
        settle(std::move(outcome));
    }

    // method_to_typeid with a callable that takes the result: a create of its own, with this call's context.
    void go_through_callable(std::optional<soho_instance> given, data::Buffer value) {
        const auto create = std::make_shared<CallState>(core, *method->returns_type, nullptr, nullptr);
        create->context = context;
        create->then = [self = shared_from_this()](const std::shared_ptr<CallState>& made) {
            self->settle(std::move(made->outcome()));
        };
        try {
            data::Buffer args;
            data::Writer<data::Buffer> out(args);
            out.array(given ? 0 : 1);
            if (given) {
                create->source = *given;
                create->bound.args = std::move(args);
            } else {
                out.raw(value.bytes());
                create->set_arguments(args.bytes(), {}, [&](std::uint64_t id) {
                    ObjectPtr object = core->find(id);
                    if (object == nullptr) throw core->no_object(id);
                    return object;
                });
            }
        } catch (const CallError& error) {
            return fail_with(CallError(SOHO_INTERNAL, "what " + callee().text() + " returns does not fit " +
                                                          create->type.type_id + ": " + error.text()));
        }
        core->post(nullptr, [create] { create->run(); });
    }

    // To whoever asked, or back to the plugin if nobody waits any more.
    std::uint32_t settle(Outcome outcome) {
        Task unused;  // disposed of after the lock
        {
            const std::lock_guard lock(core->mutex);
            unused = std::move(on_cancel_);
            if (Task task = std::move(on_discarded_); task && method != nullptr) discardable_ = std::move(task);
        }
        if (answer(std::move(outcome))) return SOHO_ACCEPTED;
        discard();
        return SOHO_DISCARDED;
    }
    bool answer(Outcome outcome) {
        {
            const std::lock_guard lock(core->mutex);
            if (outcome_) return false;
            outcome_ = std::move(outcome);
            core->changed.notify_all();
        }
        if (const auto next = std::move(then)) next(shared_from_this());
        return true;
    }

    // In the turn, unless the plugin has completed the call by then.
    void post_on_cancel(Task task) {
        core->post(turn(), [self = shared_from_this(), kept = std::make_shared<Task>(std::move(task))] {
            {
                const std::lock_guard lock(self->core->mutex);
                if (self->plugin_done_) return;
            }
            kept->run();
        });
    }

    bool begin_completion() {
        const std::lock_guard lock(core->mutex);
        if (!std::exchange(plugin_done_, true)) return true;
        ++core->completed_twice;
        return false;
    }
    CallError error_from(std::uint32_t code, soho_text error_type, soho_text text, soho_bytes bytes) const {
        const bool raised = code == SOHO_OK || code > SOHO_NO_TYPE || code == SOHO_RAISED;
        Value data;
        if (bytes.size != 0 && value_mismatch(sdk::detail::from_abi(bytes)).empty())
            data = data::decode<Value>(sdk::detail::from_abi(bytes));
        if (!raised) return CallError(code, text_of(text), {}, std::move(data));
        return CallError(SOHO_RAISED, text_of(text), error_type.size == 0 ? "Error" : text_of(error_type),
                         std::move(data));
    }

    const std::weak_ptr<HostedObject> object_;  // the target
    soho_call call_{};
    data::Buffer value_;
    std::optional<soho_instance> instance_;
    std::optional<CallError> error_;
    std::optional<Outcome> outcome_;
    std::vector<ObjectPtr> kept_;
    std::shared_ptr<CallState> lent_;  // while the plugin has the handle
    bool deferred_ = false, plugin_done_ = false;
    Task on_cancel_, on_discarded_, discardable_;
};

inline void CallState::fill(soho_host& table) {
    // -- while the function runs
    table.fail = [](const soho_call* call, std::uint32_t code, soho_text kind, soho_text text, soho_bytes data) {
        CallState& self = of(call);
        self.error_ = self.error_from(code, kind, text, data);
        if (self.error_->code() == SOHO_BAD_ARGUMENTS)  // the plugin names the argument, we whose it is
            self.error_ =
                CallError(SOHO_BAD_ARGUMENTS, self.callee().text() + ": " + text_of(text), {}, self.error_->data());
    };
    table.object_argument = [](const soho_call* call, std::uint64_t id, const void* class_key, soho_object* out) {
        const ObjectPtr object = of(call).argument(id);
        if (object == nullptr || object->type->class_key != class_key) return 1;
        out->self = object->instance.self;
        out->owner = object->instance.owner;
        return 0;
    };
    table.result_object = [](const soho_call* call, const soho_instance* instance) {
        CallState& self = of(call);
        if (self.instance_) self.core->give_back(nullptr, *self.instance_);
        self.instance_ = *instance;
    };
    table.caller_gone = [](const soho_call* call) {
        const CallState& self = of(call);
        return self.answered() ? 1 : 0;
    };
    table.on_discarded = [](const soho_call* call, const soho_task* task) { of(call).on_discarded_ = Task(*task); };
    table.defer = [](const soho_call* call) -> soho_pending* {
        CallState& self = of(call);
        const bool may = self.method == nullptr || self.method->defers();
        if (!may || self.deferred_) return nullptr;
        self.deferred_ = true;
        self.lent_ = self.shared_from_this();
        const std::lock_guard lock(self.core->mutex);
        std::erase_if(self.core->deferred, [](const auto& weak) { return weak.expired(); });
        self.core->deferred.push_back(self.lent_);
        return reinterpret_cast<soho_pending*>(&self);
    };

    // -- from then on
    table.pending_complete = [](soho_pending* pending, soho_bytes result) -> std::uint32_t {
        CallState& self = of(pending);
        if (!self.begin_completion()) return SOHO_COMPLETED;
        const bool gone = self.answered();
        const bool is_nil = result.size == 1 && result.data[0] == 0xc0;
        if (self.method == nullptr ||
            (self.method->returns_type != nullptr && !self.method->through_callable && !is_nil)) {
            self.fail_with(self.defect("completed with a value where an object is due"));
        } else {
            data::Buffer value;
            value.append(sdk::detail::from_abi(result));
            self.succeed(std::nullopt, std::move(value));
        }
        return gone ? SOHO_DISCARDED : SOHO_ACCEPTED;
    };
    table.pending_complete_object = [](soho_pending* pending, const soho_instance* instance) -> std::uint32_t {
        CallState& self = of(pending);
        const bool first = self.begin_completion();
        const bool unmapped = self.method != nullptr && self.method->returns_type == nullptr;
        if (!first || unmapped) self.core->give_back(nullptr, *instance);
        if (!first) return SOHO_COMPLETED;
        const bool gone = self.answered();
        if (unmapped) {
            self.fail_with(self.defect("completed with an object, but is mapped to no typeid"));
        } else {
            self.succeed(*instance, {});
        }
        return gone ? SOHO_DISCARDED : SOHO_ACCEPTED;
    };
    table.pending_fail = [](soho_pending* pending, std::uint32_t code, soho_text kind, soho_text text,
                            soho_bytes data) -> std::uint32_t {
        CallState& self = of(pending);
        if (!self.begin_completion()) return SOHO_COMPLETED;
        const bool gone = self.answered();
        self.fail_with(self.error_from(code, kind, text, data));
        return gone ? SOHO_DISCARDED : SOHO_ACCEPTED;
    };
    table.pending_on_cancel = [](soho_pending* pending, const soho_task* given) {
        CallState& self = of(pending);
        Task task(*given);
        {
            const std::lock_guard lock(self.core->mutex);
            if (self.plugin_done_) return;
            if (!self.outcome_) return void(self.on_cancel_ = std::move(task));
        }
        self.post_on_cancel(std::move(task));
    };
    table.pending_on_discarded = [](soho_pending* pending, const soho_task* given) {
        CallState& self = of(pending);
        Task task(*given);
        const std::lock_guard lock(self.core->mutex);
        if (!self.plugin_done_) self.on_discarded_ = std::move(task);
    };
    table.pending_caller_gone = [](soho_pending* pending) { return of(pending).answered() ? 1 : 0; };
    table.pending_release = [](soho_pending* pending) {
        CallState& self = of(pending);
        std::shared_ptr<CallState> last;
        bool dropped = false;
        {
            const std::lock_guard lock(self.core->mutex);
            last = std::move(self.lent_);
            dropped = !std::exchange(self.plugin_done_, true);
        }
        if (dropped)
            self.fail_with(
                CallError(SOHO_RAISED, self.callee().text() + " dropped the call without a reply", "Dropped"));
    };
}

}  // namespace soho::testing::detail
