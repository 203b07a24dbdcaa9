#pragma once
// What a plugin registers, before it becomes the ABI's tables; and what of it stays while the plugin is loaded.

#include <soho/plugin/text.hpp>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace soho {
inline namespace sdk {
namespace detail {

// Why a plugin cannot be loaded; ends `load` with its sentence.
struct Refusal : std::logic_error {
    using std::logic_error::logic_error;
};

// Stands for the class, by its address. Not const: constants may be folded into one.
template <class T>
inline char class_tag = 0;

template <class T>
const void* class_key() {
    return &class_tag<T>;
}

struct ParameterRecord {
    std::uint32_t flags = 0;
    std::string name, type, doc;
    std::optional<std::string> default_value;  // MessagePack
    const void* class_key = nullptr;
    std::string class_name;
    std::string (*default_problem)(data::Bytes) = nullptr;  // why a default does not fit, or nothing

    bool is_object() const { return (flags & SOHO_PARAMETER_OBJECT) != 0; }
    bool is_rest() const { return (flags & (SOHO_PARAMETER_ARGS | SOHO_PARAMETER_KWARGS)) != 0; }
};

struct ResultRecord {
    bool is_object = false;           // an object, never a value
    const void* class_key = nullptr;  // of an object, or of a struct that may be either
    std::string class_name;
    std::string word;
};

struct MethodRecord {
    std::uint32_t flags = 0;
    std::string name, doc;
    ResultRecord result;
    std::vector<ParameterRecord> parameters;
    void* context = nullptr;
    std::uint32_t (*invoke)(void*, void*, const soho_call*) = nullptr;
};

struct ClassRecord {
    const void* key = nullptr;
    std::string name;
    std::deque<MethodRecord> methods;

    const MethodRecord* find(std::string_view method) const {
        for (const MethodRecord& record : methods) {
            if (record.name == method) return &record;
        }
        return nullptr;
    }
};

struct MappingRecord {
    std::string method, type_id;
    std::uint32_t flags = 0;
};

struct StateRecord;

struct TypeRecord {
    std::uint32_t flags = 0;
    std::string type_id, proxytype, doc;
    std::uint32_t version_major = 1, version_minor = 0;
    ClassRecord* of = nullptr;
    std::optional<std::vector<std::string>> exposed, proxytype_exposed;
    std::vector<MappingRecord> mappings;
    std::vector<ParameterRecord> parameters;
    void* context = nullptr;
    std::uint32_t (*create)(void*, const soho_call*, soho_instance*) = nullptr;
    std::shared_ptr<StateRecord> state;  // state.hpp; NULL: it offers none
    // Sets the default constructor as the callable, where the class has one.
    void (*set_default_callable)(TypeRecord&, struct PluginState&) = nullptr;

    const std::optional<std::vector<std::string>>& exposed_list() const {
        return exposed ? exposed : proxytype_exposed;
    }
    bool exposes(std::string_view method) const {
        const auto& list = exposed_list();
        if (!list) return !method.starts_with('_');
        for (const std::string& name : *list) {
            if (name == method) return true;
        }
        return false;
    }
};

struct PublicationRecord {
    std::string name, type_id, args;
};

// The plugin's own, from `load` to `unload`.
struct PluginState {
    const soho_host* host = nullptr;
    std::map<std::string, const void*, std::less<>> class_of_type;
    std::map<std::string, const void*, std::less<>> extensions;
    std::vector<std::function<void()>> on_stop;
    std::vector<std::function<void()>> self_tests;
    std::deque<ClassRecord> classes;  // methods find the names of their parameters here
    std::deque<TypeRecord> types;
    std::vector<PublicationRecord> publications;
    std::vector<soho_state_type> state_types;
    soho_state state_table{};                     // of those
    std::vector<std::shared_ptr<void>> contexts;  // of methods and callables

    template <class T, class... A>
    T* keep(A&&... arguments) {
        auto kept = std::make_shared<T>(std::forward<A>(arguments)...);
        contexts.push_back(kept);
        return kept.get();
    }
    ClassRecord& class_record(const void* key, const std::string& name) {
        for (ClassRecord& record : classes) {
            if (record.key == key) return record;
        }
        ClassRecord& record = classes.emplace_back();
        record.key = key;
        record.name = name;
        return record;
    }
};

}  // namespace detail
}  // namespace sdk
}  // namespace soho
