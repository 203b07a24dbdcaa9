// The six registration parameters, and objects that refer to each other.
//
//   Account, Bank       objects as arguments: T&, const T&, shared_ptr<T>, and lists of them
//   List, Iterator      method_to_typeid: with a callable that takes the result (source), and without
//   Number, Numbered    a value result through the target's callable
//   shared_*            one instance behind several typeids
//   Refusing            a callable that throws
//   Node                ObjectRefs kept inside, calls to other objects, objects that make objects
//   Census              how many of everything were made and destroyed
#include <soho/plugin.hpp>

#include <atomic>

namespace {

struct Tally {
    std::atomic<std::int64_t> made{0}, destroyed{0}, inside{0}, beside{0};
};

// Counts itself, and notices a destructor that runs twice or beside a method.
class Counted {
public:
    explicit Counted(std::shared_ptr<Tally> tally) : tally_(std::move(tally)) { ++tally_->made; }
    Counted(const Counted& other) : tally_(other.tally_) { ++tally_->made; }
    Counted& operator=(const Counted&) = delete;
    ~Counted() {
        if (running_ != 0 || gone_) ++tally_->beside;
        gone_ = true;
        ++tally_->destroyed;
    }

    // Held while a method runs.
    class Running {
    public:
        explicit Running(const Counted& counted) : counted_(counted) {
            if (counted_.running_++ != 0) ++counted_.tally_->beside;
        }
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;
        ~Running() { --counted_.running_; }

    private:
        const Counted& counted_;
    };
    const std::shared_ptr<Tally>& tally() const { return tally_; }

private:
    std::shared_ptr<Tally> tally_;
    mutable std::atomic<int> running_{0};
    bool gone_ = false;
};

struct Account : Counted {
    Account(std::shared_ptr<Tally> tally, std::int64_t start) : Counted(std::move(tally)), balance(start) {}
    std::int64_t balance;

    std::int64_t deposit(std::int64_t n) {
        const Running running(*this);
        return balance += n;
    }
    std::int64_t get() const { return balance; }
    void transfer(Account& to, std::int64_t n) {
        if (&to == this) throw soho::Error("ValueError", "an account cannot transfer to itself");
        const Running running(*this), other(to);
        if (n > balance) throw soho::Error("NotEnough", "the balance is " + std::to_string(balance));
        balance -= n;
        to.balance += n;
    }
};

struct Bank {
    std::vector<std::shared_ptr<Account>> members;
};

struct List : Counted {
    explicit List(std::shared_ptr<Tally> tally) : Counted(std::move(tally)) {}
    std::vector<soho::Value> items;
};
// Keeps its list alive.
struct Iterator : Counted {
    explicit Iterator(std::shared_ptr<List> of) : Counted(of->tally()), list(std::move(of)) {}
    std::shared_ptr<List> list;
    std::size_t next = 0;
};
struct Number {
    std::int64_t value = 0;
};

struct Node : Counted {
    Node(std::shared_ptr<Tally> tally, std::string text) : Counted(std::move(tally)), name(std::move(text)) {}
    std::string name;
    std::map<std::string, soho::ObjectRef> links;
    soho::Value anything;

