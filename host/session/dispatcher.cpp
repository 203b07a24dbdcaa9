#include "host/session/dispatcher.hpp"

#include "host/object/spare_memory.hpp"
#include "host/registry/plugin.hpp"
#include "host/session/call_log.hpp"
#include "host/session/link.hpp"
#include "host/session/named_create.hpp"
#include "host/session/rights.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <chrono>
#include <new>
#include <thread>

namespace soho::host {

namespace {

CallContext context_of(Caller& caller, const wire::Request& request, const Resolved& what) {
    CallContext context;
    context.session = context.origin_session = caller.session()->id();
    context.owner = what.options.owner;
    context.principal = caller.principal().name;
    context.trace = what.options.trace;
    context.deadline_ns = what.deadline_ns;
    context.oneway = !request.wants_reply;
    if (caller.serves_host()) {
        context.session = what.options.on_behalf.session;
        context.origin_session = what.options.on_behalf.origin_session;
        context.principal = what.options.on_behalf.principal;
        context.request = request.msgid;
        context.oneway = what.options.on_behalf.oneway;
    }
    if (what.parent != nullptr) {
        context.origin_session = what.parent->origin_session;
        context.chain = what.parent->chain;
        if (context.owner.empty()) context.owner = what.parent->owner;
        if (context.trace.empty()) context.trace = what.parent->trace;
    }
    return context;
}

bool runs_on_pool(const Resolved& what) {
    return what.method != nullptr ? what.method->on_pool.load(std::memory_order_relaxed) : what.type->blocking();
}

// What a call that waits keeps of its request, in the host or in the plugin.
std::size_t bytes_of(const BoundArguments& arguments) { return arguments.args.size() + arguments.kwargs.size(); }

Error too_late(const Resolved& what) {
    return Error(Code::deadline, fmt::format("{} has not replied in time (timeout_ms)", what.callee().text()));
}

// Requests that came with it took the time.
Error too_late_to_start(const Resolved& what) {
    return Error(Code::deadline,
                 fmt::format("the time of {} was over before it could start (timeout_ms)", what.callee().text()));
}

// Objects of providers may call others that call them, and so on.
Result<void> check_chain(Caller& caller, const Resolved& what) {
    if (what.parent->chain.size() <= caller.limits().chain_max) return {};
    caller.hit(&Limits::chain_max);
    return refuse(Code::limit, fmt::format("calls of objects on objects, one inside the other, {} deep (chain)",
                                           what.parent->chain.size()));
}

constexpr int meets_max = 200;

// An argument is of another version of the target's plugin: while a reload moves objects, that passes.
bool meets_another_version(const Resolved& what, const std::vector<ObjectPtr>& objects) {
    if (!is_current(what)) return true;
    const Plugin& plugin = *what.callee().type.plugin;
    return std::any_of(objects.begin(), objects.end(), [&](const ObjectPtr& object) {
        const Plugin& other = *object->type().plugin;
        return &other != &plugin && other.name() == plugin.name() && (other.is_moving() || plugin.is_moving());
    });
}

// The turns that a call needs, taken if all are free, and left at the end. `what` must live as long: it keeps the target's.
class TurnsHeld {
public:
    TurnsHeld(Services& services, const Resolved& what, const std::vector<Turn*>& argument_turns, Seat& seat)
        : activity_(&seat.activity) {
        if (what.type != nullptr && !what.type->concurrent())
            factory_ = services.objects.factory_turn(*what.type, seat.home);
        turn_ = what.target != nullptr ? what.target->turn() : factory_.get();
        if (argument_turns.empty()) {
            shared_ = what.method != nullptr && what.method->readonly() && what.target->type().shared_reads();
            held_ = turn_ == nullptr || turn_->try_enter(shared_);
            return;
        }
        objects_ = seat.objects;
        several_ = argument_turns;
        const bool listed = std::find(several_.begin(), several_.end(), turn_) != several_.end();
        if (turn_ != nullptr && !listed) several_.push_back(turn_);
        held_ = Turn::try_enter_all(several_);
    }
    TurnsHeld(const TurnsHeld&) = delete;
    TurnsHeld& operator=(const TurnsHeld&) = delete;
    ~TurnsHeld() {
        if (held_ && !several_.empty()) {
            Turn::leave_all(several_, activity_);
        } else if (held_ && turn_ != nullptr) {
            turn_->leave(shared_, activity_);
        }
    }
    explicit operator bool() const { return held_; }

private:
    Activity* activity_;
    bool held_ = false;
    bool shared_ = false;
    Turn* turn_ = nullptr;  // the target's, or the callable's
    std::shared_ptr<Turn> factory_;
    std::vector<Turn*> several_;      // with arguments' turns: all of them
    std::vector<ObjectPtr> objects_;  // … and what keeps those
};

}  // namespace

void Dispatcher::dispatch(Caller& caller, const wire::Request& request, Seat& seat) const {
    const bool is_call = request.method == "soho.call" || request.method == "soho.create";
    if (!is_call && request.method.starts_with("soho.")) {
        control_.run(caller, request, seat);
        seat.clock_ns = monotonic_now();
        return;
    }

    std::string_view trace;
    const auto refuse_unseen = [&](const Error& error, const Callee* callee) {
        log_refused(services_.log, {caller.has_session() ? caller.session()->id() : 0, caller.principal().name,
                                    request.method, callee, error, trace});
        caller.replies().refuse(request, error, trace, seat);
    };
    if (!caller.admitted()) return refuse_unseen(check_admitted(caller).error(), nullptr);
    if (spare_memory::is_given()) {
        return refuse_unseen(Error(Code::overloaded, "the host is short of memory; this call was not started"),
                             nullptr);
    }
    Resolved what;
    if (const auto resolved = resolve(caller, request, trace, what); !resolved) {
        // Clients of other hosts open with notifications of theirs: what is addressed to nobody is ignored.
        if (!request.wants_reply && request.method != "soho.call" && resolved.error().code == Code::no_object) return;
        return refuse_unseen(resolved.error(), nullptr);
    }
    caller.session();  // what is replied from here on may be a handle
    if (!what.options.name.empty() && open_instead(caller, request, what, seat)) return;
    if (auto started = start(caller, request, what, seat); !started) {
        const Callee callee = what.callee();
        refuse_unseen(started.error(), &callee);
    }
    seat.objects.clear();
}

// What has just ended here; how long it took. One look at the clock serves the end of this call and the beginning of the next.
std::int64_t Dispatcher::count(const Resolved& what, bool failed, Seat& seat) {
    const std::int64_t now = monotonic_now();
    const std::int64_t took_ns = now - seat.clock_ns;
    seat.calls.record(number_of(what.callee()), took_ns, failed);
    seat.clock_ns = now;
    return took_ns;
}

// Everything that can be refused is checked before the plugin sees the call.
Result<void> Dispatcher::start(Caller& caller, const wire::Request& request, Resolved& what, Seat& seat) const {
    if (services_.objects.draining.load(std::memory_order_relaxed)) {
        return refuse(Code::not_started, "the host is shutting down; this call was not started");
    }
    seat.objects.clear();
    if (request.may_hold_handles) {
        if (auto resolved = resolve_handles(caller, what, seat); !resolved) return resolved;
        sort_objects(seat.objects);
    }
    for (int tries = 0;; ++tries) {
        auto started = try_start(caller, request, what, seat);
        if (started && *started) return {};
        if (!started && !(tries < meets_max && meets_another_version(what, seat.objects)))
            return tl::unexpected<Error>(std::move(started.error()));
        // Objects that meet are moved one right after the other.
        if (!started) std::this_thread::sleep_for(std::chrono::microseconds(50));
        if (!is_current(what)) {
            if (auto resolved = resolve_anew(caller, what); !resolved) return resolved;
        }
    }
}

// False: what it calls is not what it was.
Result<bool> Dispatcher::try_start(Caller& caller, const wire::Request& request, Resolved& what, Seat& seat) const {
    const auto fail = [](Error error) -> Result<bool> { return tl::unexpected<Error>(std::move(error)); };
    const Callee callee = what.callee();
    seat.bound.clear();
    const auto bound = bind_arguments(callee, what.args, what.options.kw, seat.bound);
    if (!bound) return fail(bound.error());
    std::vector<Turn*> turns;
    if (callee.signature().takes_objects) {
        auto needed = argument_turns(callee, bound->args, seat.objects);
        if (!needed) return fail(needed.error());
        turns = *std::move(needed);
    }
    if (what.method == nullptr || (what.method->defers() && !what.method->prompt)) {
        if (auto may = caller.may_wait(); !may) return fail(may.error());
        if (auto may = caller.may_keep(bytes_of(*bound)); !may) return fail(may.error());
    }
    if (what.options.timeout_ns != 0) what.deadline_ns = seat.arrived_ns + what.options.timeout_ns;
    if (what.parent != nullptr && what.parent->deadline_ns != 0)
        what.deadline_ns =
            what.deadline_ns == 0 ? what.parent->deadline_ns : std::min(what.deadline_ns, what.parent->deadline_ns);
    if (what.deadline_ns != 0 && monotonic_now() >= what.deadline_ns) return fail(too_late_to_start(what));
    if (what.parent != nullptr) {
        if (auto inside = check_chain(caller, what); !inside) return fail(inside.error());
    }
    caller.session()->calls.fetch_add(1, std::memory_order_relaxed);

    const bool blocks_there = what.method != nullptr && what.method->blocks() && !runs_on_pool(what);
    if (blocks_there) {
        if (auto may = caller.may_block(); !may) return fail(may.error());
    }
    const bool elsewhere = runs_on_pool(what) || (what.method != nullptr && what.method->through_callable);
    const auto later = [&]() -> Result<bool> {
        if (auto made = run_later(caller, request, what, *bound, turns, seat); !made) return fail(made.error());
        return true;
    };
    if (elsewhere) return later();
    {
        const TurnsHeld held(services_, what, turns, seat);
        if (!held) return later();
        if (!is_current(what)) {
            caller.session()->calls.fetch_sub(1, std::memory_order_relaxed);
            return false;
        }
        // Answered before the turn is left: what waits for it may run on this thread then, and be stuck.
        if (auto ran = run_here(caller, request, what, *bound, seat); !ran)
            caller.replies().refuse(request, ran.error(), what.options.trace, seat);
    }
    if (seat.activity.lost) throw SeatLost();
    return true;
}

// Handles in the arguments, made sure of: each becomes an object in seat.objects, and the arguments take extension form.
Result<void> Dispatcher::resolve_handles(Caller& caller, Resolved& what, Seat& seat) const {
    const wire::HandleVisitor keep = [&](wire::Handle& handle) -> Result<void> {
        auto object = find_handle(caller, handle);
        if (!object) return tl::unexpected<Error>(object.error());
        handle = {(*object)->id(), (*object)->type().type_id};
        seat.objects.push_back(*std::move(object));
        return {};
    };
    data::Bytes& kw = what.options.kw;
    const bool is_ext = caller.replies().handle_form() == wire::HandleForm::ext;
    if (is_ext && caller.link() == nullptr) {
        auto found = wire::visit_handles(what.args, keep);
        return found && !kw.empty() ? wire::visit_handles(kw, keep) : found;
    }
    seat.translated.clear();
    wire::Out out(seat.translated);
    const auto translate = is_ext ? wire::to_ext_form : wire::from_map_form;  // theirs become ours
    auto translated = translate(what.args, out, keep);
    const std::size_t args_size = seat.translated.size();
    if (translated && !kw.empty()) translated = translate(kw, out, keep);
    if (!translated) return translated;
    what.args = seat.translated.bytes().first(args_size);
    if (!kw.empty()) kw = seat.translated.bytes().subspan(args_size);
    return {};
}

// What a call that runs on this stack needs if its reply comes later, or the stack's thread is too slow to be waited for.
class Dispatcher::Inline : public Deferral, public SeatedCall {
public:
    Inline(Caller& caller, const wire::Request& request, const Resolved& what, const BoundArguments& arguments,
           const CallContext& context, Seat& seat, std::size_t reply_start)
        : caller_(caller),
          request_(request),
          what_(what),
          arguments_(arguments),
          context_(context),
          seat_(seat),
          reply_start_(reply_start) {
        seat_.call = this;
    }
    Inline(const Inline&) = delete;
    Inline& operator=(const Inline&) = delete;
    ~Inline() override { seat_.call = nullptr; }

