#include "tests/support/fake_host.hpp"

#include <gtest/gtest.h>
#include <thread>

namespace soho {
namespace {

struct Account {
    int balance = 5;
};
struct Holder {
    ObjectRef ref;
    Value value;
    Reply<int> reply;
    std::vector<ObjectRef> refs;
};
std::optional<Outcome<int>> outcome;

void holders(Plugin& plugin) {
    plugin.methods<Account>().method("balance", [](const Account& account) { return account.balance; });
    plugin.methods<Holder>()
        .method("hold", [](Holder& self, ObjectRef ref) { self.ref = std::move(ref); })
        .method("held", [](Holder& self) { return self.ref; })
        .method("drop", [](Holder& self) { self.ref = {}; })
        .method("hold_value", [](Holder& self, Value value) { self.value = std::move(value); })
        .method("hold_all", [](Holder& self, std::vector<ObjectRef> refs) { self.refs = std::move(refs); })
        .method("hold_anew",
                [](Holder& self, Call& call) {
                    self.value = call.hold(data::decode<Value>(data::encoded(self.value).bytes()));
                })
        .method("find",
                [](Holder&, Call& call, Value argument) {
                    const auto found = call.find_object<Account>(argument);
                    return found != nullptr ? found->balance : -1;
                })
        .method("from_value", [](Holder& self) { return ObjectRef::from(self.value).id(); })
        .method("as_value",
                [](Holder& self) {
                    return Value::Array{1, self.ref};
                })
        .method("myself", [](Holder&, Call& call) { return call.self().id(); })
        .method(
            "make",
            [](Holder&, Call& call) { return call.host().make_object<Account>("Account", Account{9}, call.object()); })
        .method("make_wrong", [](Holder&, Call& call) { return call.host().make_object<Account>("Holder", Account{}); })
        .method("ask",
                [](Holder& self, Call& call, Reply<int> reply) {
                    self.ref.call<int>(call, "balance", 1, "two").then([&self](Outcome<int> answer) {
                        if (answer) {
                            self.reply(answer.value());
                        } else {
                            self.reply.fail(answer.error());
                        }
                    });
                    self.reply = std::move(reply);
                })
        .method("ask_for_reply",
                [](Holder& self, Reply<int> reply) {
                    self.ref.call<int>(reply, "balance").then([](Outcome<int> answer) { outcome = std::move(answer); });
                    self.reply = std::move(reply);
                })
        .method("wait", [](Holder& self, Call& call) { return self.ref.call<int>(call, "balance").get(); })
        .blocking();
    plugin.type<Account>("Account");
    plugin.type<Holder>("Holder");
}

class ObjectRefs : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(host.load<&holders>()) << host.refusal;
        account = host.create("Account");
        holder = host.create("Holder");
    }
    // What the host answers to a call of an object.
    static void answer(const test::FakeHost::RefCall& call, const Value& value) {
        const data::Buffer bytes = data::encoded(value);
        soho_outcome ended{};
        ended.size = sizeof ended;
        ended.result = sdk::detail::to_abi(bytes.bytes());
        call.done(call.context, &ended);
    }
    static void refuse(const test::FakeHost::RefCall& call) {
        soho_outcome ended{};
        ended.size = sizeof ended;
        ended.code = SOHO_DENIED;
        ended.text = sdk::detail::to_abi("not for you");
        call.done(call.context, &ended);
    }
    int references() { return host.references[{account, holder}]; }

    test::FakeHost host;
    std::uint64_t account = 0, holder = 0;
};

TEST_F(ObjectRefs, KeepTheObjectOnBehalfOfTheOneThatHoldsThem) {
    EXPECT_TRUE(host.call(holder, "hold", host.handle(account)).ok());
    EXPECT_EQ(references(), 1);
    EXPECT_EQ(host.call(holder, "held").value, host.handle(account));
    host.call(holder, "drop");
    EXPECT_EQ(references(), 0);
}

TEST_F(ObjectRefs, GoWithTheirHolder) {
    host.call(holder, "hold", host.handle(account));
    host.call(holder, "hold_all", Value::Array{host.handle(account), host.handle(account)});
    EXPECT_EQ(references(), 3);
    host.release(holder);
    EXPECT_EQ(references(), 0);
}

TEST_F(ObjectRefs, OfNothingAreRefused) {
    const Value nobody = Value::Extension{0x53, std::string(data::encoded(std::tuple(5, "Account")).text()), nullptr};
    EXPECT_EQ(host.call(holder, "hold", nobody).text, "argument 1: no object 5");
    EXPECT_EQ(host.call(holder, "hold", nullptr).text, "argument 1: expected object, got nil");
}

TEST_F(ObjectRefs, InsideAValueKeepTheObjectToo) {
    host.call(holder, "hold_value", Value::Array{1, Value::Map{{"a", host.handle(account)}}});
    EXPECT_EQ(references(), 1);
    host.call(holder, "hold_value", host.handle(account));
    EXPECT_EQ(references(), 1);
    EXPECT_EQ(host.call(holder, "from_value").value, Value(account));
    host.call(holder, "hold_value", 5);
    EXPECT_EQ(references(), 0);
    EXPECT_EQ(host.call(holder, "from_value").type, "TypeError");
}

