// Queue, JoinableQueue, LifoQueue and PriorityQueue.

#include "families.hpp"
#include "queue_core.hpp"

namespace shared {

namespace {

struct Queue {
    std::shared_ptr<QueueCore> core;
    std::string name;  // of Python's class
};

template <class Items>
void add_queue(soho::Plugin& plugin, const char* type_id, const char* name, const char* doc) {
    using namespace soho::literals;
    plugin.type<Queue>(type_id)
        .callable([name = std::string(name)](std::int64_t maxsize) {
            const auto bound = static_cast<std::uint64_t>(std::max<std::int64_t>(maxsize, 0));
            return Queue{std::make_shared<QueueCore>(std::make_unique<Items>(), bound), name};
        })
        .args("maxsize"_a = 0)
        .concurrent()
        .exposed({"put", "get", "put_nowait", "get_nowait", "qsize", "empty", "full", "task_done", "join", "__repr__",
                  "__str__"})
        .doc(doc);
}

void add_methods(soho::Plugin& plugin) {
    using namespace soho::literals;
    auto methods = plugin.methods<Queue>();
    methods
        .method("put",
                [](Queue& self, soho::Call& call, soho::Reply<void> reply, Value item, const Value& block,
                   Seconds timeout) { self.core->put(call, std::move(reply), std::move(item), truth(block), timeout); })
        .args("item", "block"_a = true, "timeout"_a = nullptr)
        .doc("Adds an item, when there is room; Full if there is none within timeout seconds.")
        .method("get", [](Queue& self, soho::Call& call, soho::Reply<Value> reply, const Value& block,
                          Seconds timeout) { self.core->get(call, std::move(reply), truth(block), timeout); })
        .args("block"_a = true, "timeout"_a = nullptr)
        .doc("Takes out an item, when there is one; Empty if there is none within timeout seconds.")
        .method("put_nowait", [](Queue& self, soho::Call& call, soho::Reply<void> reply,
                                 Value item) { self.core->put(call, std::move(reply), std::move(item), false, {}); })
        .args("item")
        .doc("put(item, False).")
        .method("get_nowait", [](Queue& self, soho::Call& call,
                                 soho::Reply<Value> reply) { self.core->get(call, std::move(reply), false, {}); })
        .doc("get(False).")
        .method("qsize", [](const Queue& self) { return self.core->size(); })
        .readonly()
        .doc("How many items it has.")
        .method("empty", [](const Queue& self) { return self.core->size() == 0; })
        .readonly()
        .doc("Whether it has none.")
        .method("full", [](const Queue& self) { return self.core->full(); })
        .readonly()
        .doc("Whether it has maxsize of them.")
        .method("task_done", [](Queue& self) { self.core->task_done(); })
        .doc("Says that an item that was taken is done; ValueError if there was none.")
        .method("join",
                [](Queue& self, soho::Call& call, soho::Reply<void> reply) { self.core->join(call, std::move(reply)); })
        .doc("Waits until every item that was put is done.");
    add_text(methods, [](const Queue& self, const soho::Call& call) {
        return "<queue." + self.name + " object at " + address_of(call) + ">";
    });
}

}  // namespace

void add_queues(soho::Plugin& plugin) {
    add_methods(plugin);
    add_queue<FifoItems>(plugin, "Queue", "Queue", "Items in the order they came; maxsize 0 means no bound.");
    add_queue<FifoItems>(plugin, "JoinableQueue", "Queue", "As Queue, which has join() too.");
    add_queue<LifoItems>(plugin, "LifoQueue", "LifoQueue", "The last item first; maxsize 0 means no bound.");
    add_queue<PriorityItems>(plugin, "PriorityQueue", "PriorityQueue",
                             "The smallest item first, as Python's < has it; maxsize 0 means no bound.");
}

}  // namespace shared
