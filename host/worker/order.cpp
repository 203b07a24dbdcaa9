#include "host/worker/order.hpp"

#include <soho/data/reader.hpp>

namespace soho::host {

using data::Reader;
using data::Token;

namespace {

void write_limits(const LimitOverrides& limits, wire::Out& out) {
    out.map(limits.size());
    for (const auto& [name, value] : limits) {
        out.string(name);
        out.unsigned_integer(value);
    }
}

// By the names that the table of limits has.
LimitOverrides read_limits(Reader& reader) {
    LimitOverrides limits;
    Token map, name, value;
    reader.next(map);
    for (std::uint32_t i = 0; i < map.size; ++i) {
        reader.next(name);
        reader.next(value);
        for (const Limit& limit : all_limits()) {
            if (limit.name == name.text()) limits[limit.name] = value.unsigned_value;
        }
    }
    return limits;
}

void write_paths(const std::optional<Paths>& paths, wire::Out& out) {
    if (!paths) return out.nil();
    out.array(paths->size());
    for (const std::string& path : *paths) out.string(path);
}

std::optional<Paths> read_paths(Reader& reader) {
    Token token;
    reader.next(token);
    if (token.kind != data::Kind::array) return std::nullopt;
    Paths paths(token.size);
    for (std::string& path : paths) {
        reader.next(token);
        path = token.text();
    }
    return paths;
}

}  // namespace

std::string WorkerOrder::encoded() const {
    data::Buffer bytes;
    wire::Out out(bytes);
    out.array(11);
    for (const std::string& text : {file, source, plugin.prefix, log_level, plugin.confinement.syscalls})
        out.string(text);
    for (const auto* paths : {&plugin.confinement.read_paths, &plugin.confinement.write_paths})
        write_paths(*paths, out);
    out.boolean(self_test);
    out.binary(data::as_bytes(plugin.settings));
    LimitOverrides all;
    for (const Limit& limit : all_limits()) all[limit.name] = limits.*limit.value;
    write_limits(all, out);
    out.map(principals.size());
    for (const auto& [name, overrides] : principals) {
        out.string(name);
        write_limits(overrides, out);
    }
    return std::string(data::as_text(bytes.bytes()));
}

Result<WorkerOrder> WorkerOrder::decode(data::Bytes encoded) {
    if (auto sound = wire::check_value(encoded, {}); !sound) return tl::unexpected<Error>(sound.error());
    WorkerOrder order;
    Reader reader(encoded);
    Token token;
    reader.next(token);
    if (token.kind != data::Kind::array || token.size != 11)
        return refuse(Code::protocol, "its order is not one of this program's");
    Confinement& confinement = order.plugin.confinement;
    for (std::string* text :
         {&order.file, &order.source, &order.plugin.prefix, &order.log_level, &confinement.syscalls}) {
        reader.next(token);
        *text = token.text();
    }
    for (auto* paths : {&confinement.read_paths, &confinement.write_paths}) *paths = read_paths(reader);
    reader.next(token);
    order.self_test = token.unsigned_value != 0;
    reader.next(token);
    order.plugin.settings = data::as_text(token.bytes());
    host::apply(read_limits(reader), order.limits);
    reader.next(token);
    for (std::uint32_t left = token.size; left != 0; --left) {
        reader.next(token);
        std::string name(token.text());
        order.principals.emplace(std::move(name), read_limits(reader));
    }
    return order;
}

}  // namespace soho::host
