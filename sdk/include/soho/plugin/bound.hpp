#pragma once
// From the ABI's functions to an author's: a bound method or callable is the `context` of one invoke or create. The fence
// stands here: nothing that is thrown gets past these functions.

#include <soho/plugin/parameters.hpp>

namespace soho {
inline namespace sdk {
namespace detail {

// Calls `function` with [object,] leading parameters and arguments, and gives its result to `finish`, which answers the call.
template <class F, class Leading, class Ordinary>
struct Caller;

template <class F, class... L, class... P>
struct Caller<F, List<L...>, List<P...>> {
    static_assert((is_call<L> + ... + 0) <= 1 && (is_reply<L> + ... + 0) <= 1,
                  "soho: one Call& and one Reply<T> at most");
    using Ordinary = List<P...>;

    template <class... Object>
    static decltype(auto) run(F& function, Call& call, std::shared_ptr<ReplyState>* reply,
                              Arguments<Ordinary>& arguments, Object&... object) {
        return run_with(function, call, reply, arguments, std::index_sequence_for<P...>(), object...);
    }

private:
    template <std::size_t... I, class... Object>
    static decltype(auto) run_with(F& function, [[maybe_unused]] Call& call,
                                   [[maybe_unused]] std::shared_ptr<ReplyState>* reply,
                                   [[maybe_unused]] Arguments<Ordinary>& arguments, std::index_sequence<I...>,
                                   Object&... object) {
        return std::invoke(function, object..., leading<L>(call, reply)..., arguments.template pass<I>()...);
    }
    template <class Leader>
    static decltype(auto) leading([[maybe_unused]] Call& call, [[maybe_unused]] std::shared_ptr<ReplyState>* reply) {
        if constexpr (is_call<Leader>) {
            return static_cast<Call&>(call);
        } else {
            return std::remove_cvref_t<Leader>(*reply);
        }
    }
};

// Everything about a function's type. `Parameters` come without the object.
template <class F, class Returned, class Parameters>
struct Shape {
    using Halves = Split<List<>, Parameters>;
    using Leading = typename Halves::Leading;
    using Ordinary = typename Halves::Ordinary;
    using Run = Caller<F, Leading, Ordinary>;
    template <class L>
    struct DeclaredOf;
    template <class... L>
    struct DeclaredOf<List<L...>> : Declared<Returned, L...> {};
    static constexpr bool replies = DeclaredOf<Leading>::replies;
    using Result = typename DeclaredOf<Leading>::Type;
};

template <class Shape>
using ArgumentsOf = Arguments<typename Shape::Ordinary>;

// The object parameter of a method that is not a member function of T or a base.
template <class T, class F>
struct MethodShape {
    using Parameters = typename Signature<F>::Parameters;
    static_assert(Parameters::size >= 1, "soho: a method that is a function takes the object first: (T&, …)");
    template <class P>
    struct Tail;
    template <class First, class... Rest>
    struct Tail<List<First, Rest...>> {
        static_assert(std::is_convertible_v<T&, First>,
                      "soho: a method that is a function takes the object first: (T&, …)");
        using Type = List<Rest...>;
    };
    using Type = Shape<F, typename Signature<F>::Result, typename Tail<Parameters>::Type>;
};
template <class T, class F>
requires std::is_member_function_pointer_v<F>
struct MethodShape<T, F> {
    using Type = Shape<F, typename Signature<F>::Result, typename Signature<F>::Parameters>;
};

template <class T, class F>
struct BoundMethod {
    using Shape = typename MethodShape<T, F>::Type;
    static_assert(Result<typename Shape::Result>::check());

    PluginState& plugin;
    const MethodRecord& record;
    F function;

    BoundMethod(PluginState& plugin_, const MethodRecord& record_, F function_)
        : plugin(plugin_),
          record(record_),
          function(std::move(function_)) {}

    static std::uint32_t invoke(void* context, void* self, const soho_call* call) noexcept {
        auto& method = *static_cast<BoundMethod*>(context);
        try {
            return method.run(*static_cast<T*>(self), *call);
        } catch (...) {
            return fail_with_current(*method.plugin.host, *call);
        }
    }

private:
    std::uint32_t run(T& object, const soho_call& abi) {
        CallContext context(plugin, &abi);
        ArgumentsOf<Shape> arguments;
        if (!arguments.read(record.parameters, context)) return refuse_arguments(*plugin.host, abi, context.sentence());
        Call call(plugin, abi);
        if constexpr (Shape::replies) {
            auto reply = std::make_shared<ReplyState>(plugin, abi, nullptr);
            try {
                Shape::Run::run(function, call, &reply, arguments, object);
            } catch (...) {
                return reply->leave_with_exception();
            }
            return reply->leave();
        } else if constexpr (std::is_void_v<typename Shape::Result>) {
            Shape::Run::run(function, call, nullptr, arguments, object);
            return deliver_nothing(abi);
        } else {
            return deliver(*plugin.host, abi, Shape::Run::run(function, call, nullptr, arguments, object));
        }
    }
};

template <class T, class F>
struct BoundCallable {
    using Shape = detail::Shape<F, typename Signature<F>::Result, typename Signature<F>::Parameters>;
    using Made = std::remove_cvref_t<typename Shape::Result>;
    static_assert(
        std::is_convertible_v<Made, std::shared_ptr<T>> || std::is_same_v<Made, T>,
        "soho: a callable returns T, std::unique_ptr<T> or std::shared_ptr<T> (or takes a soho::Reply of one)");
    static_assert(!std::is_reference_v<typename Shape::Result> || !std::is_same_v<Made, T>,
                  "soho: a callable cannot return a reference to an object, nothing would keep it alive: return "
                  "std::shared_ptr<T>");

    PluginState& plugin;
    const TypeRecord& record;
    F function;

    BoundCallable(PluginState& plugin_, const TypeRecord& record_, F function_)
        : plugin(plugin_),
          record(record_),
          function(std::move(function_)) {}

    static std::uint32_t create(void* context, const soho_call* call, soho_instance* out) noexcept {
        auto& callable = *static_cast<BoundCallable*>(context);
        try {
            return callable.run(*call, *out);
        } catch (...) {
            return fail_with_current(*callable.plugin.host, *call);
        }
    }

private:
    std::uint32_t run(const soho_call& abi, soho_instance& out) {
        CallContext context(plugin, &abi);
        ArgumentsOf<Shape> arguments;
        if (abi.source != nullptr) {
            arguments.read_source(abi.source);
        } else if (!arguments.read(record.parameters, context)) {
            return refuse_arguments(*plugin.host, abi, context.sentence());
        }
        Call call(plugin, abi);
        if constexpr (Shape::replies) {
            auto reply = std::make_shared<ReplyState>(plugin, abi, &out);
            try {
                Shape::Run::run(function, call, &reply, arguments);
            } catch (...) {
                return reply->leave_with_exception();
            }
            return reply->leave();
        } else {
            auto object = to_shared<T>(Shape::Run::run(function, call, nullptr, arguments));
            if (object == nullptr) throw Error::with_code(SOHO_INTERNAL, "the callable returned a null pointer");
            out = make_instance(std::move(object));
            return SOHO_DONE;
        }
    }
};

}  // namespace detail
}  // namespace sdk
}  // namespace soho
