#pragma once
// One plugin's worker process, as the host sees it: through its deaths and its new beginnings.

#include "host/worker/denials.hpp"
#include "host/worker/output.hpp"
#include "host/worker/supervisor.hpp"

namespace soho::host {

// Everything but what Worker has, and report(), is for the supervisor's thread.
class WorkerProcess final : public Worker, public std::enable_shared_from_this<WorkerProcess> {
public:
    WorkerProcess(Supervisor& supervisor, std::string plugin, std::string file, const WorkerLimits& limits,
                  const Confinement& confinement, OrderOf order, bool replaces);
    ~WorkerProcess() override;

    // -- Worker --
    void offered(std::shared_ptr<Provider> provider) override;
    void left(std::shared_ptr<Provider> provider) override;
    std::string why_absent() const override;
    bool is_replacing() const override { return is_replacing_; }

    // It stands in the other one's place, or is about to. [any thread]
    void take_place() { is_replacing_ = false; }
    // Another one stands in its place: it serves the objects that it has, and does not start again. [any thread]
    void be_replaced();
    // Nothing of it is needed any more: it ends. [any thread]
    void retire();

    WorkerReport report() const;
    // The first start: waits for what comes of it. [any thread but the supervisor's]
    Result<std::shared_ptr<Provider>> wait();

    void start();
    std::uint64_t launch() const { return launch_; }
    void on(const LaunchEvent& event);
    void on_launcher_lost();
    void wake();
    void kill();
    bool has_ended() const;  // [any thread]

private:
    enum class State : std::uint8_t { starting, running, waiting, resting, ended };

    void set(State state);
    void started(const LaunchEvent& event);
    void has_offered(std::shared_ptr<Provider> provider);
    void has_left(const std::shared_ptr<Provider>& provider);
    void ended(int status);
    void settle();
    void begin_again();
    void end();
    void watch();
    void ping();
    void close_descriptors();
    std::string how_it_ended(int status) const;
    std::string words() const;
    std::int64_t pause_ms(bool rests) const;
    void log_death(bool rests, std::int64_t next_ms) const;
    void log_death_of_replaced() const;
    void start_failed(const std::string& why);
    void after(std::int64_t ms, void (WorkerProcess::*then)());

    Supervisor& supervisor_;
    const std::shared_ptr<asio::io_context> context_;  // its thread's
    const WorkerLimits limits_;
    const Confinement confinement_;
    const OrderOf order_;
    std::atomic<bool> is_replacing_;
    std::atomic<bool> is_replaced_{false};

    // Of the process that there is.
    std::uint64_t launch_ = 0;
    int pidfd_ = -1;
    int socket_ = -1;  // the host's end of its link, which a connection has as well
    int words_ = -1;   // where it leaves its last words
    std::shared_ptr<Provider> provider_;
    std::shared_ptr<Output> output_, errors_;
    std::shared_ptr<Denials> denials_;
    bool has_left_ = false, has_ended_ = false;  // its connection, and itself
    bool is_settled_ = false;                    // all that follows from its end is done
    std::string killed_because_;
    std::string how_;
    std::int64_t started_ns_ = 0;
    std::int64_t asked_ns_ = 0;  // for a sign of life that has not come; 0: none is due
    bool was_silent_ = false;
    bool is_retired_ = false;  // nobody misses it

    asio::steady_timer timer_;  // until the state must change
    asio::steady_timer health_;
    std::uint64_t deaths_in_a_row_ = 0;

    mutable std::mutex mutex_;  // of the following
    std::condition_variable settled_;
    State state_ = State::starting;
    bool first_ = true;  // it has not been there yet
    Result<std::shared_ptr<Provider>> first_result_ = nullptr;
    bool has_first_result_ = false;
    std::uint64_t starts_ = 0, deaths_ = 0;
    std::string last_death_;
    int process_ = 0;
    std::int64_t next_start_ns_ = 0;
};

}  // namespace soho::host
