#include "host/object/state.hpp"

#include "host/object/invocation.hpp"
#include "host/registry/plugin.hpp"

#include <soho/wire/frame.hpp>
#include <soho/wire/handles.hpp>

#include <fmt/format.h>
#include <array>
#include <mutex>

namespace soho::host {

namespace {

constexpr std::uint8_t no_arguments[] = {0x90};
const std::vector<ObjectPtr> no_objects;

// Hooks end at once, and nobody waits for them.
class AtOnce final : public Deferral {
public:
    std::shared_ptr<Call> defer() override { return nullptr; }
    bool caller_gone() const override { return false; }
};

// Several objects of a type may be moved at once, but it loads one at a time, as it creates. Types may share a lock: nothing that
// loads waits for another.
std::unique_lock<std::mutex> one_at_a_time(const Type& type) {
    static std::array<std::mutex, 32> mutexes;
    if (type.concurrent()) return {};
    return std::unique_lock(mutexes[std::hash<const void*>()(&type) / alignof(Type) % mutexes.size()]);
}

std::string told(const Error& error) {
    return error.type.empty() ? error.text : fmt::format("{}: {}", error.type, error.text);
}

// With the typeids of its handles, which a plugin need not know; their objects are kept from here on.
Result<void> take_handles(ObjectTable& objects, SavedState& state) {
    data::Buffer whole;
    wire::Out out(whole);
    auto written = wire::to_ext_form(state.bytes.bytes(), out, [&](wire::Handle& handle) -> Result<void> {
        ObjectPtr object = objects.find(handle.id);
        if (object == nullptr) return tl::unexpected<Error>(objects.no_object(handle.id));
        handle.type_id = object->type().type_id;
        state.objects.push_back(std::move(object));
        return {};
    });
    if (written) state.bytes = std::move(whole);
    return written;
}

}  // namespace

Result<SavedState> save_state(ObjectTable& objects, const Object& object, const StateLimits& limits,
                              Activity* activity) {
    const Type& type = object.type();
    const auto fail = [&](const Error& error) {
        return refuse(error.code, fmt::format("{} #{} cannot be saved: {}", type.type_id, object.id(), told(error)));
    };
    const std::string principal = "plugin:" + type.plugin->name();
    CallContext context;
    context.principal = principal;
    AtOnce at_once;
    SavedState state;
    state.version = type.state->version;
    Invocation invocation(context, {type}, {data::Bytes(no_arguments), {}}, no_objects, state.bytes, limits.bytes_max,
                          at_once);
    if (invocation.save(object, activity) != SOHO_DONE) return fail(invocation.take_error());
    const auto value = wire::check_value(state.bytes.bytes(), {limits.bytes_max, limits.depth_max, SIZE_MAX});
    if (!value)
        return fail(Error(Code::internal, fmt::format("its state is not MessagePack: {}; a defect of plugin {}",
                                                      value.error().text, type.plugin->name())));
    if (!value->may_hold_handles) return state;
    // Before the invocation ends, which keeps what `save` has given up.
    if (auto taken = take_handles(objects, state); !taken)
        return fail(Error(Code::internal, fmt::format("in its state there is {}", taken.error().text)));
    return state;
}

Result<soho_instance> load_state(const Type& type, const SavedState& state, std::uint64_t id, Activity* activity) {
    const std::string principal = "plugin:" + type.plugin->name();
    CallContext context;
    context.principal = principal;
    AtOnce at_once;
    data::Buffer nothing;
    Invocation invocation(context, {type}, {state.bytes.bytes(), {}}, no_objects, nothing, 64, at_once);
    const auto lock = one_at_a_time(type);
    if (invocation.load(state.version, id, activity) == SOHO_DONE) {
        soho_instance instance = invocation.take_instance();
        if (instance.identity == nullptr) instance.identity = instance.self;
        return instance;
    }
    const Error error = invocation.take_error();
    return refuse(error.code, fmt::format("{} {} {} does not load state of version {}: {}", type.plugin->name(),
                                          type.plugin->version(), type.type_id, state.version, told(error)));
}

}  // namespace soho::host
