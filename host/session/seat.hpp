#pragma once
// What a reactor's thread works with: its buffers, and the replies that are finished but not yet written. Should that thread get
// stuck in a plugin, another takes a new seat in its place, and what the old one has finished; the stuck call keeps the old seat,
// and on its return may only hand over its result (RULES 9).

#include "host/object/object.hpp"
#include "host/session/call_meter.hpp"
#include "host/session/options.hpp"

#include <soho/data/writer.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace soho::host {

class Caller;
struct Seat;

// Thrown by a thread that has lost its seat, through the host's code up to the thread's own loop, where it ends.
struct SeatLost {};

// A connection, while its requests run.
class Batch {
public:
    virtual ~Batch() = default;
    // Takes what is finished on a seat whose thread is stuck in one of these requests, and the requests behind that. The result keeps
    // this alive. [the thread that took the seat, as go_on()]
    virtual std::shared_ptr<Batch> take_over(Seat& lost) = 0;
    // Runs those requests.
    virtual void go_on() = 0;
    // Writes what has come for it from elsewhere.
    virtual void send_mail() = 0;
};

// A call that runs on a seat's thread, its result written straight into the seat's replies.
class SeatedCall {
public:
    virtual ~SeatedCall() = default;
    // Where in `out` its reply begins.
    virtual std::size_t reply_start() const = 0;
    // Makes it a call whose reply comes later: its seat is lost.
    virtual void outlive_seat() = 0;
};

struct Seat {
    explicit Seat(Executor& home_) : home(home_) {}

    Executor& home;
    Activity activity;

    std::int64_t arrived_ns = 0;  // when the requests that run now were read: timeouts count from there (RULES 2)

    data::Buffer in;   // what was read, before it belongs to a connection
    data::Buffer out;  // replies to one connection's batch of requests

    CallStats calls;
    CallMeter meter{calls};

    // What the last request called, and the id it was called by (0: none, but a name or a handle). Kept until its batch is through, as the
    // next one mostly calls the same; the requests of a batch were all sent before it was found, so it may be what they mean. What
    // requests of the host's own do must not find it kept.
    struct Target {
        const Caller* caller = nullptr;
        std::uint64_t id = 0;
        ObjectPtr object;
    };
    Target target;

    // Scratch for one request.
    data::Buffer translated;
    data::Buffer bound;
    data::Buffer result;
    std::vector<ObjectPtr> objects;
    RequestOptions options;

    // Connections that got something to write while this thread did something else: their turn comes at the end of that.
    std::vector<std::shared_ptr<Batch>> due;
    int steps = 0;  // such things, one inside the other

    // -- what another thread needs to take over; of the last run of a plugin's code --
    Batch* batch = nullptr;      // whose requests run; null: no one's
    data::Bytes rest;            // of that batch: what is behind the request that runs
    SeatedCall* call = nullptr;  // that request, if it is a call that runs here and now
    std::mutex out_mutex;        // `out` moves only with it held while plugin code runs
    std::shared_ptr<void> kept;  // what that call's arguments lie in, if it was its connection's

    // Written by this seat's thread only; read by whoever asks for statistics.
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> errors{0};
    std::atomic<std::uint64_t> bytes_in{0};
    std::atomic<std::uint64_t> bytes_out{0};

    // Between batches: what grew for large requests is not kept for small ones.
    void shed() {
        constexpr std::size_t kept_bytes_max = 1u << 20;
        for (data::Buffer* buffer : {&in, &out, &translated, &bound, &result}) {
            if (buffer->capacity() > kept_bytes_max) buffer->release();
        }
        if (objects.capacity() > kept_bytes_max / sizeof(ObjectPtr)) objects = {};
    }

    // A batch of requests has been read.
    void arrive() {
        arrived_ns = monotonic_now();
        meter.restart(arrived_ns);
    }
    // They have run, as far as they do here. Also before a request of the host's own.
    void finish() {
        settle();
        target = {};
    }
    // A call has begun. Counted for its session by the batch, as another reactor may have a connection of it.
    void begun(std::atomic<std::uint64_t>& calls_of_session) {
        if (begun_of_ != &calls_of_session) settle_begun();
        begun_of_ = &calls_of_session;
        ++begun_;
    }
    // Counts what is not counted yet, as replies to it are about to be seen.
    void settle() {
        meter.settle();
        settle_begun();
    }

    static void count(std::atomic<std::uint64_t>& counter, std::uint64_t more = 1) {
        counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
    }

private:
    void settle_begun() {
        if (begun_ != 0) begun_of_->fetch_add(std::exchange(begun_, 0), std::memory_order_relaxed);
    }

    std::atomic<std::uint64_t>* begun_of_ = nullptr;
    std::uint64_t begun_ = 0;
};

// All seats of a host, those that were lost included: their counters count on. Thread-safe.
class Seats {
public:
    void add(Seat& seat) {
        const std::scoped_lock lock(mutex_);
        seats_.push_back(&seat);
    }
    std::uint64_t sum(std::atomic<std::uint64_t> Seat::*counter) const {
        const std::scoped_lock lock(mutex_);
        std::uint64_t total = 0;
        for (const Seat* seat : seats_) total += (seat->*counter).load(std::memory_order_relaxed);
        return total;
    }
    std::vector<const Seat*> all() const {
        const std::scoped_lock lock(mutex_);
        return {seats_.begin(), seats_.end()};
    }

private:
    mutable std::mutex mutex_;
    std::vector<Seat*> seats_;
};

}  // namespace soho::host
