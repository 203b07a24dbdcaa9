#pragma once
// How to connect, and what can be said about a single call:
//
//     proxy.with(soho::timeout{50ms}, soho::owner{"t1"}).call<int>("get", "key");

#include <soho/client/export.hpp>
#include <soho/data/encode.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace soho {

struct ConnectOptions {
    std::string name;                                 // appears in the host's logs and in `soho sessions`
    std::chrono::milliseconds connect_timeout{5000};  // for connecting and the first exchange together
    // Whether a call may connect again after the connection was lost. Proxies that were opened by name then find their
    // object again; proxies from create have lost theirs for good.
    bool reconnect = true;
    // How often a blocking call is tried again where that is safe: the host said `overloaded` or `not_started`; or the
    // connection was lost during a call of an idempotent method of a proxy that was opened by name.
    int retries = 2;
    // How long a thread that waits for the host may look for what comes before it sleeps. That saves the time of waking, most of a short
    // call's between two processors, and keeps one busy meanwhile; so it looks only while replies come that fast, and never where
    // it has one processor alone. 0: not at all.
    std::chrono::microseconds spin{50};
    // Called when the host is about to end, with the time that calls which run still have: what is begun now is refused with
    // `not_started`. It runs where the callbacks of asynchronous calls do, and must not throw.
    std::function<void(std::chrono::milliseconds left)> on_draining;

    // -- who to log in as; paths of files, empty for none --
    // A file of keys (`soho keygen`), and the name of the one to use; empty: the first. Without a file the variable SOHO_KEY names
    // one. Beyond Unix sockets a host that does not prove that it knows the key is refused.
    std::string key_file;
    std::string key_name;
    // A file with a token, sent as it is: over Unix sockets, loopback and TLS only.
    std::string token_file;

    // -- TLS, for addresses that begin with `tls:` --
    // Who must have signed the host's certificate; empty: the variable SOHO_TLS_CA names a file, else the system's authorities.
    std::string tls_ca_file;
    std::string tls_name;              // the certificate's, where it is not the address's
    std::string tls_certificate_file;  // the client's own, to log in with
    std::string tls_key_file;          // empty: in the same file
};

// The call fails with CallCode::deadline when this has passed. There is no default.
struct timeout {
    std::chrono::nanoseconds after;
};
// Tells the threads of one client apart where something belongs to an owner, such as a lock.
struct owner {
    std::string name;
};
// Appears in the host's logs.
struct trace {
    std::string id;
};
// Overrides ConnectOptions::retries.
struct retry {
    int times;
};
// A keyword argument. A proxy given here is kept until the options are gone.
class kw {
public:
    template <class T>
    kw(std::string name, const T& value) : name_(std::move(name)),
                                           value_(data::encoded(value)) {
        if constexpr (requires { value.target(); }) keeper_ = value.target();
    }

    const std::string& name() const { return name_; }
    data::Bytes value() const { return value_.bytes(); }
    const std::shared_ptr<const void>& keeper() const { return keeper_; }

private:
    std::string name_;
    data::Buffer value_;
    std::shared_ptr<const void> keeper_;
};

namespace client {

// What `with` collected. Shared by the copies of a view, and not changed any more once a view holds it.
class SOHO_CLIENT_API CallOptions {
public:
    void add(timeout option);
    void add(owner option) { owner_ = std::move(option.name); }
    void add(trace option) { trace_ = std::move(option.id); }
    void add(retry option) { retries_ = option.times; }
    void add(const kw& option);

    // Nothing of it travels.
    bool is_silent() const { return timeout_.count() == 0 && owner_.empty() && trace_.empty() && keywords_.empty(); }
    // The options map of soho.call and soho.create, with `name` and `if_exists` if they are not empty.
    void write(data::Writer<data::Buffer>& out, std::string_view name = {}, std::string_view if_exists = {}) const;

    std::chrono::nanoseconds after() const { return timeout_; }  // 0: none
    int retries(int otherwise) const { return retries_ < 0 ? otherwise : retries_; }

private:
    struct Keyword {
        std::string name;
        std::string value;
        std::shared_ptr<const void> keeper;
    };

    std::chrono::nanoseconds timeout_{0};
    std::string owner_;
    std::string trace_;
    std::vector<Keyword> keywords_;
    int retries_ = -1;
};

using SharedOptions = std::shared_ptr<const CallOptions>;

template <class... Options>
SharedOptions extended(const SharedOptions& earlier, Options&&... options) {
    auto all = earlier ? std::make_shared<CallOptions>(*earlier) : std::make_shared<CallOptions>();
    (all->add(std::forward<Options>(options)), ...);
    return all;
}

}  // namespace client
}  // namespace soho
