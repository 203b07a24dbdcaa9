#include "tests/support/fake_host.hpp"

#include <gtest/gtest.h>

namespace soho {
namespace {

struct Item {
    int number = 0;
    explicit Item(int n) : number(n) {}
    virtual ~Item() { ++destroyed; }
    static inline int destroyed = 0;
};
struct Left {
    virtual ~Left() = default;
    int left = 0;
};
struct Special : Left, Item {
    Special() : Item(99) {}
};
struct Point {
    int x = 0;
    MSGPACK_DEFINE_MAP(x)
};
struct Cursor {
    std::shared_ptr<Item> item;
};
struct Shop {
    std::shared_ptr<Item> shared = std::make_shared<Item>(1);
    Item part{5};
};

void shop(Plugin& plugin) {
    plugin.methods<Item>().method("number", [](const Item& item) { return item.number; });
    plugin.methods<Point>().method("x", [](const Point& point) { return point.x; });
    plugin.methods<Cursor>().method("at", [](const Cursor& cursor) { return cursor.item->number; });
    plugin.methods<Shop>()
        .method("by_value", [](Shop&) { return Item(2); })
        .method("unique", [](Shop&) { return std::make_unique<Item>(3); })
        .method("shared", [](Shop& shop) { return shop.shared; })
        .method("none", [](Shop&) { return std::shared_ptr<Item>(); })
        .method("part",
                [](Shop&, Call& call) {
                    static_cast<void>(call);
                    auto shop = std::make_shared<Shop>();
                    return std::shared_ptr<Item>(shop, &shop->part);
                })
        .method("point", [](Shop&) { return Point{7}; })
        .method("point_object", [](Shop&) { return Point{8}; })
        .method("cursor", [](Shop& shop) { return shop.shared; })
        .method("number", [](Shop&) { return 41; })
        .method("long", [](Shop&) { return std::string(1000, 'x'); })
        .method("text", [](Shop&) -> const char* { return "text"; });
    plugin.type<Shop>("Shop").method_to_typeid({{"point_object", "Point"},
                                                {"cursor", "Cursor"},
                                                {"number", "Numbered"},
                                                {"by_value", "Item"},
                                                {"unique", "Item"},
                                                {"shared", "Item"},
                                                {"none", "Item"},
                                                {"part", "Item"}});
    plugin.type<Item>("Item").constructor<int>();
    plugin.type<Item>("Special").callable([] { return std::make_unique<Special>(); });
    plugin.type<Item>("Numbered").callable([](int number) { return Item(number); });
    plugin.type<Item>("null").callable([] { return std::shared_ptr<Item>(); });
    plugin.type<Point>("Point");
    plugin.type<Cursor>("Cursor").callable([](std::shared_ptr<Item> item) { return Cursor{std::move(item)}; });
}

class Results : public testing::Test {
protected:
    void SetUp() override {
        Item::destroyed = 0;
        ASSERT_TRUE(host.load<&shop>()) << host.refusal;
        id = host.create("Shop");
    }
    // Calls a mapped method, keeps what it handed over, and asks that for its number.
    Value number_of(const std::string& method) {
        const auto ended = host.call(id, method);
        EXPECT_TRUE(ended.has_object) << ended.text;
        if (!ended.has_object) return {};
        const std::uint64_t item = host.keep("Item", ended.object);
        const Value number = host.call(item, "number").value;
        host.release(item);
        return number;
    }
    test::FakeHost host;
    std::uint64_t id = 0;
};

TEST_F(Results, AnObjectIsHandedOverHoweverItIsReturned) {
    EXPECT_EQ(number_of("by_value"), Value(2));
    EXPECT_EQ(number_of("unique"), Value(3));
    EXPECT_EQ(number_of("shared"), Value(1));
    EXPECT_EQ(number_of("part"), Value(5));
}

TEST_F(Results, ReleaseDestroysWhatNobodyElseHolds) {
    const auto ended = host.call(id, "unique");
    EXPECT_EQ(Item::destroyed, 0);
    ended.object.release(ended.object.owner);
    EXPECT_EQ(Item::destroyed, 1);
    const auto shared = host.call(id, "shared");
    shared.object.release(shared.object.owner);
    EXPECT_EQ(Item::destroyed, 1);
}

TEST_F(Results, TheSameSharedPointerHasTheSameIdentity) {
    const auto first = host.call(id, "shared"), second = host.call(id, "shared");
    EXPECT_EQ(first.object.identity, second.object.identity);
    EXPECT_NE(first.object.owner, second.object.owner);
    first.object.release(first.object.owner);
    second.object.release(second.object.owner);
}

TEST_F(Results, IdentityIsTheMostDerivedAddress) {
    ASSERT_NE(host.create("Special"), 0u);
    const soho_instance& made = host.last.object;
    EXPECT_EQ(made.identity, dynamic_cast<const void*>(static_cast<Item*>(made.self)));
    EXPECT_NE(made.identity, made.self);
    EXPECT_EQ(host.call(host.last_id, "number").value, Value(99));
}

TEST_F(Results, ANullPointerIsNil) {
    const auto ended = host.call(id, "none");
    EXPECT_FALSE(ended.has_object);
    EXPECT_EQ(ended.value, Value());
}

TEST_F(Results, ANullPointerFromACallableIsAnError) {
    EXPECT_EQ(host.create("null"), 0u);
    EXPECT_EQ(host.last.text, "the callable returned a null pointer");
}

TEST_F(Results, AStructIsAValueUnlessItIsMapped) {
    EXPECT_EQ(host.call(id, "point").value, Value(Value::Map{{"x", 7}}));
    const auto ended = host.call(id, "point_object");
    ASSERT_TRUE(ended.has_object);
    EXPECT_EQ(host.call(host.keep("Point", ended.object), "x").value, Value(8));
}

TEST_F(Results, AnotherTypesCallableTakesTheObject) {
    EXPECT_EQ(host.types.at("Shop").mappings.at("cursor").second, std::uint32_t{SOHO_MAPPING_SOURCE});
    const auto source = host.call(id, "cursor");
    ASSERT_TRUE(source.has_object);
    const auto made = host.create_with("Cursor", source.object.self);
    source.object.release(source.object.owner);
    ASSERT_TRUE(made.ok()) << made.text;
    EXPECT_EQ(host.call(host.keep("Cursor", made.object), "at").value, Value(1));
}

TEST_F(Results, AnotherTypesCallableTakesTheValue) {
    EXPECT_EQ(host.types.at("Shop").mappings.at("number").second, std::uint32_t{SOHO_MAPPING_SOURCE});
    const auto source = host.call(id, "number");
    EXPECT_FALSE(source.has_object);
    EXPECT_EQ(host.call(host.create("Numbered", source.value), "number").value, Value(41));
}

TEST_F(Results, ALongResultMakesTheSinkGrow) {
    EXPECT_EQ(host.call(id, "long").value, Value(std::string(1000, 'x')));
    EXPECT_EQ(host.call(id, "text").value, Value("text"));
}

TEST_F(Results, AResultBeyondTheHostsLimitFails) {
    host.result_bytes_max = 100;
    EXPECT_EQ(host.call(id, "long").code, std::uint32_t{SOHO_LIMIT});
}

}  // namespace
}  // namespace soho
