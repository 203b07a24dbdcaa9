#include "host/tool/description.hpp"

#include "host/session/describe.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

namespace soho::host::tool {

namespace {

using Json = nlohmann::ordered_json;

std::string base64(const std::vector<std::uint8_t>& bytes) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i) group = group << 8 | (at + i < bytes.size() ? bytes[at + i] : 0u);
        for (std::size_t i = 0; i < 4; ++i) text += at + i > bytes.size() ? '=' : digits[group >> (18 - 6 * i) & 0x3f];
    }
    return text;
}

// What JSON lacks, as the command `soho` writes it: {"$bytes": base64}, {"$ext": [type, base64]}.
Json without_binary(const Json& json) {
    if (json.is_binary()) {
        const auto& binary = json.get_binary();
        if (!binary.has_subtype()) return {{"$bytes", base64(binary)}};
        return {{"$ext", Json::array({static_cast<std::int8_t>(binary.subtype()), base64(binary)})}};
    }
    if (!json.is_structured()) return json;
    Json result = json;
    for (auto& element : result) element = without_binary(element);
    return result;
}

Json from_msgpack(data::Bytes bytes) {
    return without_binary(Json::from_msgpack(bytes.begin(), bytes.end(), true, false));
}

Json registered(const Type& type) {
    constexpr std::pair<std::uint32_t, const char*> names[] = {{SOHO_TYPE_CONCURRENT, "concurrent"},
                                                               {SOHO_TYPE_SHARED_READS, "shared_reads"},
                                                               {SOHO_TYPE_BLOCKING, "blocking"},
                                                               {SOHO_TYPE_PER_PLUGIN, "per_plugin"}};
    Json flags = Json::array(), unexposed = Json::array();
    for (const auto& [bit, name] : names) {
        if ((type.flags & bit) != 0) flags.push_back(name);
    }
    for (const Method& method : type.methods) {
        if (type.find(method.name) != &method) unexposed.push_back(method.name);
    }
    Json json = {{"class", type.class_name}, {"flags", flags}, {"unexposed", unexposed}};
    if (type.state) json["state"] = type.state->version;
    return json;
}

}  // namespace

Result<FileFacts> read_file_facts(const std::string& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return refuse(Code::bad_arguments, std::strerror(errno));
    auto note = read_note(descriptor);
    auto elf = read_elf_file(descriptor);
    ::close(descriptor);
    if (!note) return tl::unexpected<Error>(note.error());
    if (!elf) return tl::unexpected<Error>(elf.error());
    return FileFacts{*std::move(note), *std::move(elf)};
}

Json describe(const Plugin& plugin) {
    Json types = Json::array(), kept = Json::object(), published = Json::array();
    for (const auto& type : plugin.types()) {
        data::Buffer buffer;
        wire::Out out(buffer);
        describe_type(*type, out);
        types.push_back(from_msgpack(buffer.bytes()));
        kept[type->type_id] = registered(*type);
    }
    for (const auto& publication : plugin.publications())
        published.push_back({{"name", publication.name},
                             {"type", publication.type->type_id},
                             {"args", from_msgpack(data::as_bytes(publication.args))}});
    return {{"types", types}, {"registered", kept}, {"published", published}};
}

}  // namespace soho::host::tool
