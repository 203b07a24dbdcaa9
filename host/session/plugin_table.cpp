#include "host/session/plugin_table.hpp"

#include "host/object/call.hpp"
#include "host/session/hello.hpp"
#include "host/session/ref_call.hpp"
#include "host/session/upstream.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cstring>
#include <future>
#include <iterator>
#include <new>

namespace soho::host {

namespace {

// A function as plugins call it: nothing may be thrown through one in C. Where there is no memory it answers `otherwise`.
template <auto function, auto... otherwise>
struct Fence;
template <class Answer, class... Args, Answer (*function)(Args...), auto... otherwise>
struct Fence<function, otherwise...> {
    static Answer call(Args... args) try { return function(args...); } catch (const std::bad_alloc&) {
        return Answer(otherwise...);
    }
};
template <auto function, auto... otherwise>
constexpr auto fenced = &Fence<function, otherwise...>::call;

Services& services_of(const soho_host* host) { return *static_cast<Services*>(Plugin::of(host).services()); }

// The object of that id, for what a plugin wants of it later. Null also where it was moved to another version of the plugin: this one's
// code has nothing to do with it any more.
struct FoundObject {
    ObjectPtr object;
    const Type* type = nullptr;  // that it was found with
};
FoundObject find_for(const soho_host* host, std::uint64_t id) {
    const Plugin& plugin = Plugin::of(host);
    ObjectPtr object = services_of(host).objects.find(id);
    if (object == nullptr) return {};
    const Type& type = object->type();
    if (type.plugin != &plugin && type.plugin->name() == plugin.name()) return {};
    return {std::move(object), &type};
}

PluginTask task_of(const soho_host* host, const soho_task* given) { return PluginTask(*given, Plugin::of(host).use()); }

// A plugin's task that waits for something to happen, and then runs in an object's turn. It does not keep the object alive.
struct Waiting {
    Waiting(const Plugin& plugin_, const char* part_, PluginTask task_, const FoundObject& found, bool in_turn_)
        : plugin(plugin_),
          part(part_),
          task(std::move(task_)),
          object(found.object),
          type(found.type),
          in_turn(in_turn_) {}

