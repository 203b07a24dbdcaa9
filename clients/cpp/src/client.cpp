#include "link.hpp"
#include "target.hpp"

#include <soho/client.hpp>

namespace soho {

namespace {

// Maps of the host's own: unknown keys are passed over.
template <class Entry>
bool read_map(data::Reader& in, data::DecodeContext& context, Entry entry) {
    data::Token map;
    if (!in.next(map)) return context.cut_short();
    if (map.kind != data::Kind::map) return context.expected("map", map);
    for (std::uint32_t i = 0; i < map.size; ++i) {
        std::string_view key;
        if (!data::decode_into(in, key, context)) return false;
        data::Reader value(in.take_value());
        if (!entry(key, value)) return context.inside(key);
    }
    return true;
}

[[noreturn]] void refuse_address(const Error& error) { throw CallError(Failure(CallCode::bad_arguments, error.text)); }

}  // namespace

template <>
struct data::Codec<Whoami> {
    static bool decode(Reader& in, Whoami& out, DecodeContext& context) {
        return read_map(in, context, [&](std::string_view key, Reader& value) {
            if (key == "session") return decode_into(value, out.session, context);
            if (key == "principal") return decode_into(value, out.principal, context);
            if (key == "rights") return decode_into(value, out.rights, context);
            return key != "instance" || decode_into(value, out.instance, context);
        });
    }
};

template <>
struct data::Codec<PublishedName> {
    static bool decode(Reader& in, PublishedName& out, DecodeContext& context) {
        return read_map(in, context, [&](std::string_view key, Reader& value) {
            if (key == "name") return decode_into(value, out.name, context);
            if (key == "type") return decode_into(value, out.type, context);
            return key != "id" || decode_into(value, out.id, context);
        });
    }
};

Client Client::connect(ConnectOptions options) {
    auto addresses = wire::client_addresses();
    if (!addresses) refuse_address(addresses.error());
    const bool are_defaults = addresses->size() > 1;
    return Client(std::make_shared<client::Link>(*std::move(addresses), are_defaults, std::move(options)));
}

Client Client::connect(std::string_view address, ConnectOptions options) {
    auto parsed = wire::parse_address(address);
    if (!parsed) refuse_address(parsed.error());
    std::vector<wire::Address> addresses{*std::move(parsed)};
    return Client(std::make_shared<client::Link>(std::move(addresses), false, std::move(options)));
}

std::string Client::share(const Proxy& proxy, std::chrono::milliseconds ttl, unsigned uses) const {
    const std::map<std::string, unsigned> options{{"uses", uses}};
    return request<std::string>("soho.share", proxy, ttl.count(), options);
}

void Client::publish(const Proxy& proxy, std::string_view name, bool for_session) const {
    const std::map<std::string, bool> options{{"session", for_session}};
    request<void>("soho.publish", proxy, name, options);
}

void Client::unpublish(std::string_view name) const { request<void>("soho.unpublish", name); }
std::vector<PublishedName> Client::names() const { return request<std::vector<PublishedName>>("soho.names"); }
std::vector<TypeDescription> Client::types() const { return request<std::vector<TypeDescription>>("soho.types"); }
TypeDescription Client::describe(std::string_view type) const { return request<TypeDescription>("soho.types", type); }
void Client::ping() const { request<void>("soho.ping"); }
Whoami Client::whoami() const { return request<Whoami>("soho.whoami"); }

void Client::register_class(const client::ProxyClass& proxy_class, Factory factory) const {
    link_->register_class(proxy_class, factory);
}

std::unique_ptr<Proxy> Client::as_registered(const Proxy& proxy) const {
    const TypeDescription type = describe(proxy.type());
    return link_->make_registered(type, proxy.target());
}

std::size_t Client::run_for(std::chrono::nanoseconds duration) const {
    return link_->drive(client::Clock::now() + duration);
}
std::size_t Client::poll() const { return link_->drive(client::Clock::now()); }
std::size_t Client::in_flight() const { return link_->callbacks_due(); }
std::chrono::steady_clock::time_point Client::next_deadline() const { return link_->latest()->next_expiry(); }
int Client::native_handle() const { return link_->latest()->descriptor(); }
bool Client::wants_to_write() const { return link_->latest()->wants_to_write(); }
bool Client::is_connected() const { return !link_->latest()->is_lost(); }
void Client::reconnect() const { link_->connection(); }
void Client::close() const { link_->close(); }
std::string Client::address() const { return link_->latest()->address(); }

}  // namespace soho
