#pragma once
// What a callable takes and returns, and the splitting of its parameters: the object, then Call& and Reply<T> in any order,
// then the arguments.

#include <soho/plugin/reply.hpp>

#include <tuple>

namespace soho {
inline namespace sdk {
namespace detail {

template <class... T>
struct List {
    static constexpr std::size_t size = sizeof...(T);
};
template <std::size_t I, class L>
struct AtOf;
template <std::size_t I, class... T>
struct AtOf<I, List<T...>> : std::tuple_element<I, std::tuple<T...>> {};
template <std::size_t I, class L>
using At = typename AtOf<I, L>::type;

// Signature<F>::Result and ::Parameters; for member functions without the object.
template <class F>
struct Signature {
    static_assert(
        requires { &F::operator(); },
        "soho: this is no function, or one with overloads or `auto` parameters: wrap it in a lambda with plain types");
};
template <class F>
requires requires { &F::operator(); }
struct Signature<F> : Signature<decltype(&F::operator())> {};
template <class R, class... P>
struct Signature<R (*)(P...)> {
    using Result = R;
    using Parameters = List<P...>;
};
template <class R, class... P>
struct Signature<R (*)(P...) noexcept> : Signature<R (*)(P...)> {};
#define SOHO_PRIVATE_MEMBER_SIGNATURE(qualifiers) \
    template <class R, class C, class... P>       \
    struct Signature<R (C::*)(P...) qualifiers> : Signature<R (*)(P...)> {}
SOHO_PRIVATE_MEMBER_SIGNATURE();
SOHO_PRIVATE_MEMBER_SIGNATURE(&);
SOHO_PRIVATE_MEMBER_SIGNATURE(const);
SOHO_PRIVATE_MEMBER_SIGNATURE(const&);
SOHO_PRIVATE_MEMBER_SIGNATURE(noexcept);
SOHO_PRIVATE_MEMBER_SIGNATURE(&noexcept);
SOHO_PRIVATE_MEMBER_SIGNATURE(const noexcept);
SOHO_PRIVATE_MEMBER_SIGNATURE(const& noexcept);
#undef SOHO_PRIVATE_MEMBER_SIGNATURE

template <class T>
struct ReplyOf {
    static constexpr bool value = false;
};
template <class T>
struct ReplyOf<Reply<T>> {
    static constexpr bool value = true;
    using Type = T;
};

template <class P>
inline constexpr bool is_reply = ReplyOf<std::remove_cvref_t<P>>::value;
template <class P>
inline constexpr bool is_call = std::is_same_v<std::remove_cvref_t<P>, Call>;

// Parameters, split: Leading of Call& and Reply<T>, and Ordinary behind them.
template <class Leading, class Ordinary>
struct Split;
template <class... L>
struct Split<List<L...>, List<>> {
    using Leading = List<L...>;
    using Ordinary = List<>;
};
template <class... L, class First, class... Rest>
struct Split<List<L...>, List<First, Rest...>> {
    using Leading = List<L...>;
    using Ordinary = List<First, Rest...>;
};
template <class... L, class First, class... Rest>
requires(is_reply<First> || is_call<First>) struct Split<List<L...>, List<First, Rest...>>
    : Split<List<L..., First>, List<Rest...>> {
};

// The T of the Reply<T> among leading parameters, or `Returned`.
template <class Returned, class... L>
struct Declared {
    using Type = Returned;
    static constexpr bool replies = false;
};
template <class Returned, class First, class... Rest>
struct Declared<Returned, First, Rest...> : Declared<Returned, Rest...> {};
template <class Returned, class First, class... Rest>
requires is_reply<First>
struct Declared<Returned, First, Rest...> {
    static_assert(std::is_void_v<Returned>,
                  "soho: a method that takes a Reply<T> answers through it, and returns void");
    static_assert(!std::is_lvalue_reference_v<First>, "soho: take the Reply<T> by value");
    using Type = typename ReplyOf<std::remove_cvref_t<First>>::Type;
    static constexpr bool replies = true;
};

}  // namespace detail
}  // namespace sdk
}  // namespace soho
