#pragma once
// Objects that go over to the plugin that takes the place of theirs, with all that they are: saved by the one, loaded by the other, under
// the id that they have. Whoever calls one meanwhile waits for it.

#include "host/object/state.hpp"

#include <optional>

namespace soho::host {

struct Moves {
    std::uint64_t moved = 0;
    std::uint64_t stayed = 0;                  // where they were
    std::map<std::string, std::uint64_t> why;  // … and how many of them for which reason
    std::int64_t longest_ns = 0;               // that one could not be called
};

// Keeps all creates by callables of a plugin waiting, but those of concurrent types, for as long as it lives.
class CreatesPaused {
public:
    // Waits for those that run; not after `until_ns`, and then it is not paused.
    CreatesPaused(ObjectTable& objects, const Plugin& plugin, Executor& home, std::int64_t until_ns);
    CreatesPaused(const CreatesPaused&) = delete;
    CreatesPaused& operator=(const CreatesPaused&) = delete;
    ~CreatesPaused();

    explicit operator bool() const { return held_; }

private:
    class Task;

    std::shared_ptr<Task> task_;
    bool held_ = false;
};

// Why no object of `before` can move, of a type that offers state; empty if none does; nothing if some can.
std::optional<std::string> why_none_moves(const Plugin& before, const Plugin& after);

// Moves those of `before` that can, while no creates of either run. What is busy until `until_ns` stays. Runs nothing of theirs on this
// thread, and waits.
Moves move_objects(ObjectTable& objects, const Plugin& before, const Plugin& after, const StateLimits& limits,
                   std::int64_t until_ns);

}  // namespace soho::host
