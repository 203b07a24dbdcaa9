#pragma once
// State: what an object is made of, taken out of it and put into a new one. Types that offer it keep their objects when the plugin is
// reloaded as another version; all others' live on in the version that made them.
//
//     plugin.type<Pair>("Pair")
//         .constructor<std::int64_t, std::int64_t>()
//         .state(2, [](const Pair& pair) { return std::tuple(pair.x, pair.y, pair.name); },
//                [](std::tuple<std::int64_t, std::int64_t, std::string> all) { return std::make_from_tuple<Pair>(all); })
//         .older_state(1, [](std::pair<std::int64_t, std::int64_t> xy) { return Pair(xy.first, xy.second, "unnamed"); });
//
//     save    a const member function of T, or a function or lambda (const T&) or (const T&, soho::Call&). Returns the state: any type
//             that may be a result, and no object. It changes nothing: if the new object cannot be made, the host goes on with this one.
//     load    a function or lambda (State) or (State, std::uint32_t version), with a soho::Call& in front if it wants one. Returns what
//             a callable may: T, std::unique_ptr<T> or std::shared_ptr<T>, and a shared_ptr that it returns again is the same object
//             again. Nobody has the object yet, and the old one still lives: what two cannot have (a file, a port) it takes later.
//
// Both may throw: then the object stays what it was, and the log says why. The host calls save in the object's turn, while no method
// of it runs and no reply of it is pending, also where its type is concurrent; load one at a time with the type's callable. The call
// is nobody's; Call::object() is the object's id, in load for references alone: it cannot be charged or have timers yet.
//
// Objects in a state are soho::ObjectRefs, or handles in soho::Values: the host keeps them alive on the way. An id that travels
// otherwise, as a number, means nothing where the state is loaded.
//
// The version is that of the state, not of the type. A load that takes no version gets what its own save wrote, older_state() what
// older ones did; of any other version the host is told so. Struct members that MSGPACK_DEFINE_MAP lists may come and go under one
// version: those that a state does not have keep their values.

#include <soho/plugin/bound.hpp>

#include <functional>
#include <map>