    const soho::ObjectRef& at(const std::string& key) const {
        const auto found = links.find(key);
        if (found == links.end()) throw soho::Error("KeyError", key);
        return found->second;
    }
};

void add_accounts(soho::Plugin& plugin, const std::shared_ptr<Tally>& tally) {
    using namespace soho::literals;
    plugin.methods<Account>()
        .method("deposit", &Account::deposit)
        .args("n")
        .method("get", &Account::get)
        .readonly()
        .method("transfer", &Account::transfer)
        .args("to", "n")
        .doc("Moves n to another account, or raises NotEnough.");
    plugin.type<Account>("Account")
        .callable([tally](std::int64_t balance) { return std::make_unique<Account>(tally, balance); })
        .args("balance"_a = 0)
        .version(1, 3)
        .shared_reads();

    plugin.methods<Bank>()
        .method("add", [](Bank& bank, std::shared_ptr<Account> account) { bank.members.push_back(std::move(account)); })
        .args("account")
        .method("look", [](Bank&, const Account& account) { return account.get(); })
        .args("account")
        .method("move", [](Bank&, Account& from, Account& to, std::int64_t n) { from.transfer(to, n); })
        .args("source", "target", "n")
        .method("sum",
                [](Bank&, const std::vector<std::shared_ptr<Account>>& accounts) {
                    std::int64_t sum = 0;
                    for (const auto& account : accounts) sum += account->get();
                    return sum;
                })
        .args("accounts")
        .method("open",
                [tally](Bank& bank, std::int64_t balance) {
                    return bank.members.emplace_back(std::make_shared<Account>(tally, balance));
                })
        .args("balance"_a = 0)
        .doc("Returns an Account without any mapping: the class has one typeid.")
        .method("member", [](Bank& bank, std::uint64_t index) { return bank.members.at(index); })
        .args("index");
    plugin.type<Bank>("Bank");
}

void add_lists(soho::Plugin& plugin, const std::shared_ptr<Tally>& tally) {
    plugin.methods<List>()
        .method("append", [](List& list, soho::Value item) { list.items.push_back(std::move(item)); })
        .args("item")
        .method("size", [](const List& list) { return list.items.size(); })
        .readonly()
        .method("first_number", [](const List& list) { return Number{list.items.at(0).as<std::int64_t>()}; })
        .method("length", [](const List& list) { return static_cast<std::int64_t>(list.items.size()); });
    // A method cannot return its own object as a shared_ptr unless the class can give one: here a copy, as Python's iter() of
    // a copy would be.
    plugin.methods<List>().method("iterate", [](List& list) { return std::make_shared<List>(list); });
    plugin.methods<List>().method("copy", [](List& list) { return std::make_unique<List>(list); });
    plugin.methods<Iterator>()
        .method("next",
                [](Iterator& iterator) {
                    if (iterator.next == iterator.list->items.size()) throw soho::Error("StopIteration", "");
                    return iterator.list->items[iterator.next++];
                })
        .method("_private", [](Iterator&) { return 1; });
    plugin.methods<Number>()
        .method("get", [](const Number& number) { return number.value; })
        .readonly()
        .method("set", [](Number& number, std::int64_t value) { number.value = value; })
        .args("value");

    plugin.type<List>("List")
        .callable([tally] { return List(tally); })
        .proxytype("ListProxy", {"append", "size", "iterate", "copy", "first_number", "length"})
        .method_to_typeid(
            {{"iterate", "Iterator"}, {"copy", "List"}, {"first_number", "Number"}, {"length", "Numbered"}});
    plugin.type<List>("NarrowList")
        .callable([tally] { return List(tally); })
        .proxytype("ListProxy", {"append", "size"})
        .exposed({"size"});
    plugin.type<Iterator>("Iterator")
        .callable([](std::shared_ptr<List> list) { return Iterator(std::move(list)); })
        .create_method(false)
        .doc("Reached through List.iterate only; its callable takes the list.");
    plugin.type<Number>("Number").create_method(false).exposed({"get"}).doc("Reached through List.first_number only.");
    plugin.type<Number>("Numbered")
        .callable([](std::int64_t value) { return Number{value}; })
        .args("value")
        .doc("List.length becomes one: the callable takes the value.");
}

void add_shared(soho::Plugin& plugin) {
    auto shared = std::make_shared<Number>(Number{5});
    plugin.type<Number>("shared_number").callable([shared] { return shared; });
    plugin.type<Number>("shared_number_ro").callable([shared] { return shared; }).exposed({"get"});
    plugin.type<Number>("new_number").callable([] { return Number{5}; });
    // The same as long as somebody holds it; then a new one.
    plugin.type<Number>("while_held").callable([held = std::weak_ptr<Number>()]() mutable {
        auto number = held.lock();
        if (number == nullptr) held = number = std::make_shared<Number>();
        return number;
    });
    plugin.type<Number>("Refusing")
        .callable([](std::string why) -> Number { throw soho::Error("Refused", why); })
        .args("why");
    plugin.type<Number>("Null").callable([] { return std::shared_ptr<Number>(); });
    plugin.publish("shared_number", "shared_number");
}

void add_nodes(soho::Plugin& plugin, const std::shared_ptr<Tally>& tally) {
    using namespace soho::literals;
    plugin.methods<Node>()
        .method("name", [](const Node& node) { return node.name; })
        .readonly()
        .method("rename", [](Node& node, std::string name) { node.name = std::move(name); })
        .args("name")
        .method("link",
                [](Node& node, std::string key, soho::ObjectRef to) { node.links[std::move(key)] = std::move(to); })
        .args("key", "to")
        .method("unlink", [](Node& node, const std::string& key) { node.links.erase(key); })
        .args("key")
        .method("follow", [](Node& node, const std::string& key) { return node.at(key); })
        .args("key")
        .method("links", [](const Node& node) { return node.links; })
        .method("keep", [](Node& node, soho::Value anything) { node.anything = std::move(anything); })
        .args("anything")
        .method("kept", [](const Node& node) { return node.anything; })
        .method("me", [](Node&, soho::Call& call) { return call.self().id(); })
        .method("spawn",
                [tally](Node& node, soho::Call& call, std::string name) {
                    auto child =
                        call.host().make_object<Node>("Node", std::make_shared<Node>(tally, name), call.object());
                    node.links[name] = child;
                    return child;
                })
        .args("name")
        .method("ask",
                [](Node& node, soho::Call& call, soho::Reply<soho::Value> reply, std::string key, std::string method,
                   soho::Value argument) {
                    auto asked = argument.is_nil() ? node.at(key).call<soho::Value>(call, method)
                                                   : node.at(key).call<soho::Value>(call, method, argument);
                    auto kept = std::make_shared<soho::Reply<soho::Value>>(std::move(reply));
                    std::move(asked).then([kept](soho::Outcome<soho::Value> outcome) {
                        if (outcome) {
                            kept->complete(outcome.value());
                        } else {
                            kept->fail(outcome.error());
                        }
                    });
                })
        .args("key", "method", "argument"_a = nullptr)
        .doc("Calls a method of a linked object; the reply comes when that has answered.")
        .method("ask_and_wait",
                [](Node& node, soho::Call& call, const std::string& key, const std::string& method) {
                    return node.at(key).call<soho::Value>(call, method).get();
                })
        .args("key", "method")
        .blocking()
        .doc("The same, waiting. In a circle this is refused at once.")
        .method("ask_in_a_circle",
                [](Node& node, soho::Call& call, std::int64_t depth) -> std::int64_t {
                    if (depth == 0) return 0;
                    return 1 + node.at("next").call<std::int64_t>(call, "ask_in_a_circle", depth - 1).get();
                })
        .args("depth")
        .blocking();
    plugin.type<Node>("Node")
        .callable([tally](std::string name) { return std::make_shared<Node>(tally, std::move(name)); })
        .args("name"_a = "");
    plugin.type<Node>("NodeWithin").create_method(false);
    plugin.type<Node>("NodeOfPlugin")
        .callable([tally] { return std::make_shared<Node>(tally, "plugin"); })
        .per_plugin();
}

}  // namespace

SOHO_PLUGIN(objects, "1.0", plugin) {
    auto tally = std::make_shared<Tally>();
    add_accounts(plugin, tally);
    add_lists(plugin, tally);
    add_shared(plugin);
    add_nodes(plugin, tally);

    plugin.methods<Tally>().method("get", [](const Tally& counts) {
        return std::map<std::string, std::int64_t>{
            {"made", counts.made}, {"destroyed", counts.destroyed}, {"beside", counts.beside}};
    });
    plugin.type<Tally>("Census").callable([tally] { return tally; }).concurrent();
}
