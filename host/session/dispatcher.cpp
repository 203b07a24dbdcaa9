#include "host/session/dispatcher.hpp"

#include "host/registry/plugin.hpp"
#include "host/session/named_create.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace soho::host {

using data::Bytes;
using data::Kind;
using data::Reader;
using data::Token;

namespace {

constexpr std::uint8_t no_arguments[] = {0x90};

tl::unexpected<Error> bad(std::string why) { return refuse(Code::bad_arguments, std::move(why)); }

// The positional parameters of soho.call and soho.create: `least` to 4 of them.
struct Params {
    std::array<Bytes, 4> values;
    std::uint32_t count = 0;
};

Result<Params> read_params(const wire::Request& request, std::uint32_t least, std::uint32_t most, std::string_view form) {
    Reader reader(request.params);
    Token array;
    reader.next(array);
    Params params;
    params.count = array.size;
    if (array.size < least || array.size > most) return bad(fmt::format("{} takes {}, {} given", request.method, form, array.size));
    for (std::uint32_t i = 0; i < array.size; ++i) params.values[i] = reader.take_value();
    return params;
}

Result<std::string_view> read_text(Bytes value, std::string_view what) {
    Token token;
    Reader(value).next(token);
    if (token.kind != Kind::string) return bad(fmt::format("{} must be a string, not {}", what, kind_name(token.kind)));
    return token.text();
}

// Arguments that were left out or are nil are none.
Result<Bytes> read_arguments(Bytes value) {
    Token token;
    if (value.empty()) return Bytes(no_arguments);
    Reader(value).next(token);
    if (token.kind == Kind::nil) return Bytes(no_arguments);
    if (token.kind != Kind::array) return bad(fmt::format("args must be an array, not {}", kind_name(token.kind)));
    return value;
}

}  // namespace

Result<ObjectPtr> find_target(Caller& caller, Bytes target) {
    const Services& services = caller.services();
    Token token;
    Reader(target).next(token);
    if (token.kind == Kind::unsigned_integer) {
        if (ObjectPtr object = caller.find(token.unsigned_value)) return object;
        return tl::unexpected<Error>(services.objects.no_object(token.unsigned_value));
    }
    if (token.kind == Kind::string) {
        if (ObjectPtr object = services.names.find(token.text())) return object;
        return tl::unexpected<Error>(services.names.no_name(token.text()));
    }
    wire::Handle handle;
    if (!wire::read_handle(target, caller.handle_form(), handle)) {
        return bad(fmt::format("a target is an id, a handle or a published name, not {}", kind_name(token.kind)));
    }
    ObjectPtr object = caller.find(handle.id);
    if (object == nullptr) return tl::unexpected<Error>(services.objects.no_object(handle.id));
    if (object->type().type_id != handle.type_id) {
        return refuse(Code::no_object, fmt::format("#{} is a {}, not a {} as the handle says", handle.id, object->type().type_id, handle.type_id));
    }
    return object;
}

void Dispatcher::dispatch(Caller& caller, const wire::Request& request, Seat& seat) const {
    if (request.method == "soho.call") return call_target(caller, request, seat);
    if (request.method == "soho.create") return create(caller, request, seat);
    if (request.method.starts_with("soho.")) return control_.run(caller, request, seat);
    call_name(caller, request, seat);
}

void Dispatcher::call_target(Caller& caller, const wire::Request& request, Seat& seat) const {
    const auto params = read_params(request, 2, 4, "[target, method, args?, options?]");
    if (!params) return caller.refuse(request, params.error(), {}, seat);
    auto options = parse_options(params->values[3], request.method, {"kw", "timeout_ms", "owner", "trace"});
    if (!options) return caller.refuse(request, options.error(), {}, seat);
    const auto refuse_with = [&](const Error& error) { caller.refuse(request, error, options->trace, seat); };

    const auto args = read_arguments(params->values[2]);
    if (!args) return refuse_with(args.error());
    const auto method = read_text(params->values[1], "the method's name");
    if (!method) return refuse_with(method.error());
    if (!caller.principal().may(right_call)) return refuse_with(Error(Code::denied, fmt::format("{} may not call", caller.principal().name)));
    auto target = find_target(caller, params->values[0]);
    if (!target) return refuse_with(target.error());

    Resolved what;
    what.target = *std::move(target);
    what.method = what.target->type().find(*method);
    if (what.method == nullptr) return refuse_with(what.target->type().no_method(*method));
    what.options = *options;
    run(caller, request, std::move(what), *args, seat);
}

