// Saving, loading and moving objects, as an author tests it: Object::save(), Host::load(), Object::move().
#include "tests/unit/testing/kit.hpp"

namespace {

using namespace soho_kit_test;
using soho::ObjectRef;
using soho::Value;

int living = 0;

// Counts how many there are; may refer to others.
struct Shelf {
    Shelf() { ++living; }
    Shelf(const Shelf&) = delete;
    Shelf& operator=(const Shelf&) = delete;
    ~Shelf() { --living; }

    void put(ObjectRef object) { objects.push_back(std::move(object)); }
    std::vector<ObjectRef> all() const { return objects; }

    std::string label = "none";
    std::vector<ObjectRef> objects;
    std::vector<soho::Reply<std::string>> waiting;
};

struct LabelV2 {
    std::string label = "as it was";
    MSGPACK_DEFINE_MAP(label)
};

using ShelfState = std::pair<std::string, std::vector<ObjectRef>>;

std::shared_ptr<Shelf> shelf_of(ShelfState state) {
    if (state.first == "unwanted") throw std::runtime_error("this label is not loaded");
    auto shelf = std::make_shared<Shelf>();
    shelf->label = std::move(state.first);
    shelf->objects = std::move(state.second);
    return shelf;
}

void add_shelf_methods(soho::Plugin& plugin) {
    plugin.methods<Shelf>()
        .method("put", &Shelf::put)
        .method("all", &Shelf::all)
        .method("name", [](Shelf& shelf, std::string label) { shelf.label = std::move(label); })
        .method("label", [](const Shelf& shelf) { return shelf.label; })
        .method("wait", [](Shelf& shelf, soho::Reply<std::string> reply) { shelf.waiting.push_back(std::move(reply)); })
        .method("answer", [](Shelf& shelf) {
            for (auto& reply : shelf.waiting) reply.complete(shelf.label);
            shelf.waiting.clear();
        });
}

void shelves(soho::Plugin& plugin) {
    add_shelf_methods(plugin);
    plugin.type<Shelf>("Shelf")
        .state(
            2,
            [](const Shelf& shelf) {
                if (shelf.label == "secret") throw soho::Error("PermissionError", "this one is not saved");
                return ShelfState(shelf.label, shelf.objects);
            },
            shelf_of)
        .older_state(1, [](std::string label) {
            return shelf_of({std::move(label), {}});
        });
    auto shared = std::make_shared<Shelf>();
    plugin.type<Shelf>("shared_shelf")
        .callable([shared] { return shared; })
        .state(
            1, [](const Shelf& shelf) { return shelf.label; },
            [shared](std::string label) {
                shared->label = std::move(label);
                return shared;
            });
    plugin.type<Shelf>("same_shared_shelf").callable([shared] { return shared; });
    plugin.type<Shelf>("Any").state(
        7, [](const Shelf& shelf) { return LabelV2{shelf.label}; },
        [](soho::Call& call, const Value& state, std::uint32_t version) {
            if (version > 7) throw soho::Error("ValueError", "no shelf of the future");
            auto shelf = std::make_shared<Shelf>();
            shelf->label = state.as<LabelV2>().label + " of version " + std::to_string(version) + " for " +
                           (call.object() != 0 ? "an object" : "nobody") + " by " + std::string(call.principal());
            return shelf;
        });
    plugin.type<Shelf>("Plain");
}

class State : public testing::Test {
protected:
    Host host{{}, &entry<&shelves>};
    const int living_before = living;
};

TEST_F(State, IsSavedAndMadeIntoAnotherObject) {
    const Object shelf = host.create("Shelf");
    shelf.call("name", "books");
    const soho::testing::SavedState saved = shelf.save();
    EXPECT_EQ(saved.type_id, "Shelf");
    EXPECT_EQ(saved.version, 2u);
    EXPECT_EQ(saved.value[0], Value("books"));
    const Object other = host.load(saved);
    EXPECT_NE(other, shelf);
    EXPECT_EQ(other.call<std::string>("label"), "books");
    other.call("name", "plates");
    EXPECT_EQ(shelf.call<std::string>("label"), "books");
}

TEST_F(State, OfOlderVersionsIsLoadedByTheHookForIt) {
    EXPECT_EQ(host.load("Shelf", 1, "old").call<std::string>("label"), "old");
    EXPECT_EQ(failure_of([&] { host.load("Shelf", 3, "new"); }),
              "bad_arguments: Shelf.load(): this build of the plugin loads state of version 1 or 2, and this is of "
              "version 3");
    EXPECT_EQ(failure_of([&] { host.load("Shelf", 2, "old"); }),
              "bad_arguments: Shelf.load(): state: expected array, got str");
}

TEST_F(State, GoesWithItsVersionToALoadThatAsksForIt) {
    EXPECT_EQ(host.load("Any", 3, LabelV2{"x"}).call<std::string>("label"), "x of version 3 for nobody by plugin:kit");
    EXPECT_EQ(host.load("Any", 6, Value::Map()).call<std::string>("label"),
              "as it was of version 6 for nobody by plugin:kit");
    EXPECT_EQ(failure_of([&] { host.load("Any", 8, LabelV2{"x"}); }), "failed: ValueError: no shelf of the future");
}

TEST_F(State, MovesUnderItsId) {
    const Object shelf = host.create("Shelf");
    host.publish("shelf", shelf);
    shelf.call("name", "books");
    shelf.move();
    EXPECT_EQ(living, living_before + 1) << "the old one has gone";
    EXPECT_EQ(host.open("shelf"), shelf);
    EXPECT_EQ(shelf.call<std::string>("label"), "books");
    shelf.move();
    EXPECT_EQ(living, living_before + 1);
    EXPECT_EQ(host.living("Shelf"), 1u);
}

TEST_F(State, TellsLoadWhichObjectItWillBe) {
    const Object any = host.create("Any");
    any.move();
    EXPECT_EQ(any.call<std::string>("label"), "none of version 7 for an object by plugin:kit");
}

TEST_F(State, KeepsTheObjectsThatItRefersTo) {
    const Object shelf = host.create("Shelf");
    shelf.call("put", host.create("Plain"));
    shelf.call("put", shelf);
    const auto before = shelf.call<std::vector<Object>>("all");
    shelf.move();
    EXPECT_EQ(host.living("Plain"), 1u);
    EXPECT_EQ(shelf.call<std::vector<Object>>("all"), before);
}

TEST_F(State, StaysAsItIsWhereTheHooksFail) {
    const Object shelf = host.create("Shelf");
    shelf.call("name", "secret");
    EXPECT_EQ(failure_of([&] { shelf.move(); }), "failed: PermissionError: this one is not saved");
    shelf.call("name", "unwanted");
    EXPECT_EQ(failure_of([&] { shelf.move(); }), "failed: RuntimeError: this label is not loaded");
    EXPECT_EQ(shelf.call<std::string>("label"), "unwanted");
    EXPECT_EQ(living, living_before + 1);
    EXPECT_EQ(failure_of([&] { host.create("Plain").move(); }),
              "no_method: type Plain offers no state: its registration has no .state()");
    EXPECT_EQ(failure_of([&] { host.load("Plain", 1, 0); }),
              "no_method: type Plain offers no state: its registration has no .state()");
}

TEST_F(State, DoesNotMoveWhileAReplyIsPending) {
    const Object shelf = host.create("Shelf");
    auto waiting = shelf.start<std::string>("wait");
    EXPECT_EQ(failure_of([&] { shelf.move(); }), "unavailable: a reply of #" + std::to_string(shelf.id()) +
                                                     " (Shelf) is pending: it cannot move meanwhile");
    shelf.call("answer");
    EXPECT_EQ(waiting.wait(), "none");
    shelf.move();
    EXPECT_EQ(shelf.call<std::string>("label"), "none");
}

TEST_F(State, OfASharedObjectGoesIntoTheOneThatIsShared) {
    const Object shared = host.create("shared_shelf"), same = host.create("same_shared_shelf");
    shared.call("name", "ours");
    shared.move();
    EXPECT_EQ(host.create("shared_shelf"), shared);
    EXPECT_EQ(same.call<std::string>("label"), "ours");
    EXPECT_EQ(living, living_before);
}

void one_shelf_by_two_types(soho::Plugin& plugin) {
    add_shelf_methods(plugin);
    auto shared = std::make_shared<Shelf>();
    for (const char* type_id : {"First", "Second"}) {
        plugin.type<Shelf>(type_id)
            .callable([shared] { return shared; })
            .state(
                1, [](const Shelf& shelf) { return shelf.label; },
                [](std::string label) {
                    return shelf_of({std::move(label), {}});
                });
    }
}

TEST_F(State, OfOneObjectUnderTwoTypesMovesBoth) {
    Host one({}, &entry<&one_shelf_by_two_types>);
    const Object first = one.create("First"), second = one.create("Second");
    first.call("name", "both");
    first.move();
    EXPECT_EQ(second.call<std::string>("label"), "both");
    second.call("name", "still both");
    EXPECT_EQ(first.call<std::string>("label"), "still both");
}

void new_shelves(soho::Plugin& plugin) {
    add_shelf_methods(plugin);
    plugin.type<Shelf>("Shelf")
        .state(
            3, [](const Shelf& shelf) { return shelf.label; },
            [](std::string label) {
                return shelf_of({label, {}});
            })
        .older_state(2, [](ShelfState old) {
            return shelf_of({"once " + old.first, {}});
        });
}

TEST_F(State, GoesFromOneVersionOfThePluginToTheNext) {
    Host next({}, &entry<&new_shelves>);
    const Object shelf = host.create("Shelf");
    shelf.call("name", "books");
    EXPECT_EQ(next.load(shelf.save()).call<std::string>("label"), "once books");
}

void twice(soho::Plugin& plugin) {
    const auto save = [](const Shelf& shelf) { return shelf.label; };
    const auto load = [](std::string label) { return shelf_of({label, {}}); };
    plugin.type<Shelf>("Shelf").state(1, save, load).older_state(1, load);
}
void before(soho::Plugin& plugin) {
    plugin.type<Shelf>("Shelf").older_state(1, [](std::string label) { return shelf_of({label, {}}); });
}
const soho_state_type unknown_type = {sizeof(soho_state_type),
                                      0,
                                      {"Shelv", 5},
                                      1,
                                      0,
                                      nullptr,
                                      [](void*, void*, const soho_call*) { return 0u; },
                                      [](void*, const soho_call*, std::uint32_t, soho_instance*) { return 0u; }};
const soho_state unknown_table = {sizeof(soho_state), 0, {&unknown_type, 1, sizeof unknown_type}};
void unknown(soho::Plugin& plugin) {
    plugin.type<Shelf>("Shelf");
    plugin.extension(SOHO_STATE, &unknown_table);
}
void two_tables(soho::Plugin& plugin) {
    plugin.extension(SOHO_STATE, &unknown_table);
    shelves(plugin);
}

TEST_F(State, IsRefusedWhereItsRegistrationDoesNotFit) {
    const auto refusal = [](Host::Entry plugin) -> std::string {
        try {
            const Host refused({}, plugin);
        } catch (const LoadError& error) {
            return error.what();
        }
        return "no refusal";
    };
    EXPECT_EQ(refusal(&entry<&twice>), ".older_state(1) of type 'Shelf' is there twice");
    EXPECT_EQ(refusal(&entry<&before>), ".older_state(1) of type 'Shelf' stands before its .state()");
    EXPECT_EQ(refusal(&entry<&unknown>),
              "its table soho.state/1: type \"Shelv\": this plugin registers no such type; did you mean \"Shelf\"?");
    EXPECT_EQ(refusal(&entry<&two_tables>),
              "it has types with .state(), and a table soho.state/1 of its own with .extension(): leave one out");
}

}  // namespace
