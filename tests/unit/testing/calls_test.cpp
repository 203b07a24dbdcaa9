// Calls through the kit: arguments, results, and each way to be refused.
#include "kit.hpp"

namespace soho_kit_test {
namespace {

using soho::Value;

struct Shelf {
    std::vector<std::string> books;
};
struct Book {
    std::string title;
};

void shelves(soho::Plugin& plugin) {
    using namespace soho::literals;
    plugin.methods<Book>().method("title", [](const Book& book) { return book.title; });
    plugin.methods<Shelf>()
        .method("add",
                [](Shelf& self, std::string title, int copies) {
                    self.books.insert(self.books.end(), static_cast<std::size_t>(copies), title);
                    return self.books.size();
                })
        .args("title", "copies"_a = 1)
        .method("note",
                [](Shelf&, std::string line, const soho::Args& more) {
                    return line + " " + std::to_string(more.size()) + " " + std::to_string(more.keywords().size());
                })
        .args("line")
        .method("take", [](Shelf& self, std::size_t at) { return std::make_unique<Book>(Book{self.books.at(at)}); })
        .method("maybe", [](Shelf&) { return std::unique_ptr<Book>(); })
        .method("put", [](Shelf& self, const Book& book) { self.books.push_back(book.title); })
        .args("book")
        .method("put_all",
                [](Shelf& self, const std::vector<std::shared_ptr<Book>>& all) {
                    for (const auto& book : all) self.books.push_back(book->title);
                })
        .method("echo", [](Shelf&, Value value) { return value; })
        .method("fail", [](Shelf&) { throw soho::Error("KeyError", "no such book", Value{7}); })
        .method("big", [](Shelf&, std::size_t size) { return std::string(size, 'x'); })
        .method("who",
                [](Shelf&, soho::Call& call) {
                    return std::tuple(call.session(), std::string(call.owner()), std::string(call.trace()),
                                      std::string(call.principal()), call.oneway());
                })
        .method("count", [](const Shelf& self) { return self.books.size(); })
        .method("_secret", [](Shelf&) {})
        .method("settings", [](Shelf&, soho::Call& call) { return call.host().settings(); });
    plugin.type<Shelf>("Shelf");
    plugin.type<Book>("Book").create_method(false);
    plugin.type<Shelf>("Nothing").exposed({});
}

class Calls : public ::testing::Test {
protected:
    Host host{Options{.settings = Value::Map{{"size", 3}}, .result_bytes_max = 100}, &entry<&shelves>};
    Object shelf = host.create("Shelf");
};

TEST_F(Calls, FillInDefaultsAndKeywords) {
    EXPECT_EQ(shelf.call<int>("add", "Emma"), 1);
    EXPECT_EQ(shelf.call<int>("add", "Emma", 2), 3);
    EXPECT_EQ(shelf.call<int>("add", Keywords{{"copies", 3}, {"title", "Emma"}}), 6);
    EXPECT_EQ(shelf.call<std::string>("note", "a", 1, 2, Keywords{{"b", 3}}), "a 2 1");
}

TEST_F(Calls, AreRefusedWithTheHostsSentences) {
    const auto failure = [&](auto... arguments) { return failure_of([&] { shelf.call(arguments...); }); };
    EXPECT_EQ(failure("ad"),
              "no_method: type Shelf exposes no method \"ad\" (exposed: add, big, count, echo, fail, maybe, note, put, "
              "put_all, settings, take, who); did you mean \"add\"?");
    EXPECT_TRUE(failure("_secret").starts_with("no_method: type Shelf exposes no method \"_secret\" (exposed: add"));
    EXPECT_EQ(failure("_secret").find("did you mean"), std::string::npos);
    EXPECT_EQ(failure("add"), "bad_arguments: Shelf.add(title, copies=…) takes 1 to 2 arguments, 0 were given");
    EXPECT_EQ(failure("count", 1), "bad_arguments: Shelf.count() takes 0 arguments, 1 was given");
    EXPECT_EQ(failure("note"),
              "bad_arguments: Shelf.note(line, *args, **kwargs) takes at least 1 argument, 0 were given");
    EXPECT_EQ(failure("add", Keywords{{"titel", "x"}}),
              "bad_arguments: Shelf.add(title, copies=…) has no argument \"titel\"; did you mean \"title\"?");
    EXPECT_EQ(failure("add", "x", Keywords{{"title", "x"}}),
              "bad_arguments: Shelf.add(title, copies=…): argument \"title\" is given twice");
    EXPECT_EQ(failure("add", Keywords{{"copies", 1}}),
              "bad_arguments: Shelf.add(title, copies=…): argument \"title\" is missing");
    EXPECT_EQ(failure("add", Keywords{{1, 1}}),
              "bad_arguments: Shelf.add(title, copies=…): the keys of kw must be strings, not int");
    EXPECT_EQ(failure("note", "a", Keywords{{"b", 1}, {"b", 2}}),
              "bad_arguments: Shelf.note(line, *args, **kwargs): argument \"b\" is given twice");
    EXPECT_EQ(failure("add", 5), "bad_arguments: Shelf.add(title, copies=…): argument 'title': expected str, got int");
    EXPECT_EQ(failure("put", shelf),
              "bad_arguments: Shelf.put(book): argument \"book\" must be an object of class Book, not #" +
                  std::to_string(shelf.id()) + " (Shelf)");
    EXPECT_EQ(failure("put", 5).substr(0, 31), "bad_arguments: Shelf.put(book):");
    EXPECT_EQ(failure_of([&] { host.create("Nothing").call("add"); }),
              "no_method: type Nothing exposes no method \"add\" (exposed: nothing)");
}

TEST_F(Calls, FailWithWhatTheMethodThrew) {
    try {
        shelf.call("fail");
        FAIL() << "it has not thrown";
    } catch (const CallError& error) {
        EXPECT_EQ(error.code(), std::uint32_t{SOHO_RAISED});
        EXPECT_EQ(error.type(), "KeyError");
        EXPECT_EQ(error.text(), "no such book");
        EXPECT_EQ(error.data(), Value(7));
        EXPECT_STREQ(error.what(), "failed: KeyError: no such book");
    }
}

TEST_F(Calls, GiveAndTakeObjects) {
    shelf.call("add", "Emma");
    const auto book = shelf.call<Object>("take", 0);
    EXPECT_EQ(book.type_id(), "Book");
    EXPECT_EQ(book.call<std::string>("title"), "Emma");
    shelf.call("put", book);
    shelf.call("put_all", std::vector{book, book});
    EXPECT_EQ(shelf.call<int>("count"), 4);
    EXPECT_FALSE(shelf.call<Object>("maybe"));
}

TEST_F(Calls, KeepTheObjectsWhoseHandlesAreInAValue) {
    shelf.call("add", "Emma");
    auto value = shelf.call<Value>("take", 0);
    EXPECT_EQ(host.living("Book"), 1u);
    EXPECT_EQ(host.object(value).call<std::string>("title"), "Emma");
    value = shelf.call<Value>("echo", Value::Array{value, 3});
    EXPECT_EQ(host.object(value[0]).call<std::string>("title"), "Emma");
    value = {};
    EXPECT_EQ(host.living("Book"), 0u);
}

TEST_F(Calls, SayWhoCalls) {
    using Who = std::tuple<std::uint64_t, std::string, std::string, std::string, bool>;
    EXPECT_EQ(shelf.call<Who>("who"), Who(host.session().id(), "", "", "uid:1000", false));
    const auto other = host.begin_session("uid:7").create("Shelf");
    EXPECT_EQ(other.with({.owner = "t1", .trace = "abc"}).call<Who>("who"),
              Who(other.session(), "t1", "abc", "uid:7", false));
}

TEST_F(Calls, MayGoOneway) {
    shelf.notify("add", "Emma");
    shelf.notify("fail");
    EXPECT_EQ(shelf.call<int>("count"), 1);
    EXPECT_THROW(shelf.notify("nothing"), CallError);
}

TEST_F(Calls, AreHeldToTheLimitOfAResult) {
    EXPECT_EQ(shelf.call<std::string>("big", 90).size(), 90u);
    EXPECT_EQ(failure_of([&] { shelf.call("big", 100); }), "limit: the result is larger than the host lets through");
}

TEST_F(Calls, SeeTheSettings) { EXPECT_EQ(shelf.call<Value>("settings"), (Value(Value::Map{{"size", 3}}))); }

TEST_F(Calls, ThatCreateOrOpenAreRefusedAsWell) {
    EXPECT_EQ(failure_of([&] { host.create("Shlef"); }), "no_type: no type \"Shlef\"; did you mean \"Shelf\"?");
    EXPECT_EQ(failure_of([&] { host.create("Book"); }),
              "denied: type Book is not created by name (create_method is false): its objects come from other objects' "
              "methods");
    EXPECT_EQ(failure_of([&] { host.create("Shelf", 1); }), "bad_arguments: Shelf() takes 0 arguments, 1 was given");
    EXPECT_EQ(failure_of([&] { host.open("shelf"); }), "no_object: nothing is published as \"shelf\"");
    host.publish("shelves", shelf);
    EXPECT_EQ(host.open("shelves"), shelf);
    EXPECT_EQ(failure_of([&] { host.open("shelfes"); }),
              "no_object: nothing is published as \"shelfes\"; did you mean \"shelves\"?");
    EXPECT_EQ(failure_of([&] { host.publish("shelves", shelf); }),
              "exists: the name \"shelves\" is taken by #" + std::to_string(shelf.id()) + " (Shelf)");
    EXPECT_EQ(failure_of([&] { host.publish("a b", shelf); }),
              "bad_arguments: \"a b\" cannot be published: only letters, digits, _ and . are allowed");
    EXPECT_EQ(failure_of([&] { Object().call("x"); }), "no_object: an empty Object was used");
}

}  // namespace
}  // namespace soho_kit_test
