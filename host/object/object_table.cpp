#include "host/object/object_table.hpp"

#include "host/object/invocation.hpp"
#include "host/registry/plugin.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <new>
#include <random>

namespace soho::host {

namespace {

constexpr std::uint64_t first_id_max = std::uint64_t{1} << 52;

std::uint64_t random_first_id() {
    std::random_device random;
    return 1 + ((std::uint64_t{random()} << 32) | random()) % first_id_max;
}

// Gives a plugin its owner back, in the turn.
class ReleaseTask : public TurnTask {
public:
    ReleaseTask(TypePtr type, std::shared_ptr<Turn> turn, void* owner, void (*release)(void*))
        : type_(std::move(type)),
          turn_(std::move(turn)),
          owner_(owner),
          release_(release) {
        if (turn_ != nullptr) turns = {turn_.get()};
        on_pool = type_->blocking();
    }
    void run(Activity* activity) noexcept override {
        const ActivityMark mark(activity, *type_, nullptr, "the destructor");
        release_(owner_);
    }

private:
    TypePtr type_;
    std::shared_ptr<Turn> turn_;
    void* owner_;
    void (*release_)(void*);
};

// The end of an object: its destructor, then our own memory of it.
class DestroyTask : public TurnTask {
public:
    DestroyTask(std::unique_ptr<Object> object, std::atomic<std::uint64_t>& destroyed, void (*release)(void*))
        : object_(std::move(object)),
          destroyed_(destroyed),
          release_(release) {
        if (object_->turn() != nullptr) turns = {object_->turn()};
        on_pool = object_->type().blocking();
    }
    void run(Activity* activity) noexcept override {
        const ActivityMark mark(activity, object_->type(), nullptr, "the destructor");
        if (release_ != nullptr) release_(object_->owner());
        object_->let_go();
        destroyed_.fetch_add(1, std::memory_order_relaxed);
    }

private:
    std::unique_ptr<Object> object_;  // keeps the turn
    std::atomic<std::uint64_t>& destroyed_;
    void (*release_)(void*);
};

// Of an owner that no object needs.
void give_back(const TypePtr& type, std::shared_ptr<Turn> turn, const Object::Instance& instance) {
    if (instance.release == nullptr) return;
    const auto release = std::make_shared<ReleaseTask>(type, std::move(turn), instance.owner, instance.release);
    release->turns.empty() ? release->run(nullptr) : Turn::submit(release);
}

}  // namespace

tl::unexpected<Error> too_many(const Account& account) {
    return refuse(Code::limit, fmt::format("{} has {} objects already (principal_objects): release some first",
                                           account.name, account.objects.used()));
}

ObjectTable::ObjectTable(Pool& pool) : domain_(pool), first_id_(random_first_id()), next_id_(first_id_) {}

// What was counted for it: its destructor has run by now.
Object::~Object() {
    account_.objects.give_back(1);
    account_.bytes.give_back(bytes.used());
    type().plugin->bytes.give_back(bytes.used());
}

// How far it has come.
struct ObjectTable::Adoption {
    Account& account;
    bool charged = false;  // the account, for an object that there is not yet
    bool owned = false;    // the instance, by an object, which gives it back
};

Result<ObjectPtr> ObjectTable::adopt(const TypePtr& type, const soho_instance& given, std::string_view principal,
                                     Executor& home) {
    const Object::Instance instance{given.self, given.identity != nullptr ? given.identity : given.self, given.owner,
                                    given.release};
    Adoption adoption{accounts_.of(principal)};
    try {
        return adopt(adoption, type, instance, home);
    } catch (const std::bad_alloc&) {  // a table has grown too large
        if (adoption.charged) adoption.account.objects.give_back(1);
        if (!adoption.owned) give_back(type, turn_of(instance.identity), instance);
        forget(instance.identity);
        return tl::unexpected<Error>(out_of_memory());
    }
}

Result<ObjectPtr> ObjectTable::adopt(Adoption& adoption, const TypePtr& type, const Object::Instance& instance,
                                     Executor& home) {
    IdentityShard& shard = identity_shard(instance.identity);
    // Should memory run out, these go after the lock.
    ObjectPtr object;
    std::shared_ptr<Turn> turn;
    std::unique_lock lock(shard.mutex);
    Identity& identity = shard.identities[instance.identity];
    for (const auto& [known_type, known] : identity.objects) {
        if (known_type != type.get()) continue;
        object = known.lock();
        if (object != nullptr) {
            lock.unlock();
            adoption.owned = true;
            give_back(type, object->turn_ptr(), instance);
            return object;
        }
    }

    turn = turn_for(*type, instance.identity, identity, home);
    adoption.charged = adoption.account.take_object();
    if (!adoption.charged) {
        lock.unlock();
        adoption.owned = true;
        give_back(type, std::move(turn), instance);
        forget(instance.identity);
        return too_many(adoption.account);
    }
    const std::uint64_t id = next_id_.fetch_add(1, std::memory_order_relaxed);
    auto* const made = new Object(id, type, instance, std::move(turn), home, adoption.account);
    adoption.charged = false;
    adoption.owned = true;
    living_.fetch_add(1, std::memory_order_relaxed);
    created_.fetch_add(1, std::memory_order_relaxed);
    object = ObjectPtr(made, [this](Object* last) { retire(last); });
    std::erase_if(identity.objects, [](const auto& entry) { return entry.second.expired(); });
    identity.objects.emplace_back(type.get(), object);
    // Before another thread can come by the object through its identity.
    IdShard& ids = id_shard(id);
    const std::scoped_lock id_lock(ids.mutex);
    ids.objects.emplace(id, object);
    return object;
}

// Null if it has none.
std::shared_ptr<Turn> ObjectTable::turn_of(const void* identity) {
    IdentityShard& shard = identity_shard(identity);
    const std::scoped_lock lock(shard.mutex);
    const auto found = shard.identities.find(identity);
    return found != shard.identities.end() ? found->second.turn.lock() : nullptr;
}

std::shared_ptr<Turn> ObjectTable::turn_for(const Type& type, const void* key, Identity& identity, Executor& home) {
    if (type.concurrent()) return nullptr;
    if (type.per_plugin()) return keyed_turn(type.plugin, home);
    std::shared_ptr<Turn> turn = identity.turn.lock();
    if (turn == nullptr) {
        // A turn may outlive its last object: an owner may wait in it to be released.
        turn = std::shared_ptr<Turn>(new Turn(domain_, home), [this](Turn* last) {
            const void* const of = last->identity.load(std::memory_order_acquire);
            delete last;
            forget(of);
        });
        turn->identity.store(key, std::memory_order_release);
        identity.turn = turn;
    }
    return turn;
}

std::shared_ptr<Turn> ObjectTable::keyed_turn(const void* key, Executor& home) {
    const std::scoped_lock lock(keyed_mutex_);
    auto& turn = keyed_turns_[key];
    if (turn == nullptr) turn = std::make_shared<Turn>(domain_, home);
    return turn;
}

void ObjectTable::inherit_turns(const Plugin& before, const Plugin& after, Executor& home) {
    const std::scoped_lock lock(keyed_mutex_);
    const auto turn_of_key = [&](const void* key) {
        auto& turn = keyed_turns_[key];
        if (turn == nullptr) turn = std::make_shared<Turn>(domain_, home);
        return turn;
    };
    keyed_turns_[&after] = turn_of_key(&before);
    for (const auto& type : before.types()) {
        const TypePtr same = after.find_local(type->local_id);
        if (same != nullptr && !type->concurrent() && !same->concurrent())
            keyed_turns_[same.get()] = turn_of_key(type.get());
    }
}

// ---- Move: in the turn of its objects, so that no other thread looks at their instances.

struct ObjectTable::Move::SharedOwner {
    void* owner = nullptr;
    void (*release)(void* owner) = nullptr;  // null until it is to be given back by this

