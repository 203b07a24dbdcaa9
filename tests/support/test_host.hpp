#pragma once
// A whole host below the sockets, on the test's thread, and clients that speak to it in notation (see notation.hpp).

#include "host/session/dispatcher.hpp"
#include "host/session/plugin_table.hpp"
#include "host/session/provider.hpp"

#include "tests/support/executors.hpp"
#include "tests/support/memory_plugin.hpp"
#include "tests/support/notation.hpp"

#include <memory>
#include <sstream>

namespace soho::test {

class TestHost {
public:
    explicit TestHost(const host::Limits& limits = {});
    TestHost(const TestHost&) = delete;
    TestHost& operator=(const TestHost&) = delete;
    // Ends like a host: names and tickets go, what is posted runs, all destructors run.
    ~TestHost();

    // Registers the plugin; throws if it is refused.
    host::Plugin& load(MemoryPlugin& plugin, const host::PluginOptions& options = {});
    // A new object of that type, made on this thread and published.
    host::ObjectPtr publish(std::string_view name, std::string_view type_id, std::string_view args = "[]");

    std::size_t run() { return home.run_all(); }
    std::string log_text() const { return log_stream.str(); }

    const host::Limits limits;
    std::ostringstream log_stream;
    spdlog::sink_ptr log_sink;
    host::Log log;
    QueueExecutor home;
    host::Pool pool;
    host::Timers timers;
    host::ObjectTable objects;
    host::Names names;
    host::LimitHits limit_hits;
    host::Allowances allowances;
    host::SessionTable sessions;
    host::Tickets tickets;
    host::PluginReferences references;
    host::Access access;
    host::Credentials credentials;

private:
    const std::unique_ptr<host::Services> services_;

public:
    host::Services& services;
    host::Registry registry;
    host::Dispatcher dispatcher;
    host::Seat seat;
    int shutdowns = 0;
};

class TestClient final : public host::Outlet {
public:
    explicit TestClient(TestHost& host, host::Principal principal = {"uid:1000", host::rights_all},
                        wire::ErrorForm form = wire::ErrorForm::string)
        : TestClient(host::Peer{std::move(principal), "a test", true, true}, host, form) {}
    TestClient(host::Peer peer, TestHost& host, wire::ErrorForm form = wire::ErrorForm::string);
    TestClient(const TestClient&) = delete;
    TestClient& operator=(const TestClient&) = delete;
    ~TestClient() override;

    // Sends one frame given in notation. What came back at once: replies, each as notation, with ", " between. Empty: nothing
    // yet. `closed: why` if the host closes the connection.
    std::string send(std::string_view notation) { return send_bytes(pack(notation)); }
    std::string send_bytes(std::string_view frame);
    // A request of a fresh msgid: its error or result, run to its end if it does not come at once.
    std::string ask(std::string_view method, std::string_view params);
    std::string call(std::uint64_t id, std::string_view method, std::string_view args,
                     std::string_view options = "nil");
    // The id in the handle that such a request answers with; throws if it does not.
    std::uint64_t ask_handle(std::string_view method, std::string_view params);
    std::uint64_t create(std::string_view type_id, std::string_view args = "[]", std::string_view options = "nil");

    // Replies that came later, each as notation, in the order they came.
    std::vector<std::string> take_delivered();
    // That many are there, or have come after this ran what is posted.
    std::vector<std::string> wait_delivered(std::size_t count);
    // What was sent is not delivered (the socket is full, say) while this is set; lose() discards it.
    bool hold_undelivered = false;
    void lose();

    void close();
    host::Caller& caller() { return *caller_; }

    void deliver(data::Buffer frame, host::Undelivered undelivered) override;

private:
    TestHost& host_;
    std::shared_ptr<host::Caller> caller_;
    bool closed_ = false;
    std::uint32_t next_msgid_ = 1000;
    mutable std::mutex mutex_;
    std::vector<std::string> delivered_;
    std::vector<host::Undelivered> undelivered_;
};

// "Counter": value (by creation), get, add(n, by=1), echo(*args, **kwargs), fail(type, text), broken (no MessagePack), later
// (completes through Counters::pendings), sum(other) with an object, swap(other) with its turn, child (mapped to "Child"), wrap
// (mapped to "Wrapped", through its callable), block (on the pool, until Counters::unblock). "shared" gives one object to all.
// "Hidden" is never created by name. "Slow" completes its creation through Counters::pending_creates.
class Counters {
public:
    Counters();

    MemoryPlugin plugin{"counters"};
    std::shared_ptr<Thing> shared = std::make_shared<Thing>();
    std::mutex mutex;  // of the two below: methods may run on the pool
    std::vector<soho_pending*> pendings;
    std::vector<soho_pending*> pending_creates;
    std::atomic<int> destroyed{0};
    std::atomic<int> discarded{0};
    std::atomic<int> cancelled{0};
    std::atomic<int> running{0};
    std::atomic<bool> unblocked{false};
    std::function<std::uint32_t(Thing& thing, const soho_call* call)> on_hook;  // what "hook" does

    std::shared_ptr<Thing> make(std::int64_t value);
    soho_task count(std::atomic<int>& counter) const;
    // Ends the first pending call.
    std::uint32_t complete(std::string_view notation);
    std::uint32_t fail(std::uint32_t code, std::string_view type, std::string_view text);
    void release();
    void complete_create(std::int64_t value);
    // Ends all that are pending now, and lets go of them. False if there were none.
    bool end_all(std::string_view notation);
};

}  // namespace soho::test
