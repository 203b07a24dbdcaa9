// Calls of objects on objects, and method_to_typeid.
#include "kit.hpp"

namespace soho_kit_test {
namespace {

struct Account {
    std::int64_t balance = 0;
    std::string last;
};
struct Report {
    explicit Report(std::int64_t sum_) : sum(sum_) {}
    std::int64_t sum;
};

void accounts(soho::Plugin& plugin) {
    plugin.methods<Report>().method("sum", [](const Report& report) { return report.sum; });
    plugin.methods<Account>()
        .method("balance", [](const Account& self) { return self.balance; })
        .method("add",
                [](Account& self, std::int64_t by) {
                    if (by < 0) throw soho::Error("ValueError", "by must not be negative");
                    return self.balance += by;
                })
        .method("chain", [](Account&, soho::Call& call) { return call.chain().size(); })
        .method("never",
                [](Account& self, soho::Reply<int> reply) {
                    reply.on_cancel([&self] { self.last = "cancelled"; });
                    static std::vector<soho::Reply<int>> kept;
                    kept.clear();
                    kept.push_back(std::move(reply));
                })
        .method("pull",
                [](Account& self, soho::Call& call, const soho::ObjectRef& from, std::int64_t by) {
                    from.call<std::int64_t>(call, "add", by).then([&self](const soho::Outcome<std::int64_t>& outcome) {
                        self.last = outcome ? std::to_string(outcome.value()) : outcome.error().type();
                    });
                    self.last = "started";
                })
        .method("relay",
                [](Account&, soho::Call& call, soho::Reply<std::int64_t> reply, const soho::ObjectRef& from) {
                    from.call<std::int64_t>(call, "balance")
                        .then([moved = std::move(reply)](soho::Outcome<std::int64_t> outcome) mutable {
                            moved(outcome.value());
                        });
                })
        .method("ask", [](Account&, soho::Call& call, const soho::ObjectRef& of,
                          std::string method) { return of.call<std::int64_t>(call, method).get(); })
        .blocking()
        .method("ask_badly", [](Account&, soho::Call& call,
                                const soho::ObjectRef& of) { return of.call<std::int64_t>(call, "balance").get(); })
        .method("last", [](const Account& self) { return self.last; })
        .method("report", [](const Account& self) { return self.balance; })
        .method("copy", [](const Account& self) { return std::make_shared<Account>(self); });
    plugin.type<Account>("Account").method_to_typeid({{"report", "Report"}, {"copy", "Account"}});
    plugin.type<Report>("Report").constructor<std::int64_t>();
}

class ObjectCalls : public ::testing::Test {
protected:
    Host host{Options{.patience = 50ms}, &entry<&accounts>};
    Object a = host.create("Account"), b = host.create("Account");
};

TEST_F(ObjectCalls, CompleteAfterTheCallThatMadeThem) {
    a.call("pull", b, 5);
    EXPECT_EQ(a.call<std::string>("last"), "5");
    EXPECT_EQ(b.call<int>("balance"), 5);
    a.call("pull", a, 2);
    EXPECT_EQ(a.call<std::string>("last"), "2") << "also on itself, as nobody waits";
    a.call("pull", b, -1);
    EXPECT_EQ(a.call<std::string>("last"), "ValueError");
}

TEST_F(ObjectCalls, MayAnswerTheCallThatMadeThem) {
    b.call("add", 9);
    EXPECT_EQ(a.call<int>("relay", b), 9);
}

TEST_F(ObjectCalls, AreWaitedForInBlockingMethods) {
    b.call("add", 9);
    EXPECT_EQ(a.call<int>("ask", b, "balance"), 9);
    EXPECT_EQ(a.call<int>("ask", b, "chain"), 1);
    EXPECT_EQ(failure_of([&] { a.call("ask", b, "nothing"); }).substr(0, 30), "no_method: type Account expose");
    EXPECT_EQ(failure_of([&] { a.call("ask", b, "never"); }),
              "deadline: Account.never() has not replied while another method waits");
    EXPECT_EQ(b.call<std::string>("last"), "cancelled");
}

TEST_F(ObjectCalls, ThatCouldNeverEndAreRefused) {
    const std::string id = "#" + std::to_string(a.id()) + " (Account)";
    EXPECT_EQ(
        failure_of([&] { a.call("ask", a, "balance"); }),
        "unavailable: this wait could never end, as the calls that wait have the turn it needs: " + id + " -> " + id);
    EXPECT_EQ(failure_of([&] { a.call("ask_badly", b); }),
              "internal: Account.ask_badly(arg1) waits for another object's method, but is not declared blocking");
}

TEST_F(ObjectCalls, ResultsBecomeObjectsOfTheMappedType) {
    a.call("add", 7);
    const auto report = a.call<Object>("report");
    EXPECT_EQ(report.type_id(), "Report");
    EXPECT_EQ(report.call<int>("sum"), 7) << "made by the callable, of the value";
    const auto copy = a.call<Object>("copy");
    copy.call("add", 1);
    EXPECT_EQ(copy.call<int>("balance"), 8);
    EXPECT_EQ(a.call<int>("balance"), 7);
}

}  // namespace
}  // namespace soho_kit_test
