// Who keeps an object, and what becomes of it when nobody does.
#include "kit.hpp"

namespace soho_kit_test {
namespace {

using soho::Value;

std::vector<std::string> gone;  // the names of nodes whose destructors ran
int unloaded = 0;

struct Node {
    explicit Node(std::string name_) : name(std::move(name_)) {}
    ~Node() { gone.push_back(name); }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    std::string name;
    soho::ObjectRef next;
};

void nodes(soho::Plugin& plugin) {
    plugin.methods<Node>()
        .method("link", [](Node& self, soho::ObjectRef next) { self.next = std::move(next); })
        .method("next", [](Node& self) { return self.next; })
        .method("give_up", [](Node& self) { return std::exchange(self.next, {}); })
        .method("charge", [](Node&, soho::Call& call, int n) { return call.host().charge(call.object(), n); })
        .method("publish", [](Node&, soho::Call& call, std::string name) { call.host().publish(name, call.self()); })
        .method("unpublish", [](Node&, soho::Call& call, std::string name) { call.host().unpublish(name); })
        .method("child", [](Node&, soho::Call& call, std::string name) {
            return call.host().make_object<Node>("Node", std::make_shared<Node>(name));
        });
    plugin.type<Node>("Node").constructor<std::string>();
    plugin.on_stop([] { ++unloaded; });
}

class Lifetime : public ::testing::Test {
protected:
    void SetUp() override {
        gone.clear();
        unloaded = 0;
        host.emplace(Options{.object_bytes_max = 100}, &entry<&nodes>);
    }
    using Names = std::vector<std::string>;
    std::optional<Host> host;
};

TEST_F(Lifetime, EndsWithTheLastReference) {
    auto a = host->create("Node", "a");
    auto copy = a;
    a = {};
    EXPECT_EQ(gone, Names{});
    copy = {};
    EXPECT_EQ(gone, Names{"a"});
}

TEST_F(Lifetime, IsProlongedByObjectsThatReferToIt) {
    auto a = host->create("Node", "a");
    a.call("link", host->create("Node", "b"));
    EXPECT_EQ(gone, Names{});
    EXPECT_EQ(host->living(), 2u);
    EXPECT_EQ(a.call<Object>("next").type_id(), "Node");
    auto b = a.call<Object>("give_up");
    EXPECT_EQ(gone, Names{}) << "the reference was given up while a handle of it was in the result";
    b = {};
    EXPECT_EQ(gone, Names{"b"});
    a.call("link", host->create("Node", "c"));
    a = {};
    EXPECT_EQ(gone, (Names{"b", "a", "c"}));
}

TEST_F(Lifetime, OfASessionsObjectsEndsWithIt) {
    auto client = host->begin_session();
    auto a = client.create("Node", "a");
    client.end();
    EXPECT_EQ(gone, Names{"a"});
    EXPECT_TRUE(failure_of([&] { a.call("next"); }).starts_with("no_object: no object #"));
    EXPECT_EQ(failure_of([&] { client.create("Node", "b"); }), "unavailable: this session has ended");
    client.end();
}

TEST_F(Lifetime, IsNoConcernOfOtherPrincipals) {
    auto a = host->create("Node", "a");
    auto friends = host->begin_session().create("Node", "b");
    EXPECT_NO_THROW(friends.call("link", a));
    auto stranger = host->begin_session("uid:7").create("Node", "c");
    EXPECT_EQ(failure_of([&] { stranger.call("link", a); }),
              "no_object: no object #" + std::to_string(a.id()) + ", or none that this session may use");
}

TEST_F(Lifetime, OfAPublishedObjectEndsWithItsName) {
    auto a = host->create("Node", "a");
    a.call("publish", "node");
    EXPECT_EQ(failure_of([&] { a.call("publish", "node"); }), "exists: cannot publish 'node': it is taken");
    a = {};
    EXPECT_EQ(gone, Names{});
    a = host->open("node");
    a.call("unpublish", "node");
    EXPECT_EQ(failure_of([&] { a.call("unpublish", "node"); }),
              "no_object: cannot unpublish 'node': there is no such object");
    EXPECT_EQ(gone, Names{});
    a = {};
    EXPECT_EQ(gone, Names{"a"});
}

TEST_F(Lifetime, EndsWithTheHostAlsoInACycle) {
    {
        auto a = host->create("Node", "a");
        auto b = a.call<Object>("child", "b");
        a.call("link", b);
        b.call("link", a);
    }
    EXPECT_EQ(host->living(), 2u);
    host.reset();
    EXPECT_EQ(gone.size(), 2u);
    EXPECT_EQ(unloaded, 1);
}

TEST_F(Lifetime, AnObjectMayOutliveItsHostWithoutMeaningAnything) {
    auto a = host->create("Node", "a");
    host.reset();
    EXPECT_EQ(gone, Names{"a"});
    EXPECT_TRUE(failure_of([&] { a.call("next"); }).starts_with("no_object:"));
}

TEST_F(Lifetime, ShowsTheBytesThatWereCharged) {
    auto a = host->create("Node", "a");
    auto b = host->create("Node", "b");
    EXPECT_TRUE(a.call<bool>("charge", 60));
    EXPECT_TRUE(b.call<bool>("charge", 100));
    EXPECT_FALSE(a.call<bool>("charge", 41));
    EXPECT_EQ(a.charged(), 60);
    EXPECT_EQ(host->charged(), 160);
    EXPECT_TRUE(a.call<bool>("charge", -70));
    EXPECT_EQ(a.charged(), 0);
    b = {};
    EXPECT_EQ(host->charged(), 0);
}

}  // namespace
}  // namespace soho_kit_test
