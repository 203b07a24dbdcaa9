#pragma once
// soho::Reply<T>: a result that may come later, from any thread. A method that takes one as a leading parameter returns void
// and keeps the Reply until there is something to say:
//
//     void get(soho::Reply<soho::Value> reply) {
//         if (!items_.empty()) return void(reply(pop()));
//         waiting_.push_back(std::move(reply));
//     }
//
// It completes once; dropped without that, the call fails by itself. While it waits, the object is free for other calls.
// What the method borrowed from its arguments (string_view, span) is gone when it returns. A reply may be completed and dropped
// by another thread than the one that asks caller_gone(); one thread at a time may complete, drop or move it.

#include <soho/plugin/reply_state.hpp>

namespace soho {
inline namespace sdk {

template <class T>
class Reply {
    struct Nothing {};

public:
    static constexpr bool is_void = std::is_void_v<T>;
    using Given = std::conditional_t<is_void, Nothing, T>;

    Reply() = default;  // stands for no call; completing it does nothing
    explicit Reply(std::shared_ptr<detail::ReplyState> state) : state_(std::move(state)) {}
    Reply(Reply&&) noexcept = default;
    Reply& operator=(Reply&& other) noexcept {
        if (this != &other) {
            drop();
            state_ = std::move(other.state_);
        }
        return *this;
    }
    ~Reply() { drop(); }

    explicit operator bool() const { return state_ != nullptr; }

    // Completes the call. False if it was completed before: the value was ignored then, and the host counts such calls. True
    // also where the caller has gone meanwhile: on_discarded, if set, hears of it.
    bool complete(const Given& value) requires(!is_void && !detail::Result<T>::may_be_object) {
        return state_ && state_->complete(encoded(value));
    }
    bool complete(Given value) requires(!is_void && detail::Result<T>::may_be_object) {
        return state_ && state_->complete(object_or_value(std::move(value)));
    }
    bool complete() requires is_void { return state_ && state_->complete(encoded(nullptr)); }
    template <class... V>
    bool operator()(V&&... value) {
        return complete(std::forward<V>(value)...);
    }

    // Fails the call. As complete().
    bool fail(Error error) { return state_ && state_->complete(std::move(error)); }
    // … with the exception being handled; inside a catch block.
    bool fail_with_current_exception() { return fail(detail::current_error()); }

    // Nobody waits any more: cancelled, past its deadline, or the caller has gone.
    bool caller_gone() const { return state_ == nullptr || state_->caller_gone(); }

    // `function` runs in the object's turn when the caller cancels, goes, or runs out of time, and at once if that was so
    // already; never after completion. A second one replaces the first. The Reply should then be dropped.
    template <class F>
    void on_cancel(F function) {
        if (!state_) return;
        auto unless_settled = [state = state_, function = std::move(function)]() mutable {
            if (!state->settled()) function();
        };
        state_->set_on_cancel(detail::make_task(host(), "an on_cancel callback", std::move(unless_settled)));
    }
    // `function` runs in the object's turn if the completed result does not reach the caller: here an item that was taken
    // for it goes back. Set it before completing.
    template <class F>
    void on_discarded(F function) {
        if (state_)
            state_->set_on_discarded(detail::make_task(host(), "an on_discarded callback", std::move(function)));
    }

    // For the SDK.
    const std::shared_ptr<detail::ReplyState>& state() const { return state_; }

private:
    const soho_host* host() const { return state_->plugin().host; }
    void drop() {
        if (state_) std::exchange(state_, nullptr)->drop();
    }

    template <class V>
    static detail::ReplyOutcome encoded(const V& value) {
        detail::ReplyOutcome outcome(std::in_place_type<detail::ResultBytes>);
        data::Writer<detail::ResultBytes> out(std::get<detail::ResultBytes>(outcome));
        data::encode(out, value);
        return outcome;
    }

    detail::ReplyOutcome object_or_value(Given&& value) {
        using Kind = detail::Result<T>;
        const bool is_create = state_->is_create();
        const std::uint32_t flags = state_->call_flags();
        if constexpr (!Kind::is_object) {
            if (!is_create && !detail::wants_struct_as_object(flags)) return encoded(value);
        }
        auto object = detail::to_shared<typename Kind::Class>(std::move(value));
        if (object == nullptr && !is_create) return encoded(nullptr);
        if (object == nullptr) return Error::with_code(SOHO_INTERNAL, "the callable gave a null pointer");
        if (is_create) return detail::make_instance(std::move(object));
        if (detail::wants_object(flags)) return detail::make_result(flags, std::move(object));
        return Error::with_code(SOHO_INTERNAL,
                                "the method gives an object, but the type that it was called through "
                                "maps it to no typeid");
    }

    std::shared_ptr<detail::ReplyState> state_;
};

}  // namespace sdk
}  // namespace soho
