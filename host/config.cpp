#include "host/config.hpp"

#include "host/registry/suggest.hpp"
#include "host/settings.hpp"

#include <soho/wire/codec.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace soho::host {

namespace {

using Kind = Setting::Kind;

void pack(const toml::node& node, wire::Out& out) {
    if (const toml::table* table = node.as_table()) {
        out.map(table->size());
        for (const auto& [key, value] : *table) {
            out.string(key.str());
            pack(value, out);
        }
    } else if (const toml::array* array = node.as_array()) {
        out.array(array->size());
        for (const toml::node& element : *array) pack(element, out);
    } else if (node.is_string()) {
        out.string(node.as_string()->get());
    } else if (node.is_integer()) {
        out.integer(node.as_integer()->get());
    } else if (node.is_floating_point()) {
        out.floating(node.as_floating_point()->get());
    } else if (node.is_boolean()) {
        out.boolean(node.as_boolean()->get());
    } else {  // dates and times, as they are written
        std::ostringstream text;
        text << toml::node_view<const toml::node>(node);
        out.string(text.str());
    }
}

// Why nobody is called that; here are no patterns and no groups.
std::string principal_mismatch(std::string_view name) {
    if (name == "nobody") return {};  // who has still to log in
    if (name.starts_with("gid:")) return "limits are a principal's, not a group's";
    const bool is_pattern = !name.starts_with("cert:") && name.find_first_of("*?[\\") != std::string_view::npos;
    if (is_pattern) return "it takes the name of one principal, not a pattern";
    const bool is_none = !who_mismatch(name).empty() || name.ends_with(':');
    return is_none ? "its name must be uid:NUMBER, key:NAME, token:NAME, cert:NAME, plugin:NAME, anonymous or nobody"
                   : "";
}

std::string as_text(const toml::node& node) { return node.is_string() ? node.as_string()->get() : std::string(); }

// Reads one file's tables by the table of settings.
class Document {
public:
    Document(const std::string& file, Options& options) : file_(file), options_(options) {}

    Result<void> read(const toml::table& root) {
        const std::vector<std::string_view> own = keys_of("");
        for (const auto& [toml_key, node] : root) {
            const toml::key& key = toml_key;  // clang 14 captures no structured bindings
            if (const Setting* setting = find_setting("", key.str())) {
                if (auto read = read_setting(*setting, node, &options_); !read) return read;
            } else if (const Section* section = find_section(key.str())) {
                if (auto read = read_section(*section, node); !read) return read;
            } else {
                std::vector<std::string_view> known = own;
                for (const Section& each : sections()) known.push_back(each.name);
                return bad(key.source(),
                           fmt::format("no key \"{}\" in the config{}", key.str(), suggestion(key.str(), known)));
            }
        }
        return {};
    }

private:
    using Take = std::function<Result<void>(const Setting& setting, const toml::node& node)>;

    tl::unexpected<Error> bad(const toml::source_region& region, std::string_view why) const {
        return refuse(Code::bad_arguments,
                      fmt::format("{}:{}:{}: {}", file_, region.begin.line, region.begin.column, why));
    }
    tl::unexpected<Error> bad(const toml::node& node, std::string_view why) const { return bad(node.source(), why); }

    static const Section* find_section(std::string_view name) {
        const auto found = std::find_if(sections().begin(), sections().end(), [&](const Section& section) {
            return section.form != Section::Form::root && section.name == name;
        });
        return found == sections().end() ? nullptr : &*found;
    }
    static std::vector<std::string_view> keys_of(std::string_view section) {
        std::vector<std::string_view> keys;
        for (const Setting& setting : settings()) {
            if (setting.section == section) keys.push_back(setting.key);
        }
        return keys;
    }

    Result<void> read_section(const Section& section, const toml::node& node) {
        switch (section.form) {
            case Section::Form::root: break;
            case Section::Form::table: return read_table(node, section, section.title(), owner_of(section, {}));
            case Section::Form::array: return read_array(section, node);
            case Section::Form::named: return read_named(section, node);
        }
        return {};
    }

