#pragma once
// What is said on standard error when the process crashes: the signal, and which thread was in which plugin's code. A defect of a
// plugin shows as its own.

#include <cstddef>
#include <memory>

namespace soho::host::crash_report {

// For SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, unless somebody handles them already, as sanitizers do. The process ends by the
// signal afterwards, so that there is a core dump where the system makes one; also where the report cannot be finished, since it crashes
// itself or nobody reads it (within five seconds: SIGALRM is used for that).
void install();
// What crashed, or called exit(), is written there as well: "Crash.now". For a worker's host.
void tell(int descriptor);

// Room for the report on a thread whose stack is full; for as long as this lives, on the thread that made it. Threads without
// it report what does not come from their stack.
class Stack {
public:
    Stack();
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;
    ~Stack();

private:
    static constexpr std::size_t size = 64 * 1024;
    std::unique_ptr<std::byte[]> room_;
};

}  // namespace soho::host::crash_report
