#include "host/tool/inspect.hpp"

#include "host/tool/child.hpp"
#include "host/tool/description.hpp"
#include "host/tool/witnesses.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

namespace soho::host::tool {

namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

constexpr auto load_max = 30s;

void load_in_child(const std::string& file, Json& json) {
    const BoardMemory board;
    const Ending ending = run_child(*board, load_max, [&](Board& to) {
        Stage stage(std::make_shared<LineKeeper>());
        const auto begin = std::chrono::steady_clock::now();
        const auto plugin = stage.load(file);
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
        Json said = plugin ? describe(**plugin) : Json{{"refused", plugin.error().text}};
        if (plugin) said["load_ms"] = took.count();
        to.put(said.dump(-1, ' ', false, Json::error_handler_t::replace));
        to.finish();
        ::_exit(0);  // whatever threads it has
    });
    const Json said = Json::parse(board->take_put(), nullptr, false);
    if (said.is_object()) return json.update(said);
    json["refused"] =
        fmt::format("the process that loaded it {}{}{}", ending.text.empty() ? "said nothing" : ending.text,
                    ending.last_words.empty() ? "" : "; its last words: ", ending.last_words);
}

std::string parameters_text(const Json& parameters) {
    std::vector<std::string> parts;
    for (const Json& parameter : parameters) {
        const std::string kind = parameter.value("kind", "");
        std::string part = (kind == "args" ? "*" : kind == "kwargs" ? "**" : "") + parameter.value("name", "");
        const std::string type = parameter.value("type", "");
        if (kind.empty() && !type.empty()) part += (part.empty() ? "" : ": ") + type;
        if (parameter.contains("default")) part += " = " + parameter["default"].dump();
        parts.push_back(part);
    }
    return fmt::format("({})", fmt::join(parts, ", "));
}

std::string words(const Json& list) {
    std::vector<std::string> all;
    for (const Json& word : list) all.push_back(word.get<std::string>());
    return fmt::format("{}", fmt::join(all, ", "));
}

std::string method_text(const std::string& name, const Json& method) {
    std::string text =
        fmt::format("    {}{} -> {}", name, parameters_text(method["args"]), method.value("returns", ""));
    if (method.contains("returns_typeid")) text += fmt::format(", kept as {}", method.value("returns_typeid", ""));
    if (!method["flags"].empty()) text += fmt::format("   [{}]", words(method["flags"]));
    text += "\n";
    if (const std::string doc = method.value("doc", ""); !doc.empty()) text += fmt::format("        {}\n", doc);
    return text;
}

std::string type_text(const Json& type, const Json& registered) {
    const std::string id = type.value("type", "");
    std::string text =
        fmt::format("\n{}{}   version {}.{}, proxy {}\n", id,
                    type.value("create_method", true) ? parameters_text(type["args"]) : " (not created by name)",
                    type["version"][0].get<int>(), type["version"][1].get<int>(), type.value("proxytype", ""));
    if (const std::string doc = type.value("doc", ""); !doc.empty()) text += fmt::format("    {}\n", doc);
    const Json& more = registered[id];
    if (!more["flags"].empty()) text += fmt::format("    {}\n", words(more["flags"]));
    if (more.contains("state"))
        text += fmt::format("    state of version {}: its objects live on when the plugin is reloaded\n",
                            more["state"].dump());
    for (const auto& [name, method] : type["methods"].items()) text += method_text(name, method);
    if (!more["unexposed"].empty()) text += fmt::format("    not exposed: {}\n", words(more["unexposed"]));
    return text;
}

}  // namespace

Inspection inspect(const std::string& file) {
    Inspection inspection{{{"file", file}}, {}};
    const auto facts = read_file_facts(file);
    if (!facts) {
        inspection.failure = facts.error().text;
        return inspection;
    }
    const Note& note = facts->note;
    inspection.json["plugin"] = {
        {"name", note.name}, {"version", note.version}, {"abi", note.abi}, {"sdk", note.sdk_version}};
    load_in_child(file, inspection.json);
    return inspection;
}

std::string to_text(const Inspection& inspection) {
    const Json& json = inspection.json;
    const Json& plugin = json["plugin"];
    std::string text = fmt::format("{}\n    plugin {} {}, ABI {}, built with SDK {}\n", json.value("file", ""),
                                   plugin.value("name", ""), plugin.value("version", ""), plugin.value("abi", 0),
                                   plugin.value("sdk", ""));
    if (json.contains("refused")) return text;
    text += fmt::format("    loaded in {:.1f} ms\n", json.value("load_ms", 0.0));
    for (const Json& published : json["published"])
        text += fmt::format("    publishes {}, a {}\n", published.value("name", ""), published.value("type", ""));
    for (const Json& type : json["types"]) text += type_text(type, json["registered"]);
    return text;
}

}  // namespace soho::host::tool