    // What a section of that name is read into.
    Owner owner_of(const Section& section, std::string_view name) {
        if (section.name == "plugin") return &options_.plugins[std::string(name)];
        if (section.name == "principal") return &options_.server.principals[std::string(name)];
        return &options_;
    }

    Result<void> read_named(const Section& section, const toml::node& node) {
        if (!node.is_table()) return bad(node, fmt::format("[{}] must be a table", section.name));
        for (const auto& [key, entry] : *node.as_table()) {
            const std::string title = fmt::format("[{}.{}]", section.name, key.str());
            if (section.name == "principal") {
                if (const std::string why = principal_mismatch(key.str()); !why.empty())
                    return bad(key.source(), fmt::format("{}: {}", title, why));
            }
            if (auto read = read_table(entry, section, title, owner_of(section, key.str())); !read) return read;
        }
        return {};
    }

    // An empty array empties, as it does for settings that are lists.
    Result<void> read_array(const Section& section, const toml::node& node) {
        const toml::array* array = node.as_array();
        if (array == nullptr) return bad(node, fmt::format("must be written {}", section.title()));
        if (array->empty())
            section.name == "access" ? options_.access_tables.clear() : options_.listener_tables.clear();
        for (const toml::node& element : *array) {
            auto read = section.name == "access" ? read_access(section, element) : read_listener(section, element);
            if (!read) return read;
        }
        return {};
    }

    Result<void> read_access(const Section& section, const toml::node& node) {
        AccessTable& table = options_.access_tables.emplace_back();
        table.source = fmt::format("{}:{}", file_, node.source().begin.line);
        return read_table(node, section, section.title(), &table);
    }

    Result<void> read_listener(const Section& section, const toml::node& node) {
        ListenerTable& table = options_.listener_tables.emplace_back();
        return read_keys(node, section, section.title(),
                         [&](const Setting& setting, const toml::node& value) -> Result<void> {
                             auto read = value_of(setting, value);
                             if (!read) return tl::unexpected<Error>(read.error());
                             table.emplace_back(&setting, *std::move(read));
                             return {};
                         });
    }

    Result<void> read_table(const toml::node& node, const Section& section, const std::string& title, Owner owner) {
        return read_keys(node, section, title, [&](const Setting& setting, const toml::node& value) {
            return read_setting(setting, value, owner);
        });
    }

    Result<void> read_keys(const toml::node& node, const Section& section, const std::string& title, const Take& take) {
        if (!node.is_table()) return bad(node, fmt::format("{} must be a table", title));
        for (const auto& [key, value] : *node.as_table()) {
            const Setting* setting = find_setting(section.name, key.str());
            if (setting == nullptr) {
                return bad(key.source(), fmt::format("no key \"{}\" in {}{}", key.str(), title,
                                                     suggestion(key.str(), keys_of(section.name))));
            }
            if (auto taken = take(*setting, value); !taken) return taken;
        }
        for (const Setting& setting : settings()) {
            if (setting.section == section.name && setting.needed && !node.as_table()->contains(setting.key))
                return bad(node, fmt::format("{} lacks \"{}\"", title, setting.key));
        }
        return {};
    }

    Result<void> read_setting(const Setting& setting, const toml::node& node, Owner owner) {
        auto value = value_of(setting, node);
        if (!value) return tl::unexpected<Error>(value.error());
        setting.set(owner, *std::move(value));
        return {};
    }

    Result<SettingValue> value_of(const Setting& setting, const toml::node& node) const {
        switch (setting.kind) {
            case Kind::boolean:
                if (node.is_boolean()) return node.as_boolean()->get();
                break;
            case Kind::number:
                if (node.is_integer()) return checked(setting, node, node.as_integer()->get());
                break;
            case Kind::word:
            case Kind::text:
                if (node.is_string()) return checked(setting, node, as_text(node));
                break;
            case Kind::texts:
                if (node.is_array() || node.is_string()) return texts_of(setting, node);
                break;
            case Kind::pairs:
                if (node.is_table()) return pairs_of(setting, *node.as_table());
                break;
            case Kind::limits:
                if (node.is_table()) return limits_of(setting, *node.as_table());
                break;
            case Kind::data:
                if (node.is_table()) return data_of(node);
                break;
        }
        return bad(node, fmt::format("must be {}", setting.domain()));
    }

