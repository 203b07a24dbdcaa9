#include "host/object/invocation.hpp"

#include "host/object/call.hpp"
#include "host/registry/plugin.hpp"

#include <soho/wire/frame.hpp>
#include <soho/wire/handles.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cstring>
#include <new>

namespace soho::host {

namespace {

// One for each thread, as a plugin's thread tells us nothing else when it gives up a reference.
thread_local Invocation* current_invocation = nullptr;

// Marks what a thread runs: for Invocation::current(), and for the watchdog where it is a reactor's.
class Marked {
public:
    Marked(Activity* activity, const Callee& callee, Invocation* invocation, const char* part = "the callable")
        : activity_(activity, callee.type, callee.method, part),
          before_(std::exchange(current_invocation, invocation)) {}
    Marked(const Marked&) = delete;
    Marked& operator=(const Marked&) = delete;
    ~Marked() { current_invocation = before_; }

private:
    ActivityMark activity_;
    Invocation* before_;
};

// Bytes of the character in front, 0 if it is none: cut short, overlong, a surrogate, or beyond Unicode.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
    }
    const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
    const bool not_unicode = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);
    return overlong || not_unicode ? 0 : length;
}

// Strings on the wire are UTF-8, or clients in other languages fail to read the whole reply: whatever is none becomes `?`.
std::string as_utf8(std::string_view text) {
    std::string sound;
    sound.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text.substr(at));
        sound.append(length != 0 ? text.substr(at, length) : "?");
        at += std::max<std::size_t>(length, 1);
    }
    return sound;
}

// Nobody counts what an error attaches.
bool has_handles(const wire::Frame& value) {
    return value.may_hold_handles &&
           !wire::visit_handles(value.bytes, [](const wire::Handle&) { return refuse(Code::internal, "one"); });
}

}  // namespace

Error error_from_plugin(std::uint32_t code, soho_text type, soho_text text, soho_bytes bytes) try {
    Error error(code == SOHO_OK || code >= code_names.size() ? Code::failed : static_cast<Code>(code),
                as_utf8(text_of(text)));
    if (error.code == Code::failed) error.type = type.size == 0 ? "Error" : as_utf8(text_of(type));
    const data::Bytes data(bytes.data, static_cast<std::size_t>(bytes.size));
    if (data.empty()) return error;
    const auto checked = wire::check_value(data, {});
    if (checked && !has_handles(*checked)) error.data = data::as_text(data);
    return error;
} catch (const std::bad_alloc&) {  // nothing may throw through a plugin in C
    return out_of_memory();
}

Error out_of_memory() { return Error(Code::internal, "out of memory"); }

Invocation::Invocation(const CallContext& context, Callee callee, const BoundArguments& arguments,
                       const std::vector<ObjectPtr>& objects, data::Buffer& out, std::size_t result_bytes_max,
                       Deferral& deferral, std::mutex* out_mutex)
    : context_(context),
      callee_(callee),
      objects_(objects),
      deferral_(deferral) {
    constexpr std::size_t first_room = 64;
    std::uint8_t* const at = out.reserve(first_room);
    result_start_ = out.size();
    sink_ = {{sizeof(soho_sink), 0, at, at + first_room, &Invocation::grow},
             &out,
             result_start_ + result_bytes_max,
             out_mutex};

    call_ = {.size = sizeof call_,
             .flags = context.oneway ? std::uint32_t{SOHO_CALL_ONEWAY} : 0u,
             .args = {arguments.args.data(), arguments.args.size()},
             .kwargs = {arguments.kwargs.data(), arguments.kwargs.size()},
             .result = &sink_.table,
             .object = 0,
             .session = context.session,
             .origin_session = context.origin_session,
             .owner = to_abi(context.owner),
             .principal = to_abi(context.principal),
             .trace = to_abi(context.trace),
             .deadline_ns = context.deadline_ns,
             .chain = context.chain.data(),
             .chain_size = static_cast<std::uint32_t>(context.chain.size()),
             .reserved = 0,
             .source = nullptr,
             .host_data = this};
    if (callee.method != nullptr && callee.method->returns_type != nullptr)
        call_.flags |= callee.method->through_callable ? SOHO_CALL_WANTS_SOURCE : SOHO_CALL_WANTS_OBJECT;
}

