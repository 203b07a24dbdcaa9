#pragma once
// What a reactor's thread runs of a plugin at the moment: written by that thread around each call into one, read by the watch,
// which may take the thread's seat away while it is there (RULES 9).

#include "host/object/running.hpp"

#include <atomic>
#include <cstdint>

namespace soho::host {

struct Activity {
    static constexpr std::uint64_t taken = UINT64_MAX;

    // A number for each run of plugin code; 0: none runs; `taken`: one runs, and its thread has lost its seat.
    std::atomic<std::uint64_t> running{0};
    std::atomic<Running*> what{nullptr};  // the thread's entry; null before it runs
    std::atomic<int> cpu_clock{0};        // a clockid_t: what CPU time it has had
    std::atomic<bool> stuck{false};       // the watch's word: what it runs keeps it, and nobody could take its place

    // Takes the seat from the thread, if that run is not over. [the watch]
    bool take(std::uint64_t run) { return running.compare_exchange_strong(run, taken, std::memory_order_acq_rel); }
    // Who sits there now has what it needs of the old seat. [the thread that took it]
    void end_handover() {
        handed_over.store(true, std::memory_order_release);
        handed_over.notify_all();
    }

    std::atomic<bool> handed_over{false};

    // -- the thread's own --
    std::uint64_t runs = 0;
    bool lost = false;  // its seat: it may only hand over what it has, and end
};

// Marks it for as long as this lives: for crash reports, and for the watch where it is a reactor's thread, whose `activity` that is.
// One may be inside another: a method that makes an object may have the plugin let go of one, too.
class ActivityMark {
public:
    ActivityMark(Activity* activity, const Type& type, const Method* method, const char* part)
        : ActivityMark(activity, Running::What{&type, method, part, nullptr}) {}
    // Of code that belongs to no object.
    ActivityMark(Activity* activity, const Plugin& plugin, const char* part)
        : ActivityMark(activity, Running::What{nullptr, nullptr, part, &plugin}) {}
    ActivityMark(const ActivityMark&) = delete;
    ActivityMark& operator=(const ActivityMark&) = delete;
    ~ActivityMark() {
        leave();
        running_.set(outer_);
    }

private:
    ActivityMark(Activity* activity, const Running::What& what)
        : activity_(activity),
          running_(Running::here()),
          outer_(running_.get()) {
        running_.set(what);
        if (activity_ == nullptr) return;
        outer_run_ = activity_->running.load(std::memory_order_relaxed);
        run_ = ++activity_->runs;
        activity_->running.store(run_, std::memory_order_release);
    }

    void leave() {
        if (activity_ == nullptr) return;
        std::uint64_t run = run_;
        if (activity_->running.compare_exchange_strong(run, outer_run_, std::memory_order_acq_rel)) return;
        activity_->handed_over.wait(false, std::memory_order_acquire);
        activity_->lost = true;
        activity_->running.store(0, std::memory_order_relaxed);
    }

    Activity* activity_;
    Running& running_;
    const Running::What outer_;
    std::uint64_t outer_run_ = 0, run_ = 0;
};

}  // namespace soho::host
