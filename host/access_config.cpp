#include "host/access_config.hpp"

#include "host/registry/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>

namespace soho::host {

namespace {

constexpr std::string_view keys[] = {"who", "types", "names", "methods", "rights"};

class RuleReader {
public:
    RuleReader(const std::string& file, const toml::table& table) : file_(file), table_(table) {}

    Result<AccessRule> read() {
        AccessRule rule;
        rule.source = fmt::format("{}:{}", file_, table_.source().begin.line);
        for (const auto& [key, node] : table_) {
            if (std::find(std::begin(keys), std::end(keys), key.str()) == std::end(keys)) {
                return bad(key.source(), fmt::format("[[access]] has no \"{}\"{}", key.str(),
                                                     suggestion(key.str(), {std::begin(keys), std::end(keys)})));
            }
        }
        std::vector<std::string> rights;
        const std::pair<const char*, std::vector<std::string>*> lists[] = {{"who", &rule.who},
                                                                           {"types", &rule.types},
                                                                           {"names", &rule.names},
                                                                           {"methods", &rule.methods},
                                                                           {"rights", &rights}};
        for (const auto& [key, list] : lists) {
            if (auto taken = take(key, *list); !taken) return tl::unexpected<Error>(taken.error());
        }
        if (rule.who.empty())
            return bad(table_.source(), "[[access]] lacks \"who\", such as [\"key:ci\", \"uid:1000\"]");
        if (rights.empty())
            return bad(table_.source(),
                       fmt::format("[[access]] lacks \"rights\": some of {}", fmt::join(right_names, ", ")));
        if (rule.types.empty() && rule.names.empty()) rule.types = {"*"};
        for (const std::string& right : rights) {
            const auto found = std::find(right_names.begin(), right_names.end(), right);
            if (found == right_names.end()) {
                return bad(table_.get("rights")->source(),
                           fmt::format("no right is called \"{}\": {}{}", right, fmt::join(right_names, ", "),
                                       suggestion(right, {right_names.begin(), right_names.end()})));
            }
            rule.rights |= 1u << (found - right_names.begin());
        }
        return rule;
    }

private:
    tl::unexpected<Error> bad(const toml::source_region& where, std::string_view why) const {
        return refuse(Code::bad_arguments,
                      fmt::format("{}:{}:{}: {}", file_, where.begin.line, where.begin.column, why));
    }

    // A string, or an array of them; what is not there leaves the list as it is.
    Result<void> take(const char* key, std::vector<std::string>& list) const {
        const toml::node* const node = table_.get(key);
        if (node == nullptr) return {};
        list.clear();
        if (node->is_string()) {
            list.push_back(node->as_string()->get());
            return {};
        }
        if (!node->is_array() || node->as_array()->empty())
            return bad(node->source(), fmt::format("\"{}\" must be a string or an array of strings", key));
        for (const toml::node& element : *node->as_array()) {
            if (!element.is_string()) return bad(element.source(), fmt::format("\"{}\" must hold strings", key));
            list.push_back(element.as_string()->get());
        }
        return {};
    }

    const std::string& file_;
    const toml::table& table_;
};

}  // namespace

Result<std::vector<AccessRule>> read_access_rules(const toml::node& node, const std::string& file) {
    const auto malformed = [&](const toml::node& where) {
        return refuse(Code::bad_arguments, fmt::format("{}:{}:{}: access rules are tables: [[access]]", file,
                                                       where.source().begin.line, where.source().begin.column));
    };
    if (!node.is_array()) return malformed(node);
    std::vector<AccessRule> rules;
    for (const toml::node& element : *node.as_array()) {
        if (!element.is_table()) return malformed(element);
        auto rule = RuleReader(file, *element.as_table()).read();
        if (!rule) return tl::unexpected<Error>(rule.error());
        rules.push_back(*std::move(rule));
    }
    return rules;
}

}  // namespace soho::host
