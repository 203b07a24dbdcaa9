#include "host/session/access.hpp"

#include <fmt/format.h>
#include <fnmatch.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>
#include <algorithm>
#include <charconv>

namespace soho::host {

namespace {

bool matches(const std::vector<std::string>& patterns, std::string_view text) {
    const std::string terminated(text);
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
        return ::fnmatch(pattern.c_str(), terminated.c_str(), 0) == 0;
    });
}

}  // namespace

std::string who_mismatch(std::string_view pattern) {
    static constexpr std::string_view named[] = {"key", "token", "cert", "plugin"}, numbered[] = {"uid", "gid"};
    const auto is_one_of = [](auto& kinds, std::string_view kind) {
        return std::find(std::begin(kinds), std::end(kinds), kind) != std::end(kinds);
    };
    const std::string_view literal = pattern.substr(0, pattern.find_first_of("*?[\\"));
    const auto colon = literal.find(':');
    if (colon == std::string_view::npos) {
        if (literal != pattern || pattern == "anonymous") return {};
    } else if (is_one_of(named, literal.substr(0, colon))) {
        return {};
    } else if (is_one_of(numbered, literal.substr(0, colon))) {
        const std::string_view number = literal.substr(colon + 1);
        const bool is_number = number.find_first_not_of("0123456789") == std::string_view::npos;
        if (is_number && (!number.empty() || literal != pattern)) return {};
    }
    return "must be uid:NUMBER, gid:NUMBER, key:NAME, token:NAME, cert:NAME, plugin:NAME or anonymous";
}

bool AccessRule::means(const Principal& principal) const {
    if (principal.name == "nobody") return false;  // who has still to log in, whatever the pattern
    return matches(who, principal.name) ||
           std::any_of(principal.groups.begin(), principal.groups.end(),
                       [&](std::uint32_t group) { return matches(who, fmt::format("gid:{}", group)); });
}
bool AccessRule::covers(std::string_view type_id) const { return matches(types, type_id); }
bool AccessRule::covers_name(std::string_view name) const { return matches(names, name); }
bool AccessRule::covers_method(std::string_view method) const { return matches(methods, method); }

namespace {

bool covers(const AccessRule& rule, const Subject& subject) {
    return rule.covers(subject.type_id) || std::any_of(subject.names.begin(), subject.names.end(),
                                                       [&](const std::string& name) { return rule.covers_name(name); });
}

}  // namespace

bool Grants::ask_for_names() const {
    return std::any_of(rules_.begin(), rules_.end(), [](const AccessRule& rule) { return !rule.names.empty(); });
}

bool Grants::admin() const {
    return everywhere(right_admin) || std::any_of(rules_.begin(), rules_.end(), [](const AccessRule& rule) {
               return (rule.rights & right_admin) != 0;
           });
}

const AccessRule* Grants::find(std::uint32_t right, const Subject& subject, std::string_view method) const {
    const auto found = std::find_if(rules_.begin(), rules_.end(), [&](const AccessRule& rule) {
        return (rule.rights & right) == right && covers(rule, subject) &&
               (right != right_call || method.empty() || rule.covers_method(method));
    });
    return found == rules_.end() ? nullptr : &*found;
}

bool Grants::know(const Subject& subject) const {
    return everywhere_ != 0 || std::any_of(rules_.begin(), rules_.end(), [&](const AccessRule& rule) {
               return rule.rights != 0 && covers(rule, subject);
           });
}

void Access::set_rules(std::vector<AccessRule> rules) {
    const std::scoped_lock lock(mutex_);
    rules_ = std::move(rules);
    generation_.fetch_add(1, std::memory_order_release);
}

GrantsPtr Access::grants_of(const Principal& principal) const {
    const std::scoped_lock lock(mutex_);
    std::vector<AccessRule> theirs;
    std::copy_if(rules_.begin(), rules_.end(), std::back_inserter(theirs),
                 [&](const AccessRule& rule) { return rule.means(principal); });
    return std::make_shared<Grants>(principal.rights, std::move(theirs));
}

void CallerAccess::renew() {
    generation_ = access_.generation();
    grants_ = access_.grants_of(principal_);
    verdicts_.clear();
}

namespace {

// As it would come over the Unix socket, or by a login.
Principal principal_named(const std::string& name) {
    Principal principal{name};
    if (!name.starts_with("uid:")) return principal;
    uid_t uid = 0;
    const auto [end, failure] = std::from_chars(name.data() + 4, name.data() + name.size(), uid);
    if (failure != std::errc() || end != name.data() + name.size()) return principal;
    if (uid == 0 || uid == ::geteuid()) principal.rights = rights_all;
    const passwd* const user = ::getpwuid(uid);
    if (user == nullptr) return principal;
    int count = 256;
    std::vector<gid_t> groups(static_cast<std::size_t>(count));
    if (::getgrouplist(user->pw_name, user->pw_gid, groups.data(), &count) < 0) return principal;
    principal.groups.assign(groups.begin(), groups.begin() + count);
    return principal;
}

}  // namespace

Verdict explain(const Access& access, const std::string& name, const Type& type, std::string_view method) {
    const Principal principal = principal_named(name);
    const GrantsPtr grants = access.grants_of(principal);
    const Method* const exposed = type.find(method, name);
    if (exposed == nullptr) return {false, type.no_method(method).text};
    if (grants->everywhere(right_call))
        return {true, fmt::format("{} is root or the host's own user, who may do everything", name)};
    if (grants->none()) return {false, fmt::format("no [[access]] rule speaks of {}", name)};
    if (const AccessRule* rule = grants->find(right_call, {type.type_id}, method))
        return {true, fmt::format("the rule at {} allows it", rule->source)};
    std::string spoken;
    for (const AccessRule& rule : grants->rules()) spoken += (spoken.empty() ? "" : ", ") + rule.source;
    if (grants->ask_for_names()) {
        return {false, fmt::format("no rule allows {} this on every {}; rules that speak of published names may, on "
                                   "some ({})",
                                   name, type.type_id, spoken)};
    }
    return {false, fmt::format("no rule that speaks of {} gives the right to call {}.{} ({})", name, type.type_id,
                               method, spoken)};
}

}  // namespace soho::host
