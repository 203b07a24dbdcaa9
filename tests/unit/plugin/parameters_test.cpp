#include "tests/support/fake_host.hpp"

#include <gtest/gtest.h>

namespace soho {
namespace {

struct Account {
    std::int64_t balance = 0;
    static inline int destroyed = 0;
    ~Account() { ++destroyed; }
};
struct Point {
    int x = 0, y = 0;
    MSGPACK_DEFINE_MAP(x, y)
};
struct Bank {
    std::shared_ptr<Account> kept;
};

void bank(Plugin& plugin) {
    using namespace literals;
    plugin.methods<Account>().method("deposit", [](Account& account, std::int64_t n) { return account.balance += n; });
    plugin.methods<Bank>()
        .method("transfer",
                [](Bank&, Account& from, Account& to, std::int64_t n) {
                    from.balance -= n;
                    to.balance += n;
                })
        .args("source", "target", "n"_a = 1)
        .method("look", [](Bank&, const Account& account) { return account.balance; })
        .method("keep", [](Bank& self, std::shared_ptr<Account> account) { self.kept = std::move(account); })
        .method("sum",
                [](Bank&, const std::vector<std::shared_ptr<Account>>& accounts) {
                    std::int64_t sum = 0;
                    for (const auto& account : accounts) sum += account->balance;
                    return sum;
                })
        .method("point",
                [](Bank&, const Point& point, Point copy, Point&& moved) { return point.x + copy.y + moved.y; })
        .method("bytes", [](Bank&, std::span<const std::byte> bytes,
                            std::string_view text) { return bytes.size() + text.size(); })
        .method("rest", [](Bank&, int first, const Args& rest) {
            Value::Array all = {first};
            for (const Value& value : rest.positional()) all.push_back(value);
            all.push_back(rest.keywords());
            return all;
        });
    plugin.type<Account>("Account");
    plugin.type<Bank>("Bank");
}

class Parameters : public testing::Test {
protected:
    void SetUp() override {
        Account::destroyed = 0;
        ASSERT_TRUE(host.load<&bank>()) << host.refusal;
        the_bank = host.create("Bank");
        a = host.create("Account");
        b = host.create("Account");
        host.call(a, "deposit", 10);
    }
    test::FakeHost host;
    std::uint64_t the_bank = 0, a = 0, b = 0;
};

TEST_F(Parameters, AnObjectArrivesAsItself) {
    EXPECT_TRUE(host.call(the_bank, "transfer", host.handle(a), host.handle(b), 3).ok());
    EXPECT_EQ(host.call(the_bank, "look", host.handle(a)).value, Value(7));
    EXPECT_EQ(host.call(the_bank, "look", host.handle(b)).value, Value(3));
}

TEST_F(Parameters, AnObjectByReferenceIsExclusive) {
    const auto& parameters = host.types.at("Bank").methods.at("transfer").parameters;
    EXPECT_EQ(parameters[0].flags, SOHO_PARAMETER_OBJECT | SOHO_PARAMETER_EXCLUSIVE);
    EXPECT_EQ(parameters[0].type, "Account");
    EXPECT_EQ(parameters[0].class_key, host.types.at("Account").class_key);
    EXPECT_EQ(host.types.at("Bank").methods.at("look").parameters[0].flags, parameters[0].flags);
    EXPECT_EQ(host.types.at("Bank").methods.at("keep").parameters[0].flags, std::uint32_t{SOHO_PARAMETER_OBJECT});
}

TEST_F(Parameters, AnObjectOfAnotherClassIsRefused) {
    EXPECT_EQ(host.call(the_bank, "look", host.handle(the_bank)).text,
              "argument 1: expected Account, got object " + std::to_string(the_bank) + " of type 'Bank'");
    EXPECT_EQ(host.call(the_bank, "look", 5).text, "argument 1: expected Account, got int");
    EXPECT_EQ(host.call(the_bank, "look", Value::Extension{0x53, "junk", nullptr}).text,
              "argument 1: expected Account, got ext");
}

TEST_F(Parameters, ASharedPointerKeepsTheObjectBeyondTheHost) {
    EXPECT_TRUE(host.call(the_bank, "keep", host.handle(a)).ok());
    host.release(a);
    EXPECT_EQ(Account::destroyed, 0);
    host.release(the_bank);
    EXPECT_EQ(Account::destroyed, 1);
}

TEST_F(Parameters, ObjectsMayStandInsideAList) {
    EXPECT_EQ(host.call(the_bank, "sum", Value::Array{host.handle(a), host.handle(b)}).value, Value(10));
    EXPECT_EQ(host.call(the_bank, "sum", Value::Array{host.handle(a), 5}).text,
              "argument 1: element 1: expected Account, got int");
}

TEST_F(Parameters, AStructWithAnAdaptorIsAValue) {
    const Point point{1, 2};
    EXPECT_EQ(host.call(the_bank, "point", point, point, point).value, Value(5));
    EXPECT_EQ(host.types.at("Bank").methods.at("point").parameters[0].type, "Point");
    EXPECT_EQ(host.types.at("Bank").methods.at("point").parameters[0].flags, 0u);
}

TEST_F(Parameters, BorrowedBytesAndTextCostNothing) {
    EXPECT_EQ(host.call(the_bank, "bytes", std::vector<std::byte>(5), "abc").value, Value(8));
}

TEST_F(Parameters, ADefaultIsDescribed) {
    const auto& n = host.types.at("Bank").methods.at("transfer").parameters[2];
    EXPECT_EQ(n.flags, std::uint32_t{SOHO_PARAMETER_OPTIONAL});
    EXPECT_EQ(n.default_value, "\x01");
}

TEST_F(Parameters, WhatIsLeftOverReachesArgs) {
    host.set_arguments(1, "two", 3.0);
    host.kwargs = data::encoded(Value(Value::Map{{"k", "v"}}));
    EXPECT_EQ(host.call_with_arguments(the_bank, "rest").value,
              Value(Value::Array{1, "two", 3.0, Value::Map{{"k", "v"}}}));
    EXPECT_EQ(host.call(the_bank, "rest", 1).value, Value(Value::Array{1, Value::Map{}}));
    const auto& parameters = host.types.at("Bank").methods.at("rest").parameters;
    ASSERT_EQ(parameters.size(), 3u);
    EXPECT_EQ(parameters[1].flags, std::uint32_t{SOHO_PARAMETER_ARGS});
    EXPECT_EQ(parameters[2].flags, std::uint32_t{SOHO_PARAMETER_KWARGS});
}

}  // namespace
}  // namespace soho
