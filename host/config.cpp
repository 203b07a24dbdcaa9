#include "host/config.hpp"

#include "host/access_config.hpp"

#include "host/registry/suggest.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>
#include <functional>

namespace soho::host {

namespace {

// The file's name and a place in it, for messages.
class Place {
public:
    explicit Place(std::string file) : file_(std::move(file)) {}

    tl::unexpected<Error> bad(const toml::source_region& region, std::string_view why) const {
        return refuse(Code::bad_arguments,
                      fmt::format("{}:{}:{}: {}", file_, region.begin.line, region.begin.column, why));
    }

    const std::string& file() const { return file_; }

private:
    std::string file_;
};

using Setter = std::function<Result<void>(const toml::node& node)>;
using Keys = std::vector<std::pair<std::string_view, Setter>>;

Result<void> read_table(const Place& place, const toml::table& table, std::string_view name, const Keys& keys) {
    for (const auto& [toml_key, node] : table) {
        const toml::key& key = toml_key;  // clang 14 captures no structured bindings
        const auto found =
            std::find_if(keys.begin(), keys.end(), [&](const auto& known) { return known.first == key.str(); });
        if (found == keys.end()) {
            std::vector<std::string_view> known;
            for (const auto& entry : keys) known.push_back(entry.first);
            return place.bad(key.source(),
                             fmt::format("no key \"{}\" in {}{}", key.str(), name, suggestion(key.str(), known)));
        }
        if (auto read = found->second(node); !read) return read;
    }
    return {};
}

Result<const toml::table*> as_table(const Place& place, const toml::node& node, std::string_view name) {
    if (const toml::table* table = node.as_table()) return table;
    return place.bad(node.source(), fmt::format("{} must be a table", name));
}

class Settings {
public:
    Settings(const Place& place, Options& options) : place_(place), options_(options) {}

    Keys host() {
        ServerOptions& server = options_.server;
        return {{"listen", strings([&server](std::string_view text) -> Result<void> {
                     auto address = wire::parse_address(text);
                     if (!address) return tl::unexpected<Error>(address.error());
                     server.listen.push_back(*std::move(address));
                     return {};
                 })},
                {"plugins", strings([this](std::string_view text) { return add(options_.plugin_files, text); })},
                {"plugin_dirs", strings([this](std::string_view text) { return add(options_.plugin_folders, text); })},
                {"strict", boolean(options_.strict)},
                {"log_level", choice(options_.log_level, {"debug", "info", "warning", "error"})},
                {"reactors", number(server.reactors, 0, 256)},
                {"drain_ms", number(server.drain_ms, 0, 3'600'000)},
                {"metrics", [this](const toml::node& node) { return read_metrics(node); }},
                {"insecure_metrics", boolean(server.insecure_metrics)},
                {"insecure_no_login", boolean(server.listener.insecure_no_login)},
                {"insecure_plaintext", boolean(server.listener.insecure_plaintext)},
                {"errors", [this](const toml::node& node) { return read_error_form(node); }}};
    }

    Keys login() {
        SecurityOptions& security = options_.server.security;
        return {{"keys", text(security.keys_file)}, {"tokens", text(security.tokens_file)}};
    }

    Keys tls() {
        TlsOptions& tls = options_.server.security.tls;
        return {{"certificate", text(tls.certificate)}, {"key", text(tls.key)}, {"client_ca", text(tls.client_ca)}};
    }

    Result<void> read_access(const toml::node& node) {
        auto rules = read_access_rules(node, place_.file());
        if (!rules) return tl::unexpected<Error>(rules.error());
        auto& all = options_.server.security.access;
        std::move(rules->begin(), rules->end(), std::back_inserter(all));
        return {};
    }

