#include "host/object/turn.hpp"

#include <algorithm>
#include <functional>
#include <iterator>

namespace soho::host {

namespace {

constexpr int run_by_holder_max = 16;
constexpr std::int64_t run_by_holder_ns_max = 200'000;

}  // namespace

// Sections of several turns, entered in one order by everybody.
class Turn::Sections {
public:
    explicit Sections(std::vector<Turn*> turns) {
        std::sort(turns.begin(), turns.end(), std::less<>());
        for (Turn* turn : turns) sections_.emplace_back(*turn);
    }

private:
    std::list<Section> sections_;
};

bool Turn::try_enter_closed(bool shared) {
    const Section section(*this);
    if (!queue_.empty() || !is_free(shared)) return false;
    take(shared);
    return true;
}

bool Turn::try_enter_all(const std::vector<Turn*>& turns) {
    if (turns.size() == 1) return turns.front()->try_enter(false);
    const std::scoped_lock several(turns.front()->domain_.several);
    const Sections sections(turns);
    if (!std::all_of(turns.begin(), turns.end(),
                     [](Turn* turn) { return turn->queue_.empty() && turn->is_free(false); }))
        return false;
    for (Turn* turn : turns) turn->take(false);
    return true;
}

void Turn::leave_all(const std::vector<Turn*>& turns, Activity* activity) {
    // Only one of them may run on here, or each would run the others' queues from inside its own.
    for (std::size_t i = 1; i < turns.size(); ++i) turns[i]->hand_on(false);
    turns.front()->leave(false, activity);
}

// In a section. Takes the one that there is, which cannot fail.
void Turn::enqueue(std::list<TurnTaskPtr>& one) {
    auto at = queue_.end();
    while (at != queue_.begin() && (*std::prev(at))->place > one.front()->place) --at;
    queue_.splice(at, one);
}

void Turn::submit(const TurnTaskPtr& task) {
    if (task->place == 0) task->place = ++task->turns.front()->domain_.places;
    if (task->turns.size() == 1) {
        Turn& turn = *task->turns.front();
        std::list<TurnTaskPtr> one{task};
        {
            const Section section(turn);
            const bool passes = !turn.queue_.empty() && (turn.queue_.front()->place > task->place ||
                                                         (task->overtakes && turn.queue_.front()->turns.size() > 1));
            if ((!turn.queue_.empty() && !passes) || !turn.is_free(task->shared)) return turn.enqueue(one);
            turn.take(task->shared);
        }
        start(task);
        return;
    }
    std::list<std::list<TurnTaskPtr>> ones(task->turns.size(), std::list<TurnTaskPtr>{task});
    {
        const std::scoped_lock several(task->turns.front()->domain_.several);
        const Sections sections(task->turns);
        for (auto one = ones.begin(); Turn * turn : task->turns) turn->enqueue(*one++);
    }
    if (try_start_several(task)) start(task);
}

bool Turn::withdraw(const TurnTaskPtr& task) {
    std::vector<Turn*> freed;
    freed.reserve(task->turns.size());
    {
        const std::scoped_lock several(task->turns.front()->domain_.several);
        const Sections sections(task->turns);
        const auto waits = [&](Turn* turn) {
            return std::find(turn->queue_.begin(), turn->queue_.end(), task) != turn->queue_.end();
        };
        if (!std::all_of(task->turns.begin(), task->turns.end(), waits)) return false;
        for (Turn* turn : task->turns) {
            turn->queue_.remove(task);
            if (!turn->is_free(false)) continue;  // who leaves it starts what is next
            turn->take(false);
            freed.push_back(turn);
        }
    }
    for (Turn* turn : freed) turn->hand_on(false);
    return true;
}

// Takes all turns of the task if it is first in all their queues and all are free.
bool Turn::try_start_several(const TurnTaskPtr& task) {
    const std::scoped_lock several(task->turns.front()->domain_.several);
    const Sections sections(task->turns);
    const auto ready = [&](Turn* turn) {
        return turn->is_free(false) && !turn->queue_.empty() && turn->queue_.front() == task;
    };
    if (!std::all_of(task->turns.begin(), task->turns.end(), ready)) return false;
    for (Turn* turn : task->turns) {
        turn->queue_.pop_front();
        turn->take(false);
    }
    return true;
}

void Turn::leave_closed(bool shared, Activity* activity) {
    {
        const Section section(*this);
        if (queue_.empty()) return give_up(shared);
    }
    std::int64_t until = 0;
    for (int ran = 0;; ++ran) {
        const TurnTaskPtr next = pass_on(shared);
        if (next == nullptr) return;
        if (ran == 0) until = monotonic_now() + run_by_holder_ns_max;
        const bool lost = activity != nullptr && activity->lost;  // the thread's seat: it may run nothing more
        const bool is_late = ran != 0 && monotonic_now() > until;
        if (next->on_pool || lost || ran == run_by_holder_max || is_late) return start(next);
        next->run(activity);
        for (Turn* other : next->turns) {
            if (other != this) other->hand_on(false);
        }
        shared = next->shared;
    }
}

void Turn::hand_on(bool shared) {
    if (const TurnTaskPtr next = pass_on(shared)) start(next);
}

// Gives the turn up, and takes it again for what waits; null if nothing can start.
TurnTaskPtr Turn::pass_on(bool shared) {
    std::vector<TurnTaskPtr> beside;
    TurnTaskPtr next;
    TurnTaskPtr several;
    {
        const Section section(*this);
        give_up(shared);
        next = take_next(beside);
        if (next == nullptr && is_free(false) && !queue_.empty() && queue_.front()->turns.size() > 1)
            several = queue_.front();
    }
    for (const auto& task : beside) start(task);
    if (several != nullptr && try_start_several(several)) return several;
    return next;
}

// In a section: the next task with only this turn to take, taken; shared ones behind a shared one go to `beside`.
TurnTaskPtr Turn::take_next(std::vector<TurnTaskPtr>& beside) {
    if (queue_.empty()) return nullptr;
    auto at = queue_.begin();
    if ((*at)->turns.size() > 1) {
        // It waits for its other turns. Meanwhile only what its holders wait for may pass.
        at = std::find_if(queue_.begin(), queue_.end(),
                          [](const TurnTaskPtr& task) { return task->overtakes && task->turns.size() == 1; });
        if (at == queue_.end()) return nullptr;
    }
    if (!is_free((*at)->shared)) return nullptr;
    TurnTaskPtr next = *at;
    queue_.erase(at);
    take(next->shared);
    while (next->shared && !queue_.empty() && queue_.front()->shared && queue_.front()->turns.size() == 1) {
        take(true);
        beside.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    return next;
}

void Turn::start(const TurnTaskPtr& task) {
    Turn& turn = *task->turns.front();
    const auto at_home = [task, &home = turn.home_] { run_and_leave(task, home.activity()); };
    if (!task->on_pool) return turn.home_.post(at_home);
    const auto work = [task] { run_and_leave(task, nullptr); };
    Pool& pool = turn.domain_.pool;
    if (task->overtakes || task->is_urgent ? pool.post_urgent(work) : pool.post(work)) return;
    task->starved = true;
    turn.home_.post(at_home);
}

void Turn::run_and_leave(const TurnTaskPtr& task, Activity* activity) {
    task->run(activity);
    if (task->turns.size() == 1) {
        task->turns.front()->leave(task->shared, activity);
    } else {
        leave_all(task->turns, activity);
    }
}

}  // namespace soho::host