Invocation* Invocation::current() { return current_invocation; }

Invocation::~Invocation() {
    if (has_instance_ && instance_.release != nullptr) instance_.release(instance_.owner);
}

// What only sends a request to a provider cannot get stuck.
Activity* Invocation::watched(Activity* activity) const {
    return callee_.type.plugin->is_provided() ? nullptr : activity;
}

std::uint32_t Invocation::invoke(const Object& target, Activity* activity) {
    call_.object = target.id();
    const Marked marked(watched(activity), callee_, this);
    return finish(callee_.method->invoke(callee_.method->context, target.self(), &call_));
}

std::uint32_t Invocation::create(void* source, Activity* activity) {
    call_.source = source;
    soho_instance made{};
    made.size = sizeof made;
    const Marked marked(watched(activity), callee_, this);
    return take_made(callee_.type.create(callee_.type.context, &call_, &made), made);
}

std::uint32_t Invocation::save(const Object& target, Activity* activity) {
    hook_ = Hook::save;
    call_.object = target.id();
    const StateHooks& hooks = *callee_.type.state;
    const Marked marked(watched(activity), callee_, this, "the save");
    return finish(hooks.save(hooks.context, target.self(), &call_));
}

std::uint32_t Invocation::load(std::uint32_t version, std::uint64_t id, Activity* activity) {
    hook_ = Hook::load;
    call_.object = id;
    const StateHooks& hooks = *callee_.type.state;
    soho_instance made{};
    made.size = sizeof made;
    const Marked marked(watched(activity), callee_, this, "the load");
    return take_made(hooks.load(hooks.context, &call_, version, &made), made);
}

std::uint32_t Invocation::take_made(std::uint32_t status, const soho_instance& made) {
    if (status == SOHO_DONE && !has_instance_) {
        instance_ = made;
        has_instance_ = true;
    }
    return finish(status);
}

std::uint32_t Invocation::finish(std::uint32_t status) {
    sink_.out->commit(sink_.table.cursor);
    const bool gives_value = callee_.method != nullptr && callee_.method->returns_type == nullptr;
    if (gives_value && status == SOHO_DONE && !error_ && !deferred_ && !has_instance_) return SOHO_DONE;
    return finish_unusual(status);
}

std::uint32_t Invocation::finish_unusual(std::uint32_t status) {
    if (status == SOHO_PENDING && deferred_) return SOHO_PENDING;
    const auto broken = [&](std::string_view what) {
        error_ = Error(Code::internal,
                       fmt::format("{} {}: a defect of plugin {}", text(), what, callee_.type.plugin->name()));
        return static_cast<std::uint32_t>(SOHO_FAILED);
    };
    if (deferred_) return broken("deferred its reply, and then gave one");
    if (status == SOHO_PENDING) return broken("says that its reply comes later, but deferred none");
    if (status > SOHO_PENDING) return broken(fmt::format("returned the unknown status {}", status));
    if (sink_.starved && (error_ || status == SOHO_FAILED))
        error_ = out_of_memory();  // whatever the plugin took that for
    if (error_ || status == SOHO_FAILED)
        return error_ ? static_cast<std::uint32_t>(SOHO_FAILED) : broken("failed without saying why");
    if (has_instance_ && callee_.method != nullptr && callee_.method->returns_type == nullptr)
        return broken("gave an object, but is mapped to no typeid");
    if (has_instance_ && hook_ == Hook::save) return broken("gave an object");
    const bool wants_object =
        hook_ != Hook::save &&
        (callee_.method == nullptr || (callee_.method->returns_type != nullptr && !callee_.method->through_callable));
    const data::Bytes written = sink_.out->bytes().subspan(result_start_);
    const bool is_nil = callee_.method != nullptr && !has_instance_ && written.size() == 1 && written[0] == 0xc0;
    if (wants_object && !is_nil && (!has_instance_ || instance_.self == nullptr)) return broken("gave no object");
    return SOHO_DONE;
}

