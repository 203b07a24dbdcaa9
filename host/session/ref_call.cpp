#include "host/session/ref_call.hpp"

#include "host/object/call.hpp"
#include "host/session/call_log.hpp"
#include "host/session/resolve.hpp"

#include <soho/wire/handles.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cstring>
#include <new>

namespace soho::host {

namespace {

using Done = void (*)(void* context, const soho_outcome* outcome);

void tell(Done done, void* context, const Outcome& outcome) {
    data::Buffer handle;
    if (outcome.object != nullptr) {
        wire::Out out(handle);
        wire::write_handle(out, {outcome.object->id(), outcome.object->type().type_id}, wire::HandleForm::ext);
    }
    const data::Bytes value = outcome.object != nullptr ? handle.bytes() : outcome.value.bytes();
    const data::Bytes data = data::as_bytes(outcome.error.data);
    soho_outcome told{};
    told.size = sizeof told;
    told.code = static_cast<std::uint32_t>(outcome.error.code);
    told.result = {value.data(), value.size()};
    told.type = to_abi(outcome.error.type);
    told.text = to_abi(outcome.error.text);
    told.data = {data.data(), data.size()};
    done(context, &told);
}

void tell_later(Services& services, const Plugin& plugin, Done done, void* context, Outcome outcome) {
    services.home->post([&home = *services.home, &plugin, use = plugin.use(), done, context,
                         shared = std::make_shared<Outcome>(std::move(outcome))] {
        const ActivityMark mark(home.activity(), plugin, "a continuation");
        tell(done, context, *shared);
    });
}

class RefCompletion : public Completion {
public:
    RefCompletion(Services& services, const Plugin& plugin, const soho_ref_call& given)
        : services_(services),
          plugin_(plugin),
          use_(plugin.use()),
          done_(given.done),
          context_(given.context),
          waits_((given.flags & SOHO_REF_CALL_WAITS) != 0) {}

