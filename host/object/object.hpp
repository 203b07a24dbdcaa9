#pragma once
// A hosted object, as reached through one typeid. Kept alive by std::shared_ptr: every reference of a session, a name, a
// ticket or another object, and every call in flight, holds one. When the last goes, the object's destructor runs in its turn.

#include "host/object/account.hpp"
#include "host/object/turn.hpp"
#include "host/registry/type.hpp"

#include <string>

namespace soho::host {

class Object {
public:
    struct Instance {
        void* self = nullptr;
        const void* identity = nullptr;
        void* owner = nullptr;
        void (*release)(void* owner) = nullptr;
    };

    Object(std::uint64_t id, TypePtr type, Instance instance, std::shared_ptr<Turn> turn, Executor& home,
           Account& account)
        : id_(id),
          type_(type.get()),
          kept_type_(std::move(type)),
          instance_(instance),
          turn_(std::move(turn)),
          home_(home),
          account_(account),
          created_ns_(monotonic_now()) {}
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;
    ~Object();

    std::uint64_t id() const { return id_; }
    // Another one once its plugin was reloaded and it was moved: in its turn it stays the same.
    const Type& type() const { return *type_.load(std::memory_order_acquire); }
    TypePtr type_ptr() const {
        if (TypePtr type = this->type().self.lock()) return type;
        return kept_type_;  // of no plugin: it never moves
    }
    void* self() const { return instance_.self; }
    void* owner() const { return instance_.owner; }
    const void* identity() const { return instance_.identity; }
    // Null: the type is concurrent.
    Turn* turn() const { return turn_.get(); }
    const std::shared_ptr<Turn>& turn_ptr() const { return turn_; }
    Executor& home() const { return home_; }
    // Who made it: its quota counts there.
    Account& account() const { return account_; }
    const std::string& principal() const { return account_.name; }
    std::int64_t created_ns() const { return created_ns_; }

    // What the plugin says it holds (charge); counted for the account and the plugin as well.
    Quota bytes;
    // Calls that run, wait for the turn, or have a reply pending.
    std::atomic<std::uint32_t> calls{0};
    // Of those, the ones whose replies are pending; and replies that its plugin wants to know the fate of. Both need the instance.
    std::atomic<std::uint32_t> pending{0};
    std::atomic<std::uint32_t> undelivered{0};
    // The process that it lived in has ended: no call of it will begin any more.
    std::atomic<bool> lost{false};

    // What its instance and, of several objects, the last of them gives back. In the turn.
    std::pair<Instance, std::shared_ptr<void>> owners() const { return {instance_, shared_owner_}; }
    void let_go() { shared_owner_.reset(); }

private:
    friend class ObjectTable;

    const std::uint64_t id_;
    std::atomic<const Type*> type_;       // types stay as long as the host
    TypePtr kept_type_;                   // … and what their plugin offers as long as this: the same type
    Instance instance_;                   // changes in the turn, as the type does
    std::shared_ptr<void> shared_owner_;  // in place of the instance's, where several objects have one owner
    const std::shared_ptr<Turn> turn_;
    Executor& home_;
    Account& account_;
    const std::int64_t created_ns_;
};

using ObjectPtr = std::shared_ptr<Object>;

}  // namespace soho::host
