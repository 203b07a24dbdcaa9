#include "host/object/moves.hpp"

#include "host/object/move_plan.hpp"
#include "host/registry/plugin.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <set>
#include <thread>

namespace soho::host {

namespace {

constexpr std::size_t at_once_max = 32;                    // threads of the pool
constexpr auto look_again = std::chrono::milliseconds(1);  // whether creates have ended that were pending

std::chrono::steady_clock::time_point time_of(std::int64_t ns) {
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(ns));
}

// Work in turns that is given up where it has not begun in time.
class Abandonable : public TurnTask {
public:
    // True for the first of both.
    bool begin() { return !taken_.exchange(true, std::memory_order_acq_rel); }

private:
    std::atomic<bool> taken_{false};
};

// All objects of one instance.
struct Group {
    std::vector<ObjectPtr> objects;  // by id
    std::vector<TypePtr> types;      // that they are to have
    soho_instance loaded{};
    bool is_loaded = false;
};

std::string why_busy(const std::vector<ObjectPtr>& objects) {
    for (const ObjectPtr& object : objects) {
        if (object->pending != 0) return "a reply is pending";
        if (object->undelivered != 0) return "a reply is not delivered yet";
    }
    return {};
}

Result<void> check_group(Group& group, const MovePlan& plan) {
    const auto stays = [](std::string why) { return refuse(Code::unavailable, std::move(why)); };
    if (const std::string& why = plan.why_not_movable(group.objects.front()->type()); !why.empty()) return stays(why);
    for (const ObjectPtr& object : group.objects) {
        const TypePtr after = plan.after(object->type());
        if (after == nullptr || !keeps_its_turn(object->type(), *after))
            return stays(fmt::format("it is a {}, too, which cannot move", object->type().type_id));
        group.types.push_back(after);
    }
    const auto& types = group.types;
    const bool one_class = std::all_of(
        types.begin(), types.end(), [&](const TypePtr& type) { return type->class_key == types.front()->class_key; });
    if (!one_class) return stays("its typeids are of several classes in the new version");
    if (std::string why = why_busy(group.objects); !why.empty()) return stays(std::move(why));
    return {};
}

// What is told of the moves, by those that make them.
struct Board {
    std::mutex mutex;
    std::condition_variable changed;
    Moves moves;
    std::size_t running = 0;
    bool again = false;  // there was more to move than was known

    void stay(std::size_t count, std::string_view why) noexcept {
        moves.stayed += count;
        try {
            moves.why[std::string(why)] += count;
        } catch (const std::bad_alloc&) {  // then nobody is told why
        }
    }
};

// Moves what stands in these turns, all or nothing.
class MoveTask final : public Abandonable {
public:
    MoveTask(ObjectTable& objects, const MovePlan& plan, const StateLimits& limits, Board& board, const void* meeting,
             std::vector<const void*> identities, std::vector<std::shared_ptr<Turn>> kept)
        : objects_(objects),
          plan_(plan),
          limits_(limits),
          board_(board),
          meeting_(meeting),
          identities_(std::move(identities)),
          kept_(std::move(kept)) {
        for (const auto& turn : kept_) {
            turns.push_back(turn.get());
            held_.insert(turn.get());
        }
        std::sort(identities_.begin(), identities_.end(), std::less<>());
        on_pool = is_urgent = true;
    }

    void run(Activity* activity) noexcept override {
        if (!begin()) return;
        const std::int64_t began_ns = monotonic_now();
        std::vector<Group> groups;
        Result<void> moved;
        try {
            moved = move(groups, activity);
        } catch (const std::bad_alloc&) {
            moved = refuse(Code::overloaded, "there is no memory to move it");
        }
        if (!moved) give_back(groups);
        const std::scoped_lock lock(board_.mutex);
        for (const Group& group : groups)
            moved ? void(board_.moves.moved += group.objects.size())
                  : board_.stay(group.objects.size(), moved.error().text);
        board_.moves.longest_ns = std::max(board_.moves.longest_ns, monotonic_now() - began_ns);
        --board_.running;
        board_.changed.notify_all();
    }

