#pragma once
// What a proxy refers to: one counted reference that the host gave to this session. It goes back when the last copy of
// the proxy goes.

#include "connection.hpp"

namespace soho::client {

class Target {
public:
    // Takes over one count that the host gave for `id`.
    Target(std::shared_ptr<Connection> connection, std::uint64_t id, std::string type);
    Target(const Target&) = delete;
    ~Target();

    // From now on a lost connection is made again, and the object found again by its name. Called before it is shared.
    void find_by_name(std::shared_ptr<Link> link, std::string name, const ProxyClass& proxy_class);
    bool is_named() const { return link_ != nullptr; }

    struct Place {
        Connection* connection;
        std::shared_ptr<Connection> keeper;  // empty where the target itself keeps the connection
        std::uint64_t id;
    };
    // Where to send a call. Throws ConnectionLost: session_lost where the object's reference went with its session. Unless
    // it `may_connect`, that may be a lost connection.
    Place resolve(bool may_connect);

    std::uint64_t id() const;
    std::string type() const;
    std::shared_ptr<Link> link() const { return link_; }

private:
    Place resolve_name(bool may_connect);

    // Of a target without a name these never change; else the mutex guards them.
    mutable std::mutex mutex_;
    std::shared_ptr<Connection> connection_;
    std::uint64_t id_;
    std::string type_;

    std::shared_ptr<Link> link_;
    std::string name_;
    const ProxyClass* proxy_class_ = nullptr;
};

}  // namespace soho::client
