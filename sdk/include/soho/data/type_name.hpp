#pragma once
// What sentences call a C++ class.

#include <cxxabi.h>
#include <cstdlib>
#include <string>
#include <typeinfo>

namespace soho::data {

// The name without namespaces: "Pair" for bank::Pair, "Cell<int>" for bank::Cell<int>.
inline std::string type_name(const std::type_info& type) {
    int status = 0;
    char* demangled = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
    std::string name = demangled != nullptr ? demangled : type.name();
    std::free(demangled);

    // The last "::" that stands in no template argument and no parameter list.
    std::size_t begin = 0;
    int nested = 0;
    for (std::size_t i = 0; i + 1 < name.size(); ++i) {
        if (name[i] == '<' || name[i] == '(') ++nested;
        if (name[i] == '>' || name[i] == ')') --nested;
        if (nested == 0 && name[i] == ':' && name[i + 1] == ':') begin = i + 2;
    }
    return name.substr(begin);
}

template <class T>
std::string type_name() {
    return type_name(typeid(T));
}

}  // namespace soho::data
