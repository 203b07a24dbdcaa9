#pragma once
// Values as JSON, and back. What JSON lacks is an object with one key that begins with `$`: handles {"$soho": id, "type": …},
// bytes {"$bytes": base64}, other extensions {"$ext": [type, base64]}.

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <soho/data/value.hpp>
#include <string>

namespace soho::cli {

// Keys that are no strings become the JSON text of themselves.
nlohmann::ordered_json to_json(const Value& value);
// On one line; bytes that are no UTF-8 are replaced.
std::string json_text(const Value& value);

// `object` finds the object of an id.
Value from_json(const nlohmann::ordered_json& json, const std::function<Value(std::uint64_t)>& object);

}  // namespace soho::cli