    void replied(Call& call, Outcome outcome) noexcept override {
        if (call.timer != 0) services_.timers.cancel(call.timer);
        record_replied(services_, call, outcome);
        // One that waits sits on a thread of the pool and only wants to be woken. Others may go on to run the plugin's code:
        // not in the turn of the object that was called.
        if (waits_) return tell(done_, context_, outcome);
        tell_later(services_, plugin_, done_, context_, std::move(outcome));
    }
    void finished(Call&) noexcept override {}

private:
    Services& services_;
    const Plugin& plugin_;
    const std::shared_ptr<const void> use_;
    Done done_;
    void* context_;
    bool waits_;
};

// What the call inherits from the one on whose behalf it is made.
struct Parent {
    CallContext context;
    std::uint64_t object = 0;
    std::vector<std::uint64_t> chain;
    std::vector<Turn*> held;
};

Result<Parent> parent_of(const soho_ref_call& given) {
    Parent parent;
    const bool waits = (given.flags & SOHO_REF_CALL_WAITS) != 0;
    if (given.call != nullptr) {
        const Invocation& running = Invocation::of(given.call);
        parent.context = running.context();
        parent.object = running.object_id();
        if (waits) {
            if (!running.may_block())
                return refuse(Code::internal,
                              fmt::format("{} waits for another object's method, but is not declared blocking",
                                          running.callee().text()));
            parent.held.assign(parent.context.held.begin(), parent.context.held.end());
            parent.held.insert(parent.held.end(), running.turns().begin(), running.turns().end());
        }
    } else if (given.pending != nullptr) {
        const Call& pending = Call::of(given.pending);
        parent.context = pending.context();
        parent.object = pending.target() != nullptr ? pending.target()->id() : 0;
    }
    parent.chain.assign(parent.context.chain.begin(), parent.context.chain.end());
    if (parent.object != 0) parent.chain.push_back(parent.object);
    return parent;
}

std::string chain_text(const ObjectTable& objects, const std::vector<std::uint64_t>& chain, const Object& next) {
    std::string text;
    for (const std::uint64_t id : chain) {
        const ObjectPtr object = objects.find(id);
        fmt::format_to(std::back_inserter(text), "#{} ({}) -> ", id,
                       object != nullptr ? object->type().type_id : "gone");
    }
    return text + fmt::format("#{} ({})", next.id(), next.type().type_id);
}

struct Prepared {
    std::shared_ptr<Call> call;
    std::int64_t deadline_ns = 0;
};

Result<Prepared> prepare(Services& services, Plugin& plugin, const soho_ref_call& given,
                         std::shared_ptr<Completion> completion) try {
    const ObjectPtr target = services.objects.find(given.object);
    if (target == nullptr) return tl::unexpected<Error>(services.objects.no_object(given.object));
    const Method* method = target->type().find(text_of(given.method));
    if (method == nullptr) method = target->type().find(text_of(given.method), "plugin:" + plugin.name());
    if (method == nullptr) return tl::unexpected<Error>(why_no_method(target->type(), text_of(given.method)));
    auto parent = parent_of(given);
    if (!parent) return tl::unexpected<Error>(parent.error());
    if (parent->chain.size() > services.limits().chain_max) {
        services.hit(&Limits::chain_max, "plugin:" + plugin.name(), parent->context.origin_session);
        return refuse(Code::limit,
                      fmt::format("calls of objects on objects, one inside the other, {} deep (chain): {}",
                                  parent->chain.size(), chain_text(services.objects, parent->chain, *target)));
    }

    const Callee callee{target->type(), method};
    const data::Bytes args(given.args.data, static_cast<std::size_t>(given.args.size));
    const data::Bytes kwargs(given.kwargs.data, static_cast<std::size_t>(given.kwargs.size));
    std::vector<ObjectPtr> objects;
    const wire::HandleVisitor resolve = [&](const wire::Handle& handle) -> Result<void> {
        ObjectPtr object = handle.own ? nullptr : services.objects.find(handle.id);
        if (object == nullptr) return tl::unexpected<Error>(services.objects.no_object(handle.id));
        objects.push_back(std::move(object));
        return {};
    };
    for (const data::Bytes part : {args, kwargs}) {
        if (part.empty()) continue;
        auto frame = wire::check_value(part, services.limits().frame_limits());
        if (!frame)
            return refuse(Code::bad_arguments, fmt::format("the arguments for {} are not MessagePack: {}",
                                                           callee.text(), frame.error().text));
        if (auto found = wire::visit_handles(part, resolve); !found) return tl::unexpected<Error>(found.error());
        sort_objects(objects);
    }
    data::Token array;
    if (!data::Reader(args).next(array) || array.kind != data::Kind::array)
        return refuse(Code::bad_arguments, fmt::format("the arguments for {} are no array", callee.text()));
    data::Buffer scratch;
    const auto bound = bind_arguments(callee, args, kwargs, scratch);
    if (!bound) return tl::unexpected<Error>(bound.error());
    std::vector<Turn*> turns;
    if (callee.signature().takes_objects) {
        auto needed = argument_turns(callee, bound->args, objects);
        if (!needed) return tl::unexpected<Error>(needed.error());
        turns = *std::move(needed);
    }
    const auto is_held = [&](Turn* turn) {
        return turn != nullptr && std::find(parent->held.begin(), parent->held.end(), turn) != parent->held.end();
    };
    if (is_held(target->turn()) || std::any_of(turns.begin(), turns.end(), is_held)) {
        return refuse(Code::unavailable,
                      fmt::format("this wait could never end, as the calls that wait have the turn it needs: {}",
                                  chain_text(services.objects, parent->chain, *target)));
    }

    const std::string principal = "plugin:" + plugin.name();
    CallContext context = parent->context;
    context.session = 0;
    context.principal = principal;
    context.chain = parent->chain;
    context.held = parent->held;
    if (given.timeout_ns > 0) {
        const std::int64_t due = monotonic_now() + given.timeout_ns;
        context.deadline_ns = context.deadline_ns == 0 ? due : std::min(context.deadline_ns, due);
    }
    auto call = std::make_shared<Call>(services.objects, services.pool, target->home(), std::move(completion), context,
                                       Call::Limits{services.limits().frame_bytes_max, services.limits().depth_max});
    call->arrived_ns = monotonic_now();
    call->set_method(target, *method, *bound, std::move(objects), std::move(turns));
    return Prepared{std::move(call), context.deadline_ns};
} catch (const std::bad_alloc&) {
    return tl::unexpected<Error>(out_of_memory());
}

}  // namespace

void start_ref_call(Services& services, Plugin& plugin, const soho_ref_call& from) {
    soho_ref_call given{};
    std::memcpy(&given, &from, std::min<std::size_t>(from.size, sizeof given));
    const auto completion = std::make_shared<RefCompletion>(services, plugin, given);
    auto prepared = prepare(services, plugin, given, completion);
    if (!prepared) {
        Outcome outcome;
        outcome.error = prepared.error();
        return tell_later(services, plugin, given.done, given.context, std::move(outcome));
    }
    if (prepared->deadline_ns != 0) {
        prepared->call->timer =
            services.timers.start(prepared->deadline_ns, [weak = std::weak_ptr<Call>(prepared->call)] {
                if (const auto late = weak.lock())
                    late->cancel(Code::deadline, fmt::format("{} has not replied in time", late->callee_text()));
            });
    }
    prepared->call->submit();
}

}  // namespace soho::host
