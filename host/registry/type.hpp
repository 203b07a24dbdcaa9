#pragma once
// What a plugin registered, as the host keeps it: copied, checked, immutable.

#include <soho/abi.h>
#include <soho/result.hpp>

#include <atomic>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace soho::host {

class Plugin;
struct Type;

struct Parameter {
    std::string name;
    std::string type;
    std::string doc;
    std::uint32_t flags = 0;
    std::string default_value;  // MessagePack
    const void* class_key = nullptr;

    bool optional() const { return (flags & SOHO_PARAMETER_OPTIONAL) != 0; }
    bool object() const { return (flags & SOHO_PARAMETER_OBJECT) != 0; }
    bool exclusive() const { return (flags & SOHO_PARAMETER_EXCLUSIVE) != 0; }
};

// What a method or a callable takes.
struct Signature {
    std::vector<Parameter> parameters;  // those that take one argument each
    std::uint32_t required = 0;         // leading parameters without a default
    std::string args_name;              // not empty: takes further positional arguments
    std::string kwargs_name;            // not empty: takes further keywords
    bool takes_objects = false;

    // For messages: "(x, y=0, *rest)".
    std::string text() const;
};

struct Method {
    std::string name;
    std::string doc;
    std::string returns;
    std::uint32_t flags = 0;
    Signature signature;
    void* context = nullptr;
    uint32_t (*invoke)(void* context, void* self, const soho_call* call) = nullptr;
    const Type* type = nullptr;          // whose it is
    const Type* returns_type = nullptr;  // method_to_typeid; of the same plugin, so it lives as long
    bool through_callable = false;       // … and its callable takes the result

    // Its provider says that it replies at once: what defers is only the way there and back.
    bool prompt = false;

    // Runs on the pool: declared blocking, or found to block (RULES 9).
    mutable std::atomic<bool> on_pool{false};
    // Calls that were cancelled, or whose caller has gone, and that the plugin is not through with yet.
    mutable std::atomic<std::uint32_t> stuck{0};
    // Of this method among all that can be called in this host; given when the plugin is loaded.
    mutable std::uint32_t number = 0;

    bool readonly() const { return (flags & SOHO_METHOD_READONLY) != 0; }
    bool blocks() const { return (flags & SOHO_METHOD_BLOCKING) != 0; }
    bool defers() const { return (flags & SOHO_METHOD_DEFERS) != 0; }
};

// What a type exposes, by name. Looked up with every call, so that the hash of a short name takes no loop.
class ExposedMethods {
public:
    // The names live in their methods.
    void add(const Method& method);
    const Method* find(std::string_view name) const {
        if (slots_.empty()) return nullptr;
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t at = hash(name) & mask; slots_[at] != nullptr; at = (at + 1) & mask) {
            if (slots_[at]->name == name) return slots_[at];
        }
        return nullptr;
    }
    // In the order of their names.
    const std::vector<const Method*>& all() const { return all_; }
    std::size_t size() const { return all_.size(); }
    bool empty() const { return all_.empty(); }

    static std::size_t hash(std::string_view name) {
        std::uint64_t front = 0, back = 0;
        if (name.size() >= sizeof front) {
            std::memcpy(&front, name.data(), sizeof front);
            std::memcpy(&back, name.data() + name.size() - sizeof back, sizeof back);
            for (std::size_t at = sizeof front; at + sizeof back < name.size(); at += sizeof front) {
                std::uint64_t between = 0;
                std::memcpy(&between, name.data() + at, sizeof between);
                front = mix(front) ^ between;
            }
        } else if (name.size() >= sizeof(std::uint32_t)) {
            std::memcpy(&front, name.data(), sizeof(std::uint32_t));
            std::memcpy(&back, name.data() + name.size() - sizeof(std::uint32_t), sizeof(std::uint32_t));
        } else {
            for (const char c : name) front = front << 8 | static_cast<unsigned char>(c);
        }
        return static_cast<std::size_t>(mix(front ^ (back << 7 | back >> 57) ^ name.size()));
    }

private:
    // Multiplication moves bits only upwards: so it is done twice, and the upper ones are taken.
    static std::uint64_t mix(std::uint64_t bits) {
        bits *= 0x9e3779b97f4a7c15u;
        return (bits ^ bits >> 32) * 0x9e3779b97f4a7c15u >> 32;
    }

    std::vector<const Method*> all_;
    std::vector<const Method*> slots_;  // a power of two, at most half of it taken
};