void Dispatcher::call_name(Caller& caller, const wire::Request& request, Seat& seat) const {
    const auto [name, method] = wire::split_method(request.method);
    Resolved what;
    if (name.empty()) {
        // To a notification of that kind nobody listens here: other msgpack-RPC peers open with some.
        if (!request.wants_reply) return;
        return caller.refuse(request, Error(Code::no_method, fmt::format("no method \"{}\": the host's own begin with soho., an object's with its published name and a dot", request.method)), {}, seat);
    }
    if (!caller.principal().may(right_call)) return caller.refuse(request, Error(Code::denied, fmt::format("{} may not call", caller.principal().name)), {}, seat);
    what.target = services_.names.find(name);
    if (what.target == nullptr) {
        if (!request.wants_reply) return;
        return caller.refuse(request, services_.names.no_name(name), {}, seat);
    }
    what.method = what.target->type().find(method);
    if (what.method == nullptr) return caller.refuse(request, what.target->type().no_method(method), {}, seat);
    run(caller, request, std::move(what), request.params, seat);
}

void Dispatcher::create(Caller& caller, const wire::Request& request, Seat& seat) const {
    const auto params = read_params(request, 1, 3, "[typeid, args?, options?]");
    if (!params) return caller.refuse(request, params.error(), {}, seat);
    auto options = parse_options(params->values[2], request.method, {"kw", "timeout_ms", "owner", "trace", "name", "if_exists"});
    if (!options) return caller.refuse(request, options.error(), {}, seat);
    const auto refuse_with = [&](const Error& error) { caller.refuse(request, error, options->trace, seat); };

    const auto args = read_arguments(params->values[1]);
    if (!args) return refuse_with(args.error());
    const auto type_id = read_text(params->values[0], "the typeid");
    if (!type_id) return refuse_with(type_id.error());
    const std::uint32_t rights = right_create | (options->name.empty() ? 0u : right_publish);
    if (!caller.principal().may(rights)) return refuse_with(Error(Code::denied, fmt::format("{} may not create{}", caller.principal().name, options->name.empty() ? "" : " and publish")));

    const auto snapshot = services_.registry.snapshot();
    const TypePtr* type = snapshot->find(*type_id);
    if (type == nullptr) return refuse_with(snapshot->no_type(*type_id));
    if (!(*type)->creatable()) {
        return refuse_with(Error(Code::denied, fmt::format("type {} is not created by name ({}): its objects come from other objects' methods", *type_id,
                                                           (*type)->create == nullptr ? "it has no callable" : "create_method is false")));
    }
    Resolved what;
    what.type = *type;
    what.options = *options;
    what.name = options->name;
    if (what.name.empty()) return run(caller, request, std::move(what), *args, seat);
    create_named(caller, request, std::move(what), *args, seat);
}

// create-or-open by name, atomically: who comes second gets what the first makes.
void Dispatcher::create_named(Caller& caller, const wire::Request& request, Resolved what, Bytes args, Seat& seat) const {
    const std::string_view trace = what.options.trace;
    const auto waiter = std::make_shared<OpenWaiter>(services_.names, what.type, std::string(what.name));
    const auto reservation = services_.names.reserve(what.name, [waiter] { waiter->settled(); });
    if (!reservation) return caller.refuse(request, reservation.error(), trace, seat);
    if (*reservation == Names::Reservation::reserved) return run(caller, request, std::move(what), args, seat);
    if (!what.options.open_if_exists) return caller.refuse(request, waiter->exists(), trace, seat);
    if (*reservation == Names::Reservation::taken) {
        const auto object = waiter->open();
        return object ? caller.reply_object(request, *object, trace, seat) : caller.refuse(request, object.error(), trace, seat);
    }
    CallContext context;
    context.trace = trace;
    auto call = caller.make_call(request, context, false, seat);
    if (!call) return caller.refuse(request, call.error(), trace, seat);
    (*call)->set_create(what.type, {}, {});
    waiter->wait(*call);
}

