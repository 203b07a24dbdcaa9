#pragma once
// The end of `load`: what was registered is checked for what only C++ types can tell, and handed to the host's registrar,
// which checks the rest for plugins in any language.

#include <soho/plugin/state.hpp>

namespace soho {
inline namespace sdk {
namespace detail {

// The typeids that are of that class.
inline std::vector<std::string> type_ids_of(const PluginState& plugin, const void* class_key) {
    std::vector<std::string> ids;
    for (const TypeRecord& type : plugin.types) {
        if (type.of->key == class_key) ids.push_back(type.type_id);
    }
    return ids;
}

inline std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

inline std::string with_article(const std::string& name) {
    const bool vowel = !name.empty() && std::string_view("AEIOUaeiou").find(name.front()) != std::string_view::npos;
    return (vowel ? "an " : "a ") + name;
}

// Where a class has one typeid, descriptions call it by that.
inline void name_class(const PluginState& plugin, const void* class_key, std::string& word) {
    const auto ids = type_ids_of(plugin, class_key);
    if (ids.size() == 1) word = ids.front();
}

inline void settle_parameters(const PluginState& plugin, std::vector<ParameterRecord>& parameters,
                              const std::string& what) {
    for (ParameterRecord& parameter : parameters) {
        if (!parameter.is_object()) continue;
        if (type_ids_of(plugin, parameter.class_key).empty()) {
            throw Refusal(what + " takes " + with_article(parameter.class_name) +
                          ", but no type of this plugin is of that class");
        }
        name_class(plugin, parameter.class_key, parameter.type);
    }
}

// A method's result becomes a `target`: as it is, by the target's callable, or not at all.
inline std::uint32_t mapping_flags(const TypeRecord& type, const MethodRecord& method, const TypeRecord& target) {
    const ResultRecord& result = method.result;
    const ParameterRecord* taken =
        target.parameters.size() == 1 && !target.parameters.front().is_rest() ? &target.parameters.front() : nullptr;
    if (taken != nullptr && taken->is_object() && result.is_object && taken->class_key == result.class_key) {
        return SOHO_MAPPING_SOURCE;
    }
    if (result.class_key != nullptr && result.class_key == target.of->key) return 0;
    if (taken != nullptr && !taken->is_object() && !result.is_object && result.word != "nil")
        return SOHO_MAPPING_SOURCE;
    throw Refusal("type '" + type.type_id + "' maps method '" + method.name + "' to '" + target.type_id +
                  "', but its result (" + result.word + ") cannot become one: '" + target.type_id + "' is of class " +
                  target.of->name + ", and has no callable that takes just such a result");
}

// An exposed method that returns an object needs to say as what. With a single typeid of its class, that is clear.
inline void map_object_results(const PluginState& plugin, TypeRecord& type) {
    for (const MethodRecord& method : type.of->methods) {
        if (!method.result.is_object || !type.exposes(method.name)) continue;
        bool mapped = false;
        for (const MappingRecord& mapping : type.mappings) mapped = mapped || mapping.method == method.name;
        if (mapped) continue;
        const auto ids = type_ids_of(plugin, method.result.class_key);
        if (ids.size() == 1) {
            type.mappings.push_back({method.name, ids.front(), 0});
            continue;
        }
        const std::string sentence = "method '" + method.name + "' of type '" + type.type_id + "' returns " +
                                     with_article(method.result.class_name);
        if (ids.empty()) throw Refusal(sentence + ", but no type of this plugin is of that class");
        throw Refusal(sentence + ", and several typeids are of that class (" + joined(ids) +
                      "): say which with .method_to_typeid({{\"" + method.name + "\", \"…\"}})");
    }
}

inline void settle_mappings(const PluginState& plugin, TypeRecord& type) {
    for (MappingRecord& mapping : type.mappings) {
        const MethodRecord* method = type.of->find(mapping.method);
        if (method == nullptr) continue;  // the host refuses it
        for (const TypeRecord& target : plugin.types) {
            if (target.type_id == mapping.type_id) mapping.flags = mapping_flags(type, *method, target);
        }
    }
    map_object_results(plugin, type);
}

// The table soho.state/1, if any type has state.
inline void settle_state(PluginState& plugin) {
    for (const TypeRecord& type : plugin.types) {
        if (type.state == nullptr) continue;
        soho_state_type& entry = plugin.state_types.emplace_back();
        entry.size = sizeof entry;
        entry.type_id = to_abi(type.type_id);
        entry.version = type.state->version;
        entry.context = type.state.get();
        entry.save = &save_state;
        entry.load = &load_state;
    }
    if (plugin.state_types.empty()) return;
    plugin.state_table.size = sizeof plugin.state_table;
    plugin.state_table.types = to_abi_array(plugin.state_types.data(), plugin.state_types.size());
    if (!plugin.extensions.emplace(SOHO_STATE, &plugin.state_table).second) {
        throw Refusal("it has types with .state(), and a table " SOHO_STATE
                      " of its own with .extension(): leave one out");
    }
}

// All that the types themselves can tell. Throws Refusal.
inline void settle(PluginState& plugin) {
    for (TypeRecord& type : plugin.types) {
        if (type.create == nullptr && type.set_default_callable != nullptr) type.set_default_callable(type, plugin);
        plugin.class_of_type[type.type_id] = type.of->key;
    }
    for (ClassRecord& record : plugin.classes) {
        for (MethodRecord& method : record.methods) {
            settle_parameters(plugin, method.parameters, "method '" + method.name + "' of " + record.name);
            if (method.result.is_object) name_class(plugin, method.result.class_key, method.result.word);
        }
    }
    for (TypeRecord& type : plugin.types) {
        settle_parameters(plugin, type.parameters, "the callable of type '" + type.type_id + "'");
        settle_mappings(plugin, type);
    }
    settle_state(plugin);
}

// ---- records into tables ----

inline std::vector<soho_parameter> parameter_table(const std::vector<ParameterRecord>& records) {
    std::vector<soho_parameter> table;
    for (const ParameterRecord& record : records) {
        soho_parameter& entry = table.emplace_back();
        entry.size = sizeof entry;
        entry.flags = record.flags;
        entry.name = to_abi(record.name);
        entry.type = to_abi(record.type);
        entry.doc = to_abi(record.doc);
        if (record.default_value) entry.default_value = to_abi(data::as_bytes(*record.default_value));
        entry.class_key = record.class_key;
    }
    return table;
}

inline int add_type(const TypeRecord& record, const soho_registrar& registrar) {
    std::deque<std::vector<soho_parameter>> parameters;  // what `methods` points into
    std::vector<soho_method> methods;
    for (const MethodRecord& method : record.of->methods) {
        parameters.push_back(parameter_table(method.parameters));
        soho_method& entry = methods.emplace_back();
        entry.size = sizeof entry;
        entry.flags = method.flags;
        entry.name = to_abi(method.name);
        entry.doc = to_abi(method.doc);
        entry.returns = to_abi(method.result.word);
        entry.parameters = to_abi_array(parameters.back().data(), parameters.back().size());
        entry.context = method.context;
        entry.invoke = method.invoke;
    }
    std::vector<soho_text> exposed;
    if (record.exposed_list()) {
        for (const std::string& name : *record.exposed_list()) exposed.push_back(to_abi(name));
    }
    std::vector<soho_mapping> mappings;
    for (const MappingRecord& mapping : record.mappings) {
        mappings.push_back({sizeof(soho_mapping), mapping.flags, to_abi(mapping.method), to_abi(mapping.type_id)});
    }
    const std::vector<soho_parameter> create_parameters = parameter_table(record.parameters);

    soho_type type{};
    type.size = sizeof type;
    type.flags = record.flags | (record.exposed_list() ? std::uint32_t{SOHO_TYPE_EXPOSED} : 0u);
    type.type_id = to_abi(record.type_id);
    type.proxytype = to_abi(record.proxytype);
    type.doc = to_abi(record.doc);
    type.version_major = record.version_major;
    type.version_minor = record.version_minor;
    type.class_key = record.of->key;
    type.class_name = to_abi(record.of->name);
    type.methods = to_abi_array(methods.data(), methods.size());
    type.exposed = to_abi_array(exposed.data(), exposed.size());
    type.method_to_typeid = to_abi_array(mappings.data(), mappings.size());
    type.parameters = to_abi_array(create_parameters.data(), create_parameters.size());
    type.context = record.context;
    type.create = record.create;
    return registrar.add_type(&registrar, &type);
}

// Returns what `load` returns.
inline int hand_over(const PluginState& plugin, const soho_registrar& registrar) {
    for (const TypeRecord& type : plugin.types) {
        if (add_type(type, registrar) != 0) return 1;
    }
    for (const PublicationRecord& publication : plugin.publications) {
        if (registrar.publish(&registrar, to_abi(publication.name), to_abi(publication.type_id),
                              to_abi(data::as_bytes(publication.args))) != 0) {
            return 1;
        }
    }
    return 0;
}

}  // namespace detail
}  // namespace sdk
}  // namespace soho