    const Plugin& plugin;
    const char* const part;  // what the task is
    PluginTask task;
    std::weak_ptr<Object> object;
    const Type* const type;  // … as it was
    const bool in_turn;
    std::atomic<bool> cancelled{false};
    std::atomic<bool> posted{false};  // and has not begun: a busy object misses ticks, they do not pile up
};

// As a task of its own, so that the Waiting can be run more than once.
PluginTask shared_task(std::shared_ptr<Waiting> waiting) {
    auto* shared = new std::shared_ptr<Waiting>(std::move(waiting));
    soho_task task{};
    task.size = sizeof task;
    task.context = shared;
    task.run = [](void* context) {
        Waiting& it = **static_cast<std::shared_ptr<Waiting>*>(context);
        it.posted.store(false, std::memory_order_release);
        if (!it.cancelled.load(std::memory_order_acquire)) it.task.run();
    };
    task.dispose = [](void* context) { delete static_cast<std::shared_ptr<Waiting>*>(context); };
    return PluginTask(task);
}

// False where its object has gone.
bool run_waiting(Services& services, const std::shared_ptr<Waiting>& waiting) {
    if (waiting->cancelled.load(std::memory_order_acquire)) return false;
    if (waiting->posted.exchange(true, std::memory_order_acq_rel)) return true;
    if (!waiting->in_turn) {
        post_at_home(*services.home, waiting->plugin, waiting->part, shared_task(waiting));
        return true;
    }
    const ObjectPtr object = waiting->object.lock();
    if (object == nullptr || &object->type() != waiting->type) return false;
    post_to_turn(object, shared_task(waiting), waiting->type);
    return true;
}

// ---- references

int ref_retain(const soho_host* host, std::uint64_t id, std::uint64_t holder) {
    Services& services = services_of(host);
    const ObjectPtr object = services.objects.find(id);
    if (object == nullptr) return 1;
    services.references.retain(&Plugin::of(host), holder, object);
    return 0;
}

void ref_release(const soho_host* host, std::uint64_t id, std::uint64_t holder) {
    ObjectPtr last = services_of(host).references.release(&Plugin::of(host), holder, id);
    Invocation* const running = Invocation::current();
    // The running method may just have written a handle of it into its result.
    if (last != nullptr && running != nullptr) running->keep(std::move(last));
}

std::uint64_t object_new(const soho_host* host, soho_text type_id, const soho_instance* given, std::uint64_t holder) {
    Services& services = services_of(host);
    Plugin& plugin = Plugin::of(host);
    soho_instance instance{};
    std::memcpy(&instance, given, std::min<std::size_t>(given->size, sizeof instance));
    const TypePtr type = plugin.find_local(text_of(type_id));
    if (type == nullptr || instance.self == nullptr) {
        if (instance.release != nullptr) instance.release(instance.owner);
        return 0;
    }
    const std::string principal = "plugin:" + plugin.name();
    const auto object = services.objects.adopt(type, instance, principal, *services.home);
    if (!object) {
        if (object.error().code == Code::limit)
            services.allowances.hits().hit(&Limits::principal_objects_max, principal);
        return 0;
    }
    services.references.retain(&plugin, holder, *object);
    return (*object)->id();
}

// The type outlives its object: plugins are never unloaded.
soho_text object_type(const soho_host* host, std::uint64_t id) {
    const ObjectPtr object = services_of(host).objects.find(id);
    return object != nullptr ? to_abi(object->type().type_id) : soho_text{};
}

// ---- later

int post_task(const soho_host* host, std::uint64_t id, const soho_task* given) {
    Services& services = services_of(host);
    PluginTask task = task_of(host, given);
    if (id == 0) {
        post_at_home(*services.home, Plugin::of(host), "a task", std::move(task));
        return 0;
    }
    const FoundObject found = find_for(host, id);
    if (found.object == nullptr) return 1;
    post_to_turn(found.object, std::move(task), found.type);
    return 0;
}

// A timer of a plugin; known by its number while it may still run.
struct PluginTimer {
    std::shared_ptr<Waiting> waiting;
    std::int64_t period_ns = 0;
    std::atomic<Timers::Id> timer{0};
};

void start_timer(Services& services, const std::shared_ptr<PluginTimer>& timer, std::int64_t due_ns) {
    timer->timer = services.timers.start(due_ns, [&services, timer, due_ns] {
        const bool lives = run_waiting(services, timer->waiting);
        if (lives && timer->period_ns > 0)
            start_timer(services, timer, std::max(due_ns + timer->period_ns, monotonic_now()));
    });
}

}  // namespace

// Plugins know their timers by number only.
class PluginTimers {
public:
    std::uint64_t add(const std::shared_ptr<PluginTimer>& timer) {
        const std::scoped_lock lock(mutex_);
        // Those that ran out are known to nobody else any more.
        if (timers_.size() > 2 * living_) {
            std::erase_if(timers_, [](const auto& entry) { return entry.second.expired(); });
            living_ = std::max<std::size_t>(timers_.size(), 64);
        }
        timers_.emplace(next_, timer);
        return next_++;
    }
    std::shared_ptr<PluginTimer> take(std::uint64_t number) {
        const std::scoped_lock lock(mutex_);
        const auto found = timers_.find(number);
        if (found == timers_.end()) return nullptr;
        auto timer = found->second.lock();
        timers_.erase(found);
        return timer;
    }
    std::vector<std::shared_ptr<PluginTimer>> take_all_of(const Plugin& plugin);

private:
    std::mutex mutex_;
    std::unordered_map<std::uint64_t, std::weak_ptr<PluginTimer>> timers_;
    std::size_t living_ = 64;
    std::uint64_t next_ = 1;
};

std::vector<std::shared_ptr<PluginTimer>> PluginTimers::take_all_of(const Plugin& plugin) {
    std::vector<std::shared_ptr<PluginTimer>> taken, others;  // these go after the lock, if they are the last
    const std::scoped_lock lock(mutex_);
    for (auto at = timers_.begin(); at != timers_.end();) {
        auto timer = at->second.lock();
        const bool its = timer != nullptr && &timer->waiting->plugin == &plugin;
        if (timer != nullptr) (its ? taken : others).push_back(std::move(timer));
        at = its ? timers_.erase(at) : std::next(at);
    }
    return taken;
}

namespace {

void cancel(Services& services, const PluginTimer& timer) {
    timer.waiting->cancelled.store(true, std::memory_order_release);
    services.timers.cancel(timer.timer);
}

std::uint64_t timer_start(const soho_host* host, std::uint64_t id, std::int64_t delay_ns, std::int64_t period_ns,
                          const soho_task* given) {
    Services& services = services_of(host);
    const FoundObject object = id != 0 ? find_for(host, id) : FoundObject();
    auto timer = std::make_shared<PluginTimer>();
    timer->waiting = std::make_shared<Waiting>(Plugin::of(host), "a timer", task_of(host, given), object, id != 0);
    timer->period_ns = period_ns;
    const std::uint64_t number = services.plugin_timers->add(timer);
    start_timer(services, timer, monotonic_now() + std::max<std::int64_t>(0, delay_ns));
    return number;
}

void timer_cancel(const soho_host* host, std::uint64_t number) {
    Services& services = services_of(host);
    const auto timer = services.plugin_timers->take(number);
    if (timer != nullptr) cancel(services, *timer);
}

std::uint64_t on_session_end(const soho_host* host, std::uint64_t session, std::uint64_t id, const soho_task* given) {
    Services& services = services_of(host);
    const FoundObject object = id != 0 ? find_for(host, id) : FoundObject();
    auto waiting =
        std::make_shared<Waiting>(Plugin::of(host), "what a session's end does", task_of(host, given), object, id != 0);
    const auto when_ended = [&services, waiting] { run_waiting(services, waiting); };
    return services.upstream != nullptr ? services.upstream->on_session_end(session, when_ended)
                                        : services.sessions.on_session_end(session, when_ended);
}

void session_end_cancel(const soho_host* host, std::uint64_t number) {
    Services& services = services_of(host);
    services.upstream != nullptr ? services.upstream->cancel_session_end(number)
                                 : services.sessions.cancel_session_end(number);
}

// ---- the rest

// For the object, who made it, and the plugin; which limit is in the way, if one is.
std::uint64_t Limits::*charge_all(Object& object, std::uint64_t bytes, const Limits& limits) {
    Quota& principal = object.account().bytes;
    if (!object.bytes.take(bytes, limits.object_bytes_max)) return &Limits::object_bytes_max;
    if (!principal.take(bytes, object.account().bytes_max)) {
        object.bytes.give_back(bytes);
        return &Limits::principal_bytes_max;
    }
    if (object.type().plugin->bytes.take(bytes, limits.plugin_bytes_max)) return nullptr;
    object.bytes.give_back(bytes);
    principal.give_back(bytes);
    return &Limits::plugin_bytes_max;
}

std::uint32_t charge(const soho_host* host, std::uint64_t id, std::int64_t bytes) {
    Services& services = services_of(host);
    const ObjectPtr object = find_for(host, id).object;
    if (object == nullptr) return SOHO_NO_OBJECT;
    if (services.upstream != nullptr) services.upstream->charged(*object);
    if (bytes < 0) {
        const std::uint64_t given_back = object->bytes.give_back_at_most(-static_cast<std::uint64_t>(bytes));
        object->account().bytes.give_back(given_back);
        object->type().plugin->bytes.give_back(given_back);
        return SOHO_OK;
    }
    const auto exceeded = charge_all(*object, static_cast<std::uint64_t>(bytes), services.limits());
    if (exceeded == nullptr) return SOHO_OK;
    const Invocation* const running = Invocation::current();
    services.hit(exceeded, object->principal(), running != nullptr ? running->context().origin_session : 0);
    return SOHO_LIMIT;
}

void log_line(const soho_host* host, std::uint32_t level, soho_text line) {
    constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                                    spdlog::level::err};
    spdlog::logger& log = services_of(host).log.plugin(Plugin::of(host).name());
    const auto as = levels[std::min<std::uint32_t>(level, SOHO_LOG_ERROR)];
    if (!log.should_log(as)) return;
    std::string text(text_of(line));
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
    log.log(as, "{}", text);
}

soho_bytes settings(const soho_host* host) {
    const data::Bytes bytes = data::as_bytes(Plugin::of(host).read_settings());
    return {bytes.data(), bytes.size()};
}

std::uint32_t publish(const soho_host* host, soho_text name, std::uint64_t id) {
    Services& services = services_of(host);
    const ObjectPtr object = services.objects.find(id);
    if (object == nullptr) return SOHO_NO_OBJECT;
    const auto published = services.upstream != nullptr
                               ? services.upstream->publish(text_of(name), object)
                               : services.names.publish(text_of(name), {object, "plugin:" + Plugin::of(host).name()});
    return static_cast<std::uint32_t>(published ? Code::ok : published.error().code);
}

std::uint32_t unpublish(const soho_host* host, soho_text name) {
    const Services& services = services_of(host);
    const auto gone = services.upstream != nullptr
                          ? services.upstream->unpublish(text_of(name))
                          : services.names.unpublish(text_of(name), "plugin:" + Plugin::of(host).name(), false);
    return static_cast<std::uint32_t>(gone ? Code::ok : gone.error().code);
}

// None yet: the ids that plugins ask for belong to later hosts.
const void* get_extension(const soho_host*, soho_text) { return nullptr; }

void ref_call(const soho_host* host, const soho_ref_call* call) {
    start_ref_call(services_of(host), Plugin::of(host), *call);
}

}  // namespace

