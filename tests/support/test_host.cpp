#include "tests/support/test_host.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/ostream_sink.h>
#include <stdexcept>

namespace soho::test {

using host::Caller;

TestHost::TestHost(const host::Limits& limits_)
    : limits(limits_),
      log_sink(std::make_shared<spdlog::sinks::ostream_sink_mt>(log_stream)),
      log(log_sink),
      pool(limits.pool_threads_max),
      objects(pool),
      limit_hits(log.session),
      allowances(objects.accounts(), limit_hits, {limits, {}, {}}),
      tickets(timers, "cafe"),
      services_(new host::Services{registry, objects, names, sessions, tickets, references, access, credentials, timers,
                                   pool, allowances, log, "cafe"}),
      services(*services_),
      registry(host::plugin_table(&services)),
      dispatcher(services),
      seat(home) {
    log.apply({.level = "debug", .levels = {{"call", "info"}}});
    log_sink->set_formatter(host::make_line_formatter(false, false));
    services.started_ns = host::monotonic_now();
    services.seats.add(seat);
    services.home = &home;
    services.shutdown = [this] { ++shutdowns; };
    services.plugin_timers = host::make_plugin_timers();
    services.offers = std::make_shared<host::Offers>();
    sessions.set_on_end([this](const host::Session& session) { names.drop_session(session.id()); });
}

TestHost::~TestHost() {
    tickets.clear();
    names.clear();
    for (const auto& held : references.all()) references.drop(held.object);
    home.run_until([this] { return objects.created() == objects.destroyed(); });
    home.run_all();
    while (!pool.stop(1'000'000'000)) home.run_all();
    home.run_all();
}

host::Plugin& TestHost::load(MemoryPlugin& plugin, const host::PluginOptions& options) {
    const auto loaded = plugin.load(registry, options);
    if (!loaded) throw std::runtime_error(loaded.error().text);
    return **loaded;
}

host::ObjectPtr TestHost::publish(std::string_view name, std::string_view type_id, std::string_view args) {
    TestClient client(*this);
    client.ask("soho.create", fmt::format(R"(["{}", {}, {{"name": "{}"}}])", type_id, args, name));
    return names.find(name);
}

TestClient::TestClient(host::Peer peer, TestHost& host, wire::ErrorForm form)
    : host_(host),
      caller_(std::make_shared<Caller>(host.services, host.dispatcher, std::move(peer), form)) {
    caller_->attach(*this);
}

TestClient::~TestClient() { close(); }

void TestClient::close() {
    if (std::exchange(closed_, true)) return;
    caller_->gone(host_.seat, "the test is over");
    lose();
    host_.run();
}

std::string TestClient::send_bytes(std::string_view bytes) {
    const auto frame = wire::check_value(data::as_bytes(bytes), host_.limits.frame_limits());
    if (!frame) return "no frame: " + frame.error().text;
    host_.seat.out.clear();
    host_.seat.arrive();
    const bool goes_on = caller_->take(*frame, host_.seat);
    host_.seat.finish();
    std::string replies;
    data::Reader reader(host_.seat.out.bytes());
    while (!reader.at_end()) {
        const data::Bytes value = reader.take_value();
        if (!replies.empty()) replies += ", ";
        replies += value.empty() ? "not MessagePack: " + to_hex(reader.rest()) : show(value);
        if (value.empty()) break;
    }
    for (host::Replies::Notice& notice : caller_->replies().take_notices()) {
        if (hold_undelivered) undelivered_.push_back(std::move(notice.undelivered));
    }
    host_.seat.out.clear();
    if (goes_on) return replies;
    close();
    return "closed: " + caller_->closing_reason();
}

std::string TestClient::ask(std::string_view method, std::string_view params) {
    const std::uint32_t msgid = next_msgid_++;
    std::string reply = send(fmt::format(R"([0, {}, "{}", {}])", msgid, method, params));
    if (reply.empty()) reply = wait_delivered(1).front();
    const std::string front = fmt::format("[1, {}, ", msgid);
    if (!reply.starts_with(front)) return reply;
    reply = reply.substr(front.size(), reply.size() - front.size() - 1);
    if (reply.starts_with("nil, ")) return reply.substr(5);
    return reply.ends_with(", nil") ? reply.substr(0, reply.size() - 5) : reply;
}

std::string TestClient::call(std::uint64_t id, std::string_view method, std::string_view args,
                             std::string_view options) {
    return ask("soho.call", fmt::format(R"([{}, "{}", {}, {}])", id, method, args, options));
}

std::uint64_t TestClient::ask_handle(std::string_view method, std::string_view params) {
    const std::string reply = ask(method, params);
    for (const std::string_view front : {R"({"$soho": )", "ext(0x53, ["}) {
        if (reply.starts_with(front)) return std::strtoull(reply.c_str() + front.size(), nullptr, 10);
    }
    throw std::runtime_error(fmt::format("{} gave no handle: {}", method, reply));
}

std::uint64_t TestClient::create(std::string_view type_id, std::string_view args, std::string_view options) {
    return ask_handle("soho.create", fmt::format(R"(["{}", {}, {}])", type_id, args, options));
}

std::vector<std::string> TestClient::take_delivered() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(delivered_, {});
}

std::vector<std::string> TestClient::wait_delivered(std::size_t count) {
    host_.home.run_until([&] {
        const std::scoped_lock lock(mutex_);
        return delivered_.size() >= count;
    });
    return take_delivered();
}

void TestClient::lose() {
    for (host::Undelivered& undelivered : std::exchange(undelivered_, {})) undelivered.discard();
}

void TestClient::deliver(data::Buffer frame, host::Undelivered undelivered) {
    const std::scoped_lock lock(mutex_);
    delivered_.push_back(show(frame.bytes()));
    if (hold_undelivered) undelivered_.push_back(std::move(undelivered));
}

// ---- Counters

namespace {

std::vector<data::Bytes> arguments_of(const soho_call* call) {
    data::Reader reader(data::Bytes(call->args.data, static_cast<std::size_t>(call->args.size)));
    data::Token array;
    reader.next(array);
    std::vector<data::Bytes> values;
    for (std::uint32_t i = 0; i < array.size; ++i) values.push_back(reader.take_value());
    return values;
}

std::int64_t integer_of(data::Bytes value) {
    data::Token token;
    data::Reader(value).next(token);
    return token.signed_value;
}

std::string_view text_of(data::Bytes value) {
    data::Token token;
    data::Reader(value).next(token);
    return token.text();
}

std::uint32_t fail_call(const soho_host* table, const soho_call* call, std::uint32_t code, std::string_view type,
                        std::string_view text, std::string_view data = {}) {
    table->fail(call, code, to_text(type), to_text(text),
                {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()});
    return SOHO_FAILED;
}

Thing* object_argument(const soho_host* table, const soho_call* call, data::Bytes value) {
    wire::Handle handle;
    soho_object object{};
    object.size = sizeof object;
    if (!wire::read_handle(value, wire::HandleForm::ext, handle)) return nullptr;
    if (table->object_argument(call, handle.id, &thing_key, &object) != 0) return nullptr;
    return &thing_of(object.self);
}

}  // namespace

std::shared_ptr<Thing> Counters::make(std::int64_t value) {
    auto thing = std::make_shared<Thing>();
    thing->value = value;
    thing->on_destroy = [this] { ++destroyed; };
    return thing;
}

soho_task Counters::count(std::atomic<int>& counter) const {
    soho_task task{};
    task.size = sizeof task;
    task.context = &counter;
    task.run = [](void* context) { ++*static_cast<std::atomic<int>*>(context); };
    task.dispose = [](void*) {};
    return task;
}

Counters::Counters() {
    const auto table = [this] { return plugin.host; };
    const auto keep_pending = [this, table](std::vector<soho_pending*>& to, const soho_call* call) {
        soho_pending* pending = table()->defer(call);
        if (pending == nullptr) {
            return fail_call(table(), call, SOHO_OVERLOADED, "", "the host defers no more");
        }
        const soho_task on_cancel = count(cancelled);
        const soho_task on_discarded = count(discarded);
        table()->pending_on_cancel(pending, &on_cancel);
        table()->pending_on_discarded(pending, &on_discarded);
        const std::scoped_lock lock(mutex);
        to.push_back(pending);
        return static_cast<std::uint32_t>(SOHO_PENDING);
    };
    const Factory by_value = [this](const soho_call* call, soho_instance* out) -> std::uint32_t {
        *out = instance_of(make(integer_of(arguments_of(call)[0])));
        return SOHO_DONE;
    };
    std::list<MemoryMethod> methods = {
        {"get", [](void* self, const soho_call* call) { return give(call, std::to_string(thing_of(self).value)); },
         SOHO_METHOD_READONLY},
        {"add",
         [](void* self, const soho_call* call) {
             const auto args = arguments_of(call);
             thing_of(self).value += integer_of(args[0]) * integer_of(args[1]);
             return give(call, std::to_string(thing_of(self).value));
         },
         0,
         {{"n"}, {"by", SOHO_PARAMETER_OPTIONAL, "\x01"}}},
        {"echo",
         [](void*, const soho_call* call) {
             std::string result = "\x92";
             result.append(reinterpret_cast<const char*>(call->args.data), call->args.size);
             result.append(reinterpret_cast<const char*>(call->kwargs.data), call->kwargs.size);
             if (call->kwargs.size == 0) result += '\x80';
             return give_bytes(call, data::as_bytes(result));
         },
         0,
         {{"args", SOHO_PARAMETER_ARGS}, {"kwargs", SOHO_PARAMETER_KWARGS}}},
        {"fail",
         [table](void*, const soho_call* call) {
             const auto args = arguments_of(call);
             return fail_call(table(), call, 0, text_of(args[0]), text_of(args[1]), "\x07");
         },
         0,
         {{"type"}, {"text"}}},
        {"broken", [](void*, const soho_call* call) { return give_bytes(call, data::as_bytes("\x92\x01")); }},
        {"later", [this, keep_pending](void*, const soho_call* call) { return keep_pending(pendings, call); },
         SOHO_METHOD_DEFERS},
        {"sum",
         [table](void* self, const soho_call* call) {
             const Thing* other = object_argument(table(), call, arguments_of(call)[0]);
             if (other == nullptr) return fail_call(table(), call, SOHO_BAD_ARGUMENTS, "", "no object");
             return give(call, std::to_string(thing_of(self).value + other->value));
         },
         0,
         {{"other", SOHO_PARAMETER_OBJECT, {}, &thing_key, "Counter"}}},
        {"swap",
         [table](void* self, const soho_call* call) {
             Thing* other = object_argument(table(), call, arguments_of(call)[0]);
             if (other == nullptr) return fail_call(table(), call, SOHO_BAD_ARGUMENTS, "", "no object");
             std::swap(thing_of(self).value, other->value);
             return give(call, "nil");
         },
         0,
         {{"other", SOHO_PARAMETER_OBJECT | SOHO_PARAMETER_EXCLUSIVE, {}, &thing_key, "Counter"}}},
        {"child",
         [this, table](void* self, const soho_call* call) -> std::uint32_t {
             const soho_instance instance = instance_of(make(thing_of(self).value));
             table()->result_object(call, &instance);
             return SOHO_DONE;
         }},
        {"wrap", [](void* self, const soho_call* call) { return give(call, std::to_string(thing_of(self).value)); }},
        {"block",
         [this](void*, const soho_call* call) {
             ++running;
             while (!unblocked) std::this_thread::yield();
             --running;
             return give(call, R"("unblocked")");
         },
         SOHO_METHOD_BLOCKING},
        {"hook",
         [this](void* self, const soho_call* call) { return on_hook(thing_of(self), call); },
         SOHO_METHOD_DEFERS,
         {{"args", SOHO_PARAMETER_ARGS}}},
        {"_secret", [](void*, const soho_call* call) { return give(call, R"("secret")"); }},
    };
    const std::vector<MemoryMapping> mappings = {{"child", "Child"}, {"wrap", "Wrapped", SOHO_MAPPING_SOURCE}};
    MemoryType counter{"Counter", methods, by_value};
    counter.parameters = {{"value", SOHO_PARAMETER_OPTIONAL, std::string(1, '\0')}};
    counter.mappings = mappings;
    counter.doc = "Counts.";
    plugin.add(std::move(counter));

    MemoryType child{"Child", methods};
    child.exposed = {"get", "add"};
    plugin.add(std::move(child));

    MemoryType wrapped{"Wrapped", methods, [this](const soho_call* call, soho_instance* out) -> std::uint32_t {
                           *out = instance_of(make(integer_of(arguments_of(call)[0]) * 100));
                           return SOHO_DONE;
                       }};
    wrapped.parameters = {{"inner"}};
    wrapped.exposed = {"get"};
    plugin.add(std::move(wrapped));

    MemoryType one{"shared", methods, [this](const soho_call*, soho_instance* out) -> std::uint32_t {
                       *out = instance_of(shared);
                       return SOHO_DONE;
                   }};
    one.exposed = {"get", "add", "later", "block"};
    plugin.add(std::move(one));
    MemoryType narrow{"shared_ro", methods, [this](const soho_call*, soho_instance* out) -> std::uint32_t {
                          *out = instance_of(shared);
                          return SOHO_DONE;
                      }};
    narrow.exposed = {"get"};
    plugin.add(std::move(narrow));

    MemoryType hidden{"Hidden", methods, by_value, SOHO_TYPE_NO_CREATE};
    hidden.parameters = {{"value"}};
    plugin.add(std::move(hidden));

    MemoryType slow{"Slow", methods, [this, keep_pending](const soho_call* call, soho_instance*) {
                        return keep_pending(pending_creates, call);
                    }};
    plugin.add(std::move(slow));
    MemoryType failing{"Failing", methods, [table](const soho_call* call, soho_instance*) {
                           return fail_call(table(), call, 0, "ValueError", "it never works");
                       }};
    plugin.add(std::move(failing));
    MemoryType blocking{"Blocking", methods, by_value, SOHO_TYPE_BLOCKING};
    blocking.parameters = {{"value"}};
    plugin.add(std::move(blocking));
}

std::uint32_t Counters::complete(std::string_view notation) {
    const std::string value = pack(notation);
    soho_pending* pending = pendings.front();
    return plugin.host->pending_complete(pending, {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()});
}

std::uint32_t Counters::fail(std::uint32_t code, std::string_view type, std::string_view text) {
    return plugin.host->pending_fail(pendings.front(), code, to_text(type), to_text(text), {});
}

void Counters::release() {
    soho_pending* pending = pendings.front();
    pendings.erase(pendings.begin());
    plugin.host->pending_release(pending);
}

bool Counters::end_all(std::string_view notation) {
    const std::string value = pack(notation);
    std::vector<soho_pending*> calls, creates;
    {
        const std::scoped_lock lock(mutex);
        calls.swap(pendings);
        creates.swap(pending_creates);
    }
    for (soho_pending* pending : calls) {
        plugin.host->pending_complete(pending, {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()});
        plugin.host->pending_release(pending);
    }
    for (soho_pending* pending : creates) {
        const soho_instance instance = instance_of(make(1));
        plugin.host->pending_complete_object(pending, &instance);
        plugin.host->pending_release(pending);
    }
    return !calls.empty() || !creates.empty();
}

void Counters::complete_create(std::int64_t value) {
    soho_pending* pending = pending_creates.front();
    pending_creates.erase(pending_creates.begin());
    const soho_instance instance = instance_of(make(value));
    plugin.host->pending_complete_object(pending, &instance);
    plugin.host->pending_release(pending);
}

}  // namespace soho::test
