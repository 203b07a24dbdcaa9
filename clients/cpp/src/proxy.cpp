#include "link.hpp"
#include "target.hpp"

#include <soho/client/proxy.hpp>

namespace soho {

Proxy::~Proxy() = default;

namespace client {

std::uint64_t id_of(const Target& target) { return target.id(); }
std::string type_of(const Target& target) { return target.type(); }

void write_handle(data::Writer<data::Buffer>& out, const std::shared_ptr<Target>& target) {
    if (target == nullptr) empty_proxy();
    const std::string type = target->type();
    wire::write_handle(out, {target->id(), type}, wire::HandleForm::ext);
}

void find_by_name(Target& target, const std::shared_ptr<Link>& link, std::string name, const ProxyClass& proxy_class) {
    target.find_by_name(link, std::move(name), proxy_class);
}

std::shared_ptr<Target> target_of(const Value& value) {
    const auto* extension = value.get_if<Value::Extension>();
    if (extension == nullptr || extension->type() != wire::ext_handle || extension->keeper() == nullptr) {
        throw CallError(Failure(CallCode::bad_result, "expected an object, got " + std::string(value.kind_text())));
    }
    return std::static_pointer_cast<Target>(std::const_pointer_cast<void>(extension->keeper()));
}

Value value_of(const std::shared_ptr<Target>& target) {
    data::Buffer handle;
    data::Writer<data::Buffer> out(handle);
    write_handle(out, target);
    data::Token token;
    data::Reader(handle.bytes()).next(token);
    return Value::Extension(wire::ext_handle, std::string(token.text()), target);
}

void empty_proxy() { throw CallError(Failure(CallCode::bad_arguments, "an empty proxy: it refers to no object")); }

}  // namespace client
}  // namespace soho
