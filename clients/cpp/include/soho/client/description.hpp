#pragma once
// What a host says about a type: PROTOCOL.md, 6.

#include <soho/client/request.hpp>

#include <map>

namespace soho {

struct ParameterDescription {
    std::string name;
    std::string type;  // "int64", "str", "list[str]", "str?", "any" …
    std::string doc;
    std::string kind;  // "", "args" (all further positional ones) or "kwargs" (all further keywords)
    std::optional<std::string> default_value;  // MessagePack; where there is one the argument may be left out
};

struct MethodDescription {
    std::vector<ParameterDescription> args;
    std::string returns;
    std::string doc;
    std::vector<std::string> flags;  // "blocking", "readonly", "idempotent", "oneway"
    std::string returns_typeid;      // the type of the object that it returns; empty if it returns a value

    SOHO_CLIENT_API bool has_flag(std::string_view flag) const;
};

struct TypeDescription {
    std::string type;
    Version version;
    std::string doc;
    std::string proxytype;
    bool create_method = true;  // whether clients may create one
    std::string plugin;
    std::vector<ParameterDescription> args;  // what create takes
    std::map<std::string, MethodDescription, std::less<>> methods;
};

// Descriptions are read leniently: an unknown key is passed over, a missing one leaves its default.
template <>
struct data::Codec<TypeDescription> {
    static std::string word() { return "a type's description"; }
    SOHO_CLIENT_API static bool decode(Reader& in, TypeDescription& out, DecodeContext& context);
};

}  // namespace soho