// Handles in the arguments, made sure of: each becomes an object in seat.objects. The arguments in extension form.
Result<Bytes> Dispatcher::resolve_handles(Caller& caller, const wire::Request& request, Bytes args, RequestOptions& options, Seat& seat) const {
    seat.objects.clear();
    if (!request.may_hold_handles) return args;
    const wire::HandleVisitor resolve = [&](const wire::Handle& handle) -> Result<void> {
        ObjectPtr object = caller.find(handle.id);
        if (object == nullptr) return tl::unexpected<Error>(services_.objects.no_object(handle.id));
        if (object->type().type_id != handle.type_id) {
            return refuse(Code::no_object, fmt::format("#{} is a {}, not a {} as the handle says", handle.id, object->type().type_id, handle.type_id));
        }
        seat.objects.push_back(std::move(object));
        return {};
    };
    if (caller.handle_form() == wire::HandleForm::ext) {
        auto found = wire::visit_handles(args, resolve);
        if (found && !options.kw.empty()) found = wire::visit_handles(options.kw, resolve);
        if (!found) return tl::unexpected<Error>(found.error());
        return args;
    }
    seat.translated.clear();
    wire::Out out(seat.translated);
    auto translated = wire::from_map_form(args, out, resolve);
    const std::size_t args_size = seat.translated.size();
    if (translated && !options.kw.empty()) translated = wire::from_map_form(options.kw, out, resolve);
    if (!translated) return tl::unexpected<Error>(translated.error());
    if (!options.kw.empty()) options.kw = seat.translated.bytes().subspan(args_size);
    return seat.translated.bytes().first(args_size);
}

void Dispatcher::run(Caller& caller, const wire::Request& request, Resolved what, Bytes raw_args, Seat& seat) const {
    const Callee callee = what.callee();
    const auto refuse_with = [&](const Error& error) {
        if (!what.name.empty()) services_.names.abandon(what.name);
        caller.refuse(request, error, what.options.trace, seat);
    };
    if (services_.draining.load(std::memory_order_relaxed)) return refuse_with(Error(Code::not_started, "the host is shutting down; this call was not started"));
    const auto args = resolve_handles(caller, request, raw_args, what.options, seat);
    if (!args) return refuse_with(args.error());
    seat.bound.clear();
    const auto bound = bind_arguments(callee, *args, what.options.kw, seat.bound);
    if (!bound) return refuse_with(bound.error());
    std::vector<Turn*> argument_turns;
    if (callee.signature().takes_objects) {
        auto turns = soho::host::argument_turns(callee, bound->args, seat.objects);
        if (!turns) return refuse_with(turns.error());
        argument_turns = *std::move(turns);
    }
    const bool may_defer = what.method == nullptr || what.method->defers();
    if (may_defer) {
        if (auto may = caller.may_wait(); !may) return refuse_with(may.error());
    }
    if (what.options.timeout_ns != 0) what.deadline_ns = monotonic_now() + what.options.timeout_ns;
    caller.session()->calls.fetch_add(1, std::memory_order_relaxed);

    const bool elsewhere = what.method != nullptr ? what.method->on_pool.load(std::memory_order_relaxed) || what.method->through_callable : what.type->blocking();
    if (elsewhere) return run_later(caller, request, what, *bound, argument_turns, seat);

    std::shared_ptr<Turn> factory_turn;
    if (what.type != nullptr && !what.type->concurrent()) factory_turn = services_.objects.factory_turn(*what.type, seat.home);
    Turn* const turn = what.target != nullptr ? what.target->turn() : factory_turn.get();
    if (argument_turns.empty()) {
        const bool shared = what.method != nullptr && what.method->readonly() && callee.type.shared_reads();
        if (turn != nullptr && !turn->try_enter(shared)) return run_later(caller, request, what, *bound, argument_turns, seat);
        run_here(caller, request, what, *bound, seat);
        if (turn != nullptr) turn->leave(shared, &seat.activity);
    } else {
        std::vector<Turn*> turns = argument_turns;
        if (turn != nullptr && std::find(turns.begin(), turns.end(), turn) == turns.end()) turns.insert(turns.begin(), turn);
        if (!Turn::try_enter_all(turns)) return run_later(caller, request, what, *bound, argument_turns, seat);
        const std::vector<ObjectPtr> keeps_turns = seat.objects;
        run_here(caller, request, what, *bound, seat);
        Turn::leave_all(turns, &seat.activity);
    }
    seat.objects.clear();
}

// What a call that runs on this stack needs if its reply comes later.
class Dispatcher::Inline : public Deferral {
public:
    Inline(const Dispatcher& dispatcher, Caller& caller, const wire::Request& request, const Resolved& what, const CallContext& context, Seat& seat)
        : dispatcher_(dispatcher), caller_(caller), request_(request), what_(what), context_(context), seat_(seat) {}

