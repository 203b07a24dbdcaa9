#pragma once
// What a throwaway host's keeper waits for, all at once: its children's ends, the signals that end it, and what the host prints.

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace soho::host::tool {

// What the host prints goes to our standard output, but for its greeting. Nobody waits for the host behind that: it never blocks for
// long, and goes on when there is nobody to print for. One at a time in a process, whose signals it takes; its thread calls it.
class Watch {
public:
    using Clock = std::chrono::steady_clock;
    using Words = std::vector<std::string>;

    Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();

    // A child that is that program, with standard input and output as said (-1: ours). Throws std::runtime_error.
    pid_t start(const Words& words, int input = -1, int output = -1, bool in_own_group = false);
    // The host prints there, and greets with the line that names the address. Takes the descriptor.
    void listen_to(int output, std::string address);

    // Until something has happened, or it is that late.
    void turn(Clock::time_point until);
    // Waits until it has ended, or this is told to stop.
    void wait_for(pid_t child);
    // Signals it, and kills it (with its group) if it has not ended by then, or if this is told to stop once more.
    void end(pid_t child, int signal, std::chrono::milliseconds patience, bool with_group = false);

    // The signal that told this to stop; 0: none yet.
    int stopped_by() const { return stopped_by_; }
    // Whether what the keyboard sends (SIGINT, SIGQUIT) stops this; else it is for a child in the foreground alone.
    void mind_keyboard(bool minds) { minds_keyboard_ = minds; }
    bool is_listening() const { return greeting_ != Greeting::awaited; }
    bool has_ended(pid_t child) const { return ended_.contains(child); }
    // As a shell would have it, of a child that has ended.
    int exit_code(pid_t child) const;
    // What the host had printed before it ended.
    void print_rest();

private:
    enum class Greeting : std::uint8_t { awaited, begun, last_paragraph, over };

    [[noreturn]] void become(const Words& words) const;
    void take_signals();
    void read_output();
    void take_line(std::string_view line);
    void print_pending();

    sigset_t before_{};
    int signals_ = -1, output_ = -1;
    bool minds_keyboard_ = true, is_printing_ = true;
    int stopped_by_ = 0, stops_ = 0;
    std::map<pid_t, int> ended_;  // with their statuses
    std::string address_;
    Greeting greeting_ = Greeting::awaited;
    std::string line_, pending_;  // one that is not whole; what is still to be printed
};

}  // namespace soho::host::tool