// What runs, for messages.
std::string Invocation::text() const {
    if (hook_ == Hook::none) return callee_.text();
    return fmt::format("the {} of {}", hook_ == Hook::save ? "save" : "load", callee_.type.type_id);
}

Error Invocation::take_error() { return *std::move(error_); }

soho_instance Invocation::take_instance() {
    has_instance_ = false;
    return instance_;
}

int Invocation::grow(soho_sink* table, std::uint64_t more) {
    auto* sink = reinterpret_cast<Sink*>(table);
    std::unique_lock<std::mutex> lock;
    if (sink->out_mutex != nullptr) lock = std::unique_lock(*sink->out_mutex);
    sink->out->commit(table->cursor);
    if (more > sink->size_max - std::min(sink->size_max, sink->out->size())) return 1;
    try {
        table->cursor = sink->out->reserve(static_cast<std::size_t>(more));
    } catch (const std::bad_alloc&) {  // nothing may throw through a plugin in C
        sink->starved = true;
        return 1;
    }
    table->end =
        table->cursor + std::max<std::size_t>(static_cast<std::size_t>(more),
                                              std::min(sink->out->capacity(), sink->size_max) - sink->out->size());
    return 0;
}

void Invocation::fail(const soho_call* call, std::uint32_t code, soho_text type, soho_text text, soho_bytes data) try {
    Invocation& self = of(call);
    self.error_ = error_from_plugin(code, type, text, data);
    // The plugin names the argument; that it was an argument of this method only we know.
    if (self.error_->code == Code::bad_arguments && self.hook_ == Hook::none)
        self.error_->text = fmt::format("{}: {}", self.callee_.text(), self.error_->text);
} catch (const std::bad_alloc&) {
    of(call).error_ = out_of_memory();
}

int Invocation::object_argument(const soho_call* call, std::uint64_t id, const void* class_key, soho_object* out) {
    const Invocation& self = of(call);
    const ObjectPtr* object = find_object(self.objects_, id);
    if (object == nullptr || (*object)->type().plugin != self.callee_.type.plugin ||
        (*object)->type().class_key != class_key)
        return 1;
    out->self = (*object)->self();
    out->owner = (*object)->owner();
    return 0;
}

void Invocation::result_object(const soho_call* call, const soho_instance* instance) {
    Invocation& self = of(call);
    if (self.has_instance_ && self.instance_.release != nullptr) self.instance_.release(self.instance_.owner);
    self.instance_ = {};
    std::memcpy(&self.instance_, instance, std::min<std::size_t>(instance->size, sizeof self.instance_));
    self.has_instance_ = true;
}

int Invocation::caller_gone(const soho_call* call) {
    const Invocation& self = of(call);
    if (self.deferral_.caller_gone()) return 1;
    return self.context_.deadline_ns != 0 && monotonic_now() > self.context_.deadline_ns ? 1 : 0;
}

void Invocation::on_discarded(const soho_call* call, const soho_task* task) { of(call).discarded_ = PluginTask(*task); }

soho_pending* Invocation::defer(const soho_call* call) try {
    Invocation& self = of(call);
    const bool may = self.callee_.method == nullptr || self.callee_.method->defers();
    if (!may || self.deferred_) return nullptr;
    const std::shared_ptr<Call> pending = self.deferral_.defer();
    if (pending == nullptr) return nullptr;
    self.deferred_ = true;
    return pending->lend();
} catch (const std::bad_alloc&) {
    return nullptr;
}

void Invocation::fill(soho_host& table) {
    table.fail = &Invocation::fail;
    table.object_argument = &Invocation::object_argument;
    table.result_object = &Invocation::result_object;
    table.caller_gone = &Invocation::caller_gone;
    table.on_discarded = &Invocation::on_discarded;
    table.defer = &Invocation::defer;
}

}  // namespace soho::host
