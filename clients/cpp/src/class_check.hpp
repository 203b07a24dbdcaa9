#pragma once
// Is this proxy class made for that type? Asked once per class, type and connection, before a proxy is handed out.

#include "connection.hpp"

#include <soho/client/description.hpp>

namespace soho::client {

// Why the class does not fit the type, if it does not: another proxytype, another major version.
std::optional<Failure> class_mismatch(const ProxyClass& proxy_class, const TypeDescription& type);

// Fetches the description that an asynchronous result's first unchecked class needs; then the result goes on its way.
class ClassCheck final : public Completion {
public:
    static void start(Connection& connection, std::unique_ptr<Completion> checked);

    ClassCheck(Connection& connection, std::unique_ptr<Completion> checked)
        : connection_(connection),
          checked_(std::move(checked)) {}
    bool receive(data::Bytes result, ResultContext& context) override {
        return receive_into(description_, result, context);
    }
    void fail(Failure failure) noexcept override {
        checked_->fail(std::move(failure));
        checked_->unchecked.clear();
    }
    void complete() noexcept override;

private:
    Connection& connection_;
    std::unique_ptr<Completion> checked_;
    TypeDescription description_;
};

}  // namespace soho::client