namespace soho {
inline namespace sdk {
namespace detail {

// What stays of a typeid's hooks: the context of both ABI functions.
struct StateRecord {
    using Save = std::function<void(const void* self, Call& call, data::Writer<SinkOut>& out)>;
    using Load = std::function<soho_instance(Call& call, std::uint32_t version)>;

    PluginState* plugin = nullptr;
    std::uint32_t version = 0;
    bool takes_all_versions = false;  // `load` does
    Save save;
    Load load;
    std::map<std::uint32_t, Load> older;

    const Load& load_for(std::uint32_t saved) const {
        if (saved == version) return load;
        if (const auto found = older.find(saved); found != older.end()) return found->second;
        if (takes_all_versions) return load;
        std::string known = std::to_string(version);
        for (const auto& entry : older) known = std::to_string(entry.first) + " or " + known;
        throw Error::with_code(SOHO_BAD_ARGUMENTS, "this build of the plugin loads state of version " + known +
                                                       ", and this is of version " + std::to_string(saved));
    }
};

inline std::uint32_t save_state(void* context, void* self, const soho_call* abi) noexcept {
    const auto& record = *static_cast<const StateRecord*>(context);
    try {
        Call call(*record.plugin, *abi);
        SinkOut sink(*abi->result);
        data::Writer<SinkOut> out(sink);
        record.save(self, call, out);
        return SOHO_DONE;
    } catch (...) {
        return fail_with_current(*record.plugin->host, *abi);
    }
}

inline std::uint32_t load_state(void* context, const soho_call* abi, std::uint32_t version,
                                soho_instance* out) noexcept {
    const auto& record = *static_cast<const StateRecord*>(context);
    try {
        Call call(*record.plugin, *abi);
        *out = record.load_for(version)(call, version);
        return SOHO_DONE;
    } catch (...) {
        return fail_with_current(*record.plugin->host, *abi);
    }
}

template <class T, class F>
struct BoundSave {
    static constexpr bool alone = std::is_invocable_v<F&, const T&>;
    static_assert(alone || std::is_invocable_v<F&, const T&, Call&>,
                  "soho: save is a const member function of the class, or takes the object as it is: (const T&) or "
                  "(const T&, soho::Call&)");

    static decltype(auto) run(F& save, const T& object, [[maybe_unused]] Call& call) {
        if constexpr (alone) {
            return std::invoke(save, object);
        } else {
            return std::invoke(save, object, call);
        }
    }
    using State = std::remove_cvref_t<typename std::conditional_t<alone, std::invoke_result<F&, const T&>,
                                                                  std::invoke_result<F&, const T&, Call&>>::type>;
    static_assert(!std::is_void_v<State>, "soho: save returns the state, and this returns nothing");
    static_assert(std::is_void_v<State> || data::HasCodec<State>,
                  "soho: this type cannot be a state: give it MSGPACK_DEFINE, or return a tuple or a soho::Value");
};

template <class T, class F>
StateRecord::Save bind_save(F save) {
    return [save = std::move(save)](const void* self, Call& call, data::Writer<SinkOut>& out) mutable {
        data::encode(out, BoundSave<T, F>::run(save, *static_cast<const T*>(self), call));
    };
}

template <class T, class F>
struct BoundLoad {
    using Shape = detail::Shape<F, typename Signature<F>::Result, typename Signature<F>::Parameters>;
    using Ordinary = typename Shape::Ordinary;
    using Made = std::remove_cvref_t<typename Shape::Result>;
    static_assert(!Shape::replies, "soho: load makes its object at once: it takes no soho::Reply");
    static_assert(Ordinary::size == 1 || Ordinary::size == 2,
                  "soho: load takes the state, and its version if it wants to know: (State) or (State, std::uint32_t)");
    static_assert(std::is_convertible_v<Made, std::shared_ptr<T>> || std::is_same_v<Made, T>,
                  "soho: load returns T, std::unique_ptr<T> or std::shared_ptr<T>");
    static_assert(!std::is_reference_v<typename Shape::Result> || !std::is_same_v<Made, T>,
                  "soho: load cannot return a reference to an object, nothing would keep it alive: return "
                  "std::shared_ptr<T>");
    static constexpr bool takes_version = Ordinary::size == 2;

    template <class L>
    struct SecondOf {
        using Type = std::uint32_t;
    };
    template <class State, class Second, class... Rest>
    struct SecondOf<List<State, Second, Rest...>> {
        using Type = Second;
    };
    static_assert(std::is_same_v<std::remove_cvref_t<typename SecondOf<Ordinary>::Type>, std::uint32_t>,
                  "soho: what load takes behind the state is its version, a std::uint32_t");

    using Given = At<0, Ordinary>;
    using State = std::remove_cvref_t<Given>;
    static_assert(data::HasCodec<State> && !ParameterOf<Given>::Type::is_object && !std::is_same_v<State, Args>,
                  "soho: this type cannot be a state: a struct with MSGPACK_DEFINE, a tuple and a soho::Value can; "
                  "hosted objects in it are soho::ObjectRef");

    static soho_instance run(F& load, Call& call, [[maybe_unused]] std::uint32_t version) {
        CallContext context(call.plugin(), call.abi());
        data::Reader in(from_abi(call.abi()->args));
        State state{};
        if (!data::decode_into(in, state, context))
            throw Error::with_code(SOHO_BAD_ARGUMENTS, "state: " + context.sentence());
        const auto make = [&](auto&&... given) -> decltype(auto) {
            if constexpr (Shape::Leading::size == 0) {
                return std::invoke(load, std::forward<decltype(given)>(given)...);
            } else {
                return std::invoke(load, call, std::forward<decltype(given)>(given)...);
            }
        };
        std::shared_ptr<T> object;
        if constexpr (takes_version) {
            object = to_shared<T>(make(static_cast<Given&&>(state), version));
        } else {
            object = to_shared<T>(make(static_cast<Given&&>(state)));
        }
        if (object == nullptr) throw Error::with_code(SOHO_INTERNAL, "load returned a null pointer");
        return make_instance(std::move(object));
    }
};

template <class T, class F>
StateRecord::Load bind_load(F load) {
    return [load = std::move(load)](Call& call, std::uint32_t version) mutable {
        return BoundLoad<T, F>::run(load, call, version);
    };
}

}  // namespace detail
}  // namespace sdk
}  // namespace soho