std::shared_ptr<PluginTimers> make_plugin_timers() { return std::make_shared<PluginTimers>(); }

void cancel_timers(Services& services, const Plugin& plugin) {
    for (const auto& timer : services.plugin_timers->take_all_of(plugin)) cancel(services, *timer);
}

HostTable plugin_table(Services* services) {
    HostTable table;
    table.services = services;
    soho_host& functions = table.functions;
    functions.size = sizeof functions;
    functions.abi = SOHO_ABI;
    functions.version = to_abi(host_name);
    Invocation::fill(functions);
    Call::fill(functions);
    functions.ref_retain = fenced<ref_retain, 1>;
    functions.ref_release = fenced<ref_release>;
    functions.object_new = fenced<object_new, 0u>;
    functions.object_type = object_type;
    functions.ref_call = fenced<ref_call>;
    functions.post_to_turn = fenced<post_task, 1>;
    functions.timer_start = fenced<timer_start, 0u>;
    functions.timer_cancel = fenced<timer_cancel>;
    functions.on_session_end = fenced<on_session_end, 0u>;
    functions.session_end_cancel = fenced<session_end_cancel>;
    functions.charge = fenced<charge, std::uint32_t{SOHO_LIMIT}>;
    functions.log = fenced<log_line>;
    functions.settings = settings;
    functions.publish = fenced<publish, std::uint32_t{SOHO_INTERNAL}>;
    functions.unpublish = fenced<unpublish, std::uint32_t{SOHO_INTERNAL}>;
    functions.get_extension = get_extension;
    return table;
}

