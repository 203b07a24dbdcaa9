#pragma once
// A plugin made of C tables in this process, without a file: types and methods as a test writes them, registered through the
// same functions as any other.

#include "host/registry/registry.hpp"

#include <soho/abi.h>
#include <soho/data/writer.hpp>

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace soho::test {

// The class of which all hosted objects in these tests are.
struct Thing {
    std::int64_t value = 0;
    std::function<void()> on_destroy;

    ~Thing() {
        if (on_destroy) on_destroy();
    }
};

// An instance whose owner is a reference to `thing`; its identity is the thing's address.
soho_instance instance_of(std::shared_ptr<Thing> thing);
inline Thing& thing_of(void* self) { return *static_cast<Thing*>(self); }

// Writes a result given as notation (see notation.hpp) or as bytes into a call's sink: SOHO_DONE, or SOHO_FAILED at the limit.
std::uint32_t give(const soho_call* call, std::string_view notation);
std::uint32_t give_bytes(const soho_call* call, data::Bytes bytes);

struct MemoryParameter {
    std::string name;
    std::uint32_t flags = 0;
    std::string default_value{};  // MessagePack
    const void* class_key = nullptr;
    std::string type = "any";
};

using Body = std::function<std::uint32_t(void* self, const soho_call* call)>;
using Factory = std::function<std::uint32_t(const soho_call* call, soho_instance* out)>;

struct MemoryMethod {
    std::string name;
    Body body;
    std::uint32_t flags = 0;
    std::vector<MemoryParameter> parameters{};
    std::string doc{};
    std::string returns = "any";
};

struct MemoryMapping {
    std::string method;
    std::string type_id;
    std::uint32_t flags = 0;
};

inline const char thing_key = 0;

struct MemoryType {
    std::string type_id;
    std::list<MemoryMethod> methods{};
    Factory create{};
    std::uint32_t flags = 0;
    std::vector<MemoryParameter> parameters{};
    std::vector<std::string> exposed{};
    std::vector<MemoryMapping> mappings{};
    std::string proxytype{};
    std::string doc{};
    const void* class_key = &thing_key;
    std::string class_name = "Thing";
};

// A MemoryType as the ABI has it; borrows from it.
class MemoryTable {
public:
    explicit MemoryTable(MemoryType& type);
    MemoryTable(const MemoryTable&) = delete;
    MemoryTable& operator=(const MemoryTable&) = delete;

    const soho_type* abi() const { return &type; }

    soho_type type{};
    std::vector<soho_method> methods;
    std::vector<soho_text> exposed;
    std::vector<soho_mapping> mappings;
    std::vector<soho_parameter> parameters;
    std::list<std::vector<soho_parameter>> method_parameters;

    // After methods, exposed … were changed in place or grew.
    void link();
};

class MemoryPlugin {
public:
    explicit MemoryPlugin(std::string name = "test") : name_(std::move(name)) {}
    MemoryPlugin(const MemoryPlugin&) = delete;
    MemoryPlugin& operator=(const MemoryPlugin&) = delete;

    MemoryType& add(MemoryType type) { return types_.emplace_back(std::move(type)); }
    // Registers it; must outlive the registry.
    Result<host::Plugin*> load(host::Registry& registry, const host::PluginOptions& options = {});

    // What happens in `load`, instead of registering the types.
    std::function<int(const soho_host* host, const soho_registrar* registrar)> on_load;
    std::function<void(soho_plugin& table)> change_table;
    std::string note_version = "1.0";

    const soho_host* host = nullptr;
    int stopped = 0;
    int unloaded = 0;

private:
    static const soho_plugin* entry(std::uint32_t);
    int register_types(const soho_registrar* registrar);

    std::string name_;
    std::list<MemoryType> types_;
    soho_plugin table_{};
};

soho_text to_text(std::string_view text);

}  // namespace soho::test
