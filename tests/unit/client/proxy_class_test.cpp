// Proxy classes: which fits which type, and which the host picks.
#include "tests/unit/client/fake_host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <soho/client.hpp>

namespace soho {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::Asked;
using test::FakeHost;
using testing::HasSubstr;

struct PairProxy : Proxy {
    using Proxy::Proxy;
    static constexpr std::string_view proxytype = "PairProxy";
    static constexpr Version version{1, 2};
    int get_x() const { return call<int>("get_x"); }
};

// Types "Pair" of version 1.0, "Pair2" of version 2.0, "Plain" without a proxytype, "Other" with another.
Answer script(const Asked& asked) {
    if (asked.method == "soho.create") return Answer::handle(7, asked.params[0].as<std::string>());
    if (asked.method != "soho.types") return Answer::value(5);
    const auto type = asked.params[0].as<std::string>();
    const char* proxytype = type == "Plain" ? "AutoProxy" : type == "Other" ? "OtherProxy" : "PairProxy";
    const Value version = Value::Array{type == "Pair2" ? 2 : 1, 0};
    return Answer::value(
        Value(Value::Map{{"type", type}, {"version", version}, {"proxytype", proxytype}, {"methods", Value::Map{}}}));
}

class ProxyClasses : public testing::Test {
protected:
    FakeHost host{script};
    Client client = connected(host);

    std::string refusal(std::string_view type) {
        try {
            client.create<PairProxy>(type);
        } catch (const CallError& error) {
            EXPECT_EQ(error.code(), CallCode::wrong_proxy);
            return error.what();
        }
        return "no error";
    }
};

TEST_F(ProxyClasses, FitTheirTypeAndAreCheckedOnce) {
    EXPECT_EQ(client.create<PairProxy>("Pair").get_x(), 5);
    client.create<PairProxy>("Pair");
    client.request<PairProxy>("soho.create", "Pair");
    EXPECT_EQ(host.asked("soho.types").size(), 1u);
    client.create<PairProxy>("Plain");
    EXPECT_EQ(host.asked("soho.types").size(), 2u);
}

TEST_F(ProxyClasses, OfAnotherMajorVersionAreRefused) {
    EXPECT_THAT(refusal("Pair2"), testing::AllOf(HasSubstr("Pair2"), HasSubstr("2.0"), HasSubstr("1.2")));
    host.wait_for_release(7, 1);
}

TEST_F(ProxyClasses, OfAnotherProxytypeAreRefused) {
    EXPECT_THAT(refusal("Other"), testing::AllOf(HasSubstr("OtherProxy"), HasSubstr("PairProxy")));
}

TEST_F(ProxyClasses, AreCheckedForAsynchronousCalls) {
    std::vector<std::string> results;
    const auto note = [&](Outcome<PairProxy> outcome) {
        results.push_back(outcome ? outcome.value().type() : std::string(code_name(outcome.failure().code)));
    };
    client.async_request<PairProxy>("soho.create", "Pair", Value::Array{}, note);
    client.async_request<PairProxy>("soho.create", "Pair2", Value::Array{}, note);
    client.run_for(60s);
    EXPECT_EQ(results, (std::vector<std::string>{"Pair", "wrong_proxy"}));
}

TEST_F(ProxyClasses, ArePickedByTheHostsWord) {
    client.proxy_class<PairProxy>();
    const auto pair = client.create_any("Pair");
    ASSERT_NE(dynamic_cast<PairProxy*>(pair.get()), nullptr);
    EXPECT_EQ(dynamic_cast<PairProxy&>(*pair).get_x(), 5);
    const auto plain = client.create_any("Plain");
    EXPECT_EQ(dynamic_cast<PairProxy*>(plain.get()), nullptr);
    EXPECT_THROW(client.create_any("Pair2"), CallError);
}

TEST_F(ProxyClasses, AreNotCheckedWhereTheyClaimNothing) {
    struct Loose : Proxy {
        using Proxy::Proxy;
    };
    client.create<Loose>("Pair2");
    EXPECT_TRUE(host.asked("soho.types").empty());
}

}  // namespace
}  // namespace soho
