#include "host/tool/child.hpp"

#include <gmock/gmock.h>

#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <thread>

using namespace soho::host::tool;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using How = Ending::How;

namespace {

struct Ran {
    Ending ending;
    Report report;
    std::string where;
};

Ran run(const std::function<void(Board&)>& work, std::chrono::milliseconds silence_max = 60s) {
    const BoardMemory board;
    Ran ran;
    ran.ending = run_child(*board, silence_max, work);
    board->tell(ran.report);
    ran.where = board->where();
    return ran;
}

}  // namespace

TEST(Child, TellsWhatItHasFound) {
    const Ran ran = run([](Board& board) {
        board.find("leak", "Pair.get_x", "it leaves 3 bytes");
        board.note("a note");
        board.count_call();
    });
    EXPECT_EQ(ran.ending.how, How::finished);
    ASSERT_EQ(ran.report.findings.size(), 1u);
    EXPECT_EQ(ran.report.findings[0].where, "Pair.get_x");
    EXPECT_EQ(ran.report.findings[0].what, "it leaves 3 bytes");
    EXPECT_EQ(ran.report.notes, std::vector<std::string>{"a note"});
    EXPECT_EQ(ran.report.calls, 1u);
}

TEST(Child, SaysWhereItDied) {
    const Ran ran = run([](Board& board) {
        board.at("Pair.get_x", "called with []");
        std::fputs("these are my last words\n", stderr);
        std::signal(SIGTRAP, SIG_DFL);
        std::raise(SIGTRAP);
    });
    EXPECT_EQ(ran.ending.how, How::crashed);
    EXPECT_THAT(ran.ending.text, HasSubstr("SIGTRAP"));
    EXPECT_EQ(ran.ending.last_words, "these are my last words");
    EXPECT_EQ(ran.where, "Pair.get_x");
}

TEST(Child, TellsAlthoughItClosedEveryDescriptor) {
    const Ran ran = run([](Board& board) {
        for (int descriptor = 0; descriptor < 1000; ++descriptor) ::close(descriptor);
        board.find("descriptors", "x", "all are closed");
    });
    EXPECT_EQ(ran.ending.how, How::finished);
    EXPECT_EQ(ran.report.findings.size(), 1u);
}

TEST(Child, SaysThatItEndedByItself) {
    const Ran ran = run([](Board&) { ::_exit(3); });
    EXPECT_EQ(ran.ending.how, How::exited);
    EXPECT_THAT(ran.ending.text, HasSubstr("exit code 3"));
}

TEST(Child, IsEndedWhenItDoesNotGetOn) {
    const Ran ran = run([](Board&) { std::this_thread::sleep_for(1h); }, 100ms);
    EXPECT_EQ(ran.ending.how, How::hung);
    EXPECT_THAT(ran.ending.text, StartsWith("did not get on"));
}

TEST(Child, LeavesNoProcessBehind) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    run([&](Board&) {
        if (::fork() == 0) {
            ::setsid();
            for (;;) ::pause();
        }
    });
    ::close(ends[1]);
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), 0);  // nobody else has the other end
    ::close(ends[0]);
}

TEST(Child, LeavesAloneWhatIsNotItsOwn) {
    const pid_t other = ::fork();
    if (other == 0) {
        for (;;) ::pause();
    }
    run([](Board&) {});
    EXPECT_EQ(::waitpid(other, nullptr, WNOHANG), 0);  // it still runs
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
}

TEST(Child, SaysThatWhatWatchedItWasKilled) {
    const Ran ran = run([](Board& board) {
        board.at("Pair.get_x", "called");
        ::kill(::getppid(), SIGKILL);
        std::this_thread::sleep_for(1h);
    });
    EXPECT_EQ(ran.ending.how, How::crashed);
    EXPECT_THAT(ran.ending.text, HasSubstr("the one that watched it"));
    EXPECT_EQ(ran.where, "Pair.get_x");
}

TEST(Child, MayNotFillTheMemoryWithWhatItWrites) {
    const Ran ran = run([](Board& board) {
        const std::string much(1 << 20, 'x');
        std::size_t written = 0;
        for (ssize_t put = 0; written < (std::size_t{300} << 20) && put >= 0; written += put > 0 ? put : 0)
            put = ::write(STDERR_FILENO, much.data(), much.size());
        board.note(written == std::size_t{256} << 20 && errno == EFBIG ? "refused" : std::to_string(written));
    });
    EXPECT_EQ(ran.ending.how, How::finished);  // and not by SIGXFSZ
    EXPECT_EQ(ran.report.notes, std::vector<std::string>{"refused"});
}

TEST(Child, EndsAnExceptionThatNobodyCatches) {
    const Ran ran = run([](Board&) { throw std::runtime_error("nobody"); });
    ASSERT_EQ(ran.report.findings.size(), 1u);
    EXPECT_THAT(ran.report.findings[0].what, HasSubstr("nobody"));
}
