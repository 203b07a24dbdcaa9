#include "link.hpp"

#include "class_check.hpp"

#include <fmt/format.h>
#include <cstdlib>

namespace soho::client {

namespace {

// A socket in a directory that others can write to could be anybody's.
std::string directory_mismatch(const wire::Address& address) {
    return address.text() == wire::user_address().text()
               ? wire::private_directory_mismatch(wire::user_directory(), false)
               : std::string();
}

// What is not said may be in the environment.
ConnectOptions with_environment(ConnectOptions options) {
    const auto fill = [](std::string& option, const char* variable) {
        const char* const value = std::getenv(variable);
        if (option.empty() && value != nullptr) option = value;
    };
    if (options.token_file.empty()) fill(options.key_file, "SOHO_KEY");
    fill(options.tls_ca_file, "SOHO_TLS_CA");
    return options;
}

}  // namespace

Link::Link(std::vector<wire::Address> addresses, bool are_defaults, ConnectOptions options)
    : addresses_(std::move(addresses)),
      are_defaults_(are_defaults),
      options_(with_environment(std::move(options))),
      connection_(connect()) {}

// The proxies of this client keep the connection; without any it ends here.
Link::~Link() = default;

std::shared_ptr<Connection> Link::connect() const {
    const Deadline until = Clock::now() + options_.connect_timeout;
    std::string tried;
    bool answered = false;
    for (const wire::Address& address : addresses_) {
        const auto note = [&](std::string_view why) {
            tried += fmt::format("{}{} ({})", tried.empty() ? "" : ", ", address.text(), why);
        };
        if (auto mismatch = are_defaults_ ? directory_mismatch(address) : std::string(); !mismatch.empty()) {
            note(mismatch);
            continue;
        }
        auto socket = connect_to(address, options_, until);
        if (!socket) {
            note(socket.error().text);
            continue;
        }
        auto connection = std::make_shared<Connection>(*std::move(socket), address.text(), options_.spin);
        try {
            connection->greet(options_, address, until);
            return connection;
        } catch (const ConnectionLost& lost) {
            note(lost.text());
        } catch (const CallError& error) {
            answered |= error.code() == CallCode::unauthenticated;
            note(error.what());
        }
    }
    throw ConnectionLost(
        Failure(CallCode::connection_lost,
                fmt::format("no host {} at {}{}", answered ? "lets this client in" : "answers", tried,
                            are_defaults_ ? "; start one with sohod, or say where it is with SOHO_HOST" : "")));
}

std::shared_ptr<Connection> Link::connection() {
    auto current = latest();
    if (!current->is_lost()) return current;
    const std::lock_guard connecting(connecting_);
    {
        const std::lock_guard lock(mutex_);
        if (!connection_->is_lost()) return connection_;  // another thread was first
        if (closed_ || !options_.reconnect) connection_->lost_failure(false).raise();
    }
    auto made = connect();
    const std::lock_guard lock(mutex_);
    previous_ = std::exchange(connection_, std::move(made));
    if (closed_) connection_->close("this client was closed");
    return connection_;
}

std::shared_ptr<Connection> Link::latest() const {
    const std::lock_guard lock(mutex_);
    return connection_;
}

std::shared_ptr<Connection> Link::previous() const {
    const std::lock_guard lock(mutex_);
    return previous_;
}

std::size_t Link::drive(Deadline until) const {
    std::size_t ran = 0;
    if (const auto before = previous(); before && before->callbacks_due() != 0) ran = before->drive(Clock::now());
    return ran + latest()->drive(until);
}

std::size_t Link::callbacks_due() const {
    const auto before = previous();
    return (before ? before->callbacks_due() : 0) + latest()->callbacks_due();
}

void Link::close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    const auto connection = connection_;
    lock.unlock();
    connection->close("this client was closed");
}

void Link::register_class(const ProxyClass& proxy_class, Factory factory) {
    const std::lock_guard lock(mutex_);
    std::erase_if(registered_,
                  [&](const Registered& other) { return other.proxy_class->proxytype == proxy_class.proxytype; });
    registered_.push_back({&proxy_class, factory});
}

std::unique_ptr<Proxy> Link::make_registered(const TypeDescription& type, std::shared_ptr<Target> target) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [proxy_class, factory] : registered_) {
        if (proxy_class->proxytype != type.proxytype) continue;
        if (auto mismatch = class_mismatch(*proxy_class, type)) mismatch->raise();
        return factory(std::move(target));
    }
    return std::make_unique<Proxy>(std::move(target));
}

}  // namespace soho::client
