#include "host/session/control.hpp"

#include "host/registry/plugin.hpp"
#include "host/registry/suggest.hpp"
#include "host/session/describe.hpp"
#include "host/session/hello.hpp"
#include "host/session/login.hpp"
#include "host/session/params.hpp"
#include "host/session/provider.hpp"
#include "host/session/report.hpp"
#include "host/session/resolve.hpp"
#include "host/session/rights.hpp"
#include "host/session/upstream.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <algorithm>

namespace soho::host {

using data::Kind;
using data::Reader;
using data::Token;

namespace {

using Context = Control::Context;

Result<std::string_view> text_param(const Context& context, std::size_t index, std::string_view what) {
    const Token token = first_token(context.params[index]);
    if (token.kind != Kind::string)
        return bad_arguments(
            fmt::format("{}: {} must be a string, not {}", context.request.method, what, kind_name(token.kind)));
    return token.text();
}

Result<std::uint64_t> number_param(const Context& context, std::size_t index, std::string_view what) {
    const Token token = first_token(context.params[index]);
    if (token.kind != Kind::unsigned_integer)
        return bad_arguments(fmt::format("{}: {} must be an unsigned integer, not {}", context.request.method, what,
                                         kind_name(token.kind)));
    return token.unsigned_value;
}

Result<RequestOptions> options_param(const Context& context, std::size_t index,
                                     std::initializer_list<std::string_view> allowed) {
    return parse_options(context.params.size() > index ? context.params[index] : data::Bytes{}, context.request.method,
                         allowed);
}

Result<void> give_handle(Context& context, const ObjectPtr& object) {
    context.caller.session();
    const auto handle = context.caller.replies().introduce(object, context.undelivered);
    if (!handle) return tl::unexpected<Error>(handle.error());
    wire::write_handle(context.out, *handle, context.caller.replies().handle_form());
    return {};
}

Result<void> done(Context& context) {
    context.out.nil();
    return {};
}

Result<void> open(Context& context) {
    const auto name = text_param(context, 0, "the name");
    if (!name) return tl::unexpected<Error>(name.error());
    const auto object = find_name(context.caller, *name);
    if (!object) return tl::unexpected<Error>(object.error());
    return give_handle(context, *object);
}

Result<void> publish(Context& context) {
    const auto object = find_target(context.caller, context.params[0]);
    if (!object) return tl::unexpected<Error>(object.error());
    const auto name = text_param(context, 1, "the name");
    if (!name) return tl::unexpected<Error>(name.error());
    const auto options = options_param(context, 2, {"session"});
    if (!options) return tl::unexpected<Error>(options.error());
    if (auto may = check_publish(context.caller, **object, *name); !may) return may;
    const std::uint64_t session = options->session ? context.caller.session()->id() : 0;
    if (auto published = context.services.names.publish(*name, {*object, context.caller.principal().name, session});
        !published)
        return published;
    return done(context);
}

Result<void> unpublish(Context& context) {
    const auto name = text_param(context, 0, "the name");
    if (!name) return tl::unexpected<Error>(name.error());
    const Principal& principal = context.caller.principal();
    if (auto gone = context.services.names.unpublish(*name, principal.name, context.caller.access().grants().admin());
        !gone)
        return gone;
    return done(context);
}

Result<void> retain(Context& context) {
    const auto object = find_target(context.caller, context.params[0]);
    if (!object) return tl::unexpected<Error>(object.error());
    return give_handle(context, *object);
}

// Each pair is checked before any takes effect.
Result<void> release(Context& context) {
    std::vector<Session::Held> pairs;
    for (const data::Bytes param : context.params) {
        Reader reader(param);
        Token pair, id, count;
        if (!reader.next(pair) || pair.kind != Kind::array || pair.size != 2 || !reader.next(id) ||
            id.kind != Kind::unsigned_integer || !reader.next(count) || count.kind != Kind::unsigned_integer) {
            return bad_arguments("soho.release takes pairs [id, count]");
        }
        pairs.push_back({id.unsigned_value, count.unsigned_value});
    }
    for (const auto& [id, count] : pairs) {
        const std::uint64_t given_back =
            context.caller.has_session() ? context.caller.session()->release(id, count) : 0;
        if (given_back != count) context.services.releases_clamped.fetch_add(1, std::memory_order_relaxed);
    }
    return done(context);
}

Result<void> share(Context& context) {
    const auto object = find_target(context.caller, context.params[0]);
    if (!object) return tl::unexpected<Error>(object.error());
    const auto ttl_ms = number_param(context, 1, "ttl_ms");
    if (!ttl_ms) return tl::unexpected<Error>(ttl_ms.error());
    const auto options = options_param(context, 2, {"uses"});
    if (!options) return tl::unexpected<Error>(options.error());
    if (auto may = check_right(context.caller, right_share, **object, "share"); !may) return may;
    const auto ttl = static_cast<std::int64_t>(std::min<std::uint64_t>(*ttl_ms, INT64_MAX));
    const auto ticket = context.services.tickets.share(*object, ttl, options->uses, *context.caller.session());
    if (!ticket) return tl::unexpected<Error>(ticket.error());
    context.out.string(*ticket);
    return {};
}

Result<void> claim(Context& context) {
    const auto ticket = text_param(context, 0, "the ticket");
    if (!ticket) return tl::unexpected<Error>(ticket.error());
    const auto object = context.services.tickets.claim(
        *ticket, [&](const Object& claimed) { return may_know(context.caller, claimed); });
    if (!object) return tl::unexpected<Error>(object.error());
    return give_handle(context, *object);
}

Result<void> cancel(Context& context) {
    const auto msgid = number_param(context, 0, "the msgid");
    if (!msgid) return tl::unexpected<Error>(msgid.error());
    if (*msgid <= UINT32_MAX) context.caller.cancel(static_cast<std::uint32_t>(*msgid));
    return done(context);
}

Result<void> types(Context& context) {
    const auto snapshot = context.services.registry.snapshot();
    if (context.params.empty()) {
        std::vector<const Type*> known;
        for (const auto& [name, type] : snapshot->types) {
            if (may_know(context.caller, *type)) known.push_back(type.get());
        }
        context.out.array(known.size());
        for (const Type* type : known) describe_type(*type, context.out);
        return {};
    }
    const auto type_id = text_param(context, 0, "the typeid");
    if (!type_id) return tl::unexpected<Error>(type_id.error());
    const TypePtr* type = snapshot->find(*type_id);
    if (type == nullptr || !may_know(context.caller, **type))
        return tl::unexpected<Error>(no_type(context.caller, *type_id));
    describe_type(**type, context.out);
    return {};
}

Result<void> names(Context& context) {
    auto known = context.services.names.all();
    std::erase_if(known, [&](const auto& entry) { return !may_know(context.caller, *entry.second.object); });
    context.out.array(known.size());
    for (const auto& [name, entry] : known) {
        const bool lost = entry.object->lost;
        context.out.map(3 + lost);
        context.out.string("name");
        context.out.string(name);
        context.out.string("type");
        context.out.string(entry.object->type().type_id);
        context.out.string("id");
        context.out.unsigned_integer(entry.object->id());
        if (!lost) continue;
        context.out.string("lost");
        context.out.boolean(true);
    }
    return {};
}

void write_texts(std::string_view key, const std::vector<std::string>& texts, wire::Out& out) {
    out.string(key);
    out.array(texts.size());
    for (const std::string& text : texts) out.string(text);
}

void write_rights(std::uint32_t rights, wire::Out& out) {
    std::vector<std::string_view> names;
    for (std::size_t bit = 0; bit < right_names.size(); ++bit) {
        if ((rights & (1u << bit)) != 0) names.push_back(right_names[bit]);
    }
    out.array(names.size());
    for (const auto name : names) out.string(name);
}

// `rights` are those on everything; what the rules give for some types is in `rules`.
Result<void> whoami(Context& context) {
    const Principal& principal = context.caller.principal();
    const Grants& grants = context.caller.access().grants();
    context.out.map(5);
    context.out.string("session");
    context.out.unsigned_integer(context.caller.identified() ? context.caller.session()->id() : 0);
    context.out.string("principal");
    context.out.string(principal.name);
    context.out.string("rights");
    write_rights(principal.rights, context.out);
    context.out.string("rules");
    context.out.array(grants.rules().size());
    for (const AccessRule& rule : grants.rules()) {
        context.out.map(4);
        write_texts("types", rule.types, context.out);
        write_texts("names", rule.names, context.out);
        write_texts("methods", rule.methods, context.out);
        context.out.string("rights");
        write_rights(rule.rights, context.out);
    }
    context.out.string("instance");
    context.out.string(context.services.instance);
    return {};
}

Result<void> objects(Context& context) {
    const auto options = options_param(context, 0, {"referrers"});
    if (!options) return tl::unexpected<Error>(options.error());
    report_objects(context.services, context.caller, options->referrers, context.out);
    return {};
}

Result<void> stats(Context& context) {
    const auto options = options_param(context, 0, {"methods"});
    if (!options) return tl::unexpected<Error>(options.error());
    report_stats(context.services, context.caller, options->methods, context.out);
    return {};
}
Result<void> health(Context& context) {
    report_health(context.services, context.out);
    return {};
}
Result<void> sessions(Context& context) {
    report_sessions(context.services, context.out);
    return {};
}
Result<void> plugins(Context& context) {
    report_plugins(context.services, context.out);
    return {};
}

Result<void> drop(Context& context) {
    const auto id = number_param(context, 0, "the id");
    if (!id) return tl::unexpected<Error>(id.error());
    Services& services = context.services;
    const ObjectPtr object = services.objects.find(*id);
    if (object == nullptr) return tl::unexpected<Error>(services.objects.no_object(*id));
    services.log.host.warn("session {} ({}) drops #{} ({})", context.caller.session()->id(),
                           context.caller.principal().name, *id, object->type().type_id);
    services.names.drop_object(*id);
    services.tickets.drop_object(*id);
    for (const SessionPtr& session : services.sessions.all()) session->drop(*id);
    services.references.drop(*id);
    return done(context);
}

// What a call would be answered, and why: for those who write the rules.
Result<void> access(Context& context) {
    const auto name = text_param(context, 0, "the principal");
    if (!name) return tl::unexpected<Error>(name.error());
    const auto type_id = text_param(context, 1, "the typeid");
    if (!type_id) return tl::unexpected<Error>(type_id.error());
    const auto method = text_param(context, 2, "the method");
    if (!method) return tl::unexpected<Error>(method.error());
    const TypePtr* type = context.services.registry.snapshot()->find(*type_id);
    if (type == nullptr) return tl::unexpected<Error>(no_type(context.caller, *type_id));
    const Verdict verdict = explain(context.services.access, std::string(*name), **type, *method);
    context.out.map(2);
    context.out.string("allowed");
    context.out.boolean(verdict.allowed);
    context.out.string("why");
    context.out.string(verdict.why);
    return {};
}

// A level for a plugin that is not there would change nothing, and say nothing.
Result<void> check_plugin_logs(const Context& context, std::string_view subsystem) {
    constexpr std::string_view prefix = "plugin.";
    if (!subsystem.starts_with(prefix)) return {};
    const std::string_view name = subsystem.substr(prefix.size());
    std::vector<std::string_view> loaded;
    const auto snapshot = context.services.registry.snapshot();
    for (const Plugin* plugin : snapshot->plugins) loaded.push_back(plugin->name());
    if (std::find(loaded.begin(), loaded.end(), name) != loaded.end()) return {};
    return bad_arguments(fmt::format("no plugin \"{}\" is loaded{}", name, suggestion(name, loaded)));
}

Result<void> log_level(Context& context) {
    const auto level = text_param(context, 0, "the level");
    if (!level) return tl::unexpected<Error>(level.error());
    std::string_view subsystem;
    if (context.params.size() > 1) {
        const auto named = text_param(context, 1, "the subsystem");
        if (!named) return tl::unexpected<Error>(named.error());
        subsystem = *named;
        if (auto there = check_plugin_logs(context, subsystem); !there) return there;
    }
    if (auto set = context.services.log.set_level(*level, subsystem); !set) return set;
    return done(context);
}

Result<void> offer(Context& context) {
    Caller& caller = context.caller;
    if (caller.provider() != nullptr)
        return refuse(Code::exists,
                      fmt::format("this connection has offered {} already: offer all types at once, or on another",
                                  caller.provider()->offer().name()));
    if (caller.replies().handle_form() != wire::HandleForm::ext)
        return bad_arguments("soho.offer: a provider must ask for handles \"ext\" in its hello");
    if (!context.request.wants_reply)
        return bad_arguments("soho.offer must be a request: nothing is sent before its reply");
    caller.session();
    auto provider = context.services.offers->take(caller, context.params[0]);
    if (!provider) return tl::unexpected<Error>(provider.error());
    caller.set_link(*provider);
    Plugin& plugin = (*provider)->offer().plugin();
    if (const auto& worker = caller.peer().worker) {
        worker->offered(*provider);
    } else {
        context.services.log.host.info("provider {} {} of session {} ({}): {} types", plugin.name(), plugin.version(),
                                       caller.session()->id(), caller.principal().name, plugin.types().size());
    }
    return done(context);
}

Result<void> withdraw(Context& context) {
    if (context.caller.provider() == nullptr) return refuse(Code::no_object, "this connection has offered nothing");
    context.services.offers->withdraw(*context.caller.provider(), context.services.registry);
    return done(context);
}

// It asks to be told whether its reply to that request was delivered.
Result<void> notice(Context& context) {
    const auto msgid = number_param(context, 0, "the msgid");
    if (!msgid) return tl::unexpected<Error>(msgid.error());
    if (context.caller.provider() == nullptr) return refuse(Code::denied, "soho.notice is for providers");
    if (*msgid <= UINT32_MAX) context.caller.provider()->want_verdict(static_cast<std::uint32_t>(*msgid));
    return done(context);
}

// What its objects hold: [[id, bytes], …].
Result<void> charge(Context& context) {
    Provider* const provider = context.caller.provider();
    if (provider == nullptr) return refuse(Code::denied, "soho.charge is for providers");
    Reader reader(context.params[0]);
    Token array, pair, id, bytes;
    reader.next(array);
    if (array.kind != Kind::array) return bad_arguments("soho.charge takes an array of pairs [id, bytes]");
    for (std::uint32_t i = 0; i < array.size; ++i) {
        if (!reader.next(pair) || pair.kind != Kind::array || pair.size != 2 || !reader.next(id) ||
            id.kind != Kind::unsigned_integer || !reader.next(bytes) || bytes.kind != Kind::unsigned_integer)
            return bad_arguments("soho.charge takes an array of pairs [id, bytes]");
        provider->set_bytes(id.unsigned_value, bytes.unsigned_value);
    }
    return done(context);
}

// It asks to be told when that session ends.
Result<void> watch_session(Context& context) {
    const auto session = number_param(context, 0, "the session");
    if (!session) return tl::unexpected<Error>(session.error());
    Provider* const provider = context.caller.provider();
    if (provider == nullptr) return refuse(Code::denied, "soho.watch_session is for providers");
    provider->watch_session(*session);
    return done(context);
}

// What the host tells a worker; nobody else has anything to tell here.
template <class Tell>
Result<void> told(Context& context, Tell tell) {
    const auto number = number_param(context, 0, "what it is about");
    if (!number) return tl::unexpected<Error>(number.error());
    Link* const link = context.caller.link();
    Upstream* const host = link != nullptr ? link->upstream() : nullptr;
    if (host == nullptr)
        return refuse(Code::denied, fmt::format("{} is for providers to hear", context.request.method));
    tell(*host, *number);
    return done(context);
}

Result<void> session_end(Context& context) {
    return told(context, [](Upstream& host, std::uint64_t session) { host.session_ended(session); });
}
Result<void> delivered(Context& context) {
    return told(context, [](Upstream& host, std::uint64_t msgid) { host.verdict(msgid, true); });
}
Result<void> discarded(Context& context) {
    return told(context, [](Upstream& host, std::uint64_t msgid) { host.verdict(msgid, false); });
}

Result<void> shutdown(Context& context) {
    context.services.log.host.info("session {} ({}) asks for the host's end", context.caller.session()->id(),
                                   context.caller.principal().name);
    context.services.shutdown();
    return done(context);
}

// A call that something else completes, on whatever thread. As any other it can be cancelled, which ends the waiting alone.
Result<std::shared_ptr<Call>> reply_later(Context& context) {
    auto type = std::make_shared<Type>();
    type->type_id = context.request.method;
    type->flags = SOHO_TYPE_CONCURRENT;
    type->create_number = UINT32_MAX;  // counted with all that there is no room for
    CallContext of;
    of.session = of.origin_session = context.caller.session()->id();
    of.principal = context.caller.principal().name;
    auto call = context.caller.make_call(context.request, of, 0, false, context.seat);
    if (!call) return call;
    (*call)->set_create(std::move(type), {}, {});
    context.later = true;
    return call;
}

// Small files are read on the reactor: an admin has asked for it.
Result<void> reload(Context& context) {
    context.services.log.host.info("session {} ({}) asks for a reload", context.caller.session()->id(),
                                   context.caller.principal().name);
    auto reloaded = context.services.reload();
    if (!reloaded) return tl::unexpected<Error>(reloaded.error());
    const auto call = reply_later(context);
    if (!call) return tl::unexpected<Error>(call.error());
    context.services.reload_changed_plugins(
        [call = *call, reloaded = *std::move(reloaded)](const std::vector<PluginReloaded>& plugins) {
            Outcome outcome;
            wire::Out out(outcome.value);
            out.map(plugins.empty() ? 2 : 3);
            write_texts("changed", reloaded.changed, out);
            write_texts("needs_restart", reloaded.needs_restart, out);
            if (!plugins.empty()) {
                out.string("plugins");
                out.array(plugins.size());
                for (const PluginReloaded& each : plugins) report_reloaded(each, out);
            }
            call->complete(std::move(outcome));
        });
    return {};
}

// A plugin's code runs meanwhile, elsewhere.
Result<void> reload_plugin(Context& context) {
    const auto name = text_param(context, 0, "the plugin");
    if (!name) return tl::unexpected<Error>(name.error());
    PluginReload what{std::string(*name)};
    if (context.params.size() > 1 && first_token(context.params[1]).kind != Kind::nil) {
        const auto file = text_param(context, 1, "the file");
        if (!file) return tl::unexpected<Error>(file.error());
        if (!file->starts_with('/'))
            return bad_arguments(
                fmt::format("{}: the file must be an absolute path, not \"{}\"", context.request.method, *file));
        what.file = *file;
    }
    const auto options = options_param(context, 2, {"force"});
    if (!options) return tl::unexpected<Error>(options.error());
    what.force = options->force;
    context.services.log.host.info("session {} ({}) asks for a reload of plugin {}{}{}", context.caller.session()->id(),
                                   context.caller.principal().name, what.plugin, what.file.empty() ? "" : " from ",
                                   what.file);
    const auto call = reply_later(context);
    if (!call) return tl::unexpected<Error>(call.error());
    context.services.reload_plugin(std::move(what), [call = *call](PluginReloaded reloaded) {
        Outcome outcome;
        wire::Out out(outcome.value);
        if (reloaded.error.code == Code::ok) {
            report_reloaded(reloaded, out);
        } else {
            outcome.error = std::move(reloaded.error);
        }
        call->complete(std::move(outcome));
    });
    return {};
}

constexpr Control::Method methods[] = {
    {"soho.hello", hello, Control::Needs::nothing, 1, 1, "[options]"},
    {"soho.auth", authenticate, Control::Needs::nothing, 1, 3, "[mechanism, …]"},
    {"soho.open", open, Control::Needs::admission, 1, 1, "[name]"},
    {"soho.publish", publish, Control::Needs::admission, 2, 3, "[target, name, options?]"},
    {"soho.unpublish", unpublish, Control::Needs::admission, 1, 1, "[name]"},
    {"soho.retain", retain, Control::Needs::admission, 1, 1, "[target]"},
    {"soho.release", release, Control::Needs::nothing, 0, UINT32_MAX, "[[id, count], …]"},
    {"soho.share", share, Control::Needs::admission, 2, 3, "[target, ttl_ms, options?]"},
    {"soho.claim", claim, Control::Needs::admission, 1, 1, "[ticket]"},
    {"soho.cancel", cancel, Control::Needs::nothing, 1, 1, "[msgid]"},
    {"soho.types", types, Control::Needs::admission, 0, 1, "[typeid?]"},
    {"soho.names", names, Control::Needs::admission, 0, 0, "[]"},
    {"soho.offer", offer, Control::Needs::admission, 1, 1, "[{name, version?, types}]"},
    {"soho.withdraw", withdraw, Control::Needs::admission, 0, 0, "[]"},
    {"soho.notice", notice, Control::Needs::admission, 1, 1, "[msgid]"},
    {"soho.charge", charge, Control::Needs::admission, 1, 1, "[[[id, bytes], …]]"},
    {"soho.watch_session", watch_session, Control::Needs::admission, 1, 1, "[session]"},
    {"soho.session_end", session_end, Control::Needs::admission, 1, 1, "[session]"},
    {"soho.delivered", delivered, Control::Needs::admission, 1, 1, "[msgid]"},
    {"soho.discarded", discarded, Control::Needs::admission, 1, 1, "[msgid]"},
    {"soho.ping", done, Control::Needs::nothing, 0, 0, "[]"},
    {"soho.whoami", whoami, Control::Needs::nothing, 0, 0, "[]"},
    {"soho.objects", objects, Control::Needs::admission, 0, 1, "[options?]"},
    {"soho.stats", stats, Control::Needs::admission, 0, 1, "[options?]"},
    {"soho.health", health, Control::Needs::admission, 0, 0, "[]"},
    {"soho.sessions", sessions, Control::Needs::admin, 0, 0, "[]"},
    {"soho.plugins", plugins, Control::Needs::admin, 0, 0, "[]"},
    {"soho.access", access, Control::Needs::admin, 3, 3, "[principal, typeid, method]"},
    {"soho.drop", drop, Control::Needs::admin, 1, 1, "[id]"},
    {"soho.log_level", log_level, Control::Needs::admin, 1, 2, "[level, subsystem?]"},
    {"soho.reload", reload, Control::Needs::admin, 0, 0, "[]"},
    {"soho.reload_plugin", reload_plugin, Control::Needs::admin, 1, 3, "[plugin, file?, options?]"},
    {"soho.shutdown", shutdown, Control::Needs::admin, 0, 0, "[]"},
};

constexpr std::string_view reserved[] = {"soho.state", "soho.subscribe"};

Result<const Control::Method*> find_method(std::string_view name) {
    const auto found = std::find_if(std::begin(methods), std::end(methods),
                                    [&](const Control::Method& method) { return method.name == name; });
    if (found != std::end(methods)) return &*found;
    std::vector<std::string_view> known = {"soho.call", "soho.create"};
    for (const auto& method : methods) known.push_back(method.name);
    // Names with a meaning that this host does not have yet: who says one means no other.
    if (std::find(std::begin(reserved), std::end(reserved), name) != std::end(reserved)) known.clear();
    return refuse(Code::no_method, fmt::format("this host has no method \"{}\"{}", name, suggestion(name, known)));
}

Result<void> check_needs(Control::Needs needs, Caller& caller, std::string_view method) {
    if (needs == Control::Needs::nothing) return {};
    if (auto admitted = check_admitted(caller); !admitted) return admitted;
    if (needs == Control::Needs::admission || caller.access().grants().admin()) return {};
    return refuse(Code::denied, fmt::format("{} may not use {}", caller.principal().name, method));
}

Result<std::vector<data::Bytes>> take_params(const Control::Method& method, data::Bytes params) {
    Reader reader(params);
    const Token array = first_token(params);
    Token header;
    reader.next(header);
    if (array.size < method.params_min || array.size > method.params_max)
        return bad_arguments(fmt::format("{} takes {}, {} given", method.name, method.form, array.size));
    std::vector<data::Bytes> values;
    for (std::uint32_t i = 0; i < array.size; ++i) values.push_back(reader.take_value());
    return values;
}

}  // namespace

void Control::run(Caller& caller, const wire::Request& request, Seat& seat) const {
    const auto method = find_method(request.method);
    if (!method) {
        if (!request.wants_reply) return;  // an unknown notification is nothing to complain about
        return caller.replies().refuse(request, method.error(), {}, seat);
    }
    if (auto may = check_needs((*method)->needs, caller, request.method); !may)
        return caller.replies().refuse(request, may.error(), {}, seat);
    auto params = take_params(**method, request.params);
    if (!params) return caller.replies().refuse(request, params.error(), {}, seat);

    const std::size_t start = seat.out.size();
    wire::Out out(seat.out);
    wire::begin_reply(out, request.msgid);
    Context context{services_, caller, request, seat, *std::move(params), out, {}, false};
    const auto ran = (*method)->handler(context);
    if (!ran) {
        seat.out.truncate(start);
        context.undelivered.discard();
        return caller.replies().refuse(request, ran.error(), {}, seat);
    }
    if (!request.wants_reply || context.later) {
        seat.out.truncate(start);
        context.undelivered.discard();
    } else if (!context.undelivered.empty()) {
        caller.replies().notice(std::move(context.undelivered), seat);
    }
}

}  // namespace soho::host
