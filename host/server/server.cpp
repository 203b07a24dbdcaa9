#include "host/server/server.hpp"

#include "host/object/spare_memory.hpp"
#include "host/server/crash_report.hpp"
#include "host/server/service_manager.hpp"
#include "host/session/provider.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>
#include <openssl/rand.h>
#include <sys/resource.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <csignal>
#include <latch>
#include <stdexcept>

namespace soho::host {

namespace {

constexpr std::int64_t millisecond = 1'000'000;
constexpr std::int64_t watch_interval_ns = 250 * millisecond;
constexpr std::int64_t thread_end_ns = 2'000 * millisecond;

std::string random_instance() {
    std::array<unsigned char, 8> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw std::runtime_error("no random bytes to be had");
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

// As many as the system lets this process have.
std::uint64_t raise_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? limit.rlim_max : limit.rlim_cur;
}

void start_pool_thread(Work body) {
    Pool::start_detached([body = std::move(body)] {
        const crash_report::Stack crash_stack;
        body();
    });
}

std::vector<std::unique_ptr<Reactor>> make_reactors(std::size_t count, std::int64_t spin_us) {
    if (count == 0) count = static_cast<std::size_t>(wire::usable_processors());
    std::vector<std::unique_ptr<Reactor>> reactors;
    for (std::size_t i = 0; i < count; ++i) reactors.push_back(std::make_unique<Reactor>(spin_us * 1'000));
    return reactors;
}

}  // namespace

Server::Server(const ServerOptions& options, Log& log)
    : options_(options),
      drain_ms_(options.drain_ms),
      descriptors_(raise_descriptors()),
      log_(log.host),
      pool_(options_.limits.pool_threads_max, start_pool_thread),
      reactors_(make_reactors(options_.reactors, options_.spin_us)),
      objects_(pool_),
      limit_hits_(log.session),
      allowances_(objects_.accounts(), limit_hits_, options_.limit_rules()),
      instance_(random_instance()),
      tickets_(timers_, instance_),
      services_(new Services{registry_, objects_, names_, sessions_, tickets_, references_, access_, credentials_,
                             timers_, pool_, allowances_, log, instance_}),
      registry_(plugin_table(services_.get())),
      dispatcher_(std::make_unique<Dispatcher>(*services_)),
      ticker_(timers_, log_, static_cast<std::int64_t>(options_.limits.stuck_ms), services_->reactor_stalls),
      watchdog_(timers_, gate_, reactors_),
      signals_(gate_.context(), SIGINT, SIGTERM, SIGHUP),
      input_(gate_.context()) {
    services_->started_ns = monotonic_now();
    services_->home = reactors_.front().get();
    services_->shutdown = [this] { request_end(); };
    services_->plugin_timers = make_plugin_timers();
    services_->offers = std::make_shared<Offers>();
    sessions_.set_on_end([this](const Session& session) { names_.drop_session(session.id()); });
}

Server::~Server() = default;

void Server::set_reload(std::function<Result<Reloaded>()> reload) {
    services_->reload = [this, reload = std::move(reload)] {
        {
            const std::scoped_lock lock(mutex_);
            if (ends_requested_ != 0)
                return Result<Reloaded>(refuse(Code::not_started, "the host is shutting down: it reads no config"));
            service_manager::reloading();
        }
        auto reloaded = reload();
        const std::scoped_lock lock(mutex_);
        if (ends_requested_ == 0) service_manager::ready(status());
        return reloaded;
    };
}

void Server::start() {
    await_signal();
    gate_.start("sohod-gate");
    for (std::size_t i = 0; i < reactors_.size(); ++i)
        reactors_[i]->start(fmt::format("sohod-{}", i), &services_->seats);
    ticker_.start(reactors_);
    watch_times();
}

void Server::await_signal() {
    signals_.async_wait([this](const asio::error_code& failure, int signal) {
        if (failure) return;
        on_signal(signal);
        await_signal();
    });
}

void Server::end_with(int descriptor, bool holds_back) {
    gate_.post([this, descriptor, holds_back] {
        holds_back_ = holds_back;
        asio::error_code failure;
        input_.assign(descriptor, failure);
        if (!failure) return await_input();
        log_.error("standard input: {}", failure.message());
        request_end();
    });
}

void Server::await_input() {
    input_.async_read_some(asio::buffer(input_ignored_), [this](const asio::error_code& failure, std::size_t) {
        if (!failure) {
            holds_back_ = false;
            let_in();
            return await_input();
        }
        if (failure == asio::error::operation_aborted) return;
        log_.info("standard input has ended: ending");
        request_end();
    });
}

// While plugins load there is nothing yet that a reload could change: it is made when all is in place.
void Server::on_hangup() {
    {
        const std::scoped_lock lock(mutex_);
        hung_up_ = !listens_;
        if (hung_up_) return log_.info("SIGHUP: the config is read again as soon as the plugins are loaded");
    }
    // They log what came of it.
    if (services_->reload()) services_->reload_changed_plugins([](const std::vector<PluginReloaded>&) {});
}

// The first ends in order, the second does not wait for calls, and the third for nothing. While plugins load, the second does
// not either: what it would wait for is a plugin.
void Server::on_signal(int signal) {
    if (signal == SIGHUP) return on_hangup();
    ++signals_seen_;
    const char* const name = signal == SIGINT ? "SIGINT" : "SIGTERM";
    if (signals_seen_ < (running_ ? 3 : 2)) {
        log_.info("{}: ending", name);
        return request_end();
    }
    log_.error("{} again: ending at once", name);
    log_.flush();
    ::_exit(1);
}

Result<void> Server::publish(const TypePtr& type, std::string_view name, std::string_view args,
                             const std::string& principal) {
    auto published = publish_at_load(*services_, type, name, args, principal);
    if (!published) log_.error("{}", published.error().text);
    return published;
}

Result<Listener::Logins> Server::apply_security(const SecurityOptions& options) {
    auto security = read_security(options);
    if (!security) return tl::unexpected<Error>(security.error());
    for (const auto& listener : listeners_) {
        if (auto enough = Listener::check_logins(listener->options(), security->logins); !enough)
            return refuse(enough.error().code,
                          fmt::format("{} is open: {}", listener->address().text(), enough.error().text));
    }
    credentials_.set(std::move(security->secrets));
    tls_.set(std::move(security->tls));
    access_.set_rules(options.access);
    return security->logins;
}

Result<void> Server::apply(const ServerOptions& options) {
    if (auto secured = apply_security(options.security); !secured) return tl::unexpected<Error>(secured.error());
    LimitRules rules = options.limit_rules();
    for (const Limit& limit : all_limits()) {
        if (!limit.live) rules.base.*limit.value = options_.limits.*limit.value;
    }
    allowances_.replace(std::move(rules));
    drain_ms_ = options.drain_ms;
    return {};
}

Result<void> Server::listen() {
    if (connections_max() < services_->limits().connections_max) {
        log_.warn("no more than {} connections, as the system gives this host {} descriptors (ulimit -Hn)",
                  connections_max(), descriptors_);
    }
    const auto logins = apply_security(options_.security);
    if (!logins) return tl::unexpected<Error>(logins.error());
    if (auto opened = open_listeners(*logins); !opened) return opened;
    if (!options_.metrics.empty()) {
        const auto address = wire::parse_address(options_.metrics);
        if (!address) return tl::unexpected<Error>(address.error());
        auto metrics = MetricsServer::start(*address, options_.insecure_metrics, *services_);
        if (!metrics) return tl::unexpected<Error>(metrics.error());
        metrics_ = *std::move(metrics);
    }
    gate_.post([this] {
        listeners_open_ = true;
        let_in();
    });
    watchdog_.start(service_manager::watchdog_ns());
    {
        const std::scoped_lock lock(mutex_);
        listens_ = true;
        if (ends_requested_ == 0) service_manager::ready(status());
        if (std::exchange(hung_up_, false)) gate_.post([this] { on_hangup(); });
    }
    return {};
}

// At the listeners that may begin to accept now, and have not.
void Server::let_in() {
    if (!listeners_open_) return;
    const std::size_t may = holds_back_ ? 1 : listeners_.size();
    for (; listeners_started_ < may; ++listeners_started_) {
        listeners_[listeners_started_]->start(
            [this]() -> Reactor& { return next_reactor(); },
            [this](Connection::Socket socket, Reactor& reactor, const Listener& from) {
                accept(std::move(socket), reactor, from);
            });
    }
}

// A socket that was passed is the listener's that has its address; one that is nobody's is one more.
Result<void> Server::open_listeners(Listener::Logins logins) {
    auto passed = service_manager::passed_sockets();
    if (!passed) return tl::unexpected<Error>(passed.error());
    std::vector<ListenerOptions> wanted = options_.listeners;
    if (wanted.empty() && passed->empty()) wanted.push_back(options_.listener_at(wire::user_address()));
    const auto keep = [&](Result<std::unique_ptr<Listener>> listener) -> Result<void> {
        if (!listener) return tl::unexpected<Error>(listener.error());
        listeners_.push_back(*std::move(listener));
        return {};
    };
    for (const ListenerOptions& options : wanted) {
        const auto mine = std::find_if(
            passed->begin(), passed->end(),
            [&](const service_manager::PassedSocket& socket) { return Listener::is_at(options, socket.address); });
        const int descriptor = mine == passed->end() ? -1 : mine->descriptor;
        if (descriptor >= 0) passed->erase(mine);
        if (auto kept = keep(Listener::open(options, descriptor, logins, gate_.context(), log_)); !kept) return kept;
    }
    for (const auto& [address, descriptor] : *passed) {
        const ListenerOptions options = options_.listener_at(address);
        if (auto kept = keep(Listener::open(options, descriptor, logins, gate_.context(), log_)); !kept) return kept;
    }
    return {};
}

// For people who ask the service manager.
std::string Server::status() const {
    std::vector<std::string> places;
    for (const auto& address : addresses()) places.push_back(address.text());
    return fmt::format("{} plugins, at {}", registry_.snapshot()->plugins.size(), fmt::join(places, ", "));
}

// One after the other, but none that is stuck in a plugin, unless all are.
Reactor& Server::next_reactor() {
    for (std::size_t tried = 0; tried < reactors_.size(); ++tried) {
        Reactor& reactor = *reactors_[++last_reactor_ % reactors_.size()];
        if (!reactor.seat().activity.stuck.load(std::memory_order_relaxed)) return reactor;
    }
    return *reactors_[++last_reactor_ % reactors_.size()];
}

std::vector<wire::Address> Server::addresses() const {
    std::vector<wire::Address> addresses;
    for (const auto& listener : listeners_) addresses.push_back(listener->address());
    return addresses;
}

std::optional<wire::Address> Server::metrics_address() const {
    return metrics_ != nullptr ? std::optional(metrics_->address()) : std::nullopt;
}

void Server::accept(Connection::Socket socket, Reactor& reactor, const Listener& listener) {
    const Peer peer = listener.peer_of(socket);
    if (!has_room(peer)) return;
    const bool awaits_login = access_.grants_of(peer.principal)->none();
    const TlsContextPtr tls = listener.uses_tls() ? tls_.get() : nullptr;
    if (listener.uses_tls() && tls == nullptr) {
        log_.error("{}: a reload took the certificate away: a connection is closed", listener.address().text());
        return;
    }
    auto connection = std::make_shared<Connection>(
        std::move(socket), reactor, *services_, *dispatcher_, peer, listener.options().error_form(), tls,
        [this](const std::shared_ptr<Connection>& closed) { forget(closed); });
    if (peer.identified && !connection->count()) return;
    services_->connections.fetch_add(1, std::memory_order_relaxed);
    services_->connections_accepted.fetch_add(1, std::memory_order_relaxed);
    keep(connection);
    if (awaits_login && peer.identified) log_.info("{} ({}) has no rights here", peer.principal.name, peer.from);
    reactor.post([connection] { connection->start(); });
}

void Server::keep(const std::shared_ptr<Connection>& connection) {
    const std::scoped_lock lock(mutex_);
    connections_.emplace(connection.get(), connection);
}

void Server::adopt(int socket, const Peer& peer, std::function<void(Caller&)> begin) {
    Reactor& reactor = *reactors_.front();
    auto connection = std::make_shared<Connection>(
        Connection::Socket(reactor.context(), asio::generic::stream_protocol(AF_UNIX, 0), socket), reactor, *services_,
        *dispatcher_, peer, wire::ErrorForm::full, nullptr,
        [this](const std::shared_ptr<Connection>& closed) { drop(*closed); });
    keep(connection);
    reactor.post([connection, begin = std::move(begin)] {
        if (begin) begin(connection->caller());
        connection->start();
    });
}

bool Server::is_ending() {
    const std::scoped_lock lock(mutex_);
    return ends_requested_ != 0;
}

// As many as the limit says, and as there are descriptors for; some of those are for listeners, plugins and files.
std::uint64_t Server::connections_max() const {
    constexpr std::uint64_t others = 128;
    const std::uint64_t possible = descriptors_ > 2 * others ? descriptors_ - others : descriptors_ / 2;
    return std::min(services_->limits().connections_max, possible);
}

// Some room is kept for those who can see what is wrong.
bool Server::has_room(const Peer& peer) {
    const std::uint64_t connections = connections_max();
    const bool is_admin = (peer.principal.rights & right_admin) != 0;
    if (!is_admin && spare_memory::is_given()) return false;
    const std::uint64_t reserved = is_admin ? 0 : std::min(services_->limits().connections_reserved, connections);
    if (services_->connections.load(std::memory_order_relaxed) < connections - reserved) return true;
    limit_hits_.hit(&Limits::connections_max, peer.principal.name);
    return false;
}

// One look at all connections now and then costs less than a timer for each.
void Server::watch_times() {
    const std::int64_t now = monotonic_now();
    {
        const std::scoped_lock lock(mutex_);
        for (const auto& [key, connection] : connections_) {
            connection->ask_to_check_time(now);
        }
    }
    give_back_memory();
    timers_.start(now + watch_interval_ns, [this] { watch_times(); });
}

// The allocator keeps what a burst has freed. To have it returned takes its locks for milliseconds, so a host does that only when it
// has had much to do and has little now.
void Server::give_back_memory() {
    constexpr std::uint64_t much = 1000, little = 20;
    const std::uint64_t closed = services_->connections_accepted.load(std::memory_order_relaxed) -
                                 services_->connections.load(std::memory_order_relaxed);
    const std::uint64_t work = services_->seats.sum(&Seat::requests) + closed + objects_.destroyed();
    const bool quiet = work - std::exchange(work_seen_, work) < little;
    if (!quiet || work - work_trimmed_ < much) return;
    work_trimmed_ = work;
    ::malloc_trim(0);
}

void Server::forget(const std::shared_ptr<Connection>& connection) {
    services_->connections.fetch_sub(1, std::memory_order_relaxed);
    drop(*connection);
}

void Server::drop(const Connection& connection) {
    const std::scoped_lock lock(mutex_);
    connections_.erase(&connection);
    changed_.notify_all();
}

void Server::request_end() {
    const std::scoped_lock lock(mutex_);
    ++ends_requested_;
    changed_.notify_all();
}

bool Server::run() {
    running_ = true;
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ends_requested_ != 0; });
    }
    drain();
    return end();
}

