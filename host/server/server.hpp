#pragma once
// The running host: reactors, listeners, and the order in which all of it ends.

#include "host/server/metrics.hpp"
#include "host/server/security.hpp"
#include "host/server/ticker.hpp"
#include "host/server/watchdog.hpp"
#include "host/session/dispatcher.hpp"
#include "host/session/plugin_table.hpp"

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <condition_variable>

namespace soho::host {

class Server {
public:
    Server(const ServerOptions& options, Log& log);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    // -- before run(), in this order --
    // Starts the threads that plugins may need while they load.
    void start();
    Registry& registry() { return registry_; }
    Services& services() { return *services_; }
    // Makes and publishes what the plugin, or the config, asks for. The failure is logged, and is the value.
    Result<void> publish(const TypePtr& type, std::string_view name, std::string_view args,
                         const std::string& principal);
    // Opens all listeners, once it has security to offer them. Fails with a sentence.
    Result<void> listen();
    // Ends as a signal would have it end when this descriptor has no more to read. Until it has something, clients are let in at the
    // first listener alone if `holds_back`; those of the others wait. After start().
    void end_with(int descriptor, bool holds_back = false);
    // What SIGHUP and soho.reload do; without it they say that there is nothing to reload. Before start().
    void set_reload(std::function<Result<Reloaded>()> reload);
    // Called when nothing new begins any more, before plugins are stopped: what loads plugins ends. False if it does not. Before run().
    void set_before_end(std::function<bool()> before_end) { before_end_ = std::move(before_end); }
    // Takes over what can change while the host runs, and reads keys, tokens and certificates again; or fails with a sentence
    // and changes nothing. [any thread, one at a time]
    Result<void> apply(const ServerOptions& options);
    std::vector<wire::Address> addresses() const;
    std::optional<wire::Address> metrics_address() const;
    // Serves what is at the other end of this socket, whoever opened it; `begin` is called before the first request is read, on its
    // reactor. After start(). [any thread]
    void adopt(int socket, const Peer& peer, std::function<void(Caller&)> begin = {});
    // What is said to end.
    bool is_ending();
    bool is_published(std::string_view name) const { return names_.find(name) != nullptr; }

    // Serves until a signal, or soho.shutdown, and then ends everything: true. False: a plugin would not end, and the process
    // must leave with _exit (RULES 11).
    bool run();
    // Makes run() end; a second time: without waiting for calls that run. [any thread]
    void request_end();

private:
    Result<void> open_listeners(Listener::Logins logins);
    Result<Listener::Logins> apply_security(const SecurityOptions& options);
    std::string status() const;
    void await_signal();
    void await_input();
    void let_in();
    void on_signal(int signal);
    void on_hangup();
    Reactor& next_reactor();
    void drain();
    bool end();
    void accept(Connection::Socket socket, Reactor& reactor, const Listener& listener);
    void keep(const std::shared_ptr<Connection>& connection);
    void drop(const Connection& connection);
    void forget(const std::shared_ptr<Connection>& connection);
    std::uint64_t connections_max() const;
    bool has_room(const Peer& peer);
    void watch_times();
    void give_back_memory();

    const ServerOptions options_;
    std::atomic<std::int64_t> drain_ms_;
    const std::uint64_t descriptors_;  // that this process may have open
    spdlog::logger& log_;
    // In the order of need: what is below uses what is above.
    Pool pool_;
    Timers timers_;
    std::vector<std::unique_ptr<Reactor>> reactors_;
    Reactor gate_;  // signals and listeners: no plugin code ever runs here
    ObjectTable objects_;
    LimitHits limit_hits_;
    Allowances allowances_;
    Names names_;
    SessionTable sessions_;
    std::string instance_;
    Tickets tickets_;
    PluginReferences references_;
    Access access_;
    Credentials credentials_;
    Tls tls_;
    std::unique_ptr<Services> services_;
    Registry registry_;
    std::unique_ptr<Dispatcher> dispatcher_;
    Ticker ticker_;
    Watchdog watchdog_;
    asio::signal_set signals_;
    asio::posix::stream_descriptor input_;
    std::array<char, 256> input_ignored_{};
    bool listeners_open_ = false, holds_back_ = false;  // [the gate's thread, as is which of them have started]
    std::size_t listeners_started_ = 0;
    std::vector<std::unique_ptr<Listener>> listeners_;
    std::unique_ptr<MetricsServer> metrics_;
    std::size_t last_reactor_ = 0;
    int signals_seen_ = 0;
    // Requests, connections and objects done with, at the last look and when memory was given back. [the ticker's thread]
    std::uint64_t work_seen_ = 0, work_trimmed_ = 0;
    std::atomic<bool> running_{false};

    std::mutex mutex_;
    std::condition_variable changed_;
    int ends_requested_ = 0;
    std::function<bool()> before_end_ = [] { return true; };
    bool listens_ = false;
    bool hung_up_ = false;  // before that
    std::unordered_map<const Connection*, std::shared_ptr<Connection>> connections_;
};

}  // namespace soho::host
