#include <soho/client/description.hpp>

#include <algorithm>

namespace soho {

namespace {

using data::DecodeContext;
using data::Kind;
using data::Reader;
using data::Token;

// Calls `entry` for each key of a map; it reads the value, or returns false without a sentence to pass it over.
template <class Entry>
bool read_map(Reader& in, DecodeContext& context, Entry entry) {
    Token map;
    if (!in.next(map)) return context.cut_short();
    if (map.kind != Kind::map) return context.expected("map", map);
    for (std::uint32_t i = 0; i < map.size; ++i) {
        std::string key;
        if (!data::decode_into(in, key, context)) return context.inside("a key");
        Reader value(in.take_value());
        if (!entry(key, value) && !context.sentence().empty()) return context.inside(key);
    }
    return true;
}

template <class Entry>
bool read_array(Reader& in, DecodeContext& context, Entry entry) {
    Token array;
    if (!in.next(array)) return context.cut_short();
    if (array.kind != Kind::array) return context.expected("array", array);
    for (std::uint32_t i = 0; i < array.size; ++i) {
        if (!entry(in)) return context.inside("element " + std::to_string(i));
    }
    return true;
}

// nil leaves what is there.
template <class T>
bool read(Reader& in, T& out, DecodeContext& context) {
    Token token;
    if (in.peek(token) && token.kind == Kind::nil) return true;
    return data::decode_into(in, out, context);
}

bool read_parameters(Reader& in, std::vector<ParameterDescription>& out, DecodeContext& context) {
    return read_array(in, context, [&](Reader& element) {
        ParameterDescription& parameter = out.emplace_back();
        return read_map(element, context, [&](const std::string& key, Reader& value) {
            if (key == "name") return read(value, parameter.name, context);
            if (key == "type") return read(value, parameter.type, context);
            if (key == "doc") return read(value, parameter.doc, context);
            if (key == "kind") return read(value, parameter.kind, context);
            if (key == "default") parameter.default_value = data::as_text(value.rest());
            return true;
        });
    });
}

bool read_method(Reader& in, MethodDescription& method, DecodeContext& context) {
    return read_map(in, context, [&](const std::string& key, Reader& value) {
        if (key == "args") return read_parameters(value, method.args, context);
        if (key == "returns") return read(value, method.returns, context);
        if (key == "doc") return read(value, method.doc, context);
        if (key == "flags") return read(value, method.flags, context);
        if (key == "returns_typeid") return read(value, method.returns_typeid, context);
        return true;
    });
}

bool read_version(Reader& in, Version& version, DecodeContext& context) {
    std::array<unsigned, 2> numbers{};
    if (!data::decode_into(in, numbers, context)) return false;
    version = {numbers[0], numbers[1]};
    return true;
}

}  // namespace

bool MethodDescription::has_flag(std::string_view flag) const {
    return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

bool data::Codec<TypeDescription>::decode(Reader& in, TypeDescription& out, DecodeContext& context) {
    return read_map(in, context, [&](const std::string& key, Reader& value) {
        if (key == "type") return read(value, out.type, context);
        if (key == "version") return read_version(value, out.version, context);
        if (key == "doc") return read(value, out.doc, context);
        if (key == "proxytype") return read(value, out.proxytype, context);
        if (key == "create_method") return read(value, out.create_method, context);
        if (key == "plugin") return read(value, out.plugin, context);
        if (key == "args") return read_parameters(value, out.args, context);
        if (key != "methods") return true;
        return read_map(value, context, [&](const std::string& name, Reader& method) {
            return read_method(method, out.methods[name], context);
        });
    });
}

}  // namespace soho