// How a type's objects are saved, and made again from that: what the plugin's table soho.state/1 says of it. save_state() and
// load_state() call them.
struct StateHooks {
    std::uint32_t version = 0;  // of what `save` writes
    void* context = nullptr;
    uint32_t (*save)(void* context, void* self, const soho_call* call) = nullptr;
    uint32_t (*load)(void* context, const soho_call* call, uint32_t version, soho_instance* out) = nullptr;
};

struct Type {
    std::string type_id;   // with the plugin's prefix
    std::string local_id;  // as the plugin says it
    std::string proxytype;
    std::string doc;
    std::string class_name;
    std::uint32_t flags = 0;
    std::uint32_t version_major = 0;
    std::uint32_t version_minor = 0;
    std::uint64_t generation = 0;  // tells loads of a plugin apart
    std::weak_ptr<const Type> self;
    const void* class_key = nullptr;
    Plugin* plugin = nullptr;    // plugins are never unloaded
    std::deque<Method> methods;  // stable addresses: Method cannot move
    ExposedMethods exposed;
    std::string exposed_text;  // "get_x, set_x", for messages
    Signature signature;       // of the callable
    void* context = nullptr;
    mutable std::uint32_t create_number = 0;  // as Method::number, of the callable
    uint32_t (*create)(void* context, const soho_call* call, soho_instance* out) = nullptr;
    std::optional<StateHooks> state;  // none: its objects live and end with this load of the plugin

    bool creatable() const { return create != nullptr && (flags & SOHO_TYPE_NO_CREATE) == 0; }
    bool concurrent() const { return (flags & SOHO_TYPE_CONCURRENT) != 0; }
    bool shared_reads() const { return (flags & SOHO_TYPE_SHARED_READS) != 0; }
    bool per_plugin() const { return (flags & SOHO_TYPE_PER_PLUGIN) != 0; }
    bool blocking() const { return (flags & SOHO_TYPE_BLOCKING) != 0; }

    // Of a type whose provider decides for each object what it exposes: the method of a name that is not listed. Null for what can be
    // no method, and where `who` (a principal) has asked for too many names that nobody knew.
    using FindOpen = const Method* (*)(const Type& type, std::string_view method, std::string_view who);
    FindOpen find_open = nullptr;

    // Of those that are listed.
    const Method* find(std::string_view method) const { return exposed.find(method); }
    const Method* find(std::string_view method, std::string_view who) const {
        if (const Method* const found = exposed.find(method)) return found;
        return find_open != nullptr ? find_open(*this, method, who) : nullptr;
    }
    // Whether it is exposed or not; null if there is none.
    const Method* find_registered(std::string_view method) const {
        for (const Method& each : methods) {
            if (each.name == method) return &each;
        }
        return nullptr;
    }
    // "type Pair exposes no method "get_z" (exposed: get_x, set_x); did you mean …?"
    Error no_method(std::string_view method) const;
};

// All types of one plugin share one life, as they refer to each other.
using TypePtr = std::shared_ptr<const Type>;

inline std::string_view text_of(soho_text text) { return {text.data, static_cast<std::size_t>(text.size)}; }
inline soho_text to_abi(std::string_view text) { return {text.data(), text.size()}; }

// Copies and checks what a plugin hands to add_type. Exposed names and mappings are checked by link_types, when all are known.
struct PendingMapping {
    std::string method;
    std::string type_id;
    bool through_callable = false;
};
struct PendingType {
    Type type;
    bool exposed_given = false;
    std::vector<std::string> exposed;
    std::vector<PendingMapping> mappings;
};
Result<std::unique_ptr<PendingType>> copy_type(const soho_type& type);
// Gives the types what the plugin's table soho.state/1 says of them. Fails with the sentence that refuses the plugin.
Result<void> add_state(const soho_state& table, const std::vector<std::unique_ptr<PendingType>>& types);

// Resolves exposed lists and mappings among the types of one plugin. Fails with the sentence that refuses the plugin.
Result<std::vector<TypePtr>> link_types(std::vector<std::unique_ptr<PendingType>> pending);

}  // namespace soho::host
