#pragma once
// A client's link to its host: where it is, how to connect, and the connection of the moment. Client and the proxies that
// were opened by name share it.

#include "connection.hpp"

#include <soho/client.hpp>

namespace soho::client {

// Thread-safe.
class Link {
public:
    // Connects to the first address that answers. Throws ConnectionLost that says of each why it does not.
    Link(std::vector<wire::Address> addresses, bool are_defaults, ConnectOptions options);
    ~Link();

    // The live connection; connects again if it was lost and the options allow it. Throws ConnectionLost.
    std::shared_ptr<Connection> connection();
    // The latest one, be it lost or not.
    std::shared_ptr<Connection> latest() const;
    void close();

    // Of the latest connection, and what is left of the one before: its callbacks that have not run.
    std::size_t drive(Deadline until) const;
    std::size_t callbacks_due() const;

    const ConnectOptions& options() const { return options_; }

    using Factory = std::unique_ptr<Proxy> (*)(std::shared_ptr<Target>);
    void register_class(const ProxyClass& proxy_class, Factory factory);
    // A proxy of the class that was registered for the type's proxytype; a plain one if there is none. Throws wrong_proxy.
    std::unique_ptr<Proxy> make_registered(const TypeDescription& type, std::shared_ptr<Target> target) const;

private:
    std::shared_ptr<Connection> connect() const;
    std::shared_ptr<Connection> previous() const;

    const std::vector<wire::Address> addresses_;
    const bool are_defaults_;
    const ConnectOptions options_;

    mutable std::mutex mutex_;
    std::mutex connecting_;
    std::shared_ptr<Connection> connection_;
    std::shared_ptr<Connection> previous_;
    bool closed_ = false;

    struct Registered {
        const ProxyClass* proxy_class;
        Factory factory;
    };
    std::vector<Registered> registered_;
};

}  // namespace soho::client
