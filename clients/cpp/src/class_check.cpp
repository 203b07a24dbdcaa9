#include "class_check.hpp"

#include <fmt/format.h>

namespace soho::client {

std::optional<Failure> class_mismatch(const ProxyClass& proxy_class, const TypeDescription& type) {
    // AutoProxy is what a type says that has no class of its own in mind.
    if (!proxy_class.proxytype.empty() && type.proxytype != "AutoProxy" && type.proxytype != proxy_class.proxytype) {
        return Failure(CallCode::wrong_proxy,
                       fmt::format("the type {} has the proxytype {}, not {} as this proxy class", type.type,
                                   type.proxytype, proxy_class.proxytype));
    }
    if (proxy_class.version && proxy_class.version->major != type.version.major) {
        return Failure(
            CallCode::wrong_proxy,
            fmt::format(
                "the type {} has version {}.{}, but its proxy class {} was written for version {}.{}: the major "
                "versions must be the same",
                type.type, type.version.major, type.version.minor, proxy_class.proxytype, proxy_class.version->major,
                proxy_class.version->minor));
    }
    return std::nullopt;
}

void ClassCheck::start(Connection& connection, std::unique_ptr<Completion> checked) {
    data::Buffer frame;
    wire::Out out(frame);
    wire::begin_request(out, Connection::msgid_placeholder, "soho.types");
    out.array(1);
    out.string(checked->unchecked.front().type);
    connection.start(frame, std::make_unique<ClassCheck>(connection, std::move(checked)), {});
}

void ClassCheck::complete() noexcept {
    if (!checked_->unchecked.empty()) {
        const ClassUse use = checked_->unchecked.front();
        if (auto mismatch = class_mismatch(*use.proxy_class, description_)) {
            checked_->fail(*std::move(mismatch));
            checked_->unchecked.clear();
        } else {
            connection_.note_checked(use);
        }
    }
    connection_.finish(std::move(checked_));
}

}  // namespace soho::client
