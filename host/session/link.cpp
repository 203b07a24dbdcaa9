#include "host/session/link.hpp"

#include "host/object/call.hpp"
#include "host/registry/plugin.hpp"
#include "host/session/caller.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace soho::host {

using data::Bytes;

namespace {

soho_host replying_table() {
    soho_host table{};
    Invocation::fill(table);
    Call::fill(table);
    return table;
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

Bytes bytes_of(soho_bytes bytes) { return {bytes.data, static_cast<std::size_t>(bytes.size)}; }
soho_bytes lent(Bytes bytes) { return {bytes.data(), bytes.size()}; }

void tell_failure(const soho_host& table, soho_pending* pending, const Error& error) {
    table.pending_fail(pending, static_cast<std::uint32_t>(error.code), to_abi(error.type), to_abi(error.text),
                       lent(data::as_bytes(error.data)));
}

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

std::uint32_t invoke_remote(void* context, void* self, const soho_call* call) {
    const auto& object = *static_cast<const RemoteObject*>(self);
    return object.link->invoke(object, static_cast<const RemoteCallee*>(context)->name, *call);
}

RemoteObject::~RemoteObject() { link->forget(*this); }

bool OpenMethods::may_be_named(std::string_view name) {
    return !name.starts_with('_') && wire::identifier_mismatch(name) == nullptr;
}

const Method* OpenMethods::find(const Type& type, std::string_view name, std::string_view who) {
    if (!may_be_named(name)) return nullptr;
    const std::scoped_lock lock(mutex_);
    std::pair<const Type*, std::string> key(&type, name);
    if (const auto known = methods_.find(key); known != methods_.end()) return &known->second.method;
    std::size_t& made_by_them = made_by_.try_emplace(std::string(who), 0).first->second;
    if (made_by_them == names_max) return nullptr;
    ++made_by_them;
    Entry& made = methods_[key];
    made.method.name = name;
    made.callee.name = made.method.name;
    made.method.returns = "any";
    made.method.flags = SOHO_METHOD_DEFERS;
    made.method.signature.args_name = "args";
    made.method.signature.kwargs_name = "kwargs";
    made.method.context = &made.callee;
    made.method.invoke = invoke_remote;
    made.method.type = &type;
    made.method.number = UINT32_MAX;  // counted with all that there is no room for
    return &made.method;
}

// ---- options

OptionsWriter& OptionsWriter::text(std::string_view key, soho_text value) {
    if (value.size != 0) texts_.emplace_back(key, value);
    return *this;
}

OptionsWriter& OptionsWriter::number(std::string_view key, std::uint64_t value) {
    if (value != 0) numbers_.emplace_back(key, value);
    return *this;
}

OptionsWriter& OptionsWriter::msgid(std::string_view key, std::uint32_t value) {
    numbers_.emplace_back(key, value);
    return *this;
}

OptionsWriter& OptionsWriter::flag(std::string_view key, bool value) {
    if (value) flags_.push_back(key);
    return *this;
}

OptionsWriter& OptionsWriter::deadline(std::int64_t deadline_ns) {
    if (deadline_ns == 0) return *this;
    const std::int64_t left_ms = (deadline_ns - monotonic_now()) / 1'000'000;
    return number("timeout_ms", static_cast<std::uint64_t>(std::max<std::int64_t>(left_ms, 1)));
}

Result<void> OptionsWriter::write(soho_bytes kwargs, const wire::HandleVisitor& visit, wire::Out& out) const {
    out.map(texts_.size() + numbers_.size() + flags_.size() + (kwargs.size != 0));
    for (const auto& [key, value] : texts_) {
        out.string(key);
        out.string(text_of(value));
    }
    for (const auto& [key, value] : numbers_) {
        out.string(key);
        out.unsigned_integer(value);
    }
    for (const std::string_view key : flags_) {
        out.string(key);
        out.boolean(true);
    }
    if (kwargs.size == 0) return {};
    out.string("kw");
    return wire::to_ext_form(bytes_of(kwargs), out, visit);
}

// ---- requests

Link::Link(Services& services, Caller& caller, Provides provides)
    : services_(services),
      session_(caller.session()),
      provides_(provides),
      table_(replying_table()),
      caller_(&caller) {}

std::uint32_t Link::fail(const soho_call& call, const Error& error) const {
    table_.fail(&call, static_cast<std::uint32_t>(error.code), {}, to_abi(error.text), {});
    return SOHO_FAILED;
}

std::uint32_t Link::invoke(const RemoteObject& target, std::string_view method, const soho_call& call) {
    const auto write_target = [&](wire::Out& out) {
        out.unsigned_integer(target.id);
        out.string(method);
    };
    return start(call, method, "soho.call", write_target);
}

std::uint32_t Link::create(std::string_view type_id, const soho_call& call) {
    return start(call, type_id, "soho.create", [&](wire::Out& out) { out.string(type_id); });
}

// A request that was cancelled: told to the other end, unless it has replied by then.
struct Link::Cancelling {
    std::weak_ptr<Link> link;
    std::uint32_t msgid;

    static soho_task task(const std::shared_ptr<Link>& link, std::uint32_t msgid) {
        soho_task task{};
        task.size = sizeof task;
        task.context = new Cancelling{link, msgid};
        task.run = [](void* context) {
            const auto& it = *static_cast<Cancelling*>(context);
            if (const auto alive = it.link.lock()) alive->cancel(it.msgid);
        };
        task.dispose = [](void* context) { delete static_cast<Cancelling*>(context); };
        return task;
    }
};

// A reply that the other end wants to know the fate of.
struct Link::Verdict {
    std::weak_ptr<Link> link;
    std::uint32_t msgid;
    bool discarded = false;

    static soho_task task(const std::shared_ptr<Link>& link, std::uint32_t msgid) {
        soho_task task{};
        task.size = sizeof task;
        task.context = new Verdict{link, msgid};
        task.run = [](void* context) { static_cast<Verdict*>(context)->discarded = true; };
        task.dispose = [](void* context) {
            const std::unique_ptr<Verdict> it(static_cast<Verdict*>(context));
            if (const auto alive = it->link.lock())
                alive->notify(it->discarded ? "soho.discarded" : "soho.delivered", it->msgid);
        };
        return task;
    }
};

Result<void> Link::check_room(std::string_view callee, Of of) {
    const std::scoped_lock lock(mutex_);
    if (caller_ == nullptr) return soho::refuse(Code::unavailable, why_not_started(callee, of));
    const Limits& limits = session_->limits();
    if (owed_.size() < limits.calls_waiting_max && caller_->unsent_bytes() <= limits.unsent_bytes_max) return {};
    return soho::refuse(Code::overloaded, fmt::format("{} does not keep up: {} was not started", text(), callee));
}

std::uint32_t Link::next_msgid() {
    const std::scoped_lock lock(mutex_);
    do ++last_msgid_;
    while (owed_.contains(last_msgid_));
    return last_msgid_;
}

std::uint32_t Link::start(const soho_call& call, std::string_view callee, std::string_view request,
                          const std::function<void(wire::Out&)>& write_target) {
    const Of of = request == "soho.call" ? Of::object : Of::other;
    const bool wants_object = of == Of::other || (call.flags & SOHO_CALL_WANTS_OBJECT) != 0;
    const Callee& asked = Invocation::of(&call).callee();
    const Type* const given = asked.method != nullptr ? asked.method->returns_type : &asked.type;
    const Type* const result_type = wants_object ? given : nullptr;
    if (auto room = check_room(callee, of); !room) return fail(call, room.error());
    const std::uint32_t msgid = next_msgid();
    std::vector<std::uint64_t> held;
    soho_pending* pending = nullptr;
    const auto give_up = [&](const Error& error) -> std::uint32_t {
        for (const std::uint64_t id : held) session_->release(id, 1);
        if (pending == nullptr) return fail(call, error);
        tell_failure(table_, pending, error);
        table_.pending_release(pending);
        return SOHO_PENDING;
    };
    const wire::HandleVisitor introducing = [&](wire::Handle& handle) -> Result<void> {
        const ObjectPtr object = services_.objects.find(handle.id);
        if (object == nullptr) return tl::unexpected<Error>(services_.objects.no_object(handle.id));
        auto introduced = introduce(object, held);
        if (!introduced)
            return soho::refuse(Code::overloaded,
                                fmt::format("{} has too many references (handles): {} was not started", text(),
                                            introduced.error().text));
        handle = *introduced;
        return {};
    };
    try {
        data::Buffer frame;
        wire::Out out(frame);
        wire::begin_request(out, msgid, request);
        out.array(of == Of::object ? 4 : 3);
        write_target(out);
        if (auto written = wire::to_ext_form(bytes_of(call.args), out, introducing); !written)
            return give_up(written.error());
        if (auto written = write_options(call, introducing, out); !written) return give_up(written.error());
        auto context = context_of(call);  // once it is deferred, the call is not to be touched
        const soho_task cancelling = Cancelling::task(shared_from_this(), msgid);
        pending = table_.defer(&call);
        if (pending == nullptr) {
            cancelling.dispose(cancelling.context);
            return give_up(out_of_memory());
        }
        table_.pending_on_cancel(pending, &cancelling);
        Owed owed{pending, std::string(callee), result_type, std::move(context), {}, false};
        if (send(msgid, std::move(owed), std::move(frame))) return SOHO_PENDING;
        return give_up(Error(Code::unavailable, why_not_started(callee, of)));
    } catch (const std::bad_alloc&) {
        return give_up(out_of_memory());
    }
}

void Link::ask(std::string_view request, const std::function<void(wire::Out&)>& write_params, Answered done) {
    const std::uint32_t msgid = next_msgid();
    data::Buffer frame;
    wire::Out out(frame);
    wire::begin_request(out, msgid, request);
    write_params(out);
    Owed owed;
    owed.callee = request;
    owed.answered = done;
    if (!send(msgid, std::move(owed), std::move(frame)))
        done(soho::refuse(Code::unavailable, why_not_started(request, Of::other)));
}

void Link::notify(std::string_view what, std::uint64_t number) {
    notify(what, [number](wire::Out& out) {
        out.array(1);
        out.unsigned_integer(number);
    });
}

void Link::notify(std::string_view what, const std::function<void(wire::Out&)>& write_params) {
    data::Buffer frame;
    wire::Out out(frame);
    wire::begin_notification(out, what);
    write_params(out);
    const std::scoped_lock lock(mutex_);
    if (caller_ != nullptr) caller_->push(std::move(frame));
}

// A request, and what comes of its reply. False if its connection has gone; then, as where this throws, nothing is owed.
bool Link::send(std::uint32_t msgid, Owed owed, data::Buffer frame) {
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

void Link::cancel(std::uint32_t msgid) {
    {
        const std::scoped_lock lock(mutex_);
        if (!owed_.contains(msgid)) return;
    }
    notify("soho.cancel", msgid);
}

// ---- replies

bool Link::take(const wire::Frame& frame, std::string& why) {
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
        owed = std::move(found->second);
        owed_.erase(found);
    }
    if (owed.pending == nullptr) {
        owed.answered(reply->ok() ? Result<Bytes>(reply->result)
                                  : tl::unexpected<Error>(wire::decode_error(reply->error)));
        return true;
    }
    try {
        complete(reply->msgid, owed, *reply);
    } catch (const std::bad_alloc&) {
        tell_failure(table_, owed.pending, out_of_memory());
    }
    table_.pending_release(owed.pending);
    return true;
}

std::shared_ptr<const InheritedContext> Link::inherited(std::uint32_t msgid) {
    const std::scoped_lock lock(mutex_);
    const auto found = owed_.find(msgid);
    return found == owed_.end() ? nullptr : found->second.context;
}

void Link::want_verdict(std::uint32_t msgid) {
    const std::scoped_lock lock(mutex_);
    if (const auto found = owed_.find(msgid); found != owed_.end()) found->second.wants_verdict = true;
}

void Link::complete(std::uint32_t msgid, const Owed& owed, const wire::Reply& reply) {
    const auto defect = [&](std::string_view what) {
        tell_failure(
            table_, owed.pending,
            Error(Code::internal, fmt::format("the result of {}: {}; a defect of {}", owed.callee, what, text())));
    };
    if (owed.wants_verdict) {
        const soho_task verdict = Verdict::task(shared_from_this(), msgid);
        table_.pending_on_discarded(owed.pending, &verdict);
    }
    if (!reply.ok()) return tell_failure(table_, owed.pending, wire::decode_error(reply.error));
    const Bytes result = reply.result;
    const bool is_nil = result.size() == 1 && result[0] == 0xc0;
    if (owed.result_type != nullptr && !is_nil) {
        const auto instance = instance_of(result, *owed.result_type);
        if (!instance) return defect(instance.error().text);
        table_.pending_complete_object(owed.pending, &*instance);
        return;
    }
    std::vector<ObjectPtr> adopted;  // until the reply holds them
    data::Buffer value;
    wire::Out out(value);
    if (auto imported = wire::to_ext_form(result, out, importer(adopted)); !imported)
        return defect(imported.error().text);
    table_.pending_complete(owed.pending, {value.data(), value.size()});
}

// ---- objects

// Handles in what came from there, as they are here.
wire::HandleVisitor Link::importer(std::vector<ObjectPtr>& adopted) {
    return [this, &adopted](wire::Handle& handle) -> Result<void> {
        if (!is_theirs(handle)) {
            handle.own = false;
            return {};
        }
        auto object = adopt(handle);
        if (!object) return tl::unexpected<Error>(object.error());
        handle = {(*object)->id(), (*object)->type().type_id};
        adopted.push_back(*std::move(object));
        return {};
    };
}

std::shared_ptr<RemoteObject> Link::remote(std::uint64_t id) {
    const std::scoped_lock lock(mutex_);
    auto& known = objects_[id];
    auto object = known.lock();
    if (object == nullptr) known = object = std::make_shared<RemoteObject>(shared_from_this(), id);
    ++object->count;
    return object;
}

std::shared_ptr<RemoteObject> Link::find_remote(std::uint64_t id) const {
    const std::scoped_lock lock(mutex_);
    const auto found = objects_.find(id);
    return found == objects_.end() ? nullptr : found->second.lock();
}

Result<soho_instance> Link::instance_of(Bytes value, const Type& type) {
    wire::Handle handle;
    if (!wire::read_handle(value, wire::HandleForm::ext, handle) || !is_theirs(handle))
        return soho::refuse(Code::internal, "a handle of the provider's own is due");
    if (handle.type_id != type.local_id)
        return soho::refuse(Code::internal,
                            fmt::format("a handle of a {} is due, not of a {}", type.local_id, handle.type_id));
    return hand_over(remote(handle.id));
}

Result<ObjectPtr> Link::adopt(const wire::Handle& theirs) {
    const TypePtr type = type_of(theirs.type_id);
    if (type == nullptr)
        return soho::refuse(Code::bad_arguments,
                            fmt::format("{} gives a handle of a {}, which it does not offer", text(), theirs.type_id));
    return services_.objects.adopt(type, hand_over(remote(theirs.id)), session_->principal().name, *services_.home);
}

Result<wire::Handle> Link::introduce(const ObjectPtr& object, std::vector<std::uint64_t>& held) {
    const bool we_provide = provides_ == Provides::we;
    if (object->type().plugin->is_provided()) {
        const auto& remote = *static_cast<const RemoteObject*>(object->self());
        if (remote.link.get() == this) return wire::Handle{remote.id, object->type().local_id, !we_provide};
    }
    if (auto introduced = session_->hold(object); !introduced) return tl::unexpected<Error>(introduced.error());
    held.push_back(object->id());
    introducing(object);
    return wire::Handle{object->id(), object->type().type_id, we_provide};
}

// There is nothing of it here any more.
void Link::forget(RemoteObject& object) {
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

// ---- the end

bool Link::reserve() {
    const std::scoped_lock lock(mutex_);
    reserved_ += !closed_;
    return !closed_;
}

void Link::give_back_reservation() {
    const std::scoped_lock lock(mutex_);
    --reserved_;
}

bool Link::close_if_idle() {
    const std::scoped_lock lock(mutex_);
    if (closed_) return true;
    const bool owes =
        std::any_of(owed_.begin(), owed_.end(), [](const auto& owed) { return owed.second.pending != nullptr; });
    const bool has_objects =
        std::any_of(objects_.begin(), objects_.end(), [](const auto& object) { return !object.second.expired(); });
    closed_ = !owes && !has_objects && reserved_ == 0;
    return closed_;
}

bool Link::has(const Object& object) const {
    return object.type().plugin->is_provided() && static_cast<const RemoteObject*>(object.self())->link.get() == this;
}

bool Link::leave() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(caller_, nullptr) != nullptr;
}

void Link::lose_objects() {
    std::vector<std::shared_ptr<RemoteObject>> lost;
    {
        const std::scoped_lock lock(mutex_);
        for (const auto& [id, weak] : objects_) {
            if (auto object = weak.lock()) lost.push_back(std::move(object));
        }
    }
    for (const auto& each : lost) {
        for (const ObjectPtr& object : services_.objects.all_of(each.get())) object->lost = true;
    }
}

void Link::fail_owed() {
    std::unordered_map<std::uint32_t, Owed> owed;
    {
        const std::scoped_lock lock(mutex_);
        owed.swap(owed_);
    }
    for (const auto& [msgid, each] : owed) {
        const Error lost(Code::unavailable, why_lost(each.callee));
        if (each.pending == nullptr) {
            each.answered(tl::unexpected<Error>(lost));
            continue;
        }
        tell_failure(table_, each.pending, lost);
        table_.pending_release(each.pending);
    }
}

}  // namespace soho::host
