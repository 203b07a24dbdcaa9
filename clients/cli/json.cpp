#include "json.hpp"

#include "handle.hpp"

#include <nlohmann/json.hpp>

namespace soho::cli {

namespace {

using Json = nlohmann::ordered_json;

std::string base64(std::string_view bytes) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            group = group << 8 | (at + i < bytes.size() ? static_cast<std::uint8_t>(bytes[at + i]) : 0u);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            text += at + i > bytes.size() ? '=' : digits[group >> (18 - 6 * i) & 0x3f];
        }
    }
    return text;
}

Json of_extension(const Value::Extension& extension) {
    if (const auto handle = handle_of(extension)) return Json{{"$soho", handle->id}, {"type", handle->type}};
    return Json{{"$ext", Json::array({extension.type(), base64(extension.body())})}};
}

}  // namespace

Json to_json(const Value& value) {
    if (value.is_nil()) return nullptr;
    if (const auto* truth = value.get_if<bool>()) return *truth;
    if (const auto* number = value.get_if<std::int64_t>()) return *number;
    if (const auto* number = value.get_if<std::uint64_t>()) return *number;
    if (const auto* number = value.get_if<double>()) return *number;
    if (const auto* text = value.get_if<std::string>()) return *text;
    if (const auto* bytes = value.get_if<Value::Bytes>()) {
        return Json{{"$bytes", base64({reinterpret_cast<const char*>(bytes->data()), bytes->size()})}};
    }
    if (const auto* extension = value.get_if<Value::Extension>()) return of_extension(*extension);
    if (const auto* elements = value.get_if<Value::Array>()) {
        Json array = Json::array();
        for (const Value& element : *elements) array.push_back(to_json(element));
        return array;
    }
    Json object = Json::object();
    for (const auto& [key, mapped] : *value.get_if<Value::Map>()) {
        const auto* text = key.get_if<std::string>();
        object[text != nullptr ? *text : json_text(key)] = to_json(mapped);
    }
    return object;
}

std::string json_text(const Value& value) {
    return to_json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Value from_json(const Json& json, const std::function<Value(std::uint64_t)>& object) {
    switch (json.type()) {
        case Json::value_t::boolean: return json.get<bool>();
        case Json::value_t::number_integer: return json.get<std::int64_t>();
        case Json::value_t::number_unsigned: return json.get<std::uint64_t>();
        case Json::value_t::number_float: return json.get<double>();
        case Json::value_t::string: return json.get<std::string>();
        case Json::value_t::array: {
            Value::Array elements;
            for (const Json& element : json) elements.push_back(from_json(element, object));
            return elements;
        }
        case Json::value_t::object: {
            if (const auto id = json.find("$soho"); id != json.end() && id->is_number_unsigned())
                return object(id->get<std::uint64_t>());
            Value::Map pairs;
            for (const auto& [key, mapped] : json.items()) pairs.emplace_back(key, from_json(mapped, object));
            return pairs;
        }
        default: return nullptr;
    }
}

}  // namespace soho::cli
