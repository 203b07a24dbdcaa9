#pragma once
// A proxy: the client's side of a hosted object. Use it as it is,
//
//     soho::Proxy pair = client.create("Pair", 5, 6);
//     auto x = pair.call<std::int64_t>("get_x");
//
// or derive a class that has the object's methods:
//
//     struct PairProxy : soho::Proxy {
//         using Proxy::Proxy;
//         static constexpr std::string_view proxytype = "PairProxy";   // optional: must be the type's, if it names one
//         static constexpr soho::Version version{1, 0};                // optional: the major must be the type's
//         std::int64_t get_x() { return call<std::int64_t>("get_x"); }
//     };
//
// Proxies and Values that hold one can be arguments and results, also inside of lists and maps.

#include <soho/client/request.hpp>
#include <soho/data/value.hpp>

#include <tuple>

namespace soho {

namespace client {

// For the templates below.
SOHO_CLIENT_API std::uint64_t id_of(const Target& target);
SOHO_CLIENT_API std::string type_of(const Target& target);
SOHO_CLIENT_API void write_handle(data::Writer<data::Buffer>& out, const std::shared_ptr<Target>& target);
SOHO_CLIENT_API void find_by_name(Target& target, const std::shared_ptr<Link>& link, std::string name,
                                  const ProxyClass& proxy_class);
SOHO_CLIENT_API std::shared_ptr<Target> target_of(const Value& value);
SOHO_CLIENT_API Value value_of(const std::shared_ptr<Target>& target);
[[noreturn]] SOHO_CLIENT_API void empty_proxy();

// Runs `use(callback, argument...)`, where the callback came last.
template <class Use, class... All>
decltype(auto) with_callback_first(Use use, All&&... all) {
    auto tuple = std::forward_as_tuple(std::forward<All>(all)...);
    constexpr std::size_t last = sizeof...(All) - 1;
    return [&]<std::size_t... I>(std::index_sequence<I...>)->decltype(auto) {
        return use(std::get<last>(std::move(tuple)), std::get<I>(tuple)...);
    }
    (std::make_index_sequence<last>());
}

template <class R>
R run(Request& request) {
    ResultOf<R> result;
    request.run(result);
    if constexpr (!std::is_void_v<R>) return std::move(result.value);
}

template <class R, class Callback>
Cancel start(Request& request, Callback&& callback) {
    return request.start(std::make_unique<CallbackOf<R, std::decay_t<Callback>>>(std::forward<Callback>(callback)));
}

}  // namespace client

// Copies share one reference to the object, which goes back to the host when the last of them goes; that never blocks and
// never throws. Different threads may use different copies, and may call through one. An empty proxy (default-made or moved
// from) refuses every call with bad_arguments. All calls throw CallError.
class SOHO_CLIENT_API Proxy {
public:
    Proxy() = default;
    explicit Proxy(std::shared_ptr<client::Target> target, client::SharedOptions options = nullptr)
        : target_(std::move(target)),
          options_(std::move(options)) {}
    Proxy(const Proxy&) = default;
    Proxy(Proxy&&) noexcept = default;
    Proxy& operator=(const Proxy&) = default;
    Proxy& operator=(Proxy&&) noexcept = default;
    virtual ~Proxy();

    explicit operator bool() const { return target_ != nullptr; }
    std::uint64_t id() const { return client::id_of(checked()); }
    std::string type() const { return client::type_of(checked()); }

    // Blocks until the result is there; R may be any type with a codec, a proxy class, or void.
    template <class R = Value, class... Args>
    R call(std::string_view method, const Args&... args) const {
        client::Request request(checked(), method, sizeof...(Args), options_.get());
        (request.encode(args), ...);
        return client::run<R>(request);
    }

    // Comes back at once. The last argument is the callback, any callable that takes an Outcome<R>. It runs on a thread
    // that drives the client (see Client::run_for), not inside of async_call, and must not throw. Calls that callbacks
    // start leave together once those that are due have run: a callback may wait for another call only by a blocking one.
    template <class R = Value, class... ArgsAndCallback>
    Cancel async_call(std::string_view method, ArgsAndCallback&&... args_and_callback) const {
        const auto start = [&](auto&& callback, const auto&... args) {
            client::Request request(checked(), method, sizeof...(args), options_.get());
            (request.encode(args), ...);
            return client::start<R>(request, std::forward<decltype(callback)>(callback));
        };
        return client::with_callback_first(start, std::forward<ArgsAndCallback>(args_and_callback)...);
    }

    // Nobody waits and nobody learns how it went.
    template <class... Args>
    void notify(std::string_view method, const Args&... args) const {
        client::Request request(checked(), method, sizeof...(Args), options_.get());
        (request.encode(args), ...);
        request.notify();
    }

    // A view of the same object whose calls have these options: timeout, owner, trace, retry, kw. For a view of a derived
    // class see soho::with and ProxyOf.
    template <class... Options>
    Proxy with(Options&&... options) const {
        return Proxy(target_, client::extended(options_, std::forward<Options>(options)...));
    }

    // Gives this copy's part of the reference back now.
    void reset() { target_.reset(); }

    const std::shared_ptr<client::Target>& target() const { return target_; }
    const client::SharedOptions& options() const { return options_; }

private:
    client::Target& checked() const {
        if (target_ == nullptr) client::empty_proxy();
        return *target_;
    }

    std::shared_ptr<client::Target> target_;
    client::SharedOptions options_;
};

template <class P>
concept ProxyType = std::derived_from<P, Proxy>;

// soho::with(pair, soho::timeout{50ms}).get_x(): a view, of the proxy's own class.
template <ProxyType P, class... Options>
P with(const P& proxy, Options&&... options) {
    return P(proxy.target(), client::extended(proxy.options(), std::forward<Options>(options)...));
}

// A base for proxy classes whose `with` gives their own class: struct PairProxy : soho::ProxyOf<PairProxy> { … };
template <class Derived>
class ProxyOf : public Proxy {
public:
    using Proxy::Proxy;
    template <class... Options>
    Derived with(Options&&... options) const {
        return Derived(target(), client::extended(this->options(), std::forward<Options>(options)...));
    }
};

// The object whose handle a Value holds. Throws CallError if it holds none.
template <ProxyType P = Proxy>
P proxy_of(const Value& value) {
    return P(client::target_of(value));
}

namespace client {

template <class P>
constexpr ProxyClass describe_class() {
    ProxyClass proxy_class;
    if constexpr (requires { P::proxytype; }) proxy_class.proxytype = P::proxytype;
    if constexpr (requires { P::version; }) proxy_class.version = P::version;
    return proxy_class;
}
template <class P>
inline constexpr ProxyClass proxy_class = describe_class<P>();

}  // namespace client

namespace data {

template <ProxyType P>
struct Codec<P> {
    static std::string word() { return "object"; }
    static bool decode(Reader& in, P& out, client::ResultContext& context) {
        std::shared_ptr<client::Target> target;
        if (!context.take_target(in, target, client::proxy_class<P>)) return false;
        out = P(std::move(target));
        return true;
    }
    static void encode(Writer<Buffer>& out, const P& proxy) { client::write_handle(out, proxy.target()); }
    static Value to_value(const P& proxy) { return client::value_of(proxy.target()); }
};

}  // namespace data
}  // namespace soho
