#pragma once
// What a reactor's thread runs of a plugin at the moment: written by that thread around each call into one, read by the watch.

#include <atomic>
#include <cstdint>

namespace soho::host {

struct Method;
struct Type;

struct Activity {
    std::atomic<const Type*> type{nullptr};      // null: nothing
    std::atomic<const Method*> method{nullptr};  // null: what `part` says
    std::atomic<const char*> part{nullptr};      // of the type
    std::atomic<std::uint64_t> sequence{
        0};                          // changes with every call, so that the watch needs no clock on the call's way
    std::atomic<int> thread{0};      // the kernel's number of it; 0 before it runs
    std::atomic<int> cpu_clock{0};   // a clockid_t: what CPU time it has had
    std::atomic<bool> stuck{false};  // the watch's word: what it runs keeps it longer than it may
};

// Marks it for as long as this lives; nothing where `activity` is null, as on the pool.
class ActivityMark {
public:
    ActivityMark(Activity* activity, const Type& type, const Method* method, const char* part) : activity_(activity) {
        if (activity_ == nullptr) return;
        // One writer: plain increments are enough.
        activity_->sequence.store(activity_->sequence.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        activity_->method.store(method, std::memory_order_relaxed);
        activity_->part.store(part, std::memory_order_relaxed);
        activity_->type.store(&type, std::memory_order_release);  // the watch reads what it points to
    }
    ActivityMark(const ActivityMark&) = delete;
    ActivityMark& operator=(const ActivityMark&) = delete;
    ~ActivityMark() {
        if (activity_ != nullptr) activity_->type.store(nullptr, std::memory_order_relaxed);
    }

private:
    Activity* activity_;
};

}  // namespace soho::host
