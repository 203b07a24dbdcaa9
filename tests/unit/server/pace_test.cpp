#include "host/server/pace.hpp"

#include <gtest/gtest.h>

namespace soho::host {
namespace {

constexpr std::int64_t ms = 1'000'000;

class PaceTest : public testing::Test {
protected:
    PaceTest() {
        limits_.login_ms = 100;
        limits_.slow_reader_ms = 1'000;
        limits_.idle_ms = 500;
    }
    std::string_view overdue(std::int64_t now_ms) const {
        const auto limit = pace_.overdue(now_ms * ms, limits_);
        if (limit == nullptr) return "";
        return limit == &Limits::login_ms ? "login" : limit == &Limits::idle_ms ? "idle" : "slow";
    }
    Limits limits_;
    Pace pace_{0};
};

TEST_F(PaceTest, TheFirstRequestMustComeInTime) {
    EXPECT_EQ(overdue(99), "");
    EXPECT_EQ(overdue(100), "login");
    pace_.active(50 * ms);
    EXPECT_EQ(overdue(100), "");
}

TEST_F(PaceTest, AConnectionIdlesFromItsLastRequest) {
    pace_.active(50 * ms);
    EXPECT_EQ(overdue(549), "");
    EXPECT_EQ(overdue(550), "idle");
    pace_.active(300 * ms);
    EXPECT_EQ(overdue(799), "");
    limits_.idle_ms = 0;
    EXPECT_EQ(overdue(1'000'000), "") << "0: never";
}

TEST_F(PaceTest, AReaderIsSlowFromTheLastByteItTook) {
    pace_.active(0);
    pace_.unsent_since(10 * ms);
    EXPECT_EQ(overdue(1'009), "") << "nor does it idle meanwhile";
    EXPECT_EQ(overdue(1'010), "slow");
    pace_.unsent_since(900 * ms);
    EXPECT_EQ(overdue(1'899), "");
    EXPECT_EQ(overdue(1'900), "slow");
    pace_.all_sent();
    EXPECT_EQ(overdue(499), "");
}

TEST_F(PaceTest, ATimeBeforeTheFirstIsNone) { EXPECT_EQ(overdue(-5), ""); }

}  // namespace
}  // namespace soho::host
