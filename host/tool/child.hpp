#pragma once
// Work on a plugin in a process of its own, and what is left of it when the plugin makes that process die.

#include "host/tool/finding.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace soho::host::tool {

// What a child tells its parent, in memory that both have, so that it also works when the plugin closes every descriptor. Written
// by the child's one thread that tries things, read when it has ended.
class Board {
public:
    // [child] What is about to run. "Pair.set_x"; "called with [7]".
    void at(std::string_view where, std::string_view doing);
    void doing(std::string_view doing);
    // Which check finds it if the process dies now: "crash" unless said.
    void blame(std::string_view check);
    void step(std::uint32_t number) { step_ = number; }
    void beat() { beats_.fetch_add(1, std::memory_order_relaxed); }  // it still gets on
    void count_call() { calls_.fetch_add(1, std::memory_order_relaxed); }
    // That something is called with these: see arguments().
    void count_arguments(std::string_view where, std::string_view arguments);
    void find(std::string_view check, std::string_view where, std::string_view what);
    void note(std::string_view text);
    void put(std::string_view text);  // what the work is for
    void finish() { finished_ = true; }

    // [what watches the child] How it ended, as waitpid() has it, and whether it was made to because it did not get on.
    void end(int status, bool hung) {
        status_ = status;
        hung_ = hung;
    }

    // [parent]
    int status() const { return status_; }
    bool was_hung() const { return hung_; }
    std::string where() const { return where_; }
    std::string doing() const { return doing_; }
    std::string blamed() const { return blame_[0] != '\0' ? blame_ : "crash"; }
    std::uint32_t step() const { return step_; }
    std::uint64_t beats() const { return beats_; }
    std::uint64_t calls() const { return calls_; }
    // A sum over all that was counted: another one where something was called with other arguments.
    std::uint64_t arguments() const { return arguments_; }
    bool is_finished() const { return finished_; }
    std::string take_put() const;
    // Moves findings and notes to the report.
    void tell(Report& report) const;

private:
    static constexpr std::size_t lines_max = 16u << 20;

    void line(char kind, std::string_view text);

    std::atomic<std::uint32_t> step_{0};
    std::atomic<std::uint64_t> beats_{0}, calls_{0}, arguments_{0};
    std::atomic<bool> finished_{false}, hung_{false};
    std::atomic<int> status_{0};
    std::atomic<std::uint32_t> size_{0};
    char where_[256] = {}, blame_[32] = {};
    char doing_[512] = {};
    char lines_[lines_max];  // not set to zero: that would touch all of it
};

// How it ended: "died of signal 11 (SIGSEGV)", "ended by itself with exit code 3", "did not get on for 12 s".
struct Ending {
    enum class How : std::uint8_t { finished, crashed, exited, hung };
    How how = How::finished;
    std::string text;
    std::string last_words;  // the end of what it wrote to its standard error
};

// Runs `work` in a child with standard output and error caught, and waits. What it leaves behind (its group, its orphans) is killed;
// whatever else is a child of this process stays as it is.
// `silence_max`: how long it may not get on. `if_alone`: what is left to be done, in another process, if this one has been killed
// meanwhile.
Ending run_child(Board& board, std::chrono::milliseconds silence_max, const std::function<void(Board&)>& work,
                 const std::function<void()>& if_alone = {});

// A board for run_child(), empty.
class BoardMemory {
public:
    BoardMemory();
    BoardMemory(const BoardMemory&) = delete;
    BoardMemory& operator=(const BoardMemory&) = delete;
    ~BoardMemory();
    Board& operator*() const { return *board_; }
    Board* operator->() const { return board_; }

private:
    Board* board_;
};

}  // namespace soho::host::tool
