#pragma once
// What is to happen at a time: deadlines, tickets' ends, plugins' timers. Holds no thread and reads no clock: whoever drives
// it says what time it is.

#include "host/object/executor.hpp"

#include <map>
#include <mutex>
#include <optional>

namespace soho::host {

class Timers {
public:
    using Id = std::uint64_t;  // never 0

    // `earlier` is called, outside any lock, when a timer is set that is due before all others. Set before use.
    void set_wake(Work earlier) { wake_ = std::move(earlier); }

    // `work` runs on the driving thread and must be short. [any thread]
    Id start(std::int64_t due_ns, Work work);
    // True if it will not run any more: false if it has run, or runs right now. [any thread]
    bool cancel(Id id);

    // Runs what is due; the time of the next one, if there is one. [one driving thread]
    std::optional<std::int64_t> run_due(std::int64_t now_ns);

private:
    struct Entry {
        Id id;
        Work work;
    };
    using Schedule = std::multimap<std::int64_t, Entry>;

    std::mutex mutex_;
    Schedule schedule_;
    std::map<Id, Schedule::iterator> by_id_;  // not a hash table: it never asks for much memory at once
    Id next_id_ = 1;
    Work wake_;
};

}  // namespace soho::host
