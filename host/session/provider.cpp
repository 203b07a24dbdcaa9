#include "host/session/provider.hpp"

#include "host/object/invocation.hpp"
#include "host/registry/description.hpp"
#include "host/session/caller.hpp"
#include "host/session/params.hpp"
#include "host/session/rights.hpp"

#include <soho/wire/handles.hpp>

#include <fmt/format.h>
#include <algorithm>

namespace soho::host {

using data::Bytes;
using data::Kind;
using data::Reader;
using data::Token;

namespace {

std::uint32_t invoke_remote(void* context, void* self, const soho_call* call) {
    const auto& object = *static_cast<const RemoteObject*>(self);
    return object.provider->invoke(object, static_cast<const Offer::Callee*>(context)->name, *call);
}

std::uint32_t create_remote(void* context, const soho_call* call, soho_instance*) {
    const auto& callee = *static_cast<const Offer::Callee*>(context);
    if (const auto provider = callee.offer->provider()) return provider->create(callee.name, *call);
    const std::string text = fmt::format("the provider of {} has gone", callee.name);
    callee.offer->plugin().table().fail(call, SOHO_UNAVAILABLE, {}, to_abi(text), {});
    return SOHO_FAILED;
}

const Method* find_open(const Type& type, std::string_view method) {
    return static_cast<const Offer::Callee*>(type.context)->offer->open_method(type, method);
}

constexpr ProvidedFunctions functions{invoke_remote, create_remote, find_open};

// Names that clients make up are kept, too.
constexpr std::size_t open_methods_max = 1000;
constexpr std::size_t offers_max = 10'000;

struct Asked {
    std::string name, version = "0";
    Bytes types;
};

Result<Asked> read_offer(Bytes offer) {
    Asked asked;
    Reader reader(offer);
    Token map, key;
    reader.next(map);
    if (map.kind != Kind::map)
        return bad_arguments(fmt::format("an offer is {{name, version?, types}}, not {}", kind_name(map.kind)));
    for (std::uint32_t i = 0; i < map.size; ++i) {
        reader.next(key);
        const Bytes value = reader.take_value();
        const Token token = first_token(value);
        const auto must_be = [&](std::string_view what) {
            return bad_arguments(
                fmt::format("soho.offer: \"{}\" must be {}, not {}", key.text(), what, kind_name(token.kind)));
        };
        if (key.kind != Kind::string) return bad_arguments("soho.offer: the keys of an offer are strings");
        if (key.text() == "name" || key.text() == "version") {
            if (token.kind != Kind::string) return must_be("a string");
            (key.text() == "name" ? asked.name : asked.version) = token.text();
        } else if (key.text() == "types") {
            if (token.kind != Kind::array) return must_be("an array of descriptions");
            asked.types = value;
        } else {
            return bad_arguments(fmt::format("soho.offer: no key \"{}\": name, version, types", key.text()));
        }
    }
    if (asked.name.empty() || asked.types.empty()) return bad_arguments("soho.offer: an offer needs a name and types");
    return asked;
}

std::shared_ptr<const InheritedContext> context_of(const soho_call& call) {
    auto context = std::make_shared<InheritedContext>();
    context->origin_session = call.origin_session;
    context->owner = text_of(call.owner);
    context->trace = text_of(call.trace);
    context->deadline_ns = call.deadline_ns;
    context->chain.assign(call.chain, call.chain + call.chain_size);
    if (call.object != 0) context->chain.push_back(call.object);
    return context;
}

std::string source_of(const Caller& caller, const SessionPtr& session) {
    return fmt::format("session {} ({})", session->id(), caller.principal().name);
}

}  // namespace

// ---- offers

const Method* Offer::open_method(const Type& type, std::string_view name) {
    if (name.starts_with('_') || wire::identifier_mismatch(name) != nullptr) return nullptr;
    const std::scoped_lock lock(mutex_);
    std::pair<const Type*, std::string> key(&type, name);
    if (const auto known = open_methods_.find(key); known != open_methods_.end()) return &known->second.method;
    if (open_methods_.size() == open_methods_max) return nullptr;
    OpenMethod& made = open_methods_[key];
    made.method.name = name;
    made.callee = {this, made.method.name};
    made.method.returns = "any";
    made.method.flags = SOHO_METHOD_DEFERS;
    made.method.signature.args_name = "args";
    made.method.signature.kwargs_name = "kwargs";
    made.method.context = &made.callee;
    made.method.invoke = invoke_remote;
    made.method.number = UINT32_MAX;  // counted with all that there is no room for
    return &made.method;
}

// Checked before anything is kept of it: types stay as long as the host.
Result<Offer*> Offers::make(Caller& caller, Bytes text) {
    auto asked = read_offer(text);
    if (!asked) return tl::unexpected<Error>(asked.error());
    if (all_.size() == offers_max)
        return refuse(
            Code::limit,
            fmt::format("{} different offers were made to this host since it began: it must be restarted to take more",
                        offers_max));
    Offer& offer = all_.emplace_back(asked->name, std::string(data::as_text(text)));
    const auto refused = [&](const Error& error) -> tl::unexpected<Error> {
        all_.pop_back();
        return tl::unexpected<Error>(error);
    };
    std::vector<std::unique_ptr<PendingType>> types;
    Reader reader(asked->types);
    Token array;
    reader.next(array);
    for (std::uint32_t i = 0; i < array.size; ++i) {
        auto type = read_description(reader.take_value(), functions, &offer);
        if (!type) return refused(type.error());
        if (auto may = check_provide(caller, (*type)->type.type_id); !may) return refused(may.error());
        (*type)->type.context = &offer.callees_.emplace_back(Offer::Callee{&offer, (*type)->type.local_id});
        for (Method& method : (*type)->type.methods)
            method.context = &offer.callees_.emplace_back(Offer::Callee{&offer, method.name});
        types.push_back(*std::move(type));
    }
    Note note;
    note.name = asked->name;
    note.version = asked->version;
    auto plugin =
        caller.services().registry.provide(std::move(note), source_of(caller, caller.session()), std::move(types));
    if (!plugin) return refused(plugin.error());
    offer.plugin_ = *plugin;
    return &offer;
}

// One that was made before, word for word, and that nobody stands behind now; else another.
Result<Offer*> Offers::find(Caller& caller, Bytes text) {
    const auto same = std::find_if(all_.begin(), all_.end(), [&](const Offer& offer) {
        return offer.text() == data::as_text(text) && offer.provider() == nullptr;
    });
    if (same == all_.end()) return make(caller, text);
    for (const TypePtr& type : same->plugin().types()) {
        if (auto may = check_provide(caller, type->type_id); !may) return tl::unexpected<Error>(may.error());
    }
    return &*same;
}

Result<std::shared_ptr<Provider>> Offers::take(Caller& caller, Bytes text) {
    const std::scoped_lock lock(mutex_);
    auto offer = find(caller, text);
    if (!offer) return tl::unexpected<Error>(offer.error());
    Offer& found = **offer;
    auto provider = std::make_shared<Provider>(caller.services(), caller, found);
    const auto stand = [&found](std::shared_ptr<Provider> by) {
        const std::scoped_lock of_offer(found.mutex_);
        found.provider_ = std::move(by);
    };
    stand(provider);
    if (auto entered = caller.services().registry.enter(found.plugin()); !entered) {
        stand(nullptr);
        return tl::unexpected<Error>(entered.error());
    }
    return provider;
}

void Offers::withdraw(Provider& provider, Registry& registry) {
    const std::scoped_lock lock(mutex_);
    for (Offer& offer : all_) {
        std::shared_ptr<Provider> last;  // goes after the lock
        {
            const std::scoped_lock of_offer(offer.mutex_);
            if (offer.provider_.get() != &provider) continue;
            last = std::move(offer.provider_);
        }
        registry.withdraw(offer.plugin());
        return;
    }
}

RemoteObject::~RemoteObject() { provider->forget(*this); }

// ---- a provider

Provider::Provider(Services& services, Caller& caller, Offer& offer)
    : services_(services),
      offer_(offer),
      session_(caller.session()),
      caller_(&caller) {}

const soho_host& Provider::host() const { return offer_.plugin().table(); }

std::string Provider::text() const {
    return fmt::format("provider {} (session {}, {})", offer_.name(), session_->id(), session_->principal().name);
}

std::uint32_t Provider::fail(const soho_call& call, const Error& error) const {
    host().fail(&call, static_cast<std::uint32_t>(error.code), {}, to_abi(error.text), {});
    return SOHO_FAILED;
}

std::uint32_t Provider::invoke(const RemoteObject& target, std::string_view method, const soho_call& call) {
    const bool of_object = (call.flags & SOHO_CALL_WANTS_OBJECT) != 0;
    const auto write_target = [&](wire::Out& out) {
        out.unsigned_integer(target.id);
        out.string(method);
    };
    return start(call, method, of_object, write_target, "soho.call");
}

std::uint32_t Provider::create(std::string_view type_id, const soho_call& call) {
    return start(
        call, type_id, true, [&](wire::Out& out) { out.string(type_id); }, "soho.create");
}

// Its own objects come back as they are to it; of others it is given a reference, as any client.
Result<void> Provider::write_arguments(const soho_call& call, wire::Out& out, std::vector<std::uint64_t>& held) {
    const wire::HandleVisitor introduce = [&](wire::Handle& handle) -> Result<void> {
        const ObjectPtr object = services_.objects.find(handle.id);
        if (object == nullptr) return tl::unexpected<Error>(services_.objects.no_object(handle.id));
        handle.type_id = object->type().type_id;
        if (object->type().plugin == &offer_.plugin()) {
            if (const auto& remote = *static_cast<const RemoteObject*>(object->self()); remote.provider.get() == this) {
                handle = {remote.id, object->type().local_id, true};
                return {};
            }
        }
        if (auto introduced = session_->hold(object); !introduced)
            return soho::refuse(Code::overloaded,
                                fmt::format("{} has too many references (handles): {} was not started", text(),
                                            introduced.error().text));
        held.push_back(object->id());
        return {};
    };
    const Bytes args(call.args.data, static_cast<std::size_t>(call.args.size));
    const Bytes kwargs(call.kwargs.data, static_cast<std::size_t>(call.kwargs.size));
    if (auto written = wire::to_ext_form(args, out, introduce); !written) return written;
    const auto text_option = [&](std::string_view key, soho_text value) {
        if (value.size == 0) return;
        out.string(key);
        out.string(text_of(value));
    };
    const auto number_option = [&](std::string_view key, std::uint64_t value) {
        if (value == 0) return;
        out.string(key);
        out.unsigned_integer(value);
    };
    const std::int64_t left_ms =
        call.deadline_ns == 0 ? 0 : std::max<std::int64_t>((call.deadline_ns - monotonic_now()) / 1'000'000, 1);
    out.map((kwargs.empty() ? 0u : 1u) + (call.owner.size != 0) + (call.principal.size != 0) + (call.trace.size != 0) +
            (call.session != 0) + (call.origin_session != 0) + (left_ms != 0));
    text_option("owner", call.owner);
    text_option("principal", call.principal);
    text_option("trace", call.trace);
    number_option("session", call.session);
    number_option("origin_session", call.origin_session);
    number_option("timeout_ms", static_cast<std::uint64_t>(left_ms));
    if (kwargs.empty()) return {};
    out.string("kw");
    return wire::to_ext_form(kwargs, out, introduce);
}

// A request that was cancelled: told to the provider, unless it has replied by then.
struct Provider::Cancelling {
    std::weak_ptr<Provider> provider;
    std::uint32_t msgid;

