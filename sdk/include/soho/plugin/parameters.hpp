#pragma once
// The parameters of methods and callables: how each type is described, read, and passed on.
//
//     T, const T&, T&&            a value: anything with a codec
//     T&, const T&                a hosted object of this plugin, for the call alone (const T& of a struct that has a codec is
//                                 a value)
//     std::shared_ptr<T>          a hosted object of this plugin, without exclusion: keep it beyond the call only if its type
//                                 is concurrent
//     soho::ObjectRef             any hosted object
//     soho::Args                  all further arguments; the last parameter

#include <soho/plugin/function.hpp>

namespace soho {
inline namespace sdk {

// A parameter's name, with a default or a line of documentation: .args("x", "y"_a = 0, "z"_a.doc("the height")).
class Argument {
public:
    Argument(const char* name) : name_(name) {}

    template <class T>
    Argument operator=(const T& value) && {
        default_.emplace(data::encoded(value).text());
        return std::move(*this);
    }
    Argument doc(std::string text) && {
        doc_ = std::move(text);
        return std::move(*this);
    }

    void apply(detail::ParameterRecord& parameter) const {
        parameter.name = name_;
        parameter.doc = doc_;
        parameter.default_value = default_;
        if (default_) parameter.flags |= SOHO_PARAMETER_OPTIONAL;
    }

private:
    std::string name_, doc_;
    std::optional<std::string> default_;
};

namespace literals {
inline Argument operator""_a(const char* name, std::size_t) { return Argument(name); }
}  // namespace literals

namespace detail {

// An object of this plugin by its handle; on false the context says why.
template <class T>
bool read_object(data::Reader& in, Owner*& owner, T*& self, CallContext& context) {
    Handle handle;
    if (!take_handle(in, handle, data::type_name<T>(), context)) return false;
    soho_object object{};
    object.size = sizeof object;
    if (context.call == nullptr ||
        context.plugin->host->object_argument(context.call, handle.id, class_key<T>(), &object) != 0) {
        return context.expected(data::type_name<T>(), "object " + std::to_string(handle.id) + " of type '" +
                                                          std::string(handle.type_id) + "'");
    }
    owner = static_cast<Owner*>(object.owner);
    self = static_cast<T*>(object.self);
    return true;
}

}  // namespace detail
}  // namespace sdk
}  // namespace soho

// Objects of this plugin inside lists and maps of arguments, without exclusion.
template <class T>
requires soho::sdk::detail::Hostable<T>
struct soho::data::Codec<std::shared_ptr<T>> : soho::data::PlainCodec {
    static std::string word() { return type_name<T>(); }
    static bool decode(Reader& in, std::shared_ptr<T>& out, soho::sdk::detail::CallContext& context) {
        soho::sdk::detail::Owner* owner = nullptr;
        T* self = nullptr;
        if (!soho::sdk::detail::read_object(in, owner, self, context)) return false;
        out = std::shared_ptr<T>(owner->object, self);
        return true;
    }
    template <class W>
    static void encode(W&, const std::shared_ptr<T>&) {
        static_assert(!sizeof(W),
                      "soho: objects inside other results travel as soho::ObjectRef; see Host::make_object");
    }
};

