#pragma once
// soho.create with a name: who makes the object publishes it in the same step, and who comes while it is being made waits.

#include "host/object/names.hpp"
#include "host/session/caller.hpp"

namespace soho::host {

// Stands between a create call and its caller, and publishes what was made. Null without a claim.
std::shared_ptr<Completion> named_completion(Caller& caller, const NameClaimPtr& claim);

// A create-or-open that found the name taken, or about to be.
class OpenWaiter {
public:
    OpenWaiter(Names& names, TypePtr type, std::string name)
        : names_(names),
          type_(std::move(type)),
          name_(std::move(name)) {}

    // What is published, if it is of the wanted type.
    Result<ObjectPtr> open() const;
    Error exists() const;

    // Completes `call` once the name is settled, or at once if it is.
    void wait(const std::shared_ptr<Call>& call);
    void settled();

private:
    void complete(Call& call) const;

    Names& names_;
    const TypePtr type_;
    const std::string name_;
    std::mutex mutex_;
    std::shared_ptr<Call> call_;
    bool settled_ = false;
};

}  // namespace soho::host
