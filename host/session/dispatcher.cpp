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
    context.owner = what.options().owner;
    context.principal = caller.principal().name;
    context.trace = what.options().trace;
    context.deadline_ns = what.deadline_ns;
    context.oneway = !request.wants_reply;
    if (caller.serves_host()) {
        context.session = what.options().on_behalf.session;
        context.origin_session = what.options().on_behalf.origin_session;
        context.principal = what.options().on_behalf.principal;
        context.request = request.msgid;
        context.oneway = what.options().on_behalf.oneway;
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

// Whether more depends on a call's time than how long calls take on average: that it is late, that it has a line in the log which says so,
// or that it is not this call's if it goes on elsewhere.
bool is_timed_exactly(const Resolved& what, const Log& log) {
    constexpr std::int64_t lines_are_rough_ns = 10 * CallMeter::tick_ns_max;
    return what.deadline_ns != 0 || what.method == nullptr || what.method->defers() ||
           log.call_line_ns() < lines_are_rough_ns;
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

// Its reply may come later: there are caps of those.
bool may_wait(const Resolved& what) {
    return what.method == nullptr || (what.method->defers() && !what.method->prompt);
}

// The usual call has nothing to be done about before it can run.
bool is_ready(const wire::Request& request, const Resolved& what) {
    return !request.may_hold_handles && what.given == nullptr && !may_wait(what) &&
           !what.method->signature.takes_objects && are_as_bound(what.callee(), what.args, what.kw);
}

// What the options say of how long the call may take, and on whose behalf it is.
Result<void> bind_to_caller(Caller& caller, Resolved& what, const Seat& seat) {
    if (what.options().timeout_ns != 0) what.deadline_ns = seat.arrived_ns + what.options().timeout_ns;
    if (what.parent != nullptr && what.parent->deadline_ns != 0)
        what.deadline_ns =
            what.deadline_ns == 0 ? what.parent->deadline_ns : std::min(what.deadline_ns, what.parent->deadline_ns);
    if (what.deadline_ns != 0 && monotonic_now() >= what.deadline_ns)
        return tl::unexpected<Error>(too_late_to_start(what));
    return what.parent != nullptr ? check_chain(caller, what) : Result<void>();
}

// The turns that a call needs, taken if all are free, and left at the end. The seat keeps the target's.
class TurnsHeld {
public:
    TurnsHeld(Services& services, const Resolved& what, const std::vector<Turn*>& argument_turns, Seat& seat)
        : activity_(&seat.activity) {
        if (what.target != nullptr && argument_turns.empty()) {
            turn_ = what.target->turn();
            shared_ = what.method->readonly() && what.target->type().shared_reads();
            held_ = turn_ == nullptr || turn_->try_enter(shared_);
        } else {
            take_unusual(services, what, argument_turns, seat);
        }
    }
    TurnsHeld(const TurnsHeld&) = delete;
    TurnsHeld& operator=(const TurnsHeld&) = delete;
    ~TurnsHeld() {
        if (further_ != nullptr && !further_->turns.empty()) {
            if (held_) Turn::leave_all(further_->turns, activity_);
        } else if (held_ && turn_ != nullptr) {
            turn_->leave(shared_, activity_);
        }
    }
    explicit operator bool() const { return held_; }

private:
    // Of a callable, or with those of arguments.
    void take_unusual(Services& services, const Resolved& what, const std::vector<Turn*>& argument_turns, Seat& seat) {
        further_ = std::make_unique<Further>();
        if (what.type != nullptr && !what.type->concurrent())
            further_->factory = services.objects.factory_turn(*what.type, seat.home);
        turn_ = what.target != nullptr ? what.target->turn() : further_->factory.get();
        if (argument_turns.empty()) {
            held_ = turn_ == nullptr || turn_->try_enter(false);
            return;
        }
        further_->objects = seat.objects;
        std::vector<Turn*>& turns = further_->turns = argument_turns;
        if (turn_ != nullptr && std::find(turns.begin(), turns.end(), turn_) == turns.end()) turns.push_back(turn_);
        held_ = Turn::try_enter_all(turns);
    }

    struct Further {
        std::shared_ptr<Turn> factory;
        std::vector<Turn*> turns;        // with arguments' turns: all of them
        std::vector<ObjectPtr> objects;  // … and what keeps those
    };

    Activity* const activity_;
    bool held_ = false;
    bool shared_ = false;
    Turn* turn_ = nullptr;  // the target's, or the callable's
    std::unique_ptr<Further> further_;
};

// What a call that runs on this stack needs if its reply comes later, or the stack's thread is too slow to be waited for.
class InlineCall : public Deferral, public SeatedCall {
public:
    InlineCall(Caller& caller, const wire::Request& request, const Resolved& what, const BoundArguments& arguments,
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
    InlineCall(const InlineCall&) = delete;
    InlineCall& operator=(const InlineCall&) = delete;
    ~InlineCall() override { seat_.call = nullptr; }

    std::shared_ptr<Call> defer() override { return make(false); }
    bool caller_gone() const override {
        const std::scoped_lock lock(mutex_);
        return call_ != nullptr && call_->answered();
    }
    std::size_t reply_start() const override { return reply_start_; }
    void outlive_seat() override { make(true); }

    // When its function has returned, and nobody else looks at it any more: null if it was neither deferred nor outlived its seat.
    const std::shared_ptr<Call>& made() const { return call_; }

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
            call_->set_method(seat_.target.object, *what_.method, {}, {}, {});
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

// What the plugin left to be run if nobody gets the reply, as nobody does.
void give_back_discarded(Invocation& invocation, const Seat& seat) {
    PluginTask discarded = invocation.take_discarded();
    if (discarded && invocation.callee().method != nullptr) post_to_turn(seat.target.object, std::move(discarded));
}

// It became `call`, as its reply comes later, or the thread was too slow to be waited for. Null: there was no memory to outlive the
// seat, and the connection is closed.
void end_elsewhere(const std::shared_ptr<Call>& call, std::uint32_t status, Invocation& invocation, std::size_t start,
                   std::size_t value_start, Seat& seat) {
    if (call == nullptr) return give_back_discarded(invocation, seat);
    data::Buffer value;
    if (seat.activity.lost) {  // nobody else writes what is there: no memory is needed to take it along
        value = std::move(seat.out);
        value.consume(value_start);
        return call->conclude(status, invocation, std::move(value));
    }
    value.append(seat.out.bytes().subspan(value_start));
    call->conclude(status, invocation, std::move(value));
    seat.out.truncate(start);
}

}  // namespace

void Dispatcher::dispatch(Caller& caller, const wire::Request& request, Seat& seat) const {
    const Verb verb = verb_of(request.method);
    if (verb == Verb::control) {
        seat.finish();
        control_.run(caller, request, seat);
        seat.meter.restart(monotonic_now());
        return;
    }

    Resolved what;
    const auto refuse_unseen = [&](const Error& error, const Callee* callee) {
        const std::string_view trace = what.options().trace;
        log_refused(services_.log, {caller.has_session() ? caller.session()->id() : 0, caller.principal().name,
                                    request.method, callee, error, trace});
        caller.replies().refuse(request, error, trace, seat);
    };
    if (!caller.admitted()) return refuse_unseen(check_admitted(caller).error(), nullptr);
    if (spare_memory::is_given()) {
        return refuse_unseen(Error(Code::overloaded, "the host is short of memory; this call was not started"),
                             nullptr);
    }
    if (const auto resolved = resolve(caller, request, verb, what, seat); !resolved) {
        // Clients of other hosts open with notifications of theirs: what is addressed to nobody is ignored.
        if (!request.wants_reply && verb != Verb::call && resolved.error().code == Code::no_object) return;
        return refuse_unseen(resolved.error(), nullptr);
    }
    caller.session();  // what is replied from here on may be a handle
    if (!what.options().name.empty() && open_instead(caller, request, what, seat)) return;
    if (auto started = start(caller, request, what, seat); !started) {
        const Callee callee = what.callee();
        refuse_unseen(started.error(), &callee);
    }
    seat.objects.clear();
}

// `is_stale`: what it calls is not what it was, and it was not started.
[[gnu::always_inline]] inline Result<void> Dispatcher::try_start(Caller& caller, const wire::Request& request,
                                                                 Resolved& what, Seat& seat, bool& is_stale) const {
    BoundArguments bound{what.args, {}};
    std::vector<Turn*> turns;
    if (!is_ready(request, what)) {
        if (auto ready = make_ready(caller, what, bound, turns, seat); !ready) return ready;
    }
    const bool blocks_there = what.method != nullptr && what.method->blocks() && !runs_on_pool(what);
    if (blocks_there) {
        if (auto may = caller.may_block(); !may) return may;
    }
    const auto later = [&] {
        auto kept = run_later(caller, request, what, bound, turns, seat);
        if (kept) seat.begun(caller.session()->calls);
        return kept;
    };
    const bool elsewhere = runs_on_pool(what) || (what.method != nullptr && what.method->through_callable);
    if (elsewhere) return later();
    {
        const TurnsHeld held(services_, what, turns, seat);
        if (!held) return later();
        if (!is_current(what)) {
            is_stale = true;
            return success();
        }
        seat.begun(caller.session()->calls);
        // Answered before the turn is left: what waits for it may run on this thread then, and be stuck.
        if (auto ran = run_here(caller, request, what, bound, seat); !ran)
            caller.replies().refuse(request, ran.error(), what.options().trace, seat);
    }
    if (seat.activity.lost) throw SeatLost();
    return success();
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
    bool is_stale = false;
    auto started = try_start(caller, request, what, seat, is_stale);
    if (started && !is_stale) [[likely]]
        return success();
    if (is_stale || meets_another_version(what, seat.objects)) return start_anew(caller, request, what, seat);
    return started;
}

// A reload has moved what it calls, or is about to: it is resolved again. Objects that meet are moved one right after the other.
[[gnu::cold, gnu::noinline]] Result<void> Dispatcher::start_anew(Caller& caller, const wire::Request& request,
                                                                 Resolved& what, Seat& seat) const {
    for (int tries = 0;; ++tries) {
        if (!is_current(what)) {
            if (auto resolved = resolve_anew(caller, what, seat); !resolved) return resolved;
        }
        bool is_stale = false;
        auto started = try_start(caller, request, what, seat, is_stale);
        if (is_stale && tries < meets_max) continue;
        if (is_stale) return refuse(Code::not_started, "what it calls is replaced again and again; it was not started");
        if (started || tries == meets_max || !meets_another_version(what, seat.objects)) return started;
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
}

// What is done about keywords, defaults, arguments that are objects, options and methods that may wait.
Result<void> Dispatcher::make_ready(Caller& caller, Resolved& what, BoundArguments& bound, std::vector<Turn*>& turns,
                                    Seat& seat) const {
    const Callee callee = what.callee();
    seat.bound.clear();
    auto written = bind_arguments(callee, what.args, what.kw, seat.bound);
    if (!written) return tl::unexpected<Error>(std::move(written.error()));
    bound = *written;
    if (callee.signature().takes_objects) {
        auto needed = argument_turns(callee, bound.args, seat.objects);
        if (!needed) return tl::unexpected<Error>(std::move(needed.error()));
        turns = *std::move(needed);
    }
    if (may_wait(what)) {
        if (auto may = caller.may_wait(); !may) return may;
        if (auto may = caller.may_keep(bytes_of(bound)); !may) return may;
    }
    return bind_to_caller(caller, what, seat);
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
    data::Bytes& kw = what.kw;
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

// On this thread, at once, with the result written where the reply goes. Its turns are held.
Result<void> Dispatcher::run_here(Caller& caller, const wire::Request& request, const Resolved& what,
                                  const BoundArguments& arguments, Seat& seat) const {
    const std::size_t start = seat.out.size();
    wire::begin_reply(seat.out, request.msgid);
    const std::size_t value_start = seat.out.size();

    const CallContext context = context_of(caller, request, what);
    InlineCall call(caller, request, what, arguments, context, seat, start);
    Invocation invocation(context, what.callee(), arguments, seat.objects, seat.out, caller.limits().frame_bytes_max,
                          call, &seat.out_mutex);
    const bool exactly = is_timed_exactly(what, services_.log);
    seat.meter.begin(number_of(what.callee()), exactly);
    const std::uint32_t status = what.target != nullptr ? invocation.invoke(*what.target, &seat.activity)
                                                        : invocation.create(nullptr, &seat.activity);
    if (call.made() != nullptr || seat.activity.lost) {
        end_elsewhere(call.made(), status, invocation, start, value_start, seat);
        seat.meter.end_elsewhere();
        return success();
    }

    const std::int64_t took_ns = seat.meter.end(status == SOHO_FAILED, exactly);
    const bool is_late = what.deadline_ns != 0 && seat.meter.look_ns() > what.deadline_ns;
    if (is_late || status == SOHO_FAILED) {
        seat.out.truncate(start);
        give_back_discarded(invocation, seat);
        Error error = is_late ? too_late(what) : invocation.take_error();
        tell(invocation, took_ns, error.code);
        return tl::unexpected<Error>(std::move(error));
    }
    tell(invocation, took_ns, Code::ok);
    if (invocation.has_instance()) {
        seat.out.truncate(start);
        return reply_with_instance(caller, request, what, invocation, seat);
    }
    const bool is_done =
        request.wants_reply && !invocation.has_discarded() && wire::is_plain(seat.out.bytes().subspan(value_start));
    if (is_done) return success();
    caller.replies().value(request, start, value_start, what.callee(), context.trace, invocation.take_discarded(),
                           seat.target.object, seat);
    return success();
}

// Its line in the log, if it has one.
void Dispatcher::tell(const Invocation& invocation, std::int64_t took_ns, Code code) const {
    if (!has_line(services_.log, took_ns)) return;
    const CallContext& context = invocation.context();
    log_call(services_.log, {context.session, context.principal, invocation.callee(), took_ns, code, context.trace});
}

// The result is an object, which the host adopts.
Result<void> Dispatcher::reply_with_instance(Caller& caller, const wire::Request& request, const Resolved& what,
                                             Invocation& invocation, Seat& seat) const {
    const std::string_view principal = invocation.context().principal;
    const TypePtr type(what.target != nullptr ? what.target->type_ptr() : what.type, &what.result_type());
    const auto adopted = services_.objects.adopt(type, invocation.take_instance(), principal, seat.home);
    if (!adopted) {
        if (adopted.error().code == Code::limit) caller.hit(&Limits::principal_objects_max);
        return tl::unexpected<Error>(adopted.error());
    }
    const ObjectPtr& object = *adopted;
    if (what.claim != nullptr) what.claim->fulfil({object, std::string(principal)});
    caller.replies().object(request, object, invocation.context().trace, seat);
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
            (*call)->set_method(seat.target.object, *what.method, arguments, std::move(seat.objects), argument_turns);
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
    const std::string_view trace = what.options().trace;
    const auto waiter = std::make_shared<OpenWaiter>(services_.names, what.type, std::string(what.options().name));
    const auto refused = [&](const Error& error) {
        caller.replies().refuse(request, error, trace, seat);
        return true;
    };
    auto claim = std::make_shared<NameClaim>(services_.names, what.options().name);
    const auto reservation = claim->reserve(caller.principal().name, [waiter] { waiter->settled(); });
    if (!reservation) return refused(reservation.error());
    if (*reservation == Names::Reservation::reserved) {
        what.claim = std::move(claim);
        return false;
    }
    if (!what.options().open_if_exists) return refused(waiter->exists());
    if (*reservation == Names::Reservation::taken) {
        const auto object = waiter->open();
        if (!object) return refused(object.error());
        caller.replies().object(request, *object, trace, seat);
        return true;
    }
    CallContext context;
    context.trace = trace;
    if (what.options().timeout_ns != 0) context.deadline_ns = seat.arrived_ns + what.options().timeout_ns;
    const auto call = caller.make_call(request, context, 0, false, seat);
    if (!call) return refused(call.error());
    (*call)->set_create(what.type, {}, {});
    caller.watch_deadline(*call);
    waiter->wait(*call);
    return true;
}

}  // namespace soho::host
