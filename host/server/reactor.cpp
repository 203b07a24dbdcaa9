#include "host/server/reactor.hpp"

#include "host/server/crash_report.hpp"

#include <pthread.h>
#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <new>
#include <system_error>
#include <utility>

namespace soho::host {

namespace {

// Threads of this process that look for what comes. One processor at least is left to those that they wait for.
std::atomic<int> looking{0};

class Looks {
public:
    explicit Looks(int processors) : may_(looking.fetch_add(1, std::memory_order_relaxed) < processors - 1) {}
    Looks(const Looks&) = delete;
    Looks& operator=(const Looks&) = delete;
    ~Looks() { looking.fetch_sub(1, std::memory_order_relaxed); }

    bool may() const { return may_; }

private:
    const bool may_;
};

}  // namespace

thread_local Reactor::Chair* Reactor::own_chair = nullptr;

Reactor::Reactor(std::int64_t spin_ns) : spin_ns_(spin_ns), guard_(context_.get_executor()), current_(free_chair()) {}

Reactor::~Reactor() {
    for (const auto& chair : chairs_) {
        if (chair->thread.joinable()) chair->thread.join();
    }
}

void Reactor::start(std::string thread_name, Seats* seats) {
    name_ = std::move(thread_name);
    seats_ = seats;
    Chair& chair = *current_.load(std::memory_order_relaxed);
    if (seats_ != nullptr) seats_->add(chair.seat);
    seat_thread(chair);
    tell(chair, Chair::Word::sit);
}

bool Reactor::stop(std::int64_t timeout_ns) {
    context_.stop();
    const std::int64_t until = monotonic_now() + timeout_ns;
    bool ended = true;
    for (const auto& chair : chairs_) {
        while (!chair->free.load(std::memory_order_acquire) && monotonic_now() < until)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (!chair->free.load(std::memory_order_acquire)) {
            ended = false;
        } else if (chair->thread.joinable()) {
            chair->thread.join();
        }
    }
    return ended;
}

void Reactor::run_rest() {
    context_.restart();
    context_.poll();
}

void Reactor::post(Work work) {
    asio::post(context_, [this, work = std::move(work)] {
        step([&work] {
            work();
            if (has_lost_seat()) throw SeatLost();
        });
    });
}

bool Reactor::send_after_step(const std::shared_ptr<Batch>& connection) {
    if (own_chair == nullptr) return false;
    Seat& seat = own_chair->seat;
    if (&seat.home != this || seat.steps == 0 || seat.activity.lost || seat.activity.running != 0) return false;
    seat.due.push_back(connection);
    return true;
}

void Reactor::send_due(Seat& seat) {
    while (!seat.due.empty()) {
        for (const auto& connection : std::exchange(seat.due, {})) connection->send_mail();
    }
}

bool Reactor::has_lost_seat() { return own_chair != nullptr && own_chair->seat.activity.lost; }

// One that was left, or a further one; null if there are too many.
Reactor::Chair* Reactor::free_chair() {
    for (const auto& chair : chairs_) {
        if (!chair->free.load(std::memory_order_acquire)) continue;
        if (chair->thread.joinable()) chair->thread.join();
        return chair.get();
    }
    if (chairs_.size() == threads_max) return nullptr;
    Chair* const added = chairs_.emplace_back(std::make_unique<Chair>(*this)).get();
    if (seats_ != nullptr) seats_->add(added->seat);
    return added;
}

// Its thread waits for a word.
void Reactor::seat_thread(Chair& chair) {
    chair.word = Chair::Word::none;
    chair.free = false;
    try {
        chair.thread = std::thread([this, &chair] {
            ::pthread_setname_np(::pthread_self(), name_.c_str());
            own_chair = &chair;
            const crash_report::Stack crash_stack;
            Activity& activity = chair.seat.activity;
            clockid_t cpu_clock = CLOCK_THREAD_CPUTIME_ID;
            ::pthread_getcpuclockid(::pthread_self(), &cpu_clock);
            activity.cpu_clock = cpu_clock;
            activity.what = &Running::here();
            chair.word.wait(Chair::Word::none);
            if (chair.word == Chair::Word::sit) sit(chair);
            chair.seat.kept.reset();
            chair.seat.objects.clear();
            chair.seat.target = {};
            chair.seat.in.release();
            chair.seat.out.release();
            chair.free.store(true, std::memory_order_release);
        });
    } catch (const std::system_error&) {
        chair.free = true;
        throw;
    }
}

void Reactor::tell(Chair& chair, Chair::Word word) {
    chair.word = word;
    chair.word.notify_all();
}

void Reactor::sit(Chair& chair) try {
    if (Seat* const lost = std::exchange(chair.before, nullptr)) {
        std::shared_ptr<Batch> batch;
        if (lost->batch != nullptr) batch = lost->batch->take_over(*lost);
        chair.seat.due = std::move(lost->due);
        lost->activity.end_handover();
        step([&batch] {
            if (batch != nullptr) batch->go_on();
        });
    }
    serve(chair);
} catch (const SeatLost&) {
    // Another sits here, and has all that was left to do.
}

void Reactor::serve(Chair& chair) {
    const int processors = wire::usable_processors();
    if (spin_ns_ == 0 || processors < 2) {
        context_.run();
        return;
    }
    wire::SpinBudget spin(spin_ns_);
    const Seat& seat = chair.seat;
    while (!context_.stopped()) {
        if (spin.now() != 0) {
            if (!look(spin, processors)) context_.run_one();
            continue;
        }
        const std::int64_t idle_since = seat.meter.look_ns(), arrived = seat.arrived_ns;
        context_.run_one();
        if (seat.arrived_ns != arrived) spin.slept(seat.arrived_ns - idle_since);
    }
}

// False: nothing has come, and it is time to sleep.
bool Reactor::look(wire::SpinBudget& spin, int processors) {
    if (context_.poll_one() != 0) return true;
    const Looks looks(processors);
    if (!looks.may()) return false;
    const std::int64_t until = monotonic_now() + spin.now();
    do {
        wire::pause_processor();
        if (context_.poll_one() != 0) {
            spin.hit();
            return true;
        }
    } while (monotonic_now() < until);
    spin.miss();
    return false;
}

Reactor::TakeOver Reactor::take_over(std::uint64_t run) {
    Chair& stuck = *current_.load(std::memory_order_relaxed);
    Chair* next = nullptr;
    try {
        next = free_chair();
        if (next == nullptr) return TakeOver::impossible;
        Activity& activity = next->seat.activity;
        activity.lost = activity.handed_over = false;
        next->seat.batch = nullptr;
        next->seat.steps = 0;
        next->seat.due.clear();
        seat_thread(*next);
    } catch (const std::bad_alloc&) {
        return TakeOver::impossible;
    } catch (const std::system_error&) {  // no thread
        return TakeOver::impossible;
    }
    if (!stuck.seat.activity.take(run)) {
        tell(*next, Chair::Word::leave);
        return TakeOver::was_over;
    }
    next->before = &stuck.seat;
    current_.store(next, std::memory_order_release);
    tell(*next, Chair::Word::sit);
    return TakeOver::done;
}

}  // namespace soho::host