    std::shared_ptr<Call> defer() override {
        auto made = caller_.make_call(request_, context_, false, seat_, named_completion(dispatcher_.services_, caller_, what_.type, what_.name));
        if (!made) return nullptr;
        call_ = *made;
        if (what_.target != nullptr) {
            call_->set_method(what_.target, *what_.method, {}, {}, {});
        } else {
            call_->set_create(what_.type, {}, {});
        }
        return call_;
    }
    bool caller_gone() const override { return call_ != nullptr && call_->answered(); }
    const std::shared_ptr<Call>& call() const { return call_; }

private:
    const Dispatcher& dispatcher_;
    Caller& caller_;
    const wire::Request& request_;
    const Resolved& what_;
    const CallContext& context_;
    Seat& seat_;
    std::shared_ptr<Call> call_;
};

namespace {

CallContext context_of(Caller& caller, const RequestOptions& options, std::int64_t deadline_ns) {
    CallContext context;
    context.session = context.origin_session = caller.session()->id();
    context.owner = options.owner;
    context.principal = caller.principal().name;
    context.trace = options.trace;
    context.deadline_ns = deadline_ns;
    return context;
}

}  // namespace

// On this thread, at once, with the result written where the reply goes. The turns are held.
void Dispatcher::run_here(Caller& caller, const wire::Request& request, const Resolved& what, const BoundArguments& arguments, Seat& seat) const {
    const std::string_view trace = what.options.trace;
    const std::size_t start = seat.out.size();
    wire::Out out(seat.out);
    wire::begin_reply(out, request.msgid);
    const std::size_t value_start = seat.out.size();

    const CallContext context = context_of(caller, what.options, what.deadline_ns);
    Inline deferral(*this, caller, request, what, context, seat);
    Invocation invocation(context, what.callee(), arguments, seat.objects, seat.out, services_.limits.frame_bytes_max, deferral);
    const std::uint32_t status = what.target != nullptr ? invocation.invoke(*what.target, &seat.activity) : invocation.create(nullptr, &seat.activity);
    if (status == SOHO_PENDING) {
        seat.out.truncate(start);
        deferral.call()->set_discarded(invocation.take_discarded());
        return;
    }
    if (deferral.call() != nullptr) {
        // It deferred, and then returned something else: what it says goes through the call that it made.
        seat.out.truncate(start);
        Outcome outcome;
        outcome.error = invocation.take_error();
        return deferral.call()->complete(std::move(outcome));
    }

    Error error = status == SOHO_FAILED ? invocation.take_error() : Error(Code::ok, {});
    if (what.deadline_ns != 0 && monotonic_now() > what.deadline_ns) {
        error = Error(Code::deadline, fmt::format("{} has not replied in time (timeout_ms)", what.callee().text()));
        if (auto discarded = invocation.take_discarded(); discarded && what.target != nullptr) post_to_turn(what.target, std::move(discarded));
    }
    if (error.code != Code::ok) {
        seat.out.truncate(start);
        if (!what.name.empty()) services_.names.abandon(what.name);
        return caller.refuse(request, error, trace, seat);
    }
    if (!invocation.has_instance()) {
        return caller.reply_value(request, start, value_start, what.callee(), trace, invocation.take_discarded(), what.target, seat);
    }
    seat.out.truncate(start);
    const TypePtr type = what.target != nullptr ? TypePtr(what.target->type_ptr(), what.method->returns_type) : what.type;
    const ObjectPtr object = services_.objects.adopt(type, invocation.take_instance(), caller.principal().name, seat.home);
    if (!what.name.empty()) services_.names.fulfil(what.name, {object, caller.principal().name});
    caller.reply_object(request, object, trace, seat);
}

// In the queue of its turns, or on the pool; everything borrowed is copied.
void Dispatcher::run_later(Caller& caller, const wire::Request& request, const Resolved& what, const BoundArguments& arguments,
                           const std::vector<Turn*>& argument_turns, Seat& seat) const {
    const bool blocking = what.method != nullptr ? what.method->on_pool.load(std::memory_order_relaxed) : what.type->blocking();
    auto call = caller.make_call(request, context_of(caller, what.options, what.deadline_ns), blocking, seat, named_completion(services_, caller, what.type, what.name));
    if (!call) {
        if (!what.name.empty()) services_.names.abandon(what.name);
        return caller.refuse(request, call.error(), what.options.trace, seat);
    }
    if (what.target != nullptr) {
        (*call)->set_method(what.target, *what.method, arguments, std::move(seat.objects), argument_turns);
    } else {
        (*call)->set_create(what.type, arguments, std::move(seat.objects));
    }
    seat.objects.clear();
    (*call)->submit();
}

}  // namespace soho::host