    Result<SettingValue> checked(const Setting& setting, const toml::node& node, SettingValue value) const {
        std::string why = setting.wrong(value);
        if (why.empty()) return value;
        return bad(node, why + suggestion(as_text(node), setting.words));
    }

    Result<std::string> text_of(const Setting& setting, const toml::node& node) const {
        if (!node.is_string()) return bad(node, "must be a string");
        const std::string why = setting.wrong_text(as_text(node));
        if (!why.empty()) return bad(node, why + suggestion(as_text(node), setting.words));
        return as_text(node);
    }

    // One alone needs no brackets.
    Result<SettingValue> texts_of(const Setting& setting, const toml::node& node) const {
        std::vector<std::string> texts;
        const auto take = [&](const toml::node& element) -> Result<void> {
            auto text = text_of(setting, element);
            if (!text) return tl::unexpected<Error>(text.error());
            texts.push_back(*std::move(text));
            return {};
        };
        const toml::array* const array = node.as_array();
        Result<void> taken = array == nullptr ? take(node) : Result<void>();
        for (std::size_t at = 0; taken && array != nullptr && at < array->size(); ++at) taken = take((*array)[at]);
        if (!taken) return tl::unexpected<Error>(taken.error());
        return texts;
    }

    Result<SettingValue> pairs_of(const Setting& setting, const toml::table& table) const {
        TextPairs pairs;
        for (const auto& [name, text] : table) {
            std::string why = text.is_string() ? setting.wrong_text(as_text(text)) : "must be a string";
            if (!why.empty()) return bad(text, fmt::format("{}.{} {}", setting.key, name.str(), why));
            pairs.emplace_back(name.str(), as_text(text));
        }
        return pairs;
    }

    Result<SettingValue> limits_of(const Setting& setting, const toml::table& table) const {
        LimitOverrides overrides;
        std::vector<std::string_view> allowed;
        for (const Limit& limit : all_limits()) {
            if (std::find(setting.scopes.begin(), setting.scopes.end(), limit.scope) != setting.scopes.end())
                allowed.push_back(limit.name);
        }
        for (const auto& [key, node] : table) {
            const Setting* limit = find_setting("limits", key.str());
            const auto name = std::find(allowed.begin(), allowed.end(), key.str());
            if (limit == nullptr) {
                return bad(key.source(), fmt::format("no limit \"{}\"{}", key.str(), suggestion(key.str(), allowed)));
            }
            if (name == allowed.end()) {
                return bad(key.source(),
                           fmt::format("{} is no limit of a {}: it belongs in [limits]", key.str(), setting.section));
            }
            const auto value = value_of(*limit, node);
            if (!value) return tl::unexpected<Error>(value.error());
            overrides[*name] = static_cast<std::uint64_t>(std::get<std::int64_t>(*value));
        }
        return overrides;
    }

    Result<SettingValue> data_of(const toml::node& node) const {
        data::Buffer packed;
        wire::Out out(packed);
        pack(node, out);
        if (auto sound = wire::check_value(packed.bytes(), {}); !sound) return bad(node, sound.error().text);
        return std::string(packed.text());
    }

    const std::string& file_;
    Options& options_;
};

Result<void> read_one(const std::string& file, Options& options) {
    std::ifstream in(file, std::ios::binary);
    std::string text;
    try {
        text.assign(std::istreambuf_iterator<char>(in), {});
    } catch (const std::ios_base::failure&) {  // a directory, or a disk that cannot be read
        in.setstate(std::ios_base::failbit);
    }
    if (!in) return refuse(Code::bad_arguments, fmt::format("{}: {}", file, std::strerror(errno)));
    options.config_files.push_back(file);
    return read_config(text, file, options);
}

}  // namespace

