#pragma once
// A host for one plugin inside this process, without sockets and sessions: registry, objects, turns and pool are the real ones. One
// thread stands for the reactor, another one, whoever made this, asks for calls and waits.

#include "host/object/call.hpp"
#include "host/object/state.hpp"
#include "host/session/plugin_table.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <thread>

namespace soho::host::tool {

// The thread that runs what belongs to no other, and the timers.
class Loop final : public Executor {
public:
    explicit Loop(Timers& timers);
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop() override;

    void post(Work work) override;
    Activity* activity() override { return &activity_; }

private:
    void run();

    Timers& timers_;
    Activity activity_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Work> works_;
    bool woken_ = false, stopping_ = false;
    std::thread thread_;
};

// A call that was asked for.
class Asked final : public Completion {
public:
    using Clock = std::chrono::steady_clock;

    void replied(Call& call, Outcome outcome) noexcept override;
    void finished(Call& call) noexcept override;

    bool wait_replied(std::chrono::milliseconds most);
    // Until the plugin is through with it.
    bool wait_finished(std::chrono::milliseconds most);
    // Once it has replied.
    Outcome take() { return std::move(outcome_); }
    std::chrono::nanoseconds took() const { return ended_ - asked_; }

private:
    const Clock::time_point asked_ = Clock::now();
    Clock::time_point ended_{};
    std::mutex mutex_;
    std::condition_variable changed_;
    Outcome outcome_;
    bool replied_ = false, finished_ = false;
};

// Arguments as they go to the host's floor of objects: a MessagePack array, and the objects whose handles are in it.
struct Arguments {
    std::string args;
    std::vector<ObjectPtr> objects;
};

class Stage {
public:
    explicit Stage(spdlog::sink_ptr log);
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;
    // Ends nothing by itself: see stop().
    ~Stage() = default;

    Result<Plugin*> load(const std::string& file);
    // Publications, stop() and unload() of the plugin; the object table must be as good as empty.
    void stop();

    struct Started {
        std::shared_ptr<Call> call;
        std::shared_ptr<Asked> asked;
    };
    // Fails where the host refuses the arguments before the plugin sees them.
    Result<Started> start(const ObjectPtr& target, const Method& method, const Arguments& arguments);
    Result<Started> start_create(const TypePtr& type, const Arguments& arguments);
    // Runs it on this thread, for types without turns.
    Result<Started> run_here(const ObjectPtr& target, const Method& method, const Arguments& arguments);

    // Runs `work` where a method of that type would run, with the turn held (null: none). False: it has not returned in time, and may
    // never do.
    bool run_in_turn(const Type& type, const std::shared_ptr<Turn>& turn, std::function<void(Activity*)> work,
                     std::chrono::milliseconds most);
    std::shared_ptr<Turn> factory_turn(const Type& type) { return objects_.factory_turn(type, loop_); }
    // As the host keeps what a callable gave.
    Result<ObjectPtr> adopt(const TypePtr& type, const soho_instance& instance) {
        return objects_.adopt(type, instance, "check", loop_);
    }

    ObjectTable& objects() { return objects_; }
    // Whether what was posted up to now has run, within that time.
    bool settle(std::chrono::milliseconds most);
    std::size_t threads() const { return pool_.threads(); }

private:
    Result<Started> prepare(const ObjectPtr& target, const Method& method, const Arguments& arguments);
    std::shared_ptr<Call> new_call(std::shared_ptr<Completion> completion);

    Limits limits_ = [] {
        Limits limits;
        limits.object_bytes_max = 64u << 20;  // one that counts what it holds refuses in time
        return limits;
    }();
    Log log_;
    Timers timers_;
    Pool pool_{limits_.pool_threads_max};
    ObjectTable objects_{pool_};
    Names names_;
    LimitHits limit_hits_{log_.session};
    Allowances allowances_{objects_.accounts(), limit_hits_, {limits_, {}, {}}};
    SessionTable sessions_;
    Tickets tickets_{timers_, "check"};
    PluginReferences references_;
    Access access_;
    Credentials credentials_;
    Registry registry_{plugin_table(&services_)};
    Services services_{registry_,    objects_, names_, sessions_,   tickets_, references_, access_,
                       credentials_, timers_,  pool_,  allowances_, log_,     "check"};
    Loop loop_{timers_};
    SessionPtr session_;  // that of all calls
};

}  // namespace soho::host::tool
