#include "host/object/call.hpp"

#include "host/registry/plugin.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <new>

namespace soho::host {

namespace {

// A plugin's task, in the turn of an object that it keeps alive.
class PostedTask : public TurnTask {
public:
    PostedTask(ObjectPtr object, PluginTask task, const Type* type = nullptr)
        : object_(std::move(object)),
          task_(std::move(task)),
          type_(type != nullptr ? *type : object_->type()) {
        if (object_->turn() != nullptr) turns = {object_->turn()};
    }
    void run(Activity* activity) noexcept override {
        if (&object_->type() != &type_) return;
        const ActivityMark mark(activity, type_, nullptr, "a task");
        task_.run();
    }

private:
    ObjectPtr object_;
    PluginTask task_;
    const Type& type_;  // as it was posted
};

// … that is about a reply: until it has run, the object stays where it is.
class PostedDiscard : public PostedTask {
public:
    PostedDiscard(const ObjectPtr& object, PluginTask task) : PostedTask(object, std::move(task)), counted_(*object) {
        counted_.undelivered.fetch_add(1, std::memory_order_relaxed);
    }
    PostedDiscard(const PostedDiscard&) = delete;
    PostedDiscard& operator=(const PostedDiscard&) = delete;
    ~PostedDiscard() override { counted_.undelivered.fetch_sub(1, std::memory_order_release); }

private:
    Object& counted_;  // which the task keeps
};

void post(const ObjectPtr& object, const std::shared_ptr<PostedTask>& posted) {
    if (!posted->turns.empty()) {
        Turn::submit(posted);
    } else {
        object->home().post([posted, &home = object->home()] { posted->run(home.activity()); });
    }
}

}  // namespace

void post_to_turn(const ObjectPtr& object, PluginTask task, const Type* type) {
    post(object, std::make_shared<PostedTask>(object, std::move(task), type));
}

void post_at_home(Executor& home, const Plugin& plugin, const char* part, PluginTask task) {
    home.post([&home, &plugin, part, shared = std::make_shared<PluginTask>(std::move(task))] {
        const ActivityMark mark(home.activity(), plugin, part);
        shared->run();
    });
}

void Discardable::discard() {
    if (task_) post(object_, std::make_shared<PostedDiscard>(object_, std::move(task_)));
}

// The call in the queue of its turns.
class Call::Task : public TurnTask {
public:
    explicit Task(std::shared_ptr<Call> call) : call_(std::move(call)) {
        turns = call_->turns();
        if (call_->target_ != nullptr) kept_turns_.push_back(call_->target_->turn_ptr());
        for (const ObjectPtr& object : call_->argument_objects_) kept_turns_.push_back(object->turn_ptr());
        shared = turns.size() == 1 && call_->method_ != nullptr && call_->method_->readonly() &&
                 call_->type().shared_reads();
        on_pool = call_->method_ != nullptr ? call_->method_->on_pool.load(std::memory_order_relaxed)
                                            : call_->type().blocking();
        overtakes = !call_->held_.empty();
    }
    void run(Activity* activity) noexcept override {
        if (!starved) return call_->run(activity, this);
        call_->cancel(Code::overloaded, fmt::format("the system has no thread for {}, which blocks; it was not started",
                                                    call_->callee_text()));
        call_->finish();
    }

private:
    std::shared_ptr<Call> call_;
    std::vector<std::shared_ptr<Turn>> kept_turns_;  // the call lets go of its objects when it is cancelled
};

// Carries the outcome of the callable that took a method's result over to the method's call.
class Call::ThroughCallable : public Completion {
public:
    explicit ThroughCallable(std::shared_ptr<Call> first) : first_(std::move(first)) {}
    void replied(Call&, Outcome outcome) noexcept override { first_->settle(std::move(outcome)); }
    void finished(Call&) noexcept override { first_->finish(); }

private:
    std::shared_ptr<Call> first_;
};

Call::Call(ObjectTable& objects, Pool& pool, Executor& home, std::shared_ptr<Completion> completion,
           const CallContext& context, Limits limits)
    : objects_(objects),
      pool_(pool),
      home_(home),
      completion_(std::move(completion)),
      limits_(limits),
      context_(context),
      owner_(context.owner),
      principal_(context.principal),
      trace_(context.trace),
      chain_(context.chain.begin(), context.chain.end()),
      held_(context.held.begin(), context.held.end()) {}

Call::~Call() {
    if (target_ != nullptr) target_->calls.fetch_sub(1, std::memory_order_relaxed);
    if (source_.release != nullptr) source_.release(source_.owner);
}

void Call::set_method(ObjectPtr target, const Method& method, const BoundArguments& arguments,
                      std::vector<ObjectPtr> objects, std::vector<Turn*> argument_turns) {
    target_ = std::move(target);
    type_ = target_->type_ptr();
    target_->calls.fetch_add(1, std::memory_order_relaxed);
    method_ = &method;
    arguments_.append(arguments.args);
    args_size_ = arguments.args.size();
    arguments_.append(arguments.kwargs);
    argument_objects_ = std::move(objects);
    argument_turns_ = std::move(argument_turns);
}

void Call::set_create(TypePtr type, const BoundArguments& arguments, std::vector<ObjectPtr> objects) {
    type_ = std::move(type);
    if (!type_->concurrent()) factory_turn_ = objects_.factory_turn(*type_, home_);
    arguments_.append(arguments.args);
    args_size_ = arguments.args.size();
    arguments_.append(arguments.kwargs);
    argument_objects_ = std::move(objects);
}

CallContext Call::context() const {
    CallContext context = context_;
    context.owner = owner_;
    context.principal = principal_;
    context.trace = trace_;
    context.chain = chain_;
    context.held = held_;
    return context;
}

std::vector<Turn*> Call::turns() const {
    std::vector<Turn*> turns;
    if (Turn* turn = target_ != nullptr ? target_->turn() : factory_turn_.get()) turns.push_back(turn);
    for (Turn* turn : argument_turns_) {
        if (std::find(turns.begin(), turns.end(), turn) == turns.end()) turns.push_back(turn);
    }
    return turns;
}

std::string Call::callee_text() const { return callee().text(); }

void Call::submit() {
    std::shared_ptr<Task> task;
    {
        const std::scoped_lock lock(mutex_);
        if (!answered()) task = std::make_shared<Task>(shared_from_this());
    }
    if (task == nullptr) return finish();  // its deadline was sooner, and what it was to run with has gone
    submit(std::move(task));
}

void Call::submit(std::shared_ptr<Task> task) {
    if (!task->turns.empty()) return Turn::submit(task);
    if (!task->on_pool) return home_.post([task, &home = home_] { task->run(home.activity()); });
    const auto work = [task] { task->run(nullptr); };
    if (task->overtakes ? pool_.post_urgent(work) : pool_.post(work)) return;
    task->starved = true;
    home_.post(work);
}

// Before all that waits, for its turn has come. False: it may run where it is.
bool Call::submit_anew(const TurnTask& placed) {
    std::shared_ptr<Task> task;
    {
        const std::scoped_lock lock(mutex_);
        if (answered()) return false;
        task = std::make_shared<Task>(shared_from_this());
    }
    if (task->turns == placed.turns && task->shared == placed.shared && task->on_pool == placed.on_pool) return false;
    task->place = placed.place;
    submit(std::move(task));
    return true;
}

void Call::run(Activity* activity, const TurnTask* placed) noexcept {
    if (objects_.draining.load(std::memory_order_relaxed) && chain_.empty()) {
        refuse_to_start();
    }
    Result<bool> aimed = false;
    try {
        aimed = aim_anew();
        if (aimed && *aimed && placed != nullptr && submit_anew(*placed)) return;
    } catch (const std::bad_alloc&) {
        aimed = tl::unexpected<Error>(out_of_memory());
    }
    if (!aimed) {
        if (begin()) end_with(aimed.error());
        return finish();
    }
    if (!begin()) return finish();  // cancelled while it waited

    data::Buffer value;
    const CallContext context = this->context();
    const BoundArguments arguments{arguments_.bytes().first(args_size_), arguments_.bytes().subspan(args_size_)};
    Invocation invocation(context, {type(), method_}, arguments, argument_objects_, value, limits_.result_bytes_max,
                          *this);
    const std::vector<Turn*> own_turns = turns();
    if (activity == nullptr) invocation.let_block(own_turns);
    const std::uint32_t status =
        method_ != nullptr ? invocation.invoke(*target_, activity) : invocation.create(source_.self, activity);
    conclude(status, invocation, std::move(value));
}

void Call::conclude(std::uint32_t status, Invocation& invocation, data::Buffer value) {
    if (status == SOHO_PENDING) return set_discarded(invocation.take_discarded());
    std::uint32_t refused = SOHO_ACCEPTED;
    if (!begin_completion(refused)) return finish();  // it had deferred, and replied through that
    Outcome outcome;
    if (status == SOHO_FAILED) {
        outcome.error = invocation.take_error();
    } else if (method_ != nullptr && method_->through_callable) {
        const bool has_source = invocation.has_instance();
        const soho_instance source = has_source ? invocation.take_instance() : soho_instance{};
        return go_through_callable(std::move(value), has_source ? &source : nullptr);
    } else if (invocation.has_instance()) {
        outcome = adopted(invocation.take_instance());
    } else {
        outcome = checked(std::move(value));
    }
    if (auto discarded = invocation.take_discarded(); discarded && target_ != nullptr) {
        outcome.discardable = std::make_unique<Discardable>(target_, std::move(discarded));
    }
    settle(std::move(outcome));
    finish();
}

// The plugin's value as an outcome: it may be anything.
Outcome Call::checked(data::Buffer value) const {
    Outcome outcome;
    const auto frame = wire::check_value(value.bytes(), {limits_.result_bytes_max, limits_.depth_max, SIZE_MAX});
    if (!frame) {
        outcome.error =
            Error(Code::internal, fmt::format("the result of {} is not MessagePack: {}; a defect of plugin {}",
                                              callee_text(), frame.error().text, type().plugin->name()));
        return outcome;
    }
    outcome.may_hold_handles = frame->may_hold_handles;
    outcome.value = std::move(value);
    return outcome;
}

Outcome Call::adopted(const soho_instance& instance) {
    Outcome outcome;
    const TypePtr result_type = method_ != nullptr ? TypePtr(type_, method_->returns_type) : type_;
    auto object = objects_.adopt(result_type, instance, principal_, home_);
    if (object) {
        outcome.object = *std::move(object);
    } else {
        outcome.error = object.error();
    }
    return outcome;
}

namespace {

// Whether arguments that the one has put in their places are in those of the other.
bool has_places_of(const Signature& after, const Signature& before) {
    const std::size_t both = std::min(before.parameters.size(), after.parameters.size());
    return std::equal(before.parameters.begin(), before.parameters.begin() + static_cast<std::ptrdiff_t>(both),
                      after.parameters.begin(), [](const Parameter& one, const Parameter& other) {
                          return one.name.empty() || other.name.empty() || one.name == other.name;
                      });
}

}  // namespace

Result<bool> Call::aim_anew() {
    const std::scoped_lock lock(mutex_);
    if (answered()) return false;  // it will not begin
    TypePtr type;
    const Method* method = nullptr;
    if (method_ != nullptr) {
        if (method_->type == nullptr || method_->type == &target_->type()) return false;
        type = target_->type_ptr();
        method = type->find(method_->name, principal_);
        if (method == nullptr) return tl::unexpected<Error>(type->no_method(method_->name));
    } else {
        if (stays_ || type_->plugin->successor() == nullptr) return false;
        type = current(type_);
        if (type == nullptr || !type->creatable())
            return refuse(Code::no_type,
                          fmt::format("no type \"{}\": its plugin has been reloaded without it", type_->type_id));
    }
    const Callee callee{*type, method};
    if (!has_places_of(callee.signature(), Callee{this->type(), method_}.signature()))
        return refuse(
            Code::not_started,
            fmt::format("{} has other arguments since its plugin was reloaded; it was not started", callee.text()));
    data::Buffer scratch;
    const auto bound =
        bind_arguments(callee, arguments_.bytes().first(args_size_), arguments_.bytes().subspan(args_size_), scratch);
    if (!bound) return tl::unexpected<Error>(bound.error());
    Result<std::vector<Turn*>> turns;
    if (callee.signature().takes_objects) turns = argument_turns(callee, bound->args, argument_objects_);
    if (!turns) return tl::unexpected<Error>(turns.error());
    data::Buffer arguments;
    arguments.append(bound->args);
    arguments.append(bound->kwargs);
    args_size_ = bound->args.size();
    arguments_ = std::move(arguments);
    argument_turns_ = *std::move(turns);
    type_ = std::move(type);
    method_ = method;
    if (method_ == nullptr) factory_turn_ = type_->concurrent() ? nullptr : objects_.factory_turn(*type_, home_);
    return true;
}

bool Call::begin() {
    const std::scoped_lock lock(mutex_);
    if (answered()) return false;
    begun_.store(true, std::memory_order_release);
    return true;
}

// True for the first result or failure that the plugin gives; `refused` says why it is not.
bool Call::begin_completion(std::uint32_t& refused) {
    const std::scoped_lock lock(mutex_);
    if (plugin_done_) {
        objects_.completed_twice.fetch_add(1, std::memory_order_relaxed);
        refused = SOHO_COMPLETED;
        return false;
    }
    plugin_done_ = true;
    return true;
}

// Hands the outcome to whoever asked, or back to the plugin if nobody waits for it any more.
std::uint32_t Call::settle(Outcome outcome) {
    PluginTask on_cancel;
    bool first = false;
    {
        const std::scoped_lock lock(mutex_);
        first = !answered_.exchange(true, std::memory_order_acq_rel);
        on_cancel = std::move(on_cancel_);
        if (auto task = std::move(on_discarded_); task && target_ != nullptr) {
            outcome.discardable = std::make_unique<Discardable>(target_, std::move(task));
        }
    }
    if (first) {
        completion_->replied(*this, std::move(outcome));
        return SOHO_ACCEPTED;
    }
    if (outcome.discardable != nullptr) outcome.discardable->discard();
    return SOHO_DISCARDED;
}

std::uint32_t Call::end_with(Error error) {
    Outcome outcome;
    outcome.error = std::move(error);
    const std::uint32_t status = settle(std::move(outcome));
    finish();
    return status;
}

// With the mutex held.
void Call::be_pending() {
    if (target_ == nullptr && type_->concurrent()) return;  // what it gives never moves
    if (!std::exchange(is_pending_, true)) pending_count().fetch_add(1, std::memory_order_relaxed);
}

std::atomic<std::uint32_t>& Call::pending_count() const {
    return target_ != nullptr ? target_->pending : type_->plugin->pending_creates;
}

void Call::finish() {
    {
        const std::scoped_lock lock(mutex_);
        if (std::exchange(finished_, true)) return;
        if (std::exchange(is_pending_, false)) pending_count().fetch_sub(1, std::memory_order_release);
        if (stuck_ && method_ != nullptr) method_->stuck.fetch_sub(1, std::memory_order_relaxed);
        next_.reset();
    }
    completion_->finished(*this);
}

// method_to_typeid with a callable that takes the result: a create of its own, with this call's context.
void Call::go_through_callable(data::Buffer value, const soho_instance* source) try {
    const auto self = shared_from_this();
    const TypePtr result_type(type_, method_->returns_type);
    auto create =
        std::make_shared<Call>(objects_, pool_, home_, std::make_shared<ThroughCallable>(self), context(), limits_);
    create->stays_ = true;
    data::Buffer args;
    data::Buffer scratch;
    wire::Out out(args);
    if (source != nullptr) {
        create->source_ = *source;
        out.array(0);
        create->set_create(result_type, {args.bytes(), {}}, {});
    } else {
        Outcome result = checked(std::move(value));
        out.array(1);
        out.raw(result.value.bytes());
        auto bound = result.ok() ? bind_arguments({*result_type}, args.bytes(), {}, scratch)
                                 : tl::unexpected<Error>(result.error);
        if (!bound) {
            Outcome failure;
            failure.error = Error(Code::internal, fmt::format("what {} returns does not fit {}: {}", callee_text(),
                                                              result_type->type_id, bound.error().text));
            settle(std::move(failure));
            return finish();
        }
        create->set_create(result_type, *bound, {});
    }
    {
        const std::scoped_lock lock(mutex_);
        next_ = create;
        be_pending();  // what the callable gives may be another object of what the target belongs to
    }
    if (answered()) create->abandon();
    create->submit();
} catch (const std::bad_alloc&) {
    end_with(out_of_memory());
}

// The first that answers it otherwise than the plugin: what the plugin wants to know of that is posted to it.
bool Call::stop(Unless unless) {
    PluginTask on_cancel;
    std::shared_ptr<Call> next;
    // What it was given, if it will never run: given back after the lock.
    data::Buffer arguments;
    std::vector<ObjectPtr> objects;
    ObjectPtr target;
    {
        const std::scoped_lock lock(mutex_);
        if (unless == Unless::begun && begun()) return false;
        if (answered_.exchange(true, std::memory_order_acq_rel)) return false;
        if (!begun()) {
            arguments.swap(arguments_);
            objects.swap(argument_objects_);
            target.swap(target_);
        }
        if (!plugin_done_) on_cancel = std::move(on_cancel_);
        if (method_ != nullptr && !finished_) {
            stuck_ = true;
            method_->stuck.fetch_add(1, std::memory_order_relaxed);
        }
        next = next_;
    }
    if (target != nullptr) target->calls.fetch_sub(1, std::memory_order_relaxed);
    if (on_cancel) post_on_cancel(std::move(on_cancel));
    if (next != nullptr) next->abandon();
    return true;
}

// Tells the plugin, in the target's turn (a callable has none), unless it has completed the call by then.
void Call::post_on_cancel(PluginTask task) {
    struct Guarded {
        std::shared_ptr<Call> call;
        PluginTask task;
    };
    soho_task guarded{};
    guarded.size = sizeof guarded;
    guarded.context = new Guarded{shared_from_this(), std::move(task)};
    guarded.run = [](void* context) {
        const auto& it = *static_cast<Guarded*>(context);
        {
            const std::scoped_lock lock(it.call->mutex_);
            if (it.call->plugin_done_) return;
        }
        it.task.run();
    };
    guarded.dispose = [](void* context) { delete static_cast<Guarded*>(context); };
    task = PluginTask(guarded);
    if (target_ != nullptr) return post_to_turn(target_, std::move(task));
    post_at_home(home_, *type().plugin, "what a cancelled create does", std::move(task));
}

void Call::cancel(Code code, std::string text) {
    if (stop()) answer(code, std::move(text));
}

void Call::answer(Code code, std::string text) {
    Outcome outcome;
    outcome.error = Error(code, std::move(text));
    completion_->replied(*this, std::move(outcome));
}

void Call::refuse_to_start() {
    std::string text = fmt::format("the host is shutting down; {} was not started", callee_text());
    if (stop(Unless::begun)) answer(Code::not_started, std::move(text));
}

void Call::abandon() { stop(); }

void Call::complete(Outcome outcome) {
    std::uint32_t refused = SOHO_ACCEPTED;
    if (!begin_completion(refused)) return;
    settle(std::move(outcome));
    finish();
}

void Call::set_discarded(PluginTask task) {
    const std::scoped_lock lock(mutex_);
    if (task && !plugin_done_) std::swap(on_discarded_, task);
}

}  // namespace soho::host