namespace soho {
inline namespace sdk {
namespace detail {

// ---- one parameter: describe(), read() and pass(), for each kind

template <class P>
struct ValueParameter {
    using T = std::remove_cvref_t<P>;
    static_assert(!std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>,
                  "soho: take a value as T or const T&; T& is for hosted objects");
    static_assert(std::is_default_constructible_v<T>, "soho: an argument's type needs a default constructor");
    static constexpr bool is_object = false;

    static void describe(std::vector<ParameterRecord>& parameters) {
        ParameterRecord& parameter = parameters.emplace_back();
        parameter.type = data::word<T>();
        parameter.default_problem = [](data::Bytes bytes) -> std::string {
            if constexpr (std::is_same_v<T, ObjectRef>) {
                return "an object has no default; make the parameter a std::optional<soho::ObjectRef>";
            } else {
                PluginState nowhere;
                CallContext context(nowhere, nullptr);
                data::Reader in(bytes);
                T value{};
                return data::decode_into(in, value, context) ? std::string() : context.sentence();
            }
        };
    }
    bool read(data::Reader& in, CallContext& context) { return data::decode_into(in, value_, context); }
    P&& pass() { return static_cast<P&&>(value_); }

private:
    T value_{};
};

template <class P>
struct ObjectParameter {
    using Bare = std::remove_cvref_t<P>;
    using T = std::remove_const_t<typename Made<Bare>::Class>;
    static constexpr bool is_pointer = Made<Bare>::is_pointer;
    static constexpr bool is_object = true;

    static void describe(std::vector<ParameterRecord>& parameters) {
        ParameterRecord& parameter = parameters.emplace_back();
        parameter.flags = is_pointer ? SOHO_PARAMETER_OBJECT : SOHO_PARAMETER_OBJECT | SOHO_PARAMETER_EXCLUSIVE;
        parameter.class_key = class_key<T>();
        parameter.class_name = data::type_name<T>();
        parameter.type = parameter.class_name;
        parameter.default_problem = [](data::Bytes) -> std::string { return "an object has no default"; };
    }
    bool read(data::Reader& in, CallContext& context) {
        Owner* owner = nullptr;
        T* self = nullptr;
        if (!read_object(in, owner, self, context)) return false;
        take(owner, self);
        return true;
    }
    // The result of a mapped method instead of an argument.
    void read_source(void* source) {
        auto* owner = static_cast<Owner*>(source);
        take(owner, static_cast<T*>(owner->self));
    }
    P&& pass() {
        if constexpr (is_pointer) {
            return static_cast<P&&>(object_);
        } else {
            return static_cast<P&&>(*object_);
        }
    }

private:
    void take(Owner* owner, T* self) {
        if constexpr (is_pointer) {
            object_ = Bare(std::shared_ptr<T>(owner->object, self));
        } else {
            object_ = self;
        }
    }
    std::conditional_t<is_pointer, Bare, T*> object_{};
};

struct RestParameter {
    static constexpr bool is_object = false;
    static void describe(std::vector<ParameterRecord>& parameters) {
        ParameterRecord args, kwargs;
        args.flags = SOHO_PARAMETER_ARGS;
        args.name = "args";
        args.type = "any";
        kwargs.flags = SOHO_PARAMETER_KWARGS;
        kwargs.name = "kwargs";
        kwargs.type = "any";
        parameters.push_back(std::move(args));
        parameters.push_back(std::move(kwargs));
    }
    Args&& pass() { return std::move(value); }
    Args value;
};

template <class P>
concept TakesObjectByReference = std::is_lvalue_reference_v<P> && Hostable<std::remove_cvref_t<P>> &&
    (!std::is_const_v<std::remove_reference_t<P>> || !data::HasCodec<std::remove_cvref_t<P>>);

template <class P>
struct ParameterOf {
    static_assert(
        data::HasCodec<std::remove_cvref_t<P>> || !std::is_class_v<std::remove_cvref_t<P>>,
        "soho: this class cannot be passed by value: take a hosted object as T& or std::shared_ptr<T>, or give the "
        "class MSGPACK_DEFINE to make it a value");
    static_assert(data::HasCodec<std::remove_cvref_t<P>> || std::is_class_v<std::remove_cvref_t<P>>,
                  "soho: this type cannot be an argument");
    using Type = ValueParameter<P>;
};
template <class P>
requires TakesObjectByReference<P>
struct ParameterOf<P> {
    using Type = ObjectParameter<P>;
};
template <class P>
requires(Hostable<typename Made<std::remove_cvref_t<P>>::Class>&&
             Made<std::remove_cvref_t<P>>::is_pointer) struct ParameterOf<P> {
    static_assert(
        std::is_convertible_v<std::shared_ptr<typename Made<std::remove_cvref_t<P>>::Class>, std::remove_cvref_t<P>>,
        "soho: the host owns its objects: take std::shared_ptr<T>, not std::unique_ptr<T>");
    using Type = ObjectParameter<P>;
};
template <class P>
requires std::is_same_v<std::remove_cvref_t<P>, Args>
struct ParameterOf<P> {
    using Type = RestParameter;
};

// ---- all ordinary parameters of one function

template <class Ordinary>
class Arguments;

template <class... P>
class Arguments<List<P...>> {
    using Slots = std::tuple<typename ParameterOf<P>::Type...>;
    template <std::size_t I>
    using Slot = std::tuple_element_t<I, Slots>;

    static constexpr std::size_t rest = (std::is_same_v<std::remove_cvref_t<P>, Args> + ... + 0);
    static constexpr std::size_t ordinary = sizeof...(P) - rest;

    static constexpr bool rest_is_last() {
        if constexpr (rest == 0) {
            return true;
        } else {
            return rest == 1 && std::is_same_v<Slot<sizeof...(P) - 1>, RestParameter>;
        }
    }
    static_assert(rest_is_last(), "soho: soho::Args takes what is left over: only one, as the last parameter");

public:
    static std::vector<ParameterRecord> describe() {
        std::vector<ParameterRecord> parameters;
        (ParameterOf<P>::Type::describe(parameters), ...);
        return parameters;
    }

    // The arguments of `context.call`; on false the context says why.
    bool read(const std::vector<ParameterRecord>& parameters, CallContext& context) {
        data::Reader in(from_abi(context.call->args));
        data::Token token;
        if (!in.next(token) || token.kind != data::Kind::array) return context.refuse("arguments must be an array");
        if (rest == 0 ? token.size != ordinary : token.size < ordinary) {
            return context.expected(std::to_string(ordinary) + " arguments", std::to_string(token.size));
        }
        return read_each(parameters, in, token.size, context, std::make_index_sequence<sizeof...(P)>());
    }

    // The one argument is the result of a mapped method.
    void read_source(void* source) {
        if constexpr (sizeof...(P) == 1) {
            if constexpr (Slot<0>::is_object) return std::get<0>(slots_).read_source(source);
        }
        throw Error::with_code(SOHO_INTERNAL, "the host gave a source to a callable that takes none");
    }

    template <std::size_t I>
    decltype(auto) pass() {
        return std::get<I>(slots_).pass();
    }

private:
    template <std::size_t... I>
    bool read_each([[maybe_unused]] const std::vector<ParameterRecord>& parameters, [[maybe_unused]] data::Reader& in,
                   [[maybe_unused]] std::uint32_t count, [[maybe_unused]] CallContext& context,
                   std::index_sequence<I...>) {
        return (read_one<I>(parameters, in, count, context) && ...);
    }
    template <std::size_t I>
    bool read_one([[maybe_unused]] const std::vector<ParameterRecord>& parameters, data::Reader& in,
                  [[maybe_unused]] std::uint32_t count, CallContext& context) {
        if constexpr (std::is_same_v<Slot<I>, RestParameter>) {
            return std::get<I>(slots_).value.take(in, count - static_cast<std::uint32_t>(ordinary), context);
        } else {
            if (std::get<I>(slots_).read(in, context)) [[likely]]
                return true;
            const std::string& name = parameters[I].name;
            return context.inside(name.empty() ? "argument " + std::to_string(I + 1) : "argument '" + name + "'");
        }
    }

    Slots slots_;
};

}  // namespace detail
}  // namespace sdk
}  // namespace soho