    const std::vector<const void*>& identities() const { return identities_; }

private:
    Result<void> move(std::vector<Group>& groups, Activity* activity) {
        for (const void* identity : identities_) {
            Group group{objects_.all_of(identity), {}, {}, false};
            // What has that address by now may be something else.
            std::erase_if(group.objects, [&](const ObjectPtr& object) { return !plan_.knows(object->type()); });
            std::sort(group.objects.begin(), group.objects.end(),
                      [](const ObjectPtr& a, const ObjectPtr& b) { return a->id() < b->id(); });
            if (!group.objects.empty()) groups.push_back(std::move(group));
        }
        if (meeting_ != nullptr && others_have_come()) {
            const std::scoped_lock lock(board_.mutex);
            board_.again = true;
            return refuse(Code::unavailable, "another object that it may meet came into being meanwhile");
        }
        for (Group& group : groups) {
            if (auto can = check_group(group); !can) return can;
        }
        for (Group& group : groups) {
            const Object& first = *group.objects.front();
            auto saved = save_state(objects_, first, limits_, activity);
            if (!saved) return tl::unexpected<Error>(saved.error());
            auto loaded = load_state(*group.types.front(), *saved, first.id(), activity);
            if (!loaded) return tl::unexpected<Error>(loaded.error());
            group.loaded = *loaded;
            group.is_loaded = true;
        }
        std::set<const void*> loaded;
        for (const Group& group : groups) {
            if (!loaded.insert(group.loaded.identity).second)
                return refuse(Code::internal, "its load gave one instance for several");
        }
        std::deque<ObjectTable::Move> moves;
        std::vector<std::pair<TypePtr, std::pair<Object::Instance, std::shared_ptr<void>>>> before;
        for (Group& group : groups) {
            for (const ObjectPtr& object : group.objects) before.emplace_back(object->type_ptr(), object->owners());
            const Object::Instance instance{group.loaded.self, group.loaded.identity, group.loaded.owner,
                                            group.loaded.release};
            moves.emplace_back(objects_, group.objects, group.types, instance);
            if (auto prepared = moves.back().prepare(); !prepared) return prepared;
        }
        for (ObjectTable::Move& move : moves) move.make();
        for (Group& group : groups) group.is_loaded = false;  // it is the objects' now
        for (auto& [type, owners] : before) {
            const ActivityMark mark(activity, *type, nullptr, "the destructor");
            if (owners.first.release != nullptr) owners.first.release(owners.first.owner);
            owners.second.reset();
        }
        return {};
    }

    // Whether a method has made a further object of the meeting since its turns were asked for.
    bool others_have_come() const {
        const auto all = objects_.all();
        return std::any_of(all.begin(), all.end(), [this](const ObjectPtr& object) {
            const Type& type = object->type();
            return plan_.knows(type) && plan_.meeting_of(type) == meeting_ &&
                   !std::binary_search(identities_.begin(), identities_.end(), object->identity(), std::less<>());
        });
    }

    // Several typeids of one instance: the first id's functions save and load it, for all.
    Result<void> check_group(Group& group) const {
        const auto stays = [](std::string why) { return refuse(Code::unavailable, std::move(why)); };
        const bool held = std::all_of(group.objects.begin(), group.objects.end(),
                                      [&](const ObjectPtr& object) { return held_.contains(object->turn()); });
        if (!held) return stays("it, or what it meets, has no turn to be moved in");
        return host::check_group(group, plan_);
    }

    static void give_back(std::vector<Group>& groups) {
        for (Group& group : groups) {
            if (group.is_loaded && group.loaded.release != nullptr) group.loaded.release(group.loaded.owner);
        }
    }

    ObjectTable& objects_;
    const MovePlan& plan_;
    const StateLimits limits_;
    Board& board_;
    const void* const meeting_;            // null: of one instance
    std::vector<const void*> identities_;  // sorted
    const std::vector<std::shared_ptr<Turn>> kept_;
    std::set<const Turn*> held_;  // the same
};

// Those that meet are one; each other instance is one of its own.
std::vector<std::shared_ptr<MoveTask>> tasks_for(ObjectTable& objects, const Plugin& before, const MovePlan& plan,
                                                 const StateLimits& limits, Board& board) {
    struct Unit {
        const void* meeting = nullptr;
        std::vector<const void*> identities;
        std::set<std::shared_ptr<Turn>> turns;
    };
    std::map<const void*, Unit> meetings;
    std::vector<Unit> units;
    std::set<const void*> seen;
    for (const ObjectPtr& object : objects.all()) {  // by id: the first of an instance decides
        const Type& type = object->type();
        if (type.plugin != &before || !seen.insert(object->identity()).second) continue;
        const void* const meeting = plan.meeting_of(type);
        if (const std::string& why = plan.why_not_movable(type); meeting == nullptr && !why.empty()) {
            board.stay(objects.all_of(object->identity()).size(), why);
            continue;
        }
        Unit& unit = meeting != nullptr ? meetings[meeting] : units.emplace_back();
        unit.identities.push_back(object->identity());
        if (object->turn() != nullptr) unit.turns.insert(object->turn_ptr());
    }
    for (auto& [meeting, unit] : meetings) {
        unit.meeting = meeting;
        units.push_back(std::move(unit));
    }
    std::vector<std::shared_ptr<MoveTask>> tasks;
    for (Unit& unit : units) {
        if (unit.turns.empty()) {
            for (const void* identity : unit.identities)
                board.stay(objects.all_of(identity).size(), "its type is concurrent");
            continue;
        }
        tasks.push_back(
            std::make_shared<MoveTask>(objects, plan, limits, board, unit.meeting, std::move(unit.identities),
                                       std::vector<std::shared_ptr<Turn>>(unit.turns.begin(), unit.turns.end())));
    }
    return tasks;
}

}  // namespace