namespace {

// Hands an outcome to a thread that waits for it.
class AwaitedCompletion : public Completion {
public:
    void replied(Call&, Outcome outcome) noexcept override { outcome_.set_value(std::move(outcome)); }
    void finished(Call&) noexcept override {}
    Outcome wait() { return outcome_.get_future().get(); }

private:
    std::promise<Outcome> outcome_;
};

Result<void> publish_new(Services& services, const TypePtr& type, std::string_view name, std::string_view args,
                         const std::string& principal) {
    const auto fail = [&](const Error& error) {
        return refuse(error.code, fmt::format("publishing \"{}\" as a {}: {}{}{}", name, type->type_id, error.type,
                                              error.type.empty() ? "" : ": ", error.text));
    };
    data::Buffer scratch;
    const auto bound = bind_arguments({*type}, data::as_bytes(args), {}, scratch);
    if (!bound) return fail(bound.error());
    CallContext context;
    context.principal = principal;
    const auto completion = std::make_shared<AwaitedCompletion>();
    const auto call =
        std::make_shared<Call>(services.objects, services.pool, *services.home, completion, context, Call::Limits{});
    call->set_create(type, *bound, {});
    call->submit();
    const Outcome outcome = completion->wait();
    if (!outcome.ok()) return fail(outcome.error);
    if (auto published = services.names.publish(name, {outcome.object, principal}); !published)
        return fail(published.error());
    return {};
}

void publish_anew(Services& services, const Services::Published& published) {
    const ObjectPtr before = services.names.find(published.name);
    if (before != nullptr && !before->lost) return;  // somebody was faster
    const auto snapshot = services.registry.snapshot();
    const TypePtr* type = snapshot->find(published.type_id);
    const auto done = type != nullptr
                          ? publish_new(services, *type, published.name, published.args, published.principal)
                          : tl::unexpected<Error>(snapshot->no_type(published.type_id));
    if (!done) services.log.host.error("{}", done.error().text);
}

}  // namespace

void warn_of_unread_settings(const Plugin& plugin, Log& log) {
    if (plugin.ignores_settings())
        log.plugin(plugin.name())
            .warn(
                "the config has settings for plugin {}, which did not ask for them while it was loaded: it may know "
                "none",
                plugin.name());
}

Result<void> publish_at_load(Services& services, const TypePtr& type, std::string_view name, std::string_view args,
                             const std::string& principal) {
    auto published = publish_new(services, type, name, args, principal);
    const std::scoped_lock lock(services.published_mutex);
    if (published)
        services.published_at_load.push_back(
            {type->plugin->name(), type->type_id, std::string(name), std::string(args), principal});
    return published;
}

void republish(Services& services, const Plugin& plugin) {
    std::vector<Services::Published> due;
    {
        const std::scoped_lock lock(services.published_mutex);
        std::copy_if(services.published_at_load.begin(), services.published_at_load.end(), std::back_inserter(due),
                     [&](const auto& published) { return published.plugin == plugin.name(); });
    }
    if (due.empty()) return;
    const bool posted = services.pool.post([&services, due = std::move(due)] {
        for (const auto& published : due) publish_anew(services, published);
    });
    if (!posted)
        services.log.host.error("the system has no thread to publish again what plugin {} publishes", plugin.name());
}

}  // namespace soho::host
