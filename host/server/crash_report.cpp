#include "host/server/crash_report.hpp"

#include "host/object/running.hpp"
#include "host/registry/plugin.hpp"

#include <execinfo.h>
#include <unistd.h>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace soho::host::crash_report {

namespace {

struct Signal {
    int number;
    std::string_view name;
};
constexpr Signal signals[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}, {SIGABRT, "SIGABRT"}};

constexpr unsigned report_seconds_max = 5;

// A line, gathered and written without memory from anywhere else.
class Line {
public:
    Line& operator<<(std::string_view text) {
        const std::size_t taken = text.copy(text_.data() + size_, text_.size() - size_);
        size_ += taken;
        return *this;
    }
    Line& number(std::uintptr_t number, int base = 10) {
        std::array<char, 24> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
        return *this << std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data()));
    }
    void write() {
        if (size_ == text_.size()) --size_;
        text_[size_++] = '\n';
        for (std::size_t at = 0; at < size_;) {
            const ssize_t wrote = ::write(STDERR_FILENO, text_.data() + at, size_ - at);
            if (wrote <= 0) return;
            at += static_cast<std::size_t>(wrote);
        }
    }

private:
    std::array<char, 512> text_;
    std::size_t size_ = 0;
};

void tell(const Running& entry, const Running::What& what, int crashed) {
    const int thread = entry.thread.load(std::memory_order_relaxed);
    Line line;
    line << "  thread ";
    line.number(static_cast<std::uintptr_t>(thread));
    line << " in plugin " << (what.type != nullptr ? what.type->plugin : what.plugin)->name() << ": ";
    if (what.type != nullptr && what.method != nullptr) {
        line << what.type->type_id << "." << what.method->name;
    } else if (what.part != nullptr) {
        line << what.part;
        if (what.type != nullptr) line << " of " << what.type->type_id;
    }
    line << (thread == crashed ? "  <- crashed" : "");
    line.write();
}

std::atomic<int> words{-1};

// What this thread ran, in a few words.
void write_words(const Running::What& what) {
    const int to = words.load(std::memory_order_relaxed);
    if (to < 0 || !what) return;
    std::array<char, 256> text{};
    std::size_t size = 0;
    const auto add = [&](std::string_view part) { size += part.copy(text.data() + size, text.size() - size); };
    if (what.type != nullptr) add(what.type->type_id);
    if (what.type != nullptr && what.method != nullptr) add(".");
    if (what.method != nullptr) {
        add(what.method->name);
    } else if (what.part != nullptr) {
        if (what.type != nullptr) add(": ");
        add(what.part);
    }
    [[maybe_unused]] const ssize_t wrote = ::pwrite(to, text.data(), size, 0);
}

std::string_view name_of(int number) {
    for (const Signal& signal : signals) {
        if (signal.number == number) return signal.name;
    }
    return "a signal";
}

std::atomic<int> reporting_thread{0};
std::atomic<int> reported_signal{0};

// At once, from wherever it stands.
void end_by(int number) {
    std::signal(number, SIG_DFL);
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, number);
    ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
    ::raise(number);
}

void on_report_too_long(int) { end_by(reported_signal); }

// Nobody may read standard error, and whoever holds the lock of the loaded libraries may have crashed as well.
void limit_time() {
    struct sigaction action {};
    action.sa_handler = on_report_too_long;
    action.sa_flags = SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGALRM, &action, nullptr);
    ::alarm(report_seconds_max);
}

void on_crash(int number, siginfo_t* info, void*) {
    const int thread = ::gettid();
    int nobody = 0;
    if (!reporting_thread.compare_exchange_strong(nobody, thread)) {
        if (nobody == thread) end_by(reported_signal);  // the report itself crashed, on a broken stack for instance
        for (;;) ::pause();                             // another thread is at it, and ends the process
    }
    reported_signal = number;
    limit_time();
    Line head;
    head << "sohod: crashed by " << name_of(number) << " in thread ";
    head.number(static_cast<std::uintptr_t>(thread));
    if (number == SIGSEGV || number == SIGBUS) {
        head << ", at address 0x";
        head.number(reinterpret_cast<std::uintptr_t>(info->si_addr), 16);
    }
    head.write();
    bool any = false;
    for (const Running& entry : Running::all()) {
        const Running::What what = entry.get();
        if (!what) continue;
        tell(entry, what, thread);
        if (entry.thread.load(std::memory_order_relaxed) == thread) write_words(what);
        any = true;
    }
    Line end;
    end << (any ? "A thread that crashed inside a plugin's method points to a defect of that plugin. Its stack:"
                : "No thread was in a plugin's code. The stack:");
    end.write();
    std::array<void*, 64> frames{};
    ::backtrace_symbols_fd(frames.data(), ::backtrace(frames.data(), static_cast<int>(frames.size())), STDERR_FILENO);
    std::signal(number, SIG_DFL);
    ::raise(number);  // when this returns
}

}  // namespace

void install() {
    std::array<void*, 1> frame{};
    ::backtrace(frame.data(), 1);  // what it loads the first time, a handler must not
    for (const Signal& signal : signals) {
        struct sigaction before {};
        if (::sigaction(signal.number, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) continue;
        struct sigaction action {};
        action.sa_sigaction = on_crash;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        ::sigemptyset(&action.sa_mask);
        ::sigaction(signal.number, &action, nullptr);
    }
}

void tell(int descriptor) {
    words = descriptor;
    std::atexit([] {
        for (const Running& entry : Running::all()) {
            if (entry.thread.load(std::memory_order_relaxed) == ::gettid()) write_words(entry.get());
        }
    });
}

Stack::Stack() {
    stack_t before{};
    if (::sigaltstack(nullptr, &before) != 0 || (before.ss_flags & SS_DISABLE) == 0) return;  // a sanitizer's
    room_ = std::make_unique<std::byte[]>(size);
    const stack_t stack{room_.get(), 0, size};
    ::sigaltstack(&stack, nullptr);
}

Stack::~Stack() {
    if (room_ == nullptr) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
}

}  // namespace soho::host::crash_report