    static soho_task task(const std::shared_ptr<Provider>& provider, std::uint32_t msgid) {
        soho_task task{};
        task.size = sizeof task;
        task.context = new Cancelling{provider, msgid};
        task.run = [](void* context) {
            const auto& it = *static_cast<Cancelling*>(context);
            if (const auto alive = it.provider.lock()) alive->cancel(it.msgid);
        };
        task.dispose = [](void* context) { delete static_cast<Cancelling*>(context); };
        return task;
    }
};

std::uint32_t Provider::start(const soho_call& call, std::string_view callee, bool of_object,
                              const std::function<void(wire::Out&)>& write_target, std::string_view request) {
    std::uint32_t msgid = 0;
    {
        const std::scoped_lock lock(mutex_);
        if (caller_ == nullptr)
            return fail(call, Error(Code::unavailable, fmt::format("{} has gone: {} was not started", text(), callee)));
        const Limits& limits = session_->limits();
        if (owed_.size() >= limits.calls_waiting_max || caller_->unsent_bytes() > limits.unsent_bytes_max)
            return fail(
                call, Error(Code::overloaded, fmt::format("{} does not keep up: {} was not started", text(), callee)));
        do ++last_msgid_;
        while (owed_.contains(last_msgid_));
        msgid = last_msgid_;
    }
    std::vector<std::uint64_t> held;
    soho_pending* pending = nullptr;
    const auto give_up = [&](const Error& error) -> std::uint32_t {
        for (const std::uint64_t id : held) session_->release(id, 1);
        if (pending == nullptr) return fail(call, error);
        host().pending_fail(pending, static_cast<std::uint32_t>(error.code), {}, to_abi(error.text), {});
        host().pending_release(pending);
        return SOHO_PENDING;
    };
    try {
        data::Buffer frame;
        wire::Out out(frame);
        wire::begin_request(out, msgid, request);
        out.array(request == "soho.call" ? 4 : 3);
        write_target(out);
        if (auto written = write_arguments(call, out, held); !written) return give_up(written.error());
        auto context = context_of(call);  // once it is deferred, the call is not to be touched
        const soho_task cancelling = Cancelling::task(shared_from_this(), msgid);
        pending = host().defer(&call);
        if (pending == nullptr) {
            cancelling.dispose(cancelling.context);
            return give_up(out_of_memory());
        }
        host().pending_on_cancel(pending, &cancelling);
        if (send(msgid, {pending, callee, of_object, std::move(context)}, std::move(frame))) return SOHO_PENDING;
        return give_up(Error(Code::unavailable, fmt::format("{} has gone: {} was not started", text(), callee)));
    } catch (const std::bad_alloc&) {
        return give_up(out_of_memory());
    }
}

// A request, and what comes of its reply. False if its connection has gone; then, as where this throws, nothing is owed.
bool Provider::send(std::uint32_t msgid, Owed owed, data::Buffer frame) {
    const std::scoped_lock lock(mutex_);
    if (caller_ == nullptr) return false;
    const auto at = owed_.emplace(msgid, std::move(owed)).first;
    try {
        if (caller_->push(std::move(frame))) return true;
    } catch (const std::bad_alloc&) {
        owed_.erase(at);
        throw;
    }
    owed_.erase(at);
    return false;
}

void Provider::cancel(std::uint32_t msgid) {
    data::Buffer frame;
    wire::Out out(frame);
    wire::begin_notification(out, "soho.cancel");
    out.array(1);
    out.unsigned_integer(msgid);
    const std::scoped_lock lock(mutex_);
    if (caller_ != nullptr && owed_.contains(msgid)) caller_->push(std::move(frame));
}

bool Provider::take(const wire::Frame& frame, std::string& why) {
    const auto reply = wire::decode_reply(frame);
    if (!reply) {
        why = reply.error().text;
        return false;
    }
    Owed owed{};
    {
        const std::scoped_lock lock(mutex_);
        const auto found = owed_.find(reply->msgid);
        if (found == owed_.end()) {
            why = fmt::format("a reply to msgid {}, which nobody asked", reply->msgid);
            return false;
        }
        owed = found->second;
        owed_.erase(found);
    }
    try {
        complete(owed, *reply);
    } catch (const std::bad_alloc&) {
        const Error error = out_of_memory();
        host().pending_fail(owed.pending, static_cast<std::uint32_t>(error.code), {}, to_abi(error.text), {});
    }
    host().pending_release(owed.pending);
    return true;
}

std::shared_ptr<const InheritedContext> Provider::inherited(std::uint32_t msgid) {
    const std::scoped_lock lock(mutex_);
    const auto found = owed_.find(msgid);
    return found == owed_.end() ? nullptr : found->second.context;
}

void Provider::complete(const Owed& owed, const wire::Reply& reply) {
    const auto refuse = [&](const Error& error) {
        host().pending_fail(owed.pending, static_cast<std::uint32_t>(error.code), to_abi(error.type),
                            to_abi(error.text), soho_bytes{data::as_bytes(error.data).data(), error.data.size()});
    };
    const auto defect = [&](std::string_view what) {
        refuse(Error(Code::internal, fmt::format("the result of {}: {}; a defect of {}", owed.callee, what, text())));
    };
    if (!reply.ok()) return refuse(wire::decode_error(reply.error));
    const Bytes result = reply.result;
    const bool is_nil = result.size() == 1 && result[0] == 0xc0;
    if (owed.of_object && !is_nil) {
        const auto instance = instance_of(result);
        if (!instance) return defect(instance.error().text);
        host().pending_complete_object(owed.pending, &*instance);
        return;
    }
    std::vector<ObjectPtr> adopted;  // until the reply holds them
    const wire::HandleVisitor translate = [&](wire::Handle& handle) -> Result<void> {
        if (!handle.own) return {};
        auto object = adopt(handle);
        if (!object) return tl::unexpected<Error>(object.error());
        handle = {(*object)->id(), (*object)->type().type_id};
        adopted.push_back(*std::move(object));
        return {};
    };
    data::Buffer value;
    wire::Out out(value);
    if (auto translated = wire::to_ext_form(result, out, translate); !translated)
        return defect(translated.error().text);
    host().pending_complete(owed.pending, {value.data(), value.size()});
}

std::shared_ptr<RemoteObject> Provider::own(std::uint64_t id) {
    const std::scoped_lock lock(mutex_);
    auto& known = objects_[id];
    auto object = known.lock();
    if (object == nullptr) known = object = std::make_shared<RemoteObject>(shared_from_this(), id);
    ++object->count;
    return object;
}

namespace {

soho_instance hand_over(std::shared_ptr<RemoteObject> object) {
    soho_instance instance{};
    instance.size = sizeof instance;
    instance.self = object.get();
    instance.identity = object.get();
    instance.owner = new std::shared_ptr<RemoteObject>(std::move(object));
    instance.release = [](void* owner) { delete static_cast<std::shared_ptr<RemoteObject>*>(owner); };
    return instance;
}

}  // namespace

Result<soho_instance> Provider::instance_of(Bytes value) {
    wire::Handle handle;
    if (!wire::read_handle(value, wire::HandleForm::ext, handle) || !handle.own)
        return soho::refuse(Code::internal, "a handle of the provider's own is due");
    return hand_over(own(handle.id));
}

Result<ObjectPtr> Provider::adopt(const wire::Handle& handle) {
    const TypePtr type = offer_.plugin().find_local(handle.type_id);
    if (type == nullptr)
        return soho::refuse(Code::bad_arguments,
                            fmt::format("{} gives a handle of a {}, which it does not offer", text(), handle.type_id));
    return services_.objects.adopt(type, hand_over(own(handle.id)), session_->principal().name, *services_.home);
}

// The host has nothing of it any more.
void Provider::forget(RemoteObject& object) {
    data::Buffer frame;
    wire::Out out(frame);
    wire::begin_notification(out, "soho.release");
    out.array(1);
    out.array(2);
    out.unsigned_integer(object.id);
    const std::scoped_lock lock(mutex_);
    if (const auto known = objects_.find(object.id); known != objects_.end() && known->second.expired())
        objects_.erase(known);
    out.unsigned_integer(object.count);
    if (caller_ != nullptr) caller_->push(std::move(frame));
}

void Provider::gone() {
    std::unordered_map<std::uint32_t, Owed> owed;
    {
        const std::scoped_lock lock(mutex_);
        if (caller_ == nullptr) return;
        caller_ = nullptr;
        owed.swap(owed_);
    }
    services_.offers->withdraw(*this, services_.registry);
    for (const auto& [msgid, each] : owed) {
        const std::string why = fmt::format("{} has gone: {} may have run", text(), each.callee);
        host().pending_fail(each.pending, SOHO_UNAVAILABLE, {}, to_abi(why), {});
        host().pending_release(each.pending);
    }
}

}  // namespace soho::host
