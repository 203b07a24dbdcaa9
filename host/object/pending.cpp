// Pending replies: the part of Call that plugins call.

#include "host/object/call.hpp"
#include "host/registry/plugin.hpp"

#include <fmt/format.h>

namespace soho::host {

std::shared_ptr<Call> Call::defer() { return shared_from_this(); }

soho_pending* Call::lend() {
    const std::scoped_lock lock(mutex_);
    lent_ = shared_from_this();
    deferred_.store(true, std::memory_order_relaxed);
    be_pending();
    return this;
}

std::uint32_t Call::pending_complete(soho_pending* pending, soho_bytes result) {
    Call& call = of(pending);
    std::uint32_t refused = SOHO_ACCEPTED;
    if (!call.begin_completion(refused)) return refused;
    data::Buffer value;
    try {
        value.append({result.data, static_cast<std::size_t>(result.size)});
    } catch (const std::bad_alloc&) {  // nothing may throw through a plugin in C
        return call.end_with(out_of_memory());
    }
    if (call.method_ != nullptr && call.method_->through_callable) {
        const bool gone = call.answered();
        call.go_through_callable(std::move(value), nullptr);
        return gone ? SOHO_DISCARDED : SOHO_ACCEPTED;
    }
    const bool is_nil = value.size() == 1 && value.data()[0] == 0xc0;  // a method may have no object to give
    Outcome outcome = call.checked(std::move(value));
    if (call.method_ == nullptr || (call.method_->returns_type != nullptr && !is_nil)) {
        outcome = {};
        outcome.error =
            Error(Code::internal, fmt::format("{} completed with a value where an object is due: a defect of plugin {}",
                                              call.callee_text(), call.type().plugin->name()));
    }
    const std::uint32_t status = call.settle(std::move(outcome));
    call.finish();
    return status;
}

std::uint32_t Call::pending_complete_object(soho_pending* pending, const soho_instance* instance) {
    Call& call = of(pending);
    const auto give_back = [&](std::uint32_t status) {
        if (instance->release != nullptr) instance->release(instance->owner);
        return status;
    };
    std::uint32_t refused = SOHO_ACCEPTED;
    if (!call.begin_completion(refused)) return give_back(refused);
    const bool gone = call.answered();
    if (call.method_ != nullptr && call.method_->through_callable) {
        call.go_through_callable({}, instance);
        return gone ? SOHO_DISCARDED : SOHO_ACCEPTED;
    }
    Outcome outcome;
    if (call.method_ != nullptr && call.method_->returns_type == nullptr) {
        give_back(0);
        outcome.error =
            Error(Code::internal,
                  fmt::format("{} completed with an object, but is mapped to no typeid: a defect of plugin {}",
                              call.callee_text(), call.type().plugin->name()));
    } else {
        outcome = call.adopted(*instance);
    }
    const std::uint32_t status = call.settle(std::move(outcome));
    call.finish();
    return status;
}

std::uint32_t Call::pending_fail(soho_pending* pending, std::uint32_t code, soho_text type, soho_text text,
                                 soho_bytes data) {
    Call& call = of(pending);
    std::uint32_t refused = SOHO_ACCEPTED;
    if (!call.begin_completion(refused)) return refused;
    return call.end_with(error_from_plugin(code, type, text, data));
}

void Call::pending_on_cancel(soho_pending* pending, const soho_task* given) {
    Call& call = of(pending);
    PluginTask task(*given);
    {
        const std::scoped_lock lock(call.mutex_);
        if (call.plugin_done_) return;
        if (!call.answered()) {
            std::swap(call.on_cancel_, task);
            return;  // `task` is now the one before, if any: disposed of
        }
    }
    call.post_on_cancel(std::move(task));
}

void Call::pending_on_discarded(soho_pending* pending, const soho_task* given) {
    of(pending).set_discarded(PluginTask(*given));
}

int Call::pending_caller_gone(soho_pending* pending) { return of(pending).answered() ? 1 : 0; }

void Call::pending_release(soho_pending* pending) {
    Call& call = of(pending);
    std::shared_ptr<Call> last;
    bool dropped = false;
    {
        const std::scoped_lock lock(call.mutex_);
        last = std::move(call.lent_);
        dropped = !std::exchange(call.plugin_done_, true);
    }
    if (!dropped) return;
    call.end_with(
        Error(Code::failed, fmt::format("{} dropped the call without a reply", call.callee_text()), "Dropped"));
}

void Call::fill(soho_host& table) {
    table.pending_complete = &Call::pending_complete;
    table.pending_complete_object = &Call::pending_complete_object;
    table.pending_fail = &Call::pending_fail;
    table.pending_on_cancel = &Call::pending_on_cancel;
    table.pending_on_discarded = &Call::pending_on_discarded;
    table.pending_caller_gone = &Call::pending_caller_gone;
    table.pending_release = &Call::pending_release;
}

}  // namespace soho::host
