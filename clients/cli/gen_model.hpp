#pragma once
// What `soho gen` writes of: the descriptions of types as a host gave them, checked, with a name for everything in the language. What
// comes from a host is not to be trusted: of a name code is made only if it is an identifier, and texts are made harmless.

#include "gen_word.hpp"

#include <soho/client/description.hpp>
#include <soho/data/value.hpp>

#include <functional>
#include <set>

namespace soho::cli {

struct GeneratedParameter {
    std::string name;  // in the language
    std::string kind;  // "", "args" or "kwargs"
    std::string doc;
    TypeWord type;
    bool optional = false;
    std::optional<Value> default_value;  // nothing although optional: it is none that can be written down
};

struct GeneratedMethod {
    std::string name;         // in the language
    std::string wire_name;    // what is called
    std::string notify_name;  // of a oneway method; empty where the language has no second name for it
    std::string doc;
    std::vector<GeneratedParameter> parameters;
    TypeWord returns;
    std::string returns_class;  // of the object that it returns; "object": of no class that is written
    bool blocking = false, readonly = false, idempotent = false, oneway = false;

    bool takes(std::string_view kind) const;
};

struct GeneratedType {
    std::string class_name, type_id, proxytype, plugin, doc;
    Version version;
    bool create_method = true;
    std::vector<GeneratedParameter> parameters;  // of create
    std::vector<GeneratedMethod> methods;        // by name
    std::vector<std::string> left_out;           // what is not written, and why; harmless text
};

// How one language names things.
struct Naming {
    std::string class_suffix;
    // The method's name in the language for a name of the wire; empty: it is left out.
    std::string (*method)(const std::string& wire_name);
    bool (*is_taken)(std::string_view name);  // a keyword, or what the base class has
    bool (*is_keyword)(std::string_view name);
    std::set<std::string> of_create;  // what no parameter of create is called: create has it already
    std::string notify_prefix;  // of the name by which a oneway method is called without waiting; empty: there is none
};

// In the order of typeids. Throws std::runtime_error for a typeid that is no name.
std::vector<GeneratedType> generated_types(std::vector<TypeDescription> descriptions, const Naming& naming);

// The class of a typeid among those that are written; empty if there is none.
std::string class_of(const std::vector<GeneratedType>& types, std::string_view type_id);

// UTF-8 without control characters, without marks that turn the direction of writing, and with \n alone between lines.
std::string harmless_text(std::string_view text);
std::vector<std::string> lines_of(const std::string& text);

// "pair 1.2": what a comment says of a type.
std::string version_text(const Version& version);

}  // namespace soho::cli
