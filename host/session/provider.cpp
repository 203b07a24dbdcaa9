#include "host/session/provider.hpp"

#include "host/registry/description.hpp"
#include "host/session/caller.hpp"
#include "host/session/params.hpp"
#include "host/session/rights.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace soho::host {

using data::Bytes;
using data::Kind;
using data::Reader;
using data::Token;

namespace {

const Offer::Callee& callee_of(void* context) {
    return static_cast<const Offer::Callee&>(*static_cast<const RemoteCallee*>(context));
}

std::uint32_t create_remote(void* context, const soho_call* call, soho_instance*) {
    const Offer::Callee& callee = callee_of(context);
    const Offer& offer = *callee.offer;
    while (const auto provider = offer.provider()) {
        if (!provider->reserve()) continue;  // another one has taken its place
        const std::uint32_t status = provider->create(callee.name, *call);
        provider->give_back_reservation();
        return status;
    }
    const auto worker = offer.worker();
    const std::string text = worker != nullptr
                                 ? fmt::format("{}: {} was not started", worker->why_absent(), callee.name)
                                 : fmt::format("the provider of {} has gone", callee.name);
    offer.plugin().table().fail(call, SOHO_UNAVAILABLE, {}, to_abi(text), {});
    return SOHO_FAILED;
}

const Method* find_open(const Type& type, std::string_view method, std::string_view who) {
    return callee_of(type.context).offer->open_method(type, method, who);
}

constexpr ProvidedFunctions functions{invoke_remote, create_remote, find_open};

constexpr std::size_t offers_max = 10'000, offers_of_principal_max = 2'000;
constexpr std::size_t offered_bytes_max = 32u << 20;  // by a principal, as MessagePack

struct Asked {
    std::string name, version = "0";
    Bytes types;
    std::vector<Plugin::PendingPublication> publications;  // a worker's only
};

Result<void> read_publications(Bytes value, std::vector<Plugin::PendingPublication>& publications) {
    Reader reader(value);
    Token array;
    reader.next(array);
    for (std::uint32_t i = 0; array.kind == Kind::array && i < array.size; ++i) {
        const Bytes each = reader.take_value();
        Reader parts(each);
        Token three, name, type_id;
        if (!parts.next(three) || three.kind != Kind::array || three.size != 3 || !parts.next(name) ||
            name.kind != Kind::string || !parts.next(type_id) || type_id.kind != Kind::string)
            return bad_arguments("soho.offer: \"publish\" must be an array of [name, typeid, args]");
        publications.push_back(
            {std::string(name.text()), std::string(type_id.text()), std::string(data::as_text(parts.take_value()))});
    }
    return {};
}

Result<Asked> read_offer(Bytes offer, bool of_worker) {
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
        } else if (of_worker && key.text() == "publish") {
            if (auto read = read_publications(value, asked.publications); !read)
                return tl::unexpected<Error>(read.error());
        } else {
            return bad_arguments(fmt::format("soho.offer: no key \"{}\": name, version, types", key.text()));
        }
    }
    if (asked.name.empty() || asked.types.empty()) return bad_arguments("soho.offer: an offer needs a name and types");
    return asked;
}

std::string source_of(Caller& caller) {
    if (const auto& worker = caller.peer().worker) return worker->file();
    return fmt::format("session {} ({})", caller.session()->id(), caller.principal().name);
}

}  // namespace

// ---- offers

// Types stay as long as the host: what one principal may have it keep is bounded.
Result<void> Offers::check_room(Caller& caller, std::size_t bytes) {
    const auto no_room = [](std::string_view whose, const std::string& offers) {
        return refuse(Code::limit,
                      fmt::format("soho.offer: {} made {} to this host since it began, and it keeps them all: "
                                  "only one that was made before, word for word, can be made again",
                                  whose, offers));
    };
    if (all_.size() == offers_max) return no_room("its clients have", fmt::format("{} different offers", offers_max));
    if (caller.peer().worker != nullptr) return {};
    const std::string& principal = caller.principal().name;
    const Made made = made_by_[principal];
    if (made.offers == offers_of_principal_max)
        return no_room(principal + " has", fmt::format("{} different offers", offers_of_principal_max));
    if (made.bytes + bytes > offered_bytes_max)
        return no_room(principal + " has", fmt::format("{} MiB of different offers", offered_bytes_max >> 20));
    return {};
}