    std::shared_ptr<Call> defer() override { return make(false); }
    bool caller_gone() const override {
        const std::scoped_lock lock(mutex_);
        return call_ != nullptr && call_->answered();
    }
    std::size_t reply_start() const override { return reply_start_; }
    void outlive_seat() override { make(true); }

    // When its function has returned, and nobody else looks at it any more: null if it was neither deferred nor outlived its seat.
    const std::shared_ptr<Call>& call() const { return call_; }

private:
    std::shared_ptr<Call> make(bool runs) {
        const std::scoped_lock lock(mutex_);
        if (call_ != nullptr) return call_;
        auto completion = named_completion(caller_, what_.claim);
        const auto made =
            caller_.make_call(request_, context_, bytes_of(arguments_),
                              what_.method != nullptr && what_.method->blocks(), seat_, std::move(completion), runs);
        if (!made) return nullptr;
        call_ = *made;
        if (what_.target != nullptr) {
            call_->set_method(what_.target, *what_.method, {}, {}, {});
        } else {
            call_->set_create(what_.type, {}, {});
        }
        call_->begin();
        caller_.watch_deadline(call_);
        return call_;
    }

    Caller& caller_;
    const wire::Request& request_;
    const Resolved& what_;
    const BoundArguments& arguments_;
    const CallContext& context_;
    Seat& seat_;
    const std::size_t reply_start_;
    mutable std::mutex mutex_;  // of call_, while the function runs
    std::shared_ptr<Call> call_;
};

// On this thread, at once, with the result written where the reply goes. Its turns are held.
Result<void> Dispatcher::run_here(Caller& caller, const wire::Request& request, const Resolved& what,
                                  const BoundArguments& arguments, Seat& seat) const {
    const std::size_t start = seat.out.size();
    wire::Out out(seat.out);
    wire::begin_reply(out, request.msgid);
    const std::size_t value_start = seat.out.size();

    const CallContext context = context_of(caller, request, what);
    Inline deferral(caller, request, what, arguments, context, seat, start);
    Invocation invocation(context, what.callee(), arguments, seat.objects, seat.out, caller.limits().frame_bytes_max,
                          deferral, &seat.out_mutex);
    const std::uint32_t status = what.target != nullptr ? invocation.invoke(*what.target, &seat.activity)
                                                        : invocation.create(nullptr, &seat.activity);
    if (deferral.call() != nullptr) {
        data::Buffer value;
        if (seat.activity.lost) {  // nobody else writes what is there: no memory is needed to take it along
            value = std::move(seat.out);
            value.consume(value_start);
            deferral.call()->conclude(status, invocation, std::move(value));
            return {};
        }
        value.append(seat.out.bytes().subspan(value_start));
        deferral.call()->conclude(status, invocation, std::move(value));
        seat.clock_ns = monotonic_now();
        seat.out.truncate(start);
        return {};
    }
    if (seat.activity.lost) {  // and there was no memory to outlive it: the connection is closed
        PluginTask discarded = invocation.take_discarded();
        if (discarded && what.target != nullptr) post_to_turn(what.target, std::move(discarded));
        return {};
    }

    const std::int64_t took_ns = count(what, status == SOHO_FAILED, seat);
    const auto tell = [&](Code code) {
        if (has_line(services_.log, took_ns))
            log_call(services_.log, {context.session, context.principal, what.callee(), took_ns, code, context.trace});
    };
    const bool late = what.deadline_ns != 0 && seat.clock_ns > what.deadline_ns;
    if (late || status == SOHO_FAILED) {
        seat.out.truncate(start);
        PluginTask discarded = invocation.take_discarded();
        if (discarded && what.target != nullptr) post_to_turn(what.target, std::move(discarded));
        Error error = late ? too_late(what) : invocation.take_error();
        tell(error.code);
        return tl::unexpected<Error>(std::move(error));
    }
    tell(Code::ok);
    if (!invocation.has_instance()) {
        caller.replies().value(request, start, value_start, what.callee(), context.trace, invocation.take_discarded(),
                               what.target, seat);
        return {};
    }
    seat.out.truncate(start);
    const TypePtr type(what.target != nullptr ? what.target->type_ptr() : what.type, &what.result_type());
    const auto adopted = services_.objects.adopt(type, invocation.take_instance(), context.principal, seat.home);
    if (!adopted) {
        if (adopted.error().code == Code::limit) caller.hit(&Limits::principal_objects_max);
        return tl::unexpected<Error>(adopted.error());
    }
    const ObjectPtr& object = *adopted;
    if (what.claim != nullptr) what.claim->fulfil({object, std::string(context.principal)});
    caller.replies().object(request, object, context.trace, seat);
    return {};
}

// In the queue of its turns, or on the pool; everything borrowed is copied.
Result<void> Dispatcher::run_later(Caller& caller, const wire::Request& request, const Resolved& what,
                                   const BoundArguments& arguments, const std::vector<Turn*>& argument_turns,
                                   Seat& seat) const {
    const std::size_t bytes = bytes_of(arguments);
    if (auto may = caller.may_keep(bytes); !may) return may;
    auto completion = named_completion(caller, what.claim);
    auto call = caller.make_call(request, context_of(caller, request, what), bytes, runs_on_pool(what), seat,
                                 std::move(completion));
    if (!call) return tl::unexpected<Error>(call.error());
    try {
        if (what.target != nullptr) {
            (*call)->set_method(what.target, *what.method, arguments, std::move(seat.objects), argument_turns);
        } else {
            (*call)->set_create(what.type, arguments, std::move(seat.objects));
        }
        caller.watch_deadline(*call);
    } catch (const std::bad_alloc&) {
        Outcome refused;
        refused.error = Error(Code::overloaded, fmt::format("there is no memory to keep {} bytes of arguments for {}; "
                                                            "it was not started",
                                                            bytes, what.callee().text()));
        (*call)->complete(std::move(refused));
        return {};
    }
    (*call)->submit();
    return {};
}

// create-or-open by name is atomic: who comes first reserves the name, and goes on to create; who comes second gets what the
// first has made, or makes. True: the request has its reply, or waits for it.
bool Dispatcher::open_instead(Caller& caller, const wire::Request& request, Resolved& what, Seat& seat) const {
    const std::string_view trace = what.options.trace;
    const auto waiter = std::make_shared<OpenWaiter>(services_.names, what.type, std::string(what.options.name));
    const auto refused = [&](const Error& error) {
        caller.replies().refuse(request, error, trace, seat);
        return true;
    };
    auto claim = std::make_shared<NameClaim>(services_.names, what.options.name);
    const auto reservation = claim->reserve([waiter] { waiter->settled(); });
    if (!reservation) return refused(reservation.error());
    if (*reservation == Names::Reservation::reserved) {
        what.claim = std::move(claim);
        return false;
    }
    if (!what.options.open_if_exists) return refused(waiter->exists());
    if (*reservation == Names::Reservation::taken) {
        const auto object = waiter->open();
        if (!object) return refused(object.error());
        caller.replies().object(request, *object, trace, seat);
        return true;
    }
    CallContext context;
    context.trace = trace;
    if (what.options.timeout_ns != 0) context.deadline_ns = seat.arrived_ns + what.options.timeout_ns;
    const auto call = caller.make_call(request, context, 0, false, seat);
    if (!call) return refused(call.error());
    (*call)->set_create(what.type, {}, {});
    caller.watch_deadline(*call);
    waiter->wait(*call);
    return true;
}

}  // namespace soho::host
