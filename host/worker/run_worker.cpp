// A worker: the host's own floors in a process of their own, with one plugin, and one client, its host.

#include "host/object/spare_memory.hpp"
#include "host/server/crash_report.hpp"
#include "host/session/upstream.hpp"
#include "host/worker/confinement.hpp"
#include "host/worker/denials.hpp"
#include "host/worker/launcher.hpp"
#include "host/worker/order.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>
#include <future>

namespace soho::host {

namespace {

Result<WorkerOrder> read_order() {
    struct stat found {};
    if (::fstat(worker_order, &found) != 0) return refuse(Code::protocol, "there is no order");
    std::string text(static_cast<std::size_t>(found.st_size), '\0');
    if (::pread(worker_order, text.data(), text.size(), 0) != found.st_size)
        return refuse(Code::protocol, "its order cannot be read");
    ::close(worker_order);
    return WorkerOrder::decode(data::as_bytes(text));
}

// With the reason for whoever waits for its types. Threads of the plugin may run: nothing is waited for.
[[noreturn]] void refuse_plugin(std::string_view why) {
    [[maybe_unused]] const ssize_t wrote = ::pwrite(worker_words, why.data(), why.size(), 0);
    ::_exit(worker_refused);
}

// What the host is told to do by its terminal or its service manager, it tells its workers itself, by letting go of them.
void leave_signals_to_host() {
    sigset_t of_the_host;
    ::sigemptyset(&of_the_host);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&of_the_host, signal);
    ::pthread_sigmask(SIG_BLOCK, &of_the_host, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

ServerOptions options_of(const WorkerOrder& order) {
    ServerOptions options;
    options.reactors = 1;  // there is one connection
    options.spin_us = 0;   // the host may look for the reply, and the processor is wanted here
    options.limits = order.limits;
    options.principals = order.principals;
    options.drain_ms = 0;  // the host has waited for what it wanted
    return options;
}

Peer host_peer() {
    Peer peer;
    peer.principal = {"host", rights_all};
    peer.identified = true;
    peer.is_private = true;
    peer.from = "the host";
    peer.listener = worker_listener;
    return peer;
}

// Once it is there, the plugin may want something of the host.
std::shared_ptr<Upstream> connect(Server& server) {
    std::promise<std::shared_ptr<Upstream>> connected;
    server.adopt(worker_link, host_peer(), [&](Caller& caller) {
        caller.replies().set_forms(wire::ErrorForm::full, wire::HandleForm::ext);
        auto upstream = std::make_shared<Upstream>(server.services(), caller);
        caller.set_link(upstream);
        server.services().upstream = upstream;
        connected.set_value(std::move(upstream));
    });
    return connected.get_future().get();
}

Result<Plugin*> load(Registry& registry, const WorkerOrder& order) {
    auto library =
        order.source.empty() ? open_library(order.file) : open_library(PluginCopy{order.source, order.file, {}, {}});
    if (!library) return tl::unexpected<Error>(library.error());
    auto plugin = registry.load(*std::move(library), order.plugin);
    if (!plugin || !order.self_test) return plugin;
    if (auto tested = (*plugin)->self_test(); !tested)
        return refuse(tested.error().code, fmt::format("{}: {}", (*plugin)->file(), tested.error().text));
    return plugin;
}

}  // namespace

int run_worker() {
    leave_signals_to_host();
    crash_report::install();
    crash_report::tell(worker_words);
    spare_memory::keep();
    const auto order = read_order();
    if (!order) refuse_plugin(order.error().text);
    const auto listener = confine(order->plugin.confinement, order->file);
    if (!listener) refuse_plugin(listener.error().text);
    hand_over(*listener, worker_denials);
    Log log(make_forwarding_sink());
    LogOptions log_options;
    log_options.level = order->log_level;
    log.apply(log_options);
    Server server(options_of(*order), log);
    server.start();
    const auto upstream = connect(server);
    const auto plugin = load(server.registry(), *order);
    if (!plugin) refuse_plugin(plugin.error().text);
    warn_of_unread_settings(**plugin, log);
    upstream->offer(**plugin, [](const Result<void>& accepted) {
        if (!accepted) refuse_plugin(accepted.error().text);
    });
    if (!server.run()) ::_exit(0);  // a thread is stuck in the plugin
    return 0;
}

}  // namespace soho::host
