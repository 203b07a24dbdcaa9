#pragma once
// What methods and callables return, on its way into the host.

#include <soho/plugin/call.hpp>

namespace soho {
inline namespace sdk {
namespace detail {

// The host's sink, for a data::Writer.
class SinkOut {
public:
    explicit SinkOut(soho_sink& sink) : sink_(sink) {}
    std::uint8_t* reserve(std::size_t bytes) {
        if (static_cast<std::size_t>(sink_.end - sink_.cursor) < bytes) [[unlikely]]
            grow(bytes);
        return sink_.cursor;
    }
    void commit(std::uint8_t* end) { sink_.cursor = end; }

private:
    [[gnu::cold, gnu::noinline]] void grow(std::size_t bytes) {
        if (sink_.grow(&sink_, bytes) != 0) {
            throw Error::with_code(SOHO_LIMIT, "the result is larger than the host lets through");
        }
    }
    soho_sink& sink_;
};

// A class that the host can keep objects of: any that is no plain value.
template <class T>
concept Hostable = std::is_class_v<T> && !std::is_const_v<T> && !data::PlainValue<T> && !std::is_same_v<T, Args> &&
                   !std::is_same_v<T, Call>;

// Sorts a result type. `Declared` is what the function returns, or the T of its Reply<T>.
template <class Declared>
struct Result {
    using Bare = std::remove_cvref_t<Declared>;
    using Class = typename Made<Bare>::Class;

    static constexpr bool is_void = std::is_void_v<Declared>;
    static constexpr bool is_pointer = Made<Bare>::is_pointer;
    // An object and nothing else …
    static constexpr bool is_object = is_pointer || (!is_void && std::is_class_v<Bare> && !data::HasCodec<Bare>);
    // … or a struct that travels as a value, unless a typeid was mapped to the method.
    static constexpr bool may_be_object = is_object || Hostable<Bare>;

    static constexpr bool check() {
        static_assert(
            !std::is_pointer_v<Bare> || data::HasCodec<Bare>,
            "soho: a method cannot return a plain pointer: return T, std::unique_ptr<T> or std::shared_ptr<T>");
        static_assert(!std::is_reference_v<Declared> || data::HasCodec<Bare> || is_pointer,
                      "soho: a method cannot return a reference to an object, nothing would keep it alive: return "
                      "std::shared_ptr<T> (its aliasing constructor keeps a parent), or soho::ObjectRef");
        static_assert(is_void || is_object || data::HasCodec<Bare>, "soho: this type cannot be a result");
        static_assert(
            !is_object || Hostable<Class>,
            "soho: as a result, a pointer must hold a class that the host can keep (no const, no value type)");
        return true;
    }

    static ResultRecord describe() {
        static_assert(check());
        ResultRecord record;
        record.is_object = is_object;
        if constexpr (may_be_object) {
            record.class_key = class_key<Class>();
            record.class_name = data::type_name<Class>();
        }
        if constexpr (is_void) {
            record.word = "nil";
        } else if constexpr (is_object) {
            record.word = record.class_name;
        } else {
            record.word = data::word<Bare>();
        }
        return record;
    }
};

inline bool wants_object(std::uint32_t call_flags) {
    return (call_flags & (SOHO_CALL_WANTS_OBJECT | SOHO_CALL_WANTS_SOURCE)) != 0;
}

// Of a struct that could be either: as another callable's argument it is a value.
inline bool wants_struct_as_object(std::uint32_t call_flags) {
    return (call_flags & (SOHO_CALL_WANTS_OBJECT | SOHO_CALL_WANTS_SOURCE)) == SOHO_CALL_WANTS_OBJECT;
}

// An object as the call wants it. `object` is not null.
template <class T>
soho_instance make_result(std::uint32_t call_flags, std::shared_ptr<T> object) {
    return (call_flags & SOHO_CALL_WANTS_SOURCE) != 0 ? make_source(std::move(object))
                                                      : make_instance(std::move(object));
}

// A method's result, now.
template <class Declared>
std::uint32_t deliver(const soho_host& host, const soho_call& call, Declared&& value) {
    using Kind = Result<Declared>;
    if constexpr (Kind::may_be_object) {
        if (Kind::is_object || wants_struct_as_object(call.flags)) {
            auto object = to_shared<typename Kind::Class>(std::forward<Declared>(value));
            if (object != nullptr) {
                if (!wants_object(call.flags)) {
                    throw Error::with_code(SOHO_INTERNAL,
                                           "the method returns an object, but the type that it was called "
                                           "through maps it to no typeid");
                }
                const soho_instance instance = make_result(call.flags, std::move(object));
                host.result_object(&call, &instance);
                return SOHO_DONE;
            }
            SinkOut sink(*call.result);
            data::Writer<SinkOut>(sink).nil();
            return SOHO_DONE;
        }
    }
    if constexpr (!Kind::is_object) {
        SinkOut sink(*call.result);
        data::Writer<SinkOut> out(sink);
        data::encode(out, value);
    }
    return SOHO_DONE;
}

inline std::uint32_t deliver_nothing(const soho_call& call) {
    SinkOut sink(*call.result);
    data::Writer<SinkOut>(sink).nil();
    return SOHO_DONE;
}

}  // namespace detail
}  // namespace sdk
}  // namespace soho
