#pragma once
// One io_context, and the thread that sits there: it waits for sockets and runs what they ask for. A thread that gets stuck in a
// plugin is replaced, and ends when the plugin lets it go (RULES 9).

#include "host/session/seat.hpp"

#include <soho/wire/spin.hpp>

#include <asio/io_context.hpp>
#include <string>
#include <thread>
#include <vector>

namespace soho::host {

class Reactor final : public Executor {
public:
    // Read at once at most; larger frames gather in their connection.
    static constexpr std::size_t read_bytes = 256 * 1024;
    // Threads that it may have, all but one of them stuck: a plugin must not make threads without end.
    static constexpr std::size_t threads_max = 64;

    // Before it sleeps, it looks for what comes for up to so many nanoseconds, if that pays off and there is a processor to spare.
    explicit Reactor(std::int64_t spin_ns = 0);
    ~Reactor() override;

    asio::io_context& context() { return context_; }
    // Of the thread that sits here now. [any thread, but one that has lost its own]
    Seat& seat() { return current_.load(std::memory_order_acquire)->seat; }

    // `seats` gets the seats that there will be, if given.
    void start(std::string thread_name, Seats* seats = nullptr);
    // Ends the threads after what they run now, and waits for them. False if they do not end within `timeout_ns`.
    bool stop(std::int64_t timeout_ns);

    // What was posted and never ran, run on this thread; after stop().
    void run_rest();

    enum class TakeOver : std::uint8_t { done, was_over, impossible };
    // Has another thread take the place of the one that is stuck in that run of plugin code. [one thread, between start and stop]
    TakeOver take_over(std::uint64_t run);

    // Whether this thread sat at some reactor, and has lost its seat.
    static bool has_lost_seat();

    // Something to do, on this reactor's thread; and what has become due by it.
    template <class Something>
    void step(Something something) {
        if (own_chair == nullptr) return something();  // run_rest()
        Seat& seat = own_chair->seat;
        ++seat.steps;
        something();  // if the seat is lost by it, it does not return
        if (seat.steps == 1) send_due(seat);
        --seat.steps;
    }
    // Has it written at the end of the step that this thread is in, without a way round through the io_context. False: it is in none, or
    // in a plugin's code, from where it may not come back for long. [any thread]
    bool send_after_step(const std::shared_ptr<Batch>& connection);

    void post(Work work) override;
    Activity* activity() override { return &seat().activity; }

private:
    // A place to sit, and who sits there.
    struct Chair {
        explicit Chair(Executor& home) : seat(home) {}

        enum class Word : std::uint8_t { none, sit, leave };
        Seat seat;
        Seat* before = nullptr;  // the lost one, whose work goes on here
        std::atomic<Word> word{Word::none};
        std::atomic<bool> free{true};  // its thread is through, or there was none
        std::thread thread;
    };

    static void send_due(Seat& seat);
    Chair* free_chair();
    void seat_thread(Chair& chair);
    void sit(Chair& chair);
    void serve(Chair& chair);
    bool look(wire::SpinBudget& spin, int processors);
    static void tell(Chair& chair, Chair::Word word);

    static thread_local Chair* own_chair;

    const std::int64_t spin_ns_;
    // 2: several threads may be in it, though only one of them is to run anything.
    asio::io_context context_{2};
    asio::executor_work_guard<asio::io_context::executor_type> guard_;
    Seats* seats_ = nullptr;
    std::string name_;
    std::vector<std::unique_ptr<Chair>> chairs_;
    std::atomic<Chair*> current_;
};

}  // namespace soho::host
