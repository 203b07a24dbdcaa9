#pragma once
// All living objects, by id and by identity. It keeps none of them alive.

#include "host/object/object.hpp"

#include <array>
#include <unordered_map>

namespace soho::host {

// Thread-safe. Must outlive all objects.
class ObjectTable {
public:
    explicit ObjectTable(Pool& pool);

    // The object for what a plugin handed over: an existing one if this identity has one under this typeid, else a new one.
    // Takes the owner in every case. Fails with Code::limit where the principal has too many objects.
    Result<ObjectPtr> adopt(const TypePtr& type, const soho_instance& instance, std::string_view principal,
                            Executor& home);

    // Null if there is none. [any thread]
    ObjectPtr find(std::uint64_t id) const;
    // Why there is none: the sentence for Code::no_object.
    Error no_object(std::uint64_t id) const;
    std::vector<ObjectPtr> all() const;
    // The types and the objects of `after`, which takes the place of `before`, are created in the turns that those of `before` are.
    void inherit_turns(const Plugin& before, const Plugin& after, Executor& home);
    // Another instance for what are all the objects of one, with other types of theirs; in their turn, which they keep. All that can
    // fail is done before anything changes, so that several can be made together or not at all.
    class Move;
    // Those of one instance.
    std::vector<ObjectPtr> all_of(const void* identity);

    Accounts& accounts() { return accounts_; }

    // In it, the callables of that type run one at a time.
    std::shared_ptr<Turn> factory_turn(const Type& type, Executor& home);

    std::size_t size() const { return living_.load(std::memory_order_relaxed); }
    std::uint64_t created() const { return created_.load(std::memory_order_relaxed); }
    // The host is going: queued calls that have not begun are answered not_started, but for those that running ones make.
    std::atomic<bool> draining{false};
    // Replies that a plugin completed a second time: ignored, but counted.
    std::atomic<std::uint64_t> completed_twice{0};
    // Destructors that have returned.
    std::uint64_t destroyed() const { return destroyed_.load(std::memory_order_relaxed); }

private:
    struct IdShard {
        mutable std::mutex mutex;
        std::unordered_map<std::uint64_t, std::weak_ptr<Object>> objects;
    };
    // What is known of one identity while any object of it lives.
    struct Identity {
        std::weak_ptr<Turn> turn;
        std::vector<std::pair<const Type*, std::weak_ptr<Object>>> objects;
    };
    struct IdentityShard {
        std::mutex mutex;
        std::unordered_map<const void*, Identity> identities;
    };
    static constexpr std::size_t shard_count = 16;

    IdShard& id_shard(std::uint64_t id) { return ids_[id % shard_count]; }
    const IdShard& id_shard(std::uint64_t id) const { return ids_[id % shard_count]; }
    IdentityShard& identity_shard(const void* identity) {
        return identities_[(reinterpret_cast<std::uintptr_t>(identity) >> 6) % shard_count];
    }
    struct Adoption;
    Result<ObjectPtr> adopt(Adoption& adoption, const TypePtr& type, const Object::Instance& instance, Executor& home);
    std::shared_ptr<Turn> turn_for(const Type& type, const void* key, Identity& identity, Executor& home);
    std::shared_ptr<Turn> turn_of(const void* identity);
    void forget(const void* key);
    std::shared_ptr<Turn> keyed_turn(const void* key, Executor& home);
    void retire(Object* object);

    Accounts accounts_;
    TurnDomain domain_;
    const std::uint64_t first_id_;  // random, so that an id of an earlier host is noticed
    std::atomic<std::uint64_t> next_id_;
    std::atomic<std::size_t> living_{0};
    std::atomic<std::uint64_t> created_{0};
    std::atomic<std::uint64_t> destroyed_{0};
    std::array<IdShard, shard_count> ids_;
    std::array<IdentityShard, shard_count> identities_;
    std::mutex keyed_mutex_;
    std::unordered_map<const void*, std::shared_ptr<Turn>>
        keyed_turns_;  // by type (factories) and by plugin (per_plugin)
};

class ObjectTable::Move {
public:
    Move(ObjectTable& table, std::vector<ObjectPtr> objects, std::vector<TypePtr> types, Object::Instance instance);
    Move(const Move&) = delete;
    Move& operator=(const Move&) = delete;
    // Unless it was made, everything is as it was.
    ~Move();

    // Fails where the instance is that of other objects.
    Result<void> prepare();
    // Takes the instance. Who has owners() of the objects gives back the one before. After prepare().
    void make() noexcept;

private:
    struct SharedOwner;

    ObjectTable& table_;
    const std::vector<ObjectPtr> objects_;
    const std::vector<TypePtr> types_;
    const Object::Instance instance_;
    std::shared_ptr<SharedOwner> owner_;  // of several
    bool is_prepared_ = false;
};

// Why a principal gets no further object.
tl::unexpected<Error> too_many(const Account& account);

}  // namespace soho::host