// ---- creates

// Has the turns of the callables until it is let go.
class CreatesPaused::Task final : public Abandonable {
public:
    explicit Task(std::vector<std::shared_ptr<Turn>> kept) : kept_(std::move(kept)) {
        for (const auto& turn : kept_) turns.push_back(turn.get());
        on_pool = is_urgent = true;
    }

    void run(Activity*) noexcept override {
        if (starved || !begin()) return;
        std::unique_lock lock(mutex_);
        holds_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return is_over_; });
    }
    bool wait(std::int64_t until_ns) {
        {
            std::unique_lock lock(mutex_);
            if (changed_.wait_until(lock, time_of(until_ns), [this] { return holds_; })) return true;
        }
        if (begin()) return false;
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return holds_; });
        return true;
    }
    void end() {
        const std::scoped_lock lock(mutex_);
        is_over_ = true;
        changed_.notify_all();
    }

private:
    const std::vector<std::shared_ptr<Turn>> kept_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool holds_ = false, is_over_ = false;
};

CreatesPaused::CreatesPaused(ObjectTable& objects, const Plugin& plugin, Executor& home, std::int64_t until_ns) {
    std::vector<std::shared_ptr<Turn>> turns;
    for (const auto& type : plugin.types()) {
        if (!type->concurrent()) turns.push_back(objects.factory_turn(*type, home));
    }
    const auto none_pending = [&] { return plugin.pending_creates.load(std::memory_order_acquire) == 0; };
    while (!held_) {
        if (!turns.empty()) {
            task_ = std::make_shared<Task>(turns);
            Turn::submit(task_);
            if (!task_->wait(until_ns)) {
                Turn::withdraw(task_);  // or it would keep creates waiting for longer
                return;
            }
        }
        held_ = none_pending();
        if (held_) return;
        if (task_ != nullptr) task_->end();
        task_ = nullptr;
        while (!none_pending()) {
            if (monotonic_now() >= until_ns) return;
            std::this_thread::sleep_for(look_again);
        }
    }
}

CreatesPaused::~CreatesPaused() {
    if (task_ != nullptr) task_->end();
}

// ---- moves

std::optional<std::string> why_none_moves(const Plugin& before, const Plugin& after) {
    const MovePlan plan(before, after);
    if (plan.has_any()) return std::nullopt;
    for (const auto& type : before.types()) {
        if (type->state) return plan.why_not_movable(*type);
    }
    return std::string();
}

namespace {

void move_once(ObjectTable& objects, const Plugin& before, const MovePlan& plan, const StateLimits& limits,
               std::int64_t until_ns, Board& board) {
    const auto tasks = tasks_for(objects, before, plan, limits, board);
    std::size_t begun = 0;
    std::unique_lock lock(board.mutex);
    for (; begun < tasks.size() && monotonic_now() < until_ns; ++begun) {
        board.changed.wait_until(lock, time_of(until_ns), [&] { return board.running < at_once_max; });
        ++board.running;
        lock.unlock();
        Turn::submit(tasks[begun]);
        lock.lock();
    }
    board.changed.wait_until(lock, time_of(until_ns), [&] { return board.running == 0; });
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        if (!tasks[i]->begin()) continue;  // it has ended, or is about to
        board.running -= i < begun;
        if (i < begun) {  // or nothing would pass by it until all that it waits for is free
            lock.unlock();
            Turn::withdraw(tasks[i]);
            lock.lock();
        }
        std::size_t count = 0;
        for (const void* identity : tasks[i]->identities()) count += objects.all_of(identity).size();
        board.stay(count, i < begun ? "it was busy, and could not be waited for (plugin_move_ms)"
                                    : "there was no time left for it (plugin_move_ms)");
    }
    board.changed.wait(lock, [&] { return board.running == 0; });
}

}  // namespace

Moves move_objects(ObjectTable& objects, const Plugin& before, const Plugin& after, const StateLimits& limits,
                   std::int64_t until_ns) {
    constexpr int rounds_max = 8;
    const MovePlan plan(before, after);
    Moves moves;
    for (int round = 0; round < rounds_max; ++round) {
        Board board;
        move_once(objects, before, plan, limits, until_ns, board);
        board.moves.moved += moves.moved;
        board.moves.longest_ns = std::max(board.moves.longest_ns, moves.longest_ns);
        moves = std::move(board.moves);
        if (!board.again || monotonic_now() >= until_ns) break;
    }
    return moves;
}

}  // namespace soho::host