// Checked before anything is kept of it.
Result<Offer*> Offers::make(Caller& caller, Bytes text) {
    const auto& worker = caller.peer().worker;
    auto asked = read_offer(text, worker != nullptr);
    if (!asked) return tl::unexpected<Error>(asked.error());
    if (auto room = check_room(caller, text.size()); !room) return tl::unexpected<Error>(room.error());
    if (worker != nullptr && worker->plugin() != asked->name)
        return bad_arguments(
            fmt::format("soho.offer: \"{}\" is not the plugin of this worker, {}", asked->name, worker->plugin()));
    Offer& offer = all_.emplace_back(asked->name, std::string(data::as_text(text)), worker != nullptr);
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
        const auto callee = [&](std::string_view name) -> RemoteCallee* {
            return &offer.callees_.emplace_back(Offer::Callee{{name}, &offer});
        };
        (*type)->type.context = callee((*type)->type.local_id);
        for (Method& method : (*type)->type.methods) method.context = callee(method.name);
        types.push_back(*std::move(type));
    }
    Note note;
    note.name = asked->name;
    note.version = asked->version;
    auto plugin =
        caller.services().registry.provide(std::move(note), source_of(caller), std::move(types), asked->publications);
    if (!plugin) return refused(plugin.error());
    offer.plugin_ = *plugin;
    if (worker == nullptr) {
        Made& made = made_by_[caller.principal().name];
        ++made.offers;
        made.bytes += text.size();
    }
    return &offer;
}

bool Offers::same_owner(const Offer& offer, Caller& caller) {
    const auto& worker = caller.peer().worker;
    return worker != nullptr ? offer.is_of_worker() && offer.name() == worker->plugin() : !offer.is_of_worker();
}

// One that was made before, word for word, and that nobody stands behind now, or another one may; else another.
Result<Offer*> Offers::find(Caller& caller, Bytes text) {
    const auto& worker = caller.peer().worker;
    const bool replaces = worker != nullptr && worker->is_replacing();
    const auto same = std::find_if(all_.begin(), all_.end(), [&](const Offer& offer) {
        return offer.text() == data::as_text(text) && same_owner(offer, caller) &&
               (replaces || offer.provider() == nullptr);
    });
    if (same == all_.end()) return make(caller, text);
    for (const TypePtr& type : same->plugin().types()) {
        if (auto may = check_provide(caller, type->type_id); !may) return tl::unexpected<Error>(may.error());
    }
    return &*same;
}

// Those of a worker that began again are there already, unless its plugin is another now.
Result<void> Offers::enter(Offer& offer, Registry& registry) {
    if (offer.entered_) return {};
    for (Offer& before : all_) {
        if (offer.is_of_worker() && before.is_of_worker() && before.name() == offer.name() &&
            std::exchange(before.entered_, false))
            registry.withdraw(before.plugin());
    }
    auto entered = registry.enter(offer.plugin());
    offer.entered_ = entered.has_value();
    return entered;
}

Result<std::shared_ptr<Provider>> Offers::take(Caller& caller, Bytes text) {
    const std::scoped_lock lock(mutex_);
    auto offer = find(caller, text);
    if (!offer) return tl::unexpected<Error>(offer.error());
    Offer& found = **offer;
    auto provider = std::make_shared<Provider>(caller.services(), caller, found);
    if (provider->worker() != nullptr && provider->worker()->is_replacing()) return provider;
    const auto stand = [&found](std::shared_ptr<Provider> by) {
        const std::scoped_lock of_offer(found.mutex_);
        if (by != nullptr) found.worker_ = by->worker();
        found.provider_ = std::move(by);
    };
    stand(provider);
    if (auto entered = enter(found, caller.services().registry); !entered) {
        stand(nullptr);
        return tl::unexpected<Error>(entered.error());
    }
    return provider;
}

// The one that it stands behind, and from now on no more; null if it does not.
Offer* Offers::offer_of(Provider& provider) {
    for (Offer& offer : all_) {
        const std::scoped_lock of_offer(offer.mutex_);
        if (offer.provider_.get() != &provider) continue;
        offer.provider_.reset();  // whoever asks keeps it
        return &offer;
    }
    return nullptr;
}

void Offers::withdraw(Provider& provider, Registry& registry) {
    const auto kept = provider.shared_from_this();
    const std::scoped_lock lock(mutex_);
    Offer* const offer = offer_of(provider);
    if (offer != nullptr && std::exchange(offer->entered_, false)) registry.withdraw(offer->plugin());
}

void Offers::vacate(Provider& provider) {
    const auto kept = provider.shared_from_this();
    const std::scoped_lock lock(mutex_);
    offer_of(provider);
}

Result<std::shared_ptr<Provider>> Offers::replace(Provider& provider, Registry& registry) {
    auto standing = std::static_pointer_cast<Provider>(provider.shared_from_this());
    const std::scoped_lock lock(mutex_);
    Offer& offer = provider.offer_;
    if (provider.has_gone())
        return refuse(Code::unavailable, fmt::format("{}: its worker has ended", provider.worker()->file()));
    const auto before = std::find_if(all_.begin(), all_.end(), [&](const Offer& other) {
        return other.is_of_worker() && other.name() == offer.name() && other.entered_;
    });
    // Before anybody can ask for its types; who has asked for those before gets them where they are.
    const auto stand = [&offer](std::shared_ptr<Provider> by) {
        const std::scoped_lock of_offer(offer.mutex_);
        offer.worker_ = by != nullptr ? by->worker() : offer.worker_;
        return std::exchange(offer.provider_, std::move(by));
    };
    auto last = stand(std::move(standing));
    if (before != all_.end() && &*before == &offer) return last;
    auto entered =
        before == all_.end() ? registry.enter(offer.plugin()) : registry.replace(before->plugin(), offer.plugin());
    if (!entered) {
        stand(std::move(last));
        return tl::unexpected<Error>(entered.error());
    }
    offer.entered_ = true;
    if (before == all_.end()) return nullptr;
    before->entered_ = false;
    return before->provider();
}