// Nothing new begins; what runs may finish, until its time is over or a second signal comes.
void Server::drain() {
    service_manager::stopping("calls that run may finish");
    std::latch closed(1);
    gate_.post([&] {
        listeners_open_ = false;
        for (const auto& listener : listeners_) listener->close();
        closed.count_down();
    });
    closed.wait();
    const std::int64_t until = monotonic_now() + drain_ms_ * millisecond;
    services_->drain_until_ns = until;
    objects_.draining = true;
    std::unique_lock lock(mutex_);
    for (const auto& [key, connection] : connections_)
        connection->reactor().post([connection = connection] { connection->drain(); });
    while (services_->calls_in_flight != 0 && ends_requested_ == 1 && monotonic_now() < until) {
        changed_.wait_for(lock, std::chrono::milliseconds(10));
    }
    if (const auto left = services_->calls_in_flight.load())
        log_.warn("{} calls were still in flight at the end", left);
}

bool Server::end() {
    metrics_.reset();
    bool ended = before_end_();
    const auto plugins = registry_.close();
    for (auto plugin = plugins.rbegin(); plugin != plugins.rend(); ++plugin) (*plugin)->stop();
    std::vector<std::shared_ptr<Connection>> open;
    {
        const std::scoped_lock lock(mutex_);
        for (const auto& [key, connection] : connections_) open.push_back(connection);
    }
    for (const auto& connection : open) connection->reactor().post([connection] { connection->end(); });
    open.clear();
    names_.clear();
    tickets_.clear();
    references_.clear();
    {
        std::unique_lock lock(mutex_);
        const auto gone = [this] { return connections_.empty() && objects_.created() == objects_.destroyed(); };
        const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(thread_end_ns);
        while (!gone() && std::chrono::steady_clock::now() < until)
            changed_.wait_for(lock, std::chrono::milliseconds(2));
    }
    ticker_.stop();
    ended &= pool_.stop(thread_end_ns);
    for (const auto& reactor : reactors_) ended &= reactor->stop(thread_end_ns);
    if (ended) {
        // What was still under way belongs to tables that go before the reactors do.
        for (const auto& reactor : reactors_) reactor->run_rest();
    }
    if (ended && objects_.created() == objects_.destroyed()) {
        for (Plugin* plugin : plugins) plugin->unload();
    } else {
        log_.warn("{} objects live on at the end", objects_.created() - objects_.destroyed());
        ended = false;  // what plugins still hold must not meet the ends of statics
    }
    ended &= services_->calls_in_flight == 0;
    gate_.stop(thread_end_ns);
    return ended;
}

}  // namespace soho::host
