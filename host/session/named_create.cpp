#include "host/session/named_create.hpp"

#include <fmt/format.h>

namespace soho::host {

namespace {

class NamedCompletion : public Completion {
public:
    NamedCompletion(std::shared_ptr<Caller> caller, NameClaimPtr claim)
        : caller_(std::move(caller)),
          claim_(std::move(claim)) {}

    void replied(Call& call, Outcome outcome) noexcept override {
        if (outcome.ok() && outcome.object != nullptr) claim_->fulfil({outcome.object, caller_->principal().name});
        caller_->replied(call, std::move(outcome));
    }
    void finished(Call& call) noexcept override {
        claim_.reset();
        caller_->finished(call);
    }

private:
    const std::shared_ptr<Caller> caller_;
    NameClaimPtr claim_;
};

}  // namespace

std::shared_ptr<Completion> named_completion(Caller& caller, const NameClaimPtr& claim) {
    if (claim == nullptr) return nullptr;
    return std::make_shared<NamedCompletion>(caller.shared_from_this(), claim);
}

Result<ObjectPtr> OpenWaiter::open() const {
    ObjectPtr object = names_.find(name_);
    if (object == nullptr)
        return refuse(
            Code::not_started,
            fmt::format(
                "making \"{}\", for which this request waited, has failed, or it was unpublished at once: try again",
                name_));
    // An earlier generation of the plugin may have made it: for clients it is of the same type.
    if (object->type().type_id != type_->type_id) return tl::unexpected<Error>(exists());
    if (object->lost)
        return refuse(
            Code::unavailable,
            fmt::format("what \"{}\" names is lost, as the process it lived in has ended: who published it may "
                        "create it anew, or an admin unpublish it",
                        name_));
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
