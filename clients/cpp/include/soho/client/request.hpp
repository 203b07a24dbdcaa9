#pragma once
// A request on its way, as the templates of Client and Proxy use it. Applications need only Cancel.

#include <soho/client/options.hpp>
#include <soho/client/outcome.hpp>
#include <soho/data/decode.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace soho {

struct Version {
    unsigned major = 0;
    unsigned minor = 0;
};

namespace client {

class Connection;
class Link;
class Target;
class Introductions;

// What a class derived from Proxy says about itself.
struct ProxyClass {
    std::string_view proxytype;  // empty: fits any
    std::optional<Version> version;

    bool claims_nothing() const { return proxytype.empty() && !version; }
};

// A use of a proxy class for a type, found while a result was decoded; checked before the result is handed out.
struct ClassUse {
    const ProxyClass* proxy_class;
    std::string type;
};

// What results are decoded with: it knows the handles that came with them.
class SOHO_CLIENT_API ResultContext : public data::DecodeContext {
public:
    explicit ResultContext(Introductions* introductions) : introductions_(introductions) {}

    // The next value, which must be a handle, as what a proxy refers to.
    bool take_target(data::Reader& in, std::shared_ptr<Target>& out, const ProxyClass& proxy_class);
    // Keeps the object alive whose handle a soho::Value holds.
    std::shared_ptr<const void> keeper(std::int8_t extension_type, data::Bytes body);

private:
    Introductions* introductions_;  // none where the reply has no handles
};

// Where a result goes.
class SOHO_CLIENT_API Receiver {
public:
    // `result` is one value, borrowed. On false the context says what is wrong with it.
    virtual bool receive(data::Bytes result, ResultContext& context) = 0;

protected:
    ~Receiver() = default;
};

template <class R>
bool receive_into(R& value, data::Bytes result, ResultContext& context) {
    data::Reader in(result);
    return data::decode_into(in, value, context);
}

template <class R>
class ResultOf final : public Receiver {
public:
    static_assert(!std::is_same_v<R, std::string_view>, "soho: a result must own its text: ask for std::string");
    bool receive(data::Bytes result, ResultContext& context) override { return receive_into(value, result, context); }
    R value{};
};
template <>
class ResultOf<void> final : public Receiver {
public:
    bool receive(data::Bytes, ResultContext&) override { return true; }
};

// An asynchronous call: where its result goes, and what runs then. Each call ends with complete(), once, after receive()
// or fail(); on a thread that drives the client, which holds no lock meanwhile.
class SOHO_CLIENT_API Completion : public Receiver {
public:
    virtual ~Completion();
    virtual void fail(Failure failure) noexcept = 0;
    virtual void complete() noexcept = 0;

    std::unique_ptr<Completion> next;  // in the list of those that are to run
    std::vector<ClassUse> unchecked;
};

template <class R, class Callback>
class CallbackOf final : public Completion {
public:
    explicit CallbackOf(Callback callback) : callback_(std::move(callback)) {}
    bool receive(data::Bytes result, ResultContext& context) override { return receive_into(value_, result, context); }
    void fail(Failure failure) noexcept override { failure_ = std::move(failure); }
    void complete() noexcept override {
        failure_ ? callback_(Outcome<R>(std::move(*failure_))) : callback_(Outcome<R>(std::move(value_)));
    }

private:
    Callback callback_;
    R value_{};
    std::optional<Failure> failure_;
};
template <class Callback>
class CallbackOf<void, Callback> final : public Completion {
public:
    explicit CallbackOf(Callback callback) : callback_(std::move(callback)) {}
    bool receive(data::Bytes, ResultContext&) override { return true; }
    void fail(Failure failure) noexcept override { outcome_ = Outcome<void>(std::move(failure)); }
    void complete() noexcept override { callback_(std::move(outcome_)); }

private:
    Callback callback_;
    Outcome<void> outcome_;
};

// Request and reply bytes, kept by each thread for its next call.
struct Scratch {
    data::Buffer request;
    data::Buffer reply;
};

}  // namespace client

// Cancels one asynchronous call; its callback then gets CallCode::cancelled, unless the result was on its way already.
// Does nothing when the call is over. Any thread.
class SOHO_CLIENT_API Cancel {
public:
    Cancel() = default;
    Cancel(std::weak_ptr<client::Connection> connection, std::uint32_t msgid)
        : connection_(std::move(connection)),
          msgid_(msgid) {}
    void operator()() const;

private:
    std::weak_ptr<client::Connection> connection_;
    std::uint32_t msgid_ = 0;
};

namespace client {

// Encodes one request into the thread's scratch memory, sends it and waits. Lives on the stack of one call.
class SOHO_CLIENT_API Request {
public:
    using Out = data::Writer<data::Buffer>;

    // A method of an object. Its `arguments` follow, each with one encode().
    Request(Target& target, std::string_view method, std::size_t arguments, const CallOptions* options);
    // A method of the host's own, or "NAME.METHOD". Its `params` follow. The options' map is not added: a caller that has
    // one writes it as the last parameter.
    Request(Link& link, std::string_view method, std::size_t params, const CallOptions* options);
    Request(const Request&) = delete;
    ~Request();

    Out& out() { return out_; }
    template <class T>
    void encode(const T& value) {
        data::encode(out_, value);
    }

    // Blocks. Throws CallError.
    void run(Receiver& receiver);
    // Comes back at once. Throws only what is wrong with the request itself, or its proxy; all else reaches the completion.
    Cancel start(std::unique_ptr<Completion> completion);
    // Sends it as a notification: nobody learns what becomes of it.
    void notify();

private:
    void finish();
    void resolve(bool may_connect);
    bool may_retry(const Failure& failure, bool never_sent, int tries);

    Scratch scratch_;
    Out out_{scratch_.request};
    Target* target_ = nullptr;  // one of these two; the caller keeps it
    Link* link_ = nullptr;
    const CallOptions* options_;
    std::string_view method_;
    std::size_t id_at_ = 0;  // where the target's id lies, if there is a target
    Connection* connection_ = nullptr;
    std::shared_ptr<Connection> connection_keeper_;  // where the target does not keep the connection itself
    bool finished_ = false;
};

}  // namespace client
}  // namespace soho
