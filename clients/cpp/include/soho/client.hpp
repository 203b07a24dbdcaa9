#pragma once
// soho's C++ client.
//
//     soho::Client client = soho::Client::connect();
//     auto pair = client.create<PairProxy>("Pair", 5, 6);
//     pair.set_x(7);
//     client.open("pair").call("set_y", 8);
//
// Blocking calls use the socket directly: there is no thread behind a client. Asynchronous calls (async_request,
// Proxy::async_call) make progress while any thread waits in a blocking call or in run_for, or when an event loop calls
// poll(); <soho/client/asio.hpp> does that for asio.

#include <soho/client/description.hpp>
#include <soho/client/proxy.hpp>

namespace soho {

struct Whoami {
    std::uint64_t session = 0;
    std::string principal;
    std::vector<std::string> rights;
    std::string instance;  // of this run of the host
};

struct PublishedName {
    std::string name;
    std::string type;
    std::uint64_t id = 0;
};

// A handle on one link to a host; copies share it, proxies keep its connection open. All threads may use it at once.
//
// Every call throws CallError where the host or the method refuses, and ConnectionLost, which is one, where the host cannot
// be reached or goes away. After a loss the next blocking call connects again (ConnectOptions::reconnect), and proxies
// opened by a name find their object again; proxies from create are lost, and asynchronous calls fail, until then.
class SOHO_CLIENT_API Client {
public:
    // Where to look: $SOHO_HOST; else the user's own host; else the machine's. Throws ConnectionLost: it names each
    // address that was tried, and why nobody answered there.
    static Client connect(ConnectOptions options = {});
    // "unix:PATH", "tcp:HOST:PORT" or "tcp:[V6]:PORT".
    static Client connect(std::string_view address, ConnectOptions options = {});

    // -- objects --

    template <ProxyType P = Proxy, class... Args>
    P create(std::string_view type, const Args&... args) const {
        return create_with<P>({}, {}, type, args...);
    }
    // Creates and publishes in one step; an existing name is refused with `exists`.
    template <ProxyType P = Proxy, class... Args>
    P create_as(std::string_view name, std::string_view type, const Args&... args) const {
        return create_with<P>(name, {}, type, args...);
    }
    // The object of that name, which must then be of that type; else a new one, published so.
    template <ProxyType P = Proxy, class... Args>
    P open_or_create(std::string_view name, std::string_view type, const Args&... args) const {
        return create_with<P>(name, "open", type, args...);
    }
    template <ProxyType P = Proxy>
    P open(std::string_view name) const {
        client::Request request(*link_, "soho.open", 1, options_.get());
        request.encode(name);
        return named(client::run<P>(request), name);
    }
    // An object that another program shared. A ticket is good for as many claims as share() said.
    template <ProxyType P = Proxy>
    P claim(std::string_view ticket) const {
        client::Request request(*link_, "soho.claim", 1, options_.get());
        request.encode(ticket);
        return client::run<P>(request);
    }
    std::string share(const Proxy& proxy, std::chrono::milliseconds ttl, unsigned uses = 1) const;

    // With `for_session`: unpublished when this session ends.
    void publish(const Proxy& proxy, std::string_view name, bool for_session = false) const;
    void unpublish(std::string_view name) const;
    std::vector<PublishedName> names() const;

    // -- proxy classes picked by the host's word --

    // create_any and open_any make a P where the type's proxytype is P::proxytype, and a plain Proxy where no class was
    // registered for it.
    template <ProxyType P>
    void proxy_class() const {
        register_class(client::proxy_class<P>, [](std::shared_ptr<client::Target> target) -> std::unique_ptr<Proxy> {
            return std::make_unique<P>(std::move(target));
        });
    }
    template <class... Args>
    std::unique_ptr<Proxy> create_any(std::string_view type, const Args&... args) const {
        return as_registered(create(type, args...));
    }
    std::unique_ptr<Proxy> open_any(std::string_view name) const { return as_registered(open(name)); }
    std::unique_ptr<Proxy> as_registered(const Proxy& proxy) const;

    // -- anything else the host can do --

    // "soho.stats", or "NAME.METHOD" for a method of a published object.
    template <class R = Value, class... Params>
    R request(std::string_view method, const Params&... params) const {
        client::Request request(*link_, method, sizeof...(Params), options_.get());
        (request.encode(params), ...);
        return client::run<R>(request);
    }
    template <class R = Value, class... ParamsAndCallback>
    Cancel async_request(std::string_view method, ParamsAndCallback&&... params_and_callback) const {
        const auto start = [&](auto&& callback, const auto&... params) {
            client::Request request(*link_, method, sizeof...(params), options_.get());
            (request.encode(params), ...);
            return client::start<R>(request, std::forward<decltype(callback)>(callback));
        };
        return client::with_callback_first(start, std::forward<ParamsAndCallback>(params_and_callback)...);
    }

    std::vector<TypeDescription> types() const;
    TypeDescription describe(std::string_view type) const;
    void ping() const;
    Whoami whoami() const;

    // A view whose requests have these options: timeout and retry count for all, the others travel with create.
    template <class... Options>
    Client with(Options&&... options) const {
        return Client(link_, client::extended(options_, std::forward<Options>(options)...));
    }

    // -- driving asynchronous calls --

    // Reads replies and runs callbacks until the time has passed or no asynchronous call is left. Returns how many ran.
    std::size_t run_for(std::chrono::nanoseconds duration) const;
    // The same without waiting.
    std::size_t poll() const;
    // Asynchronous calls whose callbacks have not run yet.
    std::size_t in_flight() const;
    // For event loops: poll() when this is readable, or writable while wants_to_write(). It stays valid while this client
    // lives, but a new connection has a new one.
    int native_handle() const;
    bool wants_to_write() const;
    // ... and poll() then: the next asynchronous call with a timeout must be given up. time_point::max() if there is none.
    std::chrono::steady_clock::time_point next_deadline() const;

    // -- the connection --

    // Whether the connection stands, as far as anybody has noticed.
    bool is_connected() const;
    // Connects again if the connection was lost.
    void reconnect() const;
    // Ends it for good: calls in flight, and all later ones, fail with ConnectionLost.
    void close() const;
    std::string address() const;

private:
    using Factory = std::unique_ptr<Proxy> (*)(std::shared_ptr<client::Target>);

    explicit Client(std::shared_ptr<client::Link> link, client::SharedOptions options = nullptr)
        : link_(std::move(link)),
          options_(std::move(options)) {}

    template <ProxyType P, class... Args>
    P create_with(std::string_view name, std::string_view if_exists, std::string_view type, const Args&... args) const {
        const bool has_options = !name.empty() || (options_ && !options_->is_silent());
        client::Request request(*link_, "soho.create", has_options ? 3 : 2, options_.get());
        request.encode(type);
        data::encode_array(request.out(), args...);
        if (has_options) (options_ ? *options_ : client::CallOptions()).write(request.out(), name, if_exists);
        P proxy = client::run<P>(request);
        return name.empty() ? proxy : named(std::move(proxy), name);
    }
    template <ProxyType P>
    P named(P proxy, std::string_view name) const {
        client::find_by_name(*proxy.target(), link_, std::string(name), client::proxy_class<P>);
        return proxy;
    }
    void register_class(const client::ProxyClass& proxy_class, Factory factory) const;

    std::shared_ptr<client::Link> link_;
    client::SharedOptions options_;
};

}  // namespace soho