    Keys limits() {
        Limits& limits = options_.server.limits;
        return {{"frame_bytes", number(limits.frame_bytes_max, 4096, 1u << 30)},
                {"depth", number(limits.depth_max, 4, wire::FrameReader::depth_capacity)},
                {"items", number(limits.items_max, 256, 1u << 30)},
                {"calls_running", number(limits.calls_running_max, 1, 1'000'000)},
                {"calls_waiting", number(limits.calls_waiting_max, 1, 10'000'000)},
                {"unsent_bytes", number(limits.unsent_bytes_max, 4096, 1u << 30)},
                {"waiting_bytes", number(limits.waiting_bytes_max, 4096, std::size_t{1} << 40)},
                {"login_ms", number(limits.login_ms, 1, 3'600'000)},
                {"handles", number(limits.handles_max, 1, 100'000'000)},
                {"tickets", number(limits.tickets_max, 1, 1'000'000)},
                {"ticket_ttl_ms", number(limits.ticket_ttl_ms_max, 1, 60'000)},
                {"connections", number(limits.connections_max, 1, 1'000'000)},
                {"pool_threads", number(limits.pool_threads_max, 1, 10'000)},
                {"object_bytes", number(limits.object_bytes_max, 1, INT64_MAX)},
                {"chain", number(limits.chain_max, 1, 32)},
                {"stuck_ms", number(limits.stuck_ms, 1, 60'000)}};
    }

    Result<void> read_publish(const toml::node& node) {
        const auto table = as_table(place_, node, "[publish]");
        if (!table) return tl::unexpected<Error>(table.error());
        for (const auto& [name, type] : **table) {
            if (!type.is_string())
                return place_.bad(type.source(), fmt::format("publish.{} must be the name of a type", name.str()));
            options_.publish.emplace_back(name.str(), type.as_string()->get());
        }
        return {};
    }

    Result<void> read_plugins(const toml::node& node) {
        const auto table = as_table(place_, node, "[plugin]");
        if (!table) return tl::unexpected<Error>(table.error());
        for (const auto& [name, entry] : **table) {
            const auto plugin = as_table(place_, entry, fmt::format("[plugin.{}]", name.str()));
            if (!plugin) return tl::unexpected<Error>(plugin.error());
            PluginOptions& options = options_.plugins[std::string(name.str())];
            const Keys keys = {{"prefix", [&](const toml::node& value) { return read_prefix(value, options); }},
                               {"settings", [&](const toml::node& value) { return read_settings(value, options); }}};
            if (auto read = read_table(place_, **plugin, fmt::format("[plugin.{}]", name.str()), keys); !read)
                return read;
        }
        return {};
    }

private:
    static Result<void> add(std::vector<std::string>& to, std::string_view text) {
        to.emplace_back(text);
        return {};
    }

    Setter strings(std::function<Result<void>(std::string_view)> take) {
        return [this, take = std::move(take)](const toml::node& node) -> Result<void> {
            const toml::array* array = node.as_array();
            if (array == nullptr) return place_.bad(node.source(), "must be an array of strings");
            for (const toml::node& element : *array) {
                if (!element.is_string()) return place_.bad(element.source(), "must be a string");
                if (auto taken = take(element.as_string()->get()); !taken)
                    return place_.bad(element.source(), taken.error().text);
            }
            return {};
        };
    }
    Setter text(std::string& to) {
        return [this, &to](const toml::node& node) -> Result<void> {
            if (!node.is_string()) return place_.bad(node.source(), "must be a string");
            to = node.as_string()->get();
            return {};
        };
    }
    Setter boolean(bool& to) {
        return [this, &to](const toml::node& node) -> Result<void> {
            if (!node.is_boolean()) return place_.bad(node.source(), "must be true or false");
            to = node.as_boolean()->get();
            return {};
        };
    }
    Setter choice(std::string& to, std::vector<std::string_view> known) {
        return [this, &to, known = std::move(known)](const toml::node& node) -> Result<void> {
            const std::string text = node.is_string() ? node.as_string()->get() : std::string();
            if (std::find(known.begin(), known.end(), text) == known.end()) {
                return place_.bad(node.source(),
                                  fmt::format("must be one of {}{}", fmt::join(known, ", "), suggestion(text, known)));
            }
            to = text;
            return {};
        };
    }
    template <class T>
    Setter number(T& to, std::int64_t least, std::int64_t most) {
        return [this, &to, least, most](const toml::node& node) -> Result<void> {
            const std::int64_t value = node.is_integer() ? node.as_integer()->get() : least - 1;
            if (!node.is_integer() || value < least || value > most)
                return place_.bad(node.source(), fmt::format("must be a whole number from {} to {}", least, most));
            to = static_cast<T>(value);
            return {};
        };
    }

    Result<void> read_error_form(const toml::node& node) {
        std::string form;
        if (auto read = choice(form, {"string", "full"})(node); !read) return read;
        options_.server.listener.error_form = form == "full" ? wire::ErrorForm::full : wire::ErrorForm::string;
        return {};
    }

    Result<void> read_metrics(const toml::node& node) {
        std::string text;
        if (auto read = this->text(text)(node); !read) return read;
        auto address = wire::parse_address(text);
        if (!address) return place_.bad(node.source(), address.error().text);
        options_.server.metrics = *std::move(address);
        return {};
    }

    Result<void> read_prefix(const toml::node& node, PluginOptions& options) {
        const std::string prefix = node.is_string() ? node.as_string()->get() : std::string();
        if (wire::name_mismatch(prefix + "x") != nullptr)
            return place_.bad(node.source(), "must begin a typeid, such as \"acme.\"");
        options.prefix = prefix;
        return {};
    }

    Result<void> read_settings(const toml::node& node, PluginOptions& options) {
        if (!node.is_table()) return place_.bad(node.source(), "must be a table");
        data::Buffer packed;
        wire::Out out(packed);
        pack(node, out);
        if (auto sound = wire::check_value(packed.bytes(), {}); !sound)
            return place_.bad(node.source(), sound.error().text);
        options.settings = packed.text();
        return {};
    }

    static void pack(const toml::node& node, wire::Out& out) {
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

    const Place& place_;
    Options& options_;
};

}  // namespace

Result<void> read_config(std::string_view text, const std::string& file, Options& options) {
    const Place place(file);
    toml::table config;
    try {
        config = toml::parse(text, file);
    } catch (const toml::parse_error& failure) {
        return place.bad(failure.source(), failure.description());
    }
    Settings settings(place, options);
    const auto section = [&](std::string_view name, Keys keys) -> Setter {
        return [&place, name, keys = std::move(keys)](const toml::node& node) -> Result<void> {
            const auto table = as_table(place, node, name);
            if (!table) return tl::unexpected<Error>(table.error());
            return read_table(place, **table, name, keys);
        };
    };
    const Keys keys = {{"host", section("[host]", settings.host())},
                       {"limits", section("[limits]", settings.limits())},
                       {"login", section("[login]", settings.login())},
                       {"tls", section("[tls]", settings.tls())},
                       {"access", [&](const toml::node& node) { return settings.read_access(node); }},
                       {"publish", [&](const toml::node& node) { return settings.read_publish(node); }},
                       {"plugin", [&](const toml::node& node) { return settings.read_plugins(node); }}};
    return read_table(place, config, "the config", keys);
}

}  // namespace soho::host