TEST_F(ObjectRefs, InsideATupleKeepTheObjectToo) {
    const data::Buffer body = data::encoded(Value(Value::Array{1, host.handle(account)}));
    host.call(holder, "hold_value", Value::Extension{0x54, std::string(body.text()), nullptr});
    EXPECT_EQ(references(), 1);
    host.call(holder, "hold_value", 5);
    EXPECT_EQ(references(), 0);
}

TEST_F(ObjectRefs, InAValueThatHeldNoneAreHeldByTheTargetAnew) {
    host.call(holder, "hold_value", Value::Array{Value::Map{{"a", host.handle(account)}}});
    host.call(holder, "hold_anew");
    EXPECT_EQ(references(), 1);
    const data::Buffer body = data::encoded(Value(Value::Array{1, host.handle(account)}));
    host.call(holder, "hold_value", Value::Extension{0x54, std::string(body.text()), nullptr});
    host.call(holder, "hold_anew");
    EXPECT_EQ(references(), 1);
    host.call(holder, "hold_value", 5);
    EXPECT_EQ(references(), 0);
}

TEST_F(ObjectRefs, LeadToObjectsOfTheirClassOnly) {
    EXPECT_EQ(host.call(holder, "find", host.handle(account)).value, Value(5));
    EXPECT_EQ(host.call(holder, "find", host.handle(holder)).value, Value(-1));
    EXPECT_EQ(host.call(holder, "find", 5).value, Value(-1));
    EXPECT_EQ(host.call(holder, "find", Value::Extension{0x53, "no handle", nullptr}).value, Value(-1));
}

TEST_F(ObjectRefs, BecomeValues) {
    host.call(holder, "hold", host.handle(account));
    EXPECT_EQ(host.call(holder, "as_value").value, Value(Value::Array{1, host.handle(account)}));
}

TEST_F(ObjectRefs, ToOneselfAreToBeHad) { EXPECT_EQ(host.call(holder, "myself").value, Value(holder)); }

TEST_F(ObjectRefs, ComeFromObjectsThatThePluginMakes) {
    EXPECT_TRUE(host.call(holder, "make").ok());
    EXPECT_EQ(host.call(host.last_id, "balance").value, Value(9));
    EXPECT_TRUE(host.references.empty());  // the result's own was given back
    EXPECT_EQ(host.call(holder, "make_wrong").text, "'Holder' is no typeid for Account");
}

TEST_F(ObjectRefs, CallOtherObjectsOnBehalfOfTheRunningCall) {
    host.call(holder, "hold", host.handle(account));
    EXPECT_EQ(host.call(holder, "ask").status, std::uint32_t{SOHO_PENDING});
    ASSERT_EQ(host.ref_calls.size(), 1u);
    EXPECT_TRUE(host.ref_calls[0].for_call);
    EXPECT_EQ(host.ref_calls[0].object, account);
    EXPECT_EQ(host.ref_calls[0].method, "balance");
    EXPECT_EQ(host.ref_calls[0].args, Value(Value::Array{1, "two"}));
    EXPECT_EQ(host.ref_calls[0].flags, 0u);
    answer(host.ref_calls[0], 5);
    EXPECT_EQ(host.pending(0).ended.value, Value(5));
}

TEST_F(ObjectRefs, PassOnWhyACallFailed) {
    host.call(holder, "hold", host.handle(account));
    host.call(holder, "ask");
    refuse(host.ref_calls[0]);
    EXPECT_EQ(host.pending(0).ended.code, std::uint32_t{SOHO_DENIED});
    EXPECT_EQ(host.pending(0).ended.text, "not for you");
}

TEST_F(ObjectRefs, AResultOfTheWrongTypeIsATypeError) {
    host.call(holder, "hold", host.handle(account));
    host.call(holder, "ask");
    answer(host.ref_calls[0], "five");
    EXPECT_EQ(host.pending(0).ended.type, "TypeError");
    EXPECT_EQ(host.pending(0).ended.text, "result: expected int, got str");
}

TEST_F(ObjectRefs, CallOnBehalfOfAReply) {
    host.call(holder, "hold", host.handle(account));
    host.call(holder, "ask_for_reply");
    EXPECT_TRUE(host.ref_calls[0].for_call);  // the method still ran
    answer(host.ref_calls[0], 5);
    EXPECT_EQ(outcome->value(), 5);
    outcome.reset();
}

TEST_F(ObjectRefs, WaitForTheAnswer) {
    host.call(holder, "hold", host.handle(account));
    std::thread answering;
    host.on_ref_call = [&](const test::FakeHost::RefCall& call) {
        EXPECT_EQ(call.flags, std::uint32_t{SOHO_REF_CALL_WAITS});
        answering = std::thread([call] { answer(call, 11); });
    };
    EXPECT_EQ(host.call(holder, "wait").value, Value(11));
    answering.join();
    host.on_ref_call = [&](const test::FakeHost::RefCall& call) { answering = std::thread([call] { refuse(call); }); };
    EXPECT_EQ(host.call(holder, "wait").code, std::uint32_t{SOHO_DENIED});
    answering.join();
}

}  // namespace
}  // namespace soho
