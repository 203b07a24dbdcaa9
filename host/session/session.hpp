#pragma once
// A session: who a client is, and the objects it refers to. It lives as long as one of its connections.

#include "host/object/object.hpp"
#include "host/session/allowance.hpp"
#include "host/session/principal.hpp"

#include <unordered_map>

namespace soho::host {

// Thread-safe: connections of one session may belong to several reactors.
class Session {
public:
    using Secret = std::array<std::uint8_t, 16>;

    Session(std::uint64_t id, Secret secret, Principal principal, std::string client, const Allowance& allowance)
        : id_(id),
          secret_(secret),
          principal_(std::move(principal)),
          client_(std::move(client)),
          allowance_(allowance),
          created_ns_(monotonic_now()) {}

    std::uint64_t id() const { return id_; }
    const Secret& secret() const { return secret_; }
    const Principal& principal() const { return principal_; }
    const std::string& client() const { return client_; }
    std::int64_t created_ns() const { return created_ns_; }

    // What holds for it: that of the connection that opened it.
    const Limits& limits() const { return allowance_.limits(); }
    void hit(std::uint64_t Limits::*limit) { allowance_.hits().hit(limit, principal_.name, id_, told_); }

    // A handle of the object is about to be given to the client: counts one. Fails with Code::limit.
    Result<void> hold(const ObjectPtr& object);
    // Gives back `count`, or what there is; the number given back.
    std::uint64_t release(std::uint64_t id, std::uint64_t count);
    // Null if this session holds no such object.
    ObjectPtr find(std::uint64_t id) const;
    // Forgets the object whatever its count (soho.drop).
    void drop(std::uint64_t id);
    struct Reference {
        ObjectPtr object;
        std::uint64_t count = 0;
    };
    using References = std::unordered_map<std::uint64_t, Reference>;
    // All of it, once, when the last connection has gone.
    References take_all();

    struct Held {
        std::uint64_t id;
        std::uint64_t count;
    };
    std::vector<Held> held() const;
    std::size_t size() const;
    // References given out, counted as often as they were.
    std::uint64_t references() const;

    // For soho.sessions.
    std::atomic<std::uint32_t> connections{0};
    std::atomic<std::uint64_t> calls{0};
    std::atomic<std::uint32_t> waiting{0};

private:
    const std::uint64_t id_;
    const Secret secret_;
    const Principal principal_;
    const std::string client_;
    const Allowance& allowance_;
    LimitHits::Told told_{0};
    const std::int64_t created_ns_;
    mutable std::mutex mutex_;
    std::unordered_map<std::uint64_t, Reference> references_;
};
using SessionPtr = std::shared_ptr<Session>;

}  // namespace soho::host
