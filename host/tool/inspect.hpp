#pragma once
// `soho plugin inspect`: what a plugin file is and offers.

#include <nlohmann/json.hpp>

#include <string>

namespace soho::host::tool {

// {"file", "plugin": {"name", "version", "abi", "sdk"}} from the file alone, and from a child that loads it "types", "registered",
// "published", "load_ms"; or "refused", the sentence why not. `failure` is not empty where there is not even a note.
struct Inspection {
    nlohmann::ordered_json json;
    std::string failure;
};
Inspection inspect(const std::string& file);

// For people.
std::string to_text(const Inspection& inspection);

}  // namespace soho::host::tool