Result<void> read_config(std::string_view text, const std::string& file, Options& options) {
    toml::table config;
    try {
        config = toml::parse(text, file);
    } catch (const toml::parse_error& failure) {
        const auto& where = failure.source().begin;
        return refuse(Code::bad_arguments,
                      fmt::format("{}:{}:{}: {}", file, where.line, where.column, failure.description()));
    }
    return Document(file, options).read(config);
}

Result<void> read_config_files(const std::string& file, Options& options) {
    if (auto read = read_one(file, options); !read) return read;
    return read_drop_ins(file, options);
}

Result<void> read_drop_ins(const std::string& file, Options& options) {
    std::filesystem::path folder(file);
    folder.replace_extension(".d");
    std::set<std::string> files;
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
        if (entry.path().extension() == ".toml") files.insert(entry.path().string());
    }
    if (failure && failure != std::errc::no_such_file_or_directory && failure != std::errc::not_a_directory)
        return refuse(Code::bad_arguments, fmt::format("{}: {}", folder.string(), failure.message()));
    for (const std::string& each : files) {
        if (auto read = read_one(each, options); !read) return read;
    }
    return {};
}

namespace {

AccessRule rule_of(const AccessTable& table) {
    AccessRule rule{table.who, table.types, table.names};
    if (rule.types.empty() && rule.names.empty()) rule.types = {"*"};
    if (!table.methods.empty()) rule.methods = table.methods;
    for (const std::string& right : table.rights)
        rule.rights |= 1u << (std::find(right_names.begin(), right_names.end(), right) - right_names.begin());
    rule.source = table.source;
    return rule;
}

// What bounds or confines a worker would bound nothing in the host's own process.
Result<void> check_worker_limits(const Options& options) {
    for (const auto& [name, plugin] : options.plugins) {
        const WorkerLimits& worker = plugin.worker;
        const Confinement& confines = plugin.confinement;
        const char* const key = worker.memory_bytes != 0     ? "worker_memory_bytes"
                                : worker.cpu_s != 0          ? "worker_cpu_s"
                                : worker.files != 0          ? "worker_files"
                                : worker.processes != 0      ? "worker_processes"
                                : confines.syscalls != "all" ? "worker_syscalls"
                                : confines.read_paths        ? "worker_read_paths"
                                : confines.write_paths       ? "worker_write_paths"
                                                             : nullptr;
        if (key == nullptr || options.is_isolated(name, plugin)) continue;
        return refuse(Code::bad_arguments, fmt::format("[plugin.{}] has {}, but that plugin has no worker, so nothing "
                                                       "would be bounded: add isolation = \"worker\"",
                                                       name, key));
    }
    return {};
}

}  // namespace

Result<void> complete(Options& options) {
    if (auto sound = check_worker_limits(options); !sound) return sound;
    options.server.security.access.clear();
    for (const AccessTable& table : options.access_tables) options.server.security.access.push_back(rule_of(table));
    std::vector<ListenerOptions>& listeners = options.server.listeners;
    listeners.clear();
    for (const std::string& address : options.listen) {
        listeners.push_back(options.listener);
        listeners.back().address = address;
    }
    for (const ListenerTable& table : options.listener_tables) {
        listeners.push_back(options.listener);
        for (const auto& [setting, value] : table) setting->set(&listeners.back(), value);
    }
    options.server.listener = options.listener;
    for (const auto& [name, level] : options.log.levels) {
        if (is_subsystem(name)) continue;
        return refuse(Code::bad_arguments,
                      fmt::format("log_levels: nothing that is called \"{}\" logs{}", name,
                                  suggestion(name, {std::begin(log_subsystems), std::end(log_subsystems)})));
    }
    std::set<std::string> addresses;
    for (const ListenerOptions& listener : listeners) {
        const wire::Address address = *wire::parse_address(listener.address);
        if (address.transport != wire::Address::Transport::unix_socket && address.port == 0) continue;
        if (!addresses.insert(address.text()).second)
            return refuse(Code::bad_arguments, fmt::format("two listeners have the address {}", address.text()));
    }
    return {};
}

}  // namespace soho::host