bool Offers::retire_if_idle(Provider& provider) {
    std::shared_ptr<Provider> last;  // goes after the lock
    const std::scoped_lock lock(mutex_);
    Offer& offer = provider.offer_;
    const bool stands = offer.provider().get() == &provider;
    // Where it stands behind its types still, a create that began before it was replaced may be on its way.
    if (stands && (offer.entered_ || !offer.plugin().is_unused())) return false;
    if (!provider.close_if_idle()) return false;
    const std::scoped_lock of_offer(offer.mutex_);
    if (stands) last = std::exchange(offer.provider_, nullptr);
    return true;
}

// ---- a provider

Provider::Provider(Services& services, Caller& caller, Offer& offer)
    : Link(services, caller, Provides::they),
      offer_(offer),
      worker_(caller.peer().worker) {}

TypePtr Provider::type_of(std::string_view type_id) { return offer_.plugin().find_local(type_id); }

std::string Provider::text() const {
    if (worker_ != nullptr) return fmt::format("worker of plugin {}", offer_.name());
    return fmt::format("provider {} (session {}, {})", offer_.name(), session_->id(), session_->principal().name);
}

Result<void> Provider::write_options(const soho_call& call, const wire::HandleVisitor& visit, wire::Out& out) {
    return OptionsWriter()
        .text("owner", call.owner)
        .text("principal", call.principal)
        .text("trace", call.trace)
        .number("session", call.session)
        .number("origin_session", call.origin_session)
        .deadline(call.deadline_ns)
        .flag("oneway", (call.flags & SOHO_CALL_ONEWAY) != 0)
        .write(call.kwargs, visit, out);
}

std::string Provider::how_it_ended() const {
    const std::scoped_lock lock(mutex_);
    return how_.empty() ? fmt::format("{} has gone", text()) : fmt::format("{} {}", text(), how_);
}

std::string Provider::why_not_started(std::string_view callee, Of of) const {
    return fmt::format("{}{}: {} was not started", how_it_ended(), of == Of::object ? ", and this object with it" : "",
                       callee);
}

std::string Provider::why_lost(std::string_view callee) const {
    return fmt::format("{}: {} may have run", how_it_ended(), callee);
}

void Provider::watch_session(std::uint64_t session) {
    {
        const std::scoped_lock lock(mutex_);
        if (!watched_.emplace(session, 0).second) return;
    }
    const auto ended = [weak = weak_from_this(), session] {
        const auto self = std::static_pointer_cast<Provider>(weak.lock());
        if (self == nullptr) return;
        {
            const std::scoped_lock lock(self->mutex_);
            self->watched_.erase(session);
        }
        self->notify("soho.session_end", session);
    };
    const std::uint64_t waiter = services_.sessions.on_session_end(session, ended);
    const std::scoped_lock lock(mutex_);
    if (const auto watched = watched_.find(session); watched != watched_.end()) watched->second = waiter;
}

void Provider::set_bytes(std::uint64_t id, std::uint64_t bytes) {
    const auto remote = find_remote(id);
    if (remote == nullptr) return;
    for (const ObjectPtr& object : services_.objects.all_of(remote.get())) {
        const std::uint64_t before = object->bytes.used();
        for (Quota* quota : {&object->bytes, &object->account().bytes, &object->type().plugin->bytes}) {
            if (bytes > before) {
                quota->take(bytes - before, UINT64_MAX);
            } else {
                quota->give_back_at_most(before - bytes);
            }
        }
        return;  // one instance holds it, under however many typeids
    }
}

void Provider::gone(std::string_view why) {
    if (!leave()) return;
    std::unordered_map<std::uint64_t, std::uint64_t> watched;
    {
        const std::scoped_lock lock(mutex_);
        watched.swap(watched_);
    }
    for (const auto& [session, waiter] : watched) services_.sessions.cancel_session_end(waiter);
    if (worker_ != nullptr) {
        services_.offers->vacate(*this);
        return worker_->left(std::static_pointer_cast<Provider>(shared_from_this()));
    }
    services_.log.host.info("{} is gone: {}", text(), why);
    services_.offers->withdraw(*this, services_.registry);
    lose_objects();
    fail_owed();
}

void Provider::died(std::string how) {
    {
        const std::scoped_lock lock(mutex_);
        how_ = std::move(how);
    }
    lose_objects();
    fail_owed();
}

}  // namespace soho::host
