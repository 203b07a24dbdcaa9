#include "tests/support/memory_plugin.hpp"

#include "tests/support/notation.hpp"

#include <cstring>

namespace soho::test {

namespace {

// soho_plugin_entry has no context: whom it speaks for while it is being loaded.
thread_local MemoryPlugin* loading = nullptr;

std::uint32_t invoke(void* context, void* self, const soho_call* call) {
    return static_cast<MemoryMethod*>(context)->body(self, call);
}

std::uint32_t create(void* context, const soho_call* call, soho_instance* out) {
    return static_cast<MemoryType*>(context)->create(call, out);
}

template <class T>
soho_array array_of(const std::vector<T>& elements) {
    return {elements.data(), static_cast<std::uint32_t>(elements.size()), sizeof(T)};
}

std::vector<soho_parameter> to_abi(const std::vector<MemoryParameter>& parameters) {
    std::vector<soho_parameter> all;
    for (const MemoryParameter& from : parameters) {
        soho_parameter& to = all.emplace_back();
        to = {};
        to.size = sizeof to;
        to.flags = from.flags;
        to.name = to_text(from.name);
        to.type = to_text(from.type);
        to.default_value = {reinterpret_cast<const std::uint8_t*>(from.default_value.data()),
                            from.default_value.size()};
        to.class_key = from.class_key;
    }
    return all;
}

}  // namespace

soho_text to_text(std::string_view text) { return {text.data(), text.size()}; }

soho_instance instance_of(std::shared_ptr<Thing> thing) {
    soho_instance instance{};
    instance.size = sizeof instance;
    instance.self = thing.get();
    instance.identity = thing.get();
    instance.owner = new std::shared_ptr<Thing>(std::move(thing));
    instance.release = [](void* owner) { delete static_cast<std::shared_ptr<Thing>*>(owner); };
    return instance;
}

std::uint32_t give_bytes(const soho_call* call, data::Bytes bytes) {
    soho_sink& sink = *call->result;
    if (static_cast<std::size_t>(sink.end - sink.cursor) < bytes.size() && sink.grow(&sink, bytes.size()) != 0)
        return SOHO_FAILED;
    if (!bytes.empty()) std::memcpy(sink.cursor, bytes.data(), bytes.size());
    sink.cursor += bytes.size();
    return SOHO_DONE;
}

std::uint32_t give(const soho_call* call, std::string_view notation) {
    return give_bytes(call, data::as_bytes(pack(notation)));
}

MemoryTable::MemoryTable(MemoryType& from) {
    for (MemoryMethod& method : from.methods) {
        method_parameters.push_back(to_abi(method.parameters));
        soho_method& to = methods.emplace_back();
        to = {};
        to.size = sizeof to;
        to.flags = method.flags;
        to.name = to_text(method.name);
        to.doc = to_text(method.doc);
        to.returns = to_text(method.returns);
        to.parameters = array_of(method_parameters.back());
        to.context = &method;
        to.invoke = &invoke;
    }
    for (const std::string& name : from.exposed) exposed.push_back(to_text(name));
    for (const MemoryMapping& mapping : from.mappings)
        mappings.push_back({sizeof(soho_mapping), mapping.flags, to_text(mapping.method), to_text(mapping.type_id)});
    parameters = to_abi(from.parameters);

    type.size = sizeof type;
    type.flags = from.flags | (from.exposed.empty() ? 0u : std::uint32_t{SOHO_TYPE_EXPOSED});
    type.type_id = to_text(from.type_id);
    type.proxytype = to_text(from.proxytype);
    type.doc = to_text(from.doc);
    type.version_major = 1;
    type.class_key = from.class_key;
    type.class_name = to_text(from.class_name);
    type.context = &from;
    type.create = from.create ? &create : nullptr;
    link();
}

void MemoryTable::link() {
    type.methods = array_of(methods);
    type.exposed = array_of(exposed);
    type.method_to_typeid = array_of(mappings);
    type.parameters = array_of(parameters);
}

const soho_plugin* MemoryPlugin::entry(std::uint32_t) {
    MemoryPlugin& self = *loading;
    soho_plugin& table = self.table_;
    table = {};
    table.size = sizeof table;
    table.abi = SOHO_ABI;
    table.name = to_text(self.name_);
    table.version = to_text("1.0");
    table.sdk_version = to_text(SOHO_SDK_VERSION);
    table.load = [](const soho_host* host_table, const soho_registrar* registrar, void** state) {
        MemoryPlugin& plugin = *loading;
        plugin.host = host_table;
        *state = &plugin;
        return plugin.on_load ? plugin.on_load(host_table, registrar) : plugin.register_types(registrar);
    };
    table.stop = [](void* state) { ++static_cast<MemoryPlugin*>(state)->stopped; };
    table.unload = [](void* state) { ++static_cast<MemoryPlugin*>(state)->unloaded; };
    if (self.change_table) self.change_table(table);
    return &table;
}

int MemoryPlugin::register_types(const soho_registrar* registrar) {
    for (MemoryType& type : types_) {
        const MemoryTable table(type);
        if (registrar->add_type(registrar, &table.type) != 0) return 1;
    }
    return 0;
}

Result<host::Plugin*> MemoryPlugin::load(host::Registry& registry, const host::PluginOptions& options) {
    host::Library library;
    library.source = library.file = "memory:" + name_ + ".so";
    library.note = {SOHO_ABI, name_, note_version, SOHO_SDK_VERSION};
    library.entry = &MemoryPlugin::entry;
    loading = this;
    auto loaded = registry.load(std::move(library), options);
    loading = nullptr;
    return loaded;
}

}  // namespace soho::test
