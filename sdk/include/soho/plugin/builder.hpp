#pragma once
// What the body of SOHO_PLUGIN works with: plugin.methods<T>(), plugin.type<T>("Id"), plugin.publish(…).
// All of it only while the plugin loads; the handles returned here are of no use later.

#include <soho/plugin/state.hpp>

#include <initializer_list>

namespace soho {
inline namespace sdk {

namespace detail {

// Gives the ordinary parameters their names and defaults. `what` is for the sentence.
inline void name_parameters(std::vector<ParameterRecord>& parameters, const std::string& what,
                            std::initializer_list<Argument> names) {
    std::size_t ordinary = 0;
    for (const ParameterRecord& parameter : parameters) ordinary += parameter.is_rest() ? 0 : 1;
    if (names.size() != ordinary) {
        throw Refusal(".args() of " + what + " names " + std::to_string(names.size()) + " parameters, it takes " +
                      std::to_string(ordinary));
    }
    std::size_t index = 0;
    for (const Argument& name : names) {
        ParameterRecord& parameter = parameters[index++];
        name.apply(parameter);
        if (!parameter.default_value) continue;
        const std::string problem = parameter.default_problem(data::as_bytes(*parameter.default_value));
        if (!problem.empty()) {
            throw Refusal("the default of argument '" + parameter.name + "' of " + what + ": " + problem);
        }
    }
}

}  // namespace detail

// The methods of class T. Registered once per class; each typeid chooses among them. What follows a .method() describes it.
template <class T>
class Methods {
public:
    Methods(detail::PluginState& plugin, detail::ClassRecord& record) : plugin_(&plugin), class_(&record) {}

    // `function`: a member function of T or a base, or any function or lambda that takes a T& first.
    template <class F>
    Methods& method(std::string name, F function) {
        using Bound = detail::BoundMethod<T, F>;
        detail::MethodRecord& record = class_->methods.emplace_back();
        record.name = std::move(name);
        if (Bound::Shape::replies) record.flags |= SOHO_METHOD_DEFERS;
        record.parameters = detail::ArgumentsOf<typename Bound::Shape>::describe();
        record.result = detail::Result<typename Bound::Shape::Result>::describe();
        record.context = plugin_->keep<Bound>(*plugin_, record, std::move(function));
        record.invoke = &Bound::invoke;
        return *this;
    }

    // Names for the arguments, in order, so that callers can use them as keywords; "y"_a = 0 gives a default.
    template <class... Names>
    Methods& args(Names&&... names) {
        detail::MethodRecord& record = last(".args()");
        detail::name_parameters(record.parameters, "method '" + record.name + "' of " + class_->name,
                                {Argument(std::forward<Names>(names))...});
        return *this;
    }
    Methods& doc(std::string text) {
        last(".doc()").doc = std::move(text);
        return *this;
    }
    Methods& readonly() { return flag(SOHO_METHOD_READONLY, ".readonly()"); }        // changes nothing
    Methods& idempotent() { return flag(SOHO_METHOD_IDEMPOTENT, ".idempotent()"); }  // twice is as good as once
    Methods& oneway() { return flag(SOHO_METHOD_ONEWAY, ".oneway()"); }              // callers need not wait for it
    Methods& blocking() { return flag(SOHO_METHOD_BLOCKING, ".blocking()"); }        // may wait: runs on a pool

private:
    detail::MethodRecord& last(const char* what) {
        if (class_->methods.empty()) {
            throw detail::Refusal(std::string(what) + " of " + class_->name + " stands before the first .method()");
        }
        return class_->methods.back();
    }
    Methods& flag(std::uint32_t bit, const char* what) {
        last(what).flags |= bit;
        return *this;
    }

    detail::PluginState* plugin_;
    detail::ClassRecord* class_;
};

// One typeid.
template <class T>
class Type {
public:
    Type(detail::PluginState& plugin, detail::TypeRecord& record) : plugin_(&plugin), record_(&record) {}

    // What runs on `create`: any function or lambda that returns T, std::unique_ptr<T> or std::shared_ptr<T>, or takes a
    // Reply of one. Returning the same shared_ptr again gives the same object.
    template <class F>
    Type& callable(F function) {
        using Bound = detail::BoundCallable<T, F>;
        record_->parameters = detail::ArgumentsOf<typename Bound::Shape>::describe();
        record_->context = plugin_->keep<Bound>(*plugin_, *record_, std::move(function));
        record_->create = &Bound::create;
        return *this;
    }
    // The constructor with these arguments.
    template <class... A>
    Type& constructor() {
        static_assert(std::is_constructible_v<T, A...>,
                      "soho: the class has no constructor that takes these arguments");
        return callable([](A... arguments) { return std::make_shared<T>(std::forward<A>(arguments)...); });
    }
    // Names of the callable's arguments.
    template <class... Names>
    Type& args(Names&&... names) {
        if (record_->create == nullptr) {
            throw detail::Refusal(".args() of type '" + record_->type_id +
                                  "' stands before its callable or constructor");
        }
        detail::name_parameters(record_->parameters, "the callable of type '" + record_->type_id + "'",
                                {Argument(std::forward<Names>(names))...});
        return *this;
    }
    Type& doc(std::string text) {
        record_->doc = std::move(text);
        return *this;
    }
    // The only methods that clients can call; an empty list means none.
    Type& exposed(std::initializer_list<std::string_view> methods) {
        record_->exposed = list(methods);
        return *this;
    }
    // The clients' proxy class, and what is exposed unless .exposed() says otherwise.
    Type& proxytype(std::string name) {
        record_->proxytype = std::move(name);
        return *this;
    }
    Type& proxytype(std::string name, std::initializer_list<std::string_view> methods) {
        record_->proxytype_exposed = list(methods);
        return proxytype(std::move(name));
    }
    // These methods' results stay in the host, as objects of those typeids.
    Type& method_to_typeid(std::initializer_list<std::pair<std::string_view, std::string_view>> mappings) {
        for (const auto& [method, type_id] : mappings) {
            record_->mappings.push_back({std::string(method), std::string(type_id), 0});
        }
        return *this;
    }
    // False: clients cannot create it by name.
    Type& create_method(bool allowed) { return flag(SOHO_TYPE_NO_CREATE, !allowed); }
    Type& version(std::uint32_t major, std::uint32_t minor) {
        record_->version_major = major;
        record_->version_minor = minor;
        return *this;
    }
    // How its objects are saved, and made again from that when the plugin is reloaded as another version: see state.hpp.
    template <class Save, class Load>
    Type& state(std::uint32_t version, Save save, Load load) {
        auto record = std::make_shared<detail::StateRecord>();
        record->plugin = plugin_;
        record->version = version;
        record->takes_all_versions = detail::BoundLoad<T, Load>::takes_version;
        record->save = detail::bind_save<T>(std::move(save));
        record->load = detail::bind_load<T>(std::move(load));
        record_->state = std::move(record);
        return *this;
    }
    // How an object is made of state that an older version saved. Follows state().
    template <class Load>
    Type& older_state(std::uint32_t version, Load load) {
        const std::string what = ".older_state(" + std::to_string(version) + ") of type '" + record_->type_id + "'";
        if (record_->state == nullptr) throw detail::Refusal(what + " stands before its .state()");
        const bool is_new = version != record_->state->version &&
                            record_->state->older.emplace(version, detail::bind_load<T>(std::move(load))).second;
        if (!is_new) throw detail::Refusal(what + " is there twice");
        return *this;
    }
    Type& concurrent() { return flag(SOHO_TYPE_CONCURRENT); }      // the methods look after themselves
    Type& shared_reads() { return flag(SOHO_TYPE_SHARED_READS); }  // readonly methods run beside each other
    Type& per_plugin() { return flag(SOHO_TYPE_PER_PLUGIN); }      // one turn for all objects of such types
    Type& blocking() { return flag(SOHO_TYPE_BLOCKING); }          // the callable or the destructor may wait

private:
    static std::vector<std::string> list(std::initializer_list<std::string_view> names) {
        return std::vector<std::string>(names.begin(), names.end());
    }
    Type& flag(std::uint32_t bit, bool set = true) {
        record_->flags = set ? record_->flags | bit : record_->flags & ~bit;
        return *this;
    }

    detail::PluginState* plugin_;
    detail::TypeRecord* record_;
};

namespace detail {

// The function of soho.self_test/1.
inline int test_self(void* context, void* refusal, void (*refuse)(void* context, soho_text reason)) noexcept {
    try {
        for (const auto& test : static_cast<PluginState*>(context)->self_tests) test();
        return 0;
    } catch (...) {
        try {
            const Error error = current_error();
            refuse(refusal, to_abi(error.type() + ": " + error.text()));
        } catch (...) {
            refuse(refusal, to_abi("it threw an exception"));
        }
        return 1;
    }
}

}  // namespace detail

class Plugin {
public:
    explicit Plugin(detail::PluginState& state) : state_(&state) {}
    Plugin(const Plugin&) = delete;
    Plugin& operator=(const Plugin&) = delete;

    template <class T>
    Methods<T> methods() {
        check<T>();
        return Methods<T>(*state_, class_record<T>());
    }

    template <class T>
    Type<T> type(std::string type_id) {
        check<T>();
        detail::TypeRecord& record = state_->types.emplace_back();
        record.type_id = std::move(type_id);
        record.of = &class_record<T>();
        if constexpr (std::is_default_constructible_v<T>) {
            record.set_default_callable = [](detail::TypeRecord& type, detail::PluginState& plugin) {
                Type<T>(plugin, type).template constructor<>();
            };
        }
        return Type<T>(*state_, record);
    }

    // Has the host create a `type_id` with these arguments when the plugin is loaded, and publish it.
    template <class... A>
    Plugin& publish(std::string name, std::string type_id, const A&... arguments) {
        data::Buffer encoded;
        data::Writer<data::Buffer> out(encoded);
        data::encode_array(out, arguments...);
        state_->publications.push_back({std::move(name), std::move(type_id), std::string(encoded.text())});
        return *this;
    }

    Host host() const { return Host(*state_); }
    Value settings() const { return host().settings(); }

    // Runs when the host is going: end and join the plugin's threads here. The last one given runs first.
    Plugin& on_stop(std::function<void()> function) {
        state_->on_stop.push_back(std::move(function));
        return *this;
    }
    // Whether this version is fit to serve: it throws if not. A host that reloads the plugin runs it before it has any object made.
    Plugin& self_test(std::function<void()> test) {
        static constexpr soho_self_test table = {sizeof(soho_self_test), 0, &detail::test_self};
        state_->self_tests.push_back(std::move(test));
        return extension(SOHO_SELF_TEST, &table);
    }
    // A table that the plugin offers by an id, such as "soho.state/1". It must stay.
    Plugin& extension(std::string id, const void* table) {
        state_->extensions[std::move(id)] = table;
        return *this;
    }

private:
    template <class T>
    static void check() {
        static_assert(detail::Hostable<T>,
                      "soho: the host keeps objects of classes; this is a value type, const, or no class");
    }
    template <class T>
    detail::ClassRecord& class_record() {
        return state_->class_record(detail::class_key<T>(), data::type_name<T>());
    }

    detail::PluginState* state_;
};

}  // namespace sdk
}  // namespace soho
