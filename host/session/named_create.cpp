#include "host/session/named_create.hpp"

#include <fmt/format.h>

namespace soho::host {

namespace {

class NamedCompletion : public Completion {
public:
    NamedCompletion(Names& names, std::shared_ptr<Caller> caller, std::string name)
        : names_(names),
          caller_(std::move(caller)),
          name_(std::move(name)) {}

    void replied(Call& call, Outcome outcome) noexcept override {
        if (outcome.ok() && outcome.object != nullptr) {
            names_.fulfil(name_, {outcome.object, caller_->principal().name});
            fulfilled_ = true;
        }
        caller_->replied(call, std::move(outcome));
    }
    void finished(Call& call) noexcept override {
        if (!fulfilled_) names_.abandon(name_);
        caller_->finished(call);
    }

private:
    Names& names_;
    const std::shared_ptr<Caller> caller_;
    const std::string name_;
    std::atomic<bool> fulfilled_ = false;
};

}  // namespace

std::shared_ptr<Completion> named_completion(Services& services, Caller& caller, const TypePtr& type,
                                             std::string_view name) {
    if (type == nullptr || name.empty()) return nullptr;
    return std::make_shared<NamedCompletion>(services.names, caller.shared_from_this(), std::string(name));
}

Result<ObjectPtr> OpenWaiter::open() const {
    ObjectPtr object = names_.find(name_);
    if (object == nullptr)
        return refuse(
            Code::not_started,
            fmt::format(
                "making \"{}\", for which this request waited, has failed, or it was unpublished at once: try again",
                name_));
    if (&object->type() != type_.get()) return tl::unexpected<Error>(exists());
    return object;
}

Error OpenWaiter::exists() const {
    const ObjectPtr object = names_.find(name_);
    if (object == nullptr) return Error(Code::exists, fmt::format("the name \"{}\" is being taken", name_));
    return Error(Code::exists,
                 fmt::format("the name \"{}\" is taken by #{} ({})", name_, object->id(), object->type().type_id));
}

void OpenWaiter::complete(Call& call) const {
    Outcome outcome;
    if (auto object = open()) {
        outcome.object = *std::move(object);
    } else {
        outcome.error = object.error();
    }
    call.complete(std::move(outcome));
}

void OpenWaiter::wait(const std::shared_ptr<Call>& call) {
    {
        const std::scoped_lock lock(mutex_);
        if (!settled_) {
            call_ = call;
            return;
        }
    }
    complete(*call);
}

void OpenWaiter::settled() {
    std::shared_ptr<Call> call;
    {
        const std::scoped_lock lock(mutex_);
        settled_ = true;
        call = std::move(call_);
    }
    if (call != nullptr) complete(*call);
}

}  // namespace soho::host