    SharedOwner() = default;
    SharedOwner(const SharedOwner&) = delete;
    SharedOwner& operator=(const SharedOwner&) = delete;
    ~SharedOwner() {
        if (release != nullptr) release(owner);
    }
};

ObjectTable::Move::Move(ObjectTable& table, std::vector<ObjectPtr> objects, std::vector<TypePtr> types,
                        Object::Instance instance)
    : table_(table),
      objects_(std::move(objects)),
      types_(std::move(types)),
      instance_(instance) {}

ObjectTable::Move::~Move() {
    if (!is_prepared_) return;
    IdentityShard& shard = table_.identity_shard(instance_.identity);
    const std::scoped_lock lock(shard.mutex);
    const auto found = shard.identities.find(instance_.identity);
    if (found == shard.identities.end()) return;
    std::erase_if(found->second.objects, [&](const auto& entry) {
        return std::any_of(
            objects_.begin(), objects_.end(),
            [&](const ObjectPtr& ours) {  // without a reference, which may be the last: that would lock once more
                return !entry.second.owner_before(ours) && !ours.owner_before(entry.second);
            });
    });
    if (found->second.objects.empty()) shard.identities.erase(found);
}

Result<void> ObjectTable::Move::prepare() {
    if (objects_.size() > 1 && instance_.release != nullptr) owner_ = std::make_shared<SharedOwner>();
    std::vector<std::pair<const Type*, std::weak_ptr<Object>>> entries;
    for (std::size_t i = 0; i < objects_.size(); ++i) entries.emplace_back(types_[i].get(), objects_[i]);

    IdentityShard& shard = table_.identity_shard(instance_.identity);
    const std::scoped_lock lock(shard.mutex);
    Identity& identity = shard.identities[instance_.identity];
    std::erase_if(identity.objects, [](const auto& entry) { return entry.second.expired(); });
    // A turn may be left of an object that was there before: nobody calls anything in it.
    if (!identity.objects.empty()) return refuse(Code::internal, "what was loaded is an object that is there already");
    identity.objects = std::move(entries);
    identity.turn.reset();
    if (!types_.front()->per_plugin()) identity.turn = objects_.front()->turn_ptr();
    is_prepared_ = true;
    return {};
}

void ObjectTable::Move::make() noexcept {
    is_prepared_ = false;
    const void* const before = objects_.front()->identity();
    if (owner_ != nullptr) {
        owner_->owner = instance_.owner;
        owner_->release = instance_.release;
    }
    for (std::size_t i = 0; i < objects_.size(); ++i) {
        Object& object = *objects_[i];
        const std::uint64_t bytes = object.bytes.give_back_at_most(UINT64_MAX);
        object.account_.bytes.give_back(bytes);
        object.type().plugin->bytes.give_back(bytes);
        object.instance_ = instance_;
        if (owner_ != nullptr) object.instance_.release = nullptr;
        object.shared_owner_ = owner_;
        object.kept_type_ = types_[i];
        object.type_.store(types_[i].get(), std::memory_order_release);
    }
    if (!types_.front()->per_plugin())
        objects_.front()->turn()->identity.store(instance_.identity, std::memory_order_release);
    if (before == instance_.identity) return;
    IdentityShard& shard = table_.identity_shard(before);
    const std::scoped_lock lock(shard.mutex);
    shard.identities.erase(before);
}

std::shared_ptr<Turn> ObjectTable::factory_turn(const Type& type, Executor& home) { return keyed_turn(&type, home); }

// The last reference has gone, on whatever thread, perhaps under a lock: nothing of the plugin runs here.
void ObjectTable::retire(Object* last) {
    std::unique_ptr<Object> object(last);
    {
        IdShard& shard = id_shard(object->id());
        const std::scoped_lock lock(shard.mutex);
        shard.objects.erase(object->id());
    }
    forget(object->identity());
    living_.fetch_sub(1, std::memory_order_relaxed);
    Executor& home = object->home();
    const bool on_pool = object->type().blocking();
    const auto release = object->instance_.release;
    auto task = std::make_shared<DestroyTask>(std::move(object), destroyed_, release);
    if (!task->turns.empty()) {
        Turn::submit(task);
    } else if (!on_pool || !domain_.pool.post([task] { task->run(nullptr); })) {
        home.post([task, &home] { task->run(home.activity()); });
    }
}

// Drops what is known of an identity once neither an object nor its turn lives.
void ObjectTable::forget(const void* key) {
    IdentityShard& shard = identity_shard(key);
    const std::scoped_lock lock(shard.mutex);
    const auto found = shard.identities.find(key);
    if (found == shard.identities.end()) return;
    std::erase_if(found->second.objects, [](const auto& entry) { return entry.second.expired(); });
    if (found->second.objects.empty() && found->second.turn.expired()) shard.identities.erase(found);
}

ObjectPtr ObjectTable::find(std::uint64_t id) const {
    const IdShard& shard = id_shard(id);
    const std::scoped_lock lock(shard.mutex);
    const auto found = shard.objects.find(id);
    return found == shard.objects.end() ? nullptr : found->second.lock();
}

Error ObjectTable::no_object(std::uint64_t id) const {
    const bool ours = id >= first_id_ && id < next_id_.load(std::memory_order_relaxed);
    return Error(Code::no_object, ours ? fmt::format("no object #{}, or none that this session may use", id)
                                       : fmt::format("no object #{}: from an earlier host, or made up", id));
}

std::vector<ObjectPtr> ObjectTable::all_of(const void* identity) {
    std::vector<ObjectPtr> objects;
    IdentityShard& shard = identity_shard(identity);
    const std::scoped_lock lock(shard.mutex);
    const auto found = shard.identities.find(identity);
    if (found == shard.identities.end()) return objects;
    for (const auto& [type, weak] : found->second.objects) {
        if (ObjectPtr object = weak.lock()) objects.push_back(std::move(object));
    }
    return objects;
}

std::vector<ObjectPtr> ObjectTable::all() const {
    std::vector<ObjectPtr> objects;
    for (const IdShard& shard : ids_) {
        const std::scoped_lock lock(shard.mutex);
        for (const auto& [id, weak] : shard.objects) {
            if (ObjectPtr object = weak.lock()) objects.push_back(std::move(object));
        }
    }
    std::sort(objects.begin(), objects.end(), [](const ObjectPtr& a, const ObjectPtr& b) { return a->id() < b->id(); });
    return objects;
}

}  // namespace soho::host
