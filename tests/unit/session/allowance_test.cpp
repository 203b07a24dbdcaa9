#include "host/session/allowance.hpp"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <sstream>

namespace soho::host {
namespace {

class AllowanceTest : public testing::Test {
protected:
    AllowanceTest() { log_.set_pattern("%v"); }
    static LimitRules rules() {
        LimitRules rules;
        rules.base.handles_max = 10;
        rules.base.tickets_max = 20;
        rules.listeners["unix:/team"] = {{"handles", 3}, {"tickets", 4}};
        rules.principals["uid:7"] = {{"handles", 5}, {"principal_objects", 2}};
        return rules;
    }
    std::ostringstream text_;
    spdlog::logger log_{"test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
    Accounts accounts_;
    LimitHits hits_{log_};
    Allowances allowances_{accounts_, hits_, rules()};
};

TEST_F(AllowanceTest, APrincipalsLimitsComeAfterItsListenersAndThoseAfterEverybodys) {
    const auto handles = [&](const char* listener, const char* principal) {
        return allowances_.of(listener, principal).limits().handles_max;
    };
    EXPECT_EQ(handles("unix:/a", "uid:1"), 10u);
    EXPECT_EQ(handles("unix:/team", "uid:1"), 3u);
    EXPECT_EQ(handles("unix:/team", "uid:7"), 5u);
    EXPECT_EQ(handles("unix:/a", "uid:7"), 5u);
    EXPECT_EQ(allowances_.of("unix:/team", "uid:7").limits().tickets_max, 4u);
    EXPECT_EQ(&allowances_.of("unix:/a", "uid:1"), &allowances_.of("unix:/a", "uid:1"));
}

TEST_F(AllowanceTest, AReloadChangesThoseThatAreInUse) {
    const Allowance& mine = allowances_.of("unix:/team", "uid:7");
    const Limits& before = mine.limits();
    LimitRules next = rules();
    next.principals.clear();
    allowances_.replace(next);
    EXPECT_EQ(mine.limits().handles_max, 3u);
    EXPECT_EQ(before.handles_max, 5u) << "who reads them still may";
    EXPECT_EQ(accounts_.of("uid:7").objects_max, 1'000'000u);
}

TEST_F(AllowanceTest, WhatAPrincipalMayUseInAllIsTheSameWhereverItComesFrom) {
    Account& account = accounts_.of("uid:7");
    EXPECT_EQ(&allowances_.of("unix:/a", "uid:7").account(), &account);
    EXPECT_EQ(&allowances_.of("unix:/b", "uid:7").account(), &account);
    EXPECT_TRUE(account.take_object());
    EXPECT_TRUE(account.take_object());
    EXPECT_FALSE(account.take_object());
    account.objects.give_back(1);
    EXPECT_TRUE(account.take_object());
}

TEST_F(AllowanceTest, AHitIsCountedEachTimeAndLoggedOnceForASession) {
    LimitHits::Told one{0}, other{0};
    for (int i = 0; i < 5; ++i) hits_.hit(&Limits::handles_max, "uid:7", 1, one);
    hits_.hit(&Limits::tickets_max, "uid:7", 1, one);
    hits_.hit(&Limits::handles_max, "uid:7", 2, other);
    EXPECT_EQ(text_.str(),
              "session 1 (uid:7) has hit the limit handles; further times are only counted\n"
              "session 1 (uid:7) has hit the limit tickets; further times are only counted\n"
              "session 2 (uid:7) has hit the limit handles; further times are only counted\n");
    const auto limits = all_limits();
    for (std::size_t i = 0; i < limits.size(); ++i)
        EXPECT_EQ(hits_.count(i), limits[i].name == "handles" ? 6u : limits[i].name == "tickets" ? 1u : 0u);
}

TEST_F(AllowanceTest, AFloodOfHitsOutsideOfSessionsDoesNotFloodTheLog) {
    for (int i = 0; i < 1'000; ++i) hits_.hit(&Limits::connections_max, "nobody");
    const std::string text = text_.str();
    EXPECT_EQ(text.substr(0, text.find('\n')), "nobody has hit the limit connections (1 in all)");
    EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 500);
}

TEST(Quota, GivesNoMoreThanThereIs) {
    Quota quota;
    EXPECT_TRUE(quota.take(7, 10));
    EXPECT_FALSE(quota.take(4, 10));
    EXPECT_TRUE(quota.take(3, 10));
    EXPECT_FALSE(quota.take(1, 5)) << "the most may have become less";
    EXPECT_FALSE(quota.take(UINT64_MAX, UINT64_MAX));
    EXPECT_EQ(quota.give_back_at_most(4), 4u);
    EXPECT_EQ(quota.give_back_at_most(100), 6u);
    EXPECT_EQ(quota.used(), 0u);
}

}  // namespace
}  // namespace soho::host
