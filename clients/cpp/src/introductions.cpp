#include "introductions.hpp"

#include "target.hpp"

#include <soho/wire/handles.hpp>

namespace soho::client {

bool Introductions::collect(const std::shared_ptr<Connection>& connection, data::Bytes result) {
    return wire::visit_handles(
               result,
               [&](const wire::Handle& handle) -> Result<void> {
                   introduced_.push_back(
                       {handle.id, std::make_shared<Target>(connection, handle.id, std::string(handle.type_id))});
                   return {};
               })
        .has_value();
}

std::shared_ptr<Target> Introductions::take(std::uint64_t id) {
    for (std::size_t step = 0; step < introduced_.size(); ++step) {
        const std::size_t at = (next_ + step) % introduced_.size();
        if (introduced_[at].id != id) continue;
        next_ = at + 1;
        return introduced_[at].target;
    }
    return nullptr;
}

void Introductions::note_use(const ProxyClass& proxy_class, const std::string& type) {
    if (!proxy_class.claims_nothing()) unchecked.push_back({&proxy_class, type});
}

bool ResultContext::take_target(data::Reader& in, std::shared_ptr<Target>& out, const ProxyClass& proxy_class) {
    data::Token token;
    if (!in.peek(token)) return cut_short();
    wire::Handle handle;
    if (!wire::read_handle(in.take_value(), wire::HandleForm::ext, handle)) {
        return expected("an object",
                        token.kind == data::Kind::extension ? "an extension of another type" : kind_name(token.kind));
    }
    out = introductions_ == nullptr ? nullptr : introductions_->take(handle.id);
    if (out == nullptr) return refuse("a proxy can be had only from a reply of the host");
    introductions_->note_use(proxy_class, out->type());
    return true;
}

std::shared_ptr<const void> ResultContext::keeper(std::int8_t extension_type, data::Bytes body) {
    if (extension_type != wire::ext_handle || introductions_ == nullptr) return nullptr;
    data::Reader in(body);
    data::Token token;
    if (!in.next(token) || !in.next(token) || token.kind != data::Kind::unsigned_integer) return nullptr;
    return introductions_->take(token.unsigned_value);
}

}  // namespace soho::client
