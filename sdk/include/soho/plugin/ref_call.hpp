#pragma once
// Calls from a plugin to hosted objects.
//
//     account.call<std::int64_t>(call, "balance").then([](soho::Outcome<std::int64_t> balance) { … });
//     auto balance = account.call<std::int64_t>(call, "balance").get();   // in methods marked .blocking() only
//
// Nothing happens until then(), get() or send(). Callbacks run on a thread of the host, in no turn, and must not block; use
// Host::post_to_turn to go on in an object's turn.

#include <soho/plugin/reply.hpp>

#include <condition_variable>

namespace soho {
inline namespace sdk {

// How a call ended: a value, or an Error with the code, type and text that the method failed with.
template <class R>
class Outcome {
public:
    using Given = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

    Outcome(Given value) : held_(std::in_place_index<0>, std::move(value)) {}
    Outcome(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return held_.index() == 0; }
    explicit operator bool() const { return ok(); }
    const Error& error() const { return std::get<1>(held_); }  // only if !ok()
    // The value; throws the Error.
    R value() const& {
        check();
        if constexpr (!std::is_void_v<R>) return std::get<0>(held_);
    }
    R value() && {
        check();
        if constexpr (!std::is_void_v<R>) return std::move(std::get<0>(held_));
    }

    // For the SDK.
    static Outcome read(detail::PluginState& plugin, const soho_outcome& outcome) {
        if (outcome.code != SOHO_OK) return Error::from_outcome(outcome);
        Given value{};
        if constexpr (!std::is_void_v<R>) {
            detail::CallContext context(plugin, nullptr);
            data::Reader in(detail::from_abi(outcome.result));
            if (!data::decode_into(in, value, context)) return Error("TypeError", "result: " + context.sentence());
        }
        return value;
    }

private:
    void check() const {
        if (!ok()) throw error();
    }
    std::variant<Given, Error> held_;
};

template <class R>
class RefCall {
    static_assert(std::is_void_v<R> || (data::HasCodec<R> && !std::is_same_v<R, std::string_view>),
                  "soho: the result of a call must be a type that owns what it holds");

public:
    RefCall(detail::PluginState& plugin, std::uint64_t object, std::string_view method)
        : plugin_(&plugin),
          object_(object),
          method_(method) {}

    RefCall&& on_behalf_of(const soho_call* call) && {
        call_ = call;
        return std::move(*this);
    }
    RefCall&& on_behalf_of(std::shared_ptr<detail::ReplyState> reply) && {
        reply_ = std::move(reply);
        return std::move(*this);
    }
    template <class... A>
    RefCall&& with_arguments(const A&... arguments) && {
        data::Writer<data::Buffer> out(arguments_);
        data::encode_array(out, arguments...);
        return std::move(*this);
    }

    // Keyword arguments: a map from names to values.
    template <class Map>
    RefCall&& keywords(const Map& keywords) && {
        keywords_ = data::encoded(keywords);
        return std::move(*this);
    }
    // The caller's own deadline still holds.
    RefCall&& timeout(std::chrono::nanoseconds timeout) && {
        timeout_ = timeout;
        return std::move(*this);
    }

    // `function` gets an Outcome<R>, exactly once.
    template <class F>
    void then(F function) && {
        struct Waiting {
            detail::PluginState& plugin;
            F function;
            static void done(void* context, const soho_outcome* outcome) noexcept {
                const std::unique_ptr<Waiting> waiting(static_cast<Waiting*>(context));
                try {
                    waiting->function(Outcome<R>::read(waiting->plugin, *outcome));
                } catch (...) {
                    detail::log_current(*waiting->plugin.host, "a callback of ObjectRef::call");
                }
            }
        };
        start(0, new Waiting{*plugin_, std::move(function)}, &Waiting::done);
    }
    // Does not care how it ends.
    void send() && {
        std::move(*this).then([](const Outcome<R>&) {});
    }
    // Waits. Only in a `blocking` method or a thread of the plugin's own. In a method, make the call on behalf of the running
    // one: then a wait that could never end is refused at once. Throws the Error that the call failed with.
    R get() && {
        struct Waiting {
            detail::PluginState& plugin;
            std::mutex mutex{};
            std::condition_variable changed{};
            std::optional<Outcome<R>> outcome{};
            static void done(void* context, const soho_outcome* outcome) noexcept {
                auto& waiting = *static_cast<Waiting*>(context);
                std::optional<Outcome<R>> read;
                try {
                    read.emplace(Outcome<R>::read(waiting.plugin, *outcome));
                } catch (...) {
                    read.emplace(detail::current_error());
                }
                const std::lock_guard lock(waiting.mutex);
                waiting.outcome = std::move(read);
                waiting.changed.notify_one();  // under the lock: the waiting thread may leave at once
            }
        };
        Waiting waiting{*plugin_};
        start(SOHO_REF_CALL_WAITS, &waiting, &Waiting::done);
        std::unique_lock lock(waiting.mutex);
        waiting.changed.wait(lock, [&] { return waiting.outcome.has_value(); });
        return std::move(*waiting.outcome).value();
    }

private:
    void start(std::uint32_t flags, void* context, void (*done)(void*, const soho_outcome*)) {
        soho_ref_call call{};
        call.size = sizeof call;
        call.flags = flags;
        call.object = object_;
        call.method = detail::to_abi(method_);
        call.args = detail::to_abi(arguments_.bytes());
        call.kwargs = detail::to_abi(keywords_.bytes());
        call.timeout_ns = timeout_.count();
        call.context = context;
        call.done = done;
        call.call = call_;
        if (reply_ != nullptr) return reply_->ref_call(call);
        plugin_->host->ref_call(plugin_->host, &call);
    }

    detail::PluginState* plugin_;
    std::uint64_t object_;
    std::string method_;
    const soho_call* call_ = nullptr;
    std::shared_ptr<detail::ReplyState> reply_;
    data::Buffer arguments_, keywords_;
    std::chrono::nanoseconds timeout_{0};
};

template <class R, class... A>
RefCall<R> ObjectRef::call(std::string_view method, const A&... arguments) const {
    if (!held_) throw Error("ValueError", "an empty ObjectRef was called");
    return RefCall<R>(*held_->plugin, id(), method).with_arguments(arguments...);
}
template <class R, class... A>
RefCall<R> ObjectRef::call(const Call& on_behalf_of, std::string_view method, const A&... arguments) const {
    return call<R>(method, arguments...).on_behalf_of(on_behalf_of.abi());
}
template <class R, class T, class... A>
RefCall<R> ObjectRef::call(const Reply<T>& on_behalf_of, std::string_view method, const A&... arguments) const {
    return call<R>(method, arguments...).on_behalf_of(on_behalf_of.state());
}

}  // namespace sdk
}  // namespace soho
