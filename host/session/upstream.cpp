#include "host/session/upstream.hpp"

#include "host/registry/description.hpp"
#include "host/registry/plugin.hpp"
#include "host/session/describe.hpp"
#include "host/session/hello.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <future>

namespace soho::host {

namespace {

const Method* find_open(const Type& type, std::string_view method, std::string_view who) {
    return static_cast<OpenMethods*>(type.context)->find(type, method, who);
}

Result<void> without_value(const Result<data::Bytes>& result) {
    if (!result) return tl::unexpected<Error>(result.error());
    return {};
}

}  // namespace

void Upstream::gone(std::string_view) {
    if (!leave()) return;
    fail_owed();
    services_.shutdown();
}

std::string Upstream::why_not_started(std::string_view callee, Of) const {
    return fmt::format("the host has gone: {} was not started", callee);
}

std::string Upstream::why_lost(std::string_view callee) const {
    return fmt::format("the host has gone: {} may have run", callee);
}

void Upstream::offer(const Plugin& plugin, std::function<void(const Result<void>&)> done) {
    const auto write_hello = [](wire::Out& out) {
        out.array(1);
        out.map(4);
        out.string("proto");
        out.unsigned_integer(wire::protocol_version);
        for (const auto& [key, value] : {std::pair{"client", "sohod-worker"}, {"errors", "full"}, {"handles", "ext"}}) {
            out.string(key);
            out.string(value);
        }
    };
    const auto write_offer = [&plugin](wire::Out& out) {
        out.array(1);
        out.map(4);
        out.string("name");
        out.string(plugin.name());
        out.string("version");
        out.string(plugin.version());
        out.string("types");
        out.array(plugin.types().size());
        for (const TypePtr& type : plugin.types()) describe_type(*type, out, Described::for_offer);
        out.string("publish");
        out.array(plugin.publications().size());
        for (const auto& publication : plugin.publications()) {
            out.array(3);
            out.string(publication.name);
            out.string(publication.type->type_id);
            out.raw(data::as_bytes(publication.args));
        }
    };
    ask("soho.hello", write_hello,
        [](const Result<data::Bytes>&) {});  // what is wrong with it, the offer is told as well
    ask("soho.offer", write_offer,
        [done = std::move(done)](const Result<data::Bytes>& result) { done(without_value(result)); });
}

Result<void> Upstream::write_options(const soho_call& call, const wire::HandleVisitor& visit, wire::Out& out) {
    OptionsWriter options;
    if (const auto& request = Invocation::of(&call).context().request) options.msgid("parent", *request);
    return options.text("owner", call.owner)
        .text("trace", call.trace)
        .deadline(call.deadline_ns)
        .write(call.kwargs, visit, out);
}

// ---- the host's objects

TypePtr Upstream::type_of(std::string_view type_id) {
    const std::scoped_lock lock(mutex_);
    const auto known = types_.find(type_id);
    if (known != types_.end()) return known->second;
    return types_.emplace(type_id, make_type(type_id)).first->second;
}

// The host checks what is asked of its objects: here they take all that can be asked.
TypePtr Upstream::make_type(std::string_view type_id) {
    data::Buffer description;
    wire::Out out(description);
    out.map(3);
    out.string("type");
    out.string(type_id);
    out.string("callable");
    out.boolean(false);
    out.string("open");
    out.boolean(true);
    auto type = read_description(description.bytes(), {invoke_remote, nullptr, find_open}, this);
    if (!type) return nullptr;
    (*type)->type.context = &methods_;
    Note note;
    note.name = type_id;
    note.version = "0";
    std::vector<std::unique_ptr<PendingType>> types;
    types.push_back(*std::move(type));
    const auto plugin = services_.registry.provide(std::move(note), "the host", std::move(types));
    return plugin ? (*plugin)->types().front() : nullptr;
}

// ---- the host's sessions

std::uint64_t Upstream::on_session_end(std::uint64_t session, Work when_ended) {
    std::uint64_t number = 0;
    bool first = false;
    {
        const std::scoped_lock lock(mutex_);
        number = next_waiter_++;
        waiters_.emplace(number, Waiter{session, std::move(when_ended)});
        auto& waiting = watched_[session];
        first = waiting.empty();
        waiting.push_back(number);
    }
    if (first) notify("soho.watch_session", session);
    return number;
}

void Upstream::cancel_session_end(std::uint64_t number) {
    Work dropped;  // goes after the lock
    const std::scoped_lock lock(mutex_);
    const auto waiter = waiters_.find(number);
    if (waiter == waiters_.end()) return;
    std::erase(watched_[waiter->second.session], number);  // which stays watched, as it is in the host
    dropped = std::move(waiter->second.work);
    waiters_.erase(waiter);
}

void Upstream::session_ended(std::uint64_t session) {
    std::vector<Work> works;
    {
        const std::scoped_lock lock(mutex_);
        const auto watched = watched_.find(session);
        if (watched == watched_.end()) return;
        for (const std::uint64_t number : watched->second) {
            const auto waiter = waiters_.find(number);
            works.push_back(std::move(waiter->second.work));
            waiters_.erase(waiter);
        }
        watched_.erase(watched);
    }
    for (const Work& work : works) work();
}

// ---- names

Result<void> Upstream::ask_and_wait(std::string_view request, const std::function<void(wire::Out&)>& write_params) {
    auto answer = std::make_shared<std::promise<Result<void>>>();
    auto answered = answer->get_future();
    ask(request, write_params,
        [answer](const Result<data::Bytes>& result) { answer->set_value(without_value(result)); });
    return answered.get();
}

Result<void> Upstream::publish(std::string_view name, const ObjectPtr& object) {
    std::vector<std::uint64_t> held;
    const auto handle = introduce(object, held);
    if (!handle) return tl::unexpected<Error>(handle.error());
    return ask_and_wait("soho.publish", [&](wire::Out& out) {
        out.array(2);
        wire::write_handle(out, *handle, wire::HandleForm::ext);
        out.string(name);
    });
}

Result<void> Upstream::unpublish(std::string_view name) {
    return ask_and_wait("soho.unpublish", [&](wire::Out& out) {
        out.array(1);
        out.string(name);
    });
}

// ---- bytes

// The host knows it only once it has the reply.
void Upstream::introducing(const ObjectPtr& object) {
    if (object->bytes.used() == 0) return;
    services_.home->post(
        [self = std::static_pointer_cast<Upstream>(shared_from_this()), object] { self->charged(*object); });
}

// Many changes are one word.
void Upstream::charged(const Object& object) {
    if (session_->find(object.id()) == nullptr) return;
    {
        const std::scoped_lock lock(mutex_);
        charged_.insert(object.id());
        if (has_charged_.exchange(true, std::memory_order_acq_rel)) return;
    }
    services_.home->post([self = std::static_pointer_cast<Upstream>(shared_from_this())] { self->tell_charges(); });
}

void Upstream::tell_charges() {
    if (!has_charged_.load(std::memory_order_acquire)) return;
    std::set<std::uint64_t> charged;
    {
        const std::scoped_lock lock(mutex_);
        charged.swap(charged_);
        has_charged_.store(false, std::memory_order_release);
    }
    std::vector<ObjectPtr> known;
    for (const std::uint64_t id : charged) {
        if (ObjectPtr object = session_->find(id)) known.push_back(std::move(object));
    }
    if (known.empty()) return;
    notify("soho.charge", [&](wire::Out& out) {
        out.array(1);
        out.array(known.size());
        for (const ObjectPtr& object : known) {
            out.array(2);
            out.unsigned_integer(object->id());
            out.unsigned_integer(object->bytes.used());
        }
    });
}

// ---- replies that nobody got

void Upstream::await_verdict(std::uint32_t msgid, std::unique_ptr<Discardable> discardable) {
    const std::scoped_lock lock(mutex_);
    verdicts_[msgid] = std::move(discardable);
}

void Upstream::verdict(std::uint64_t msgid, bool delivered) {
    std::unique_ptr<Discardable> discardable;
    {
        const std::scoped_lock lock(mutex_);
        const auto found = verdicts_.find(msgid);
        if (found == verdicts_.end()) return;
        discardable = std::move(found->second);
        verdicts_.erase(found);
    }
    if (!delivered) discardable->discard();
}

}  // namespace soho::host
