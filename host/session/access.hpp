#pragma once
// What a principal may do: the [[access]] rules of the config, and the verdicts that follow from them. `exposed` bounds everyone;
// rules only say who of those bounded may.

#include "host/object/object.hpp"
#include "host/session/principal.hpp"

#include <atomic>
#include <mutex>
#include <unordered_map>

namespace soho::host {

// Patterns are of the shell's kind: `*`, `?`, `[a-z]`.
struct AccessRule {
    std::vector<std::string> who;           // of principals' names, and of "gid:NUMBER" for the groups of local users
    std::vector<std::string> types;         // of typeids
    std::vector<std::string> names;         // of published names: what is published so is meant, whatever its type
    std::vector<std::string> methods{"*"};  // for the right to call
    std::uint32_t rights = 0;
    std::string source;  // "sohod.toml:12"

    bool means(const Principal& principal) const;
    bool covers(std::string_view type_id) const;
    bool covers_name(std::string_view name) const;
    bool covers_method(std::string_view method) const;
};

// Why no principal can be like that pattern, as part of a sentence, or empty: "ky:ci", "uid:alice".
std::string who_mismatch(std::string_view pattern);

// What a call or a creation is about.
struct Subject {
    std::string_view type_id;
    std::vector<std::string> names{};  // that the object is published under
};

// The rules that speak of one principal, and what it may do everywhere. Immutable.
class Grants {
public:
    Grants(std::uint32_t everywhere, std::vector<AccessRule> rules)
        : everywhere_(everywhere),
          rules_(std::move(rules)) {}

    const std::vector<AccessRule>& rules() const { return rules_; }
    bool none() const { return everywhere_ == 0 && rules_.empty(); }
    bool everywhere(std::uint32_t right) const { return (everywhere_ & right) == right; }
    // Some rule names published names: a subject's matter.
    bool ask_for_names() const;
    bool admin() const;
    // The rule that allows it, or nullptr; meaningless where the right is given everywhere.
    const AccessRule* find(std::uint32_t right, const Subject& subject, std::string_view method = {}) const;
    // Any right at all on it: without one, it looks as if it did not exist (RULES 26).
    bool know(const Subject& subject) const;

private:
    const std::uint32_t everywhere_;
    const std::vector<AccessRule> rules_;
};
using GrantsPtr = std::shared_ptr<const Grants>;

// The rules of the moment. Thread-safe.
class Access {
public:
    void set_rules(std::vector<AccessRule> rules);
    GrantsPtr grants_of(const Principal& principal) const;
    // Changes with the rules: whoever keeps grants asks again then.
    std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

private:
    mutable std::mutex mutex_;
    std::vector<AccessRule> rules_;
    std::atomic<std::uint64_t> generation_{1};
};

// One caller's grants, kept up to date, with the verdicts that were found already. For one thread.
class CallerAccess {
public:
    CallerAccess(const Access& access, const Principal& principal) : access_(access), principal_(principal) {}

    const Grants& grants() {
        if (access_.generation() != generation_) renew();
        return *grants_;
    }
    void forget() { generation_ = 0; }  // the principal is another now
    // Of the right to call; `names` is asked only where it matters.
    template <class Names>
    bool may_call(const Type& type, const Method& method, Names names) {
        const Grants& mine = grants();
        if (mine.everywhere(right_call)) return true;
        if (const auto known = verdicts_.find(&method); known != verdicts_.end()) return known->second;
        if (mine.find(right_call, {type.type_id}, method.name) != nullptr) return verdicts_[&method] = true;
        if (!mine.ask_for_names()) return verdicts_[&method] = false;
        return mine.find(right_call, {type.type_id, names()}, method.name) != nullptr;
    }

private:
    void renew();

    const Access& access_;
    const Principal& principal_;
    std::uint64_t generation_ = 0;
    GrantsPtr grants_;
    std::unordered_map<const Method*, bool> verdicts_;  // by type alone; a method belongs to one type
};

// What a call of that principal would be answered, and because of what. The principal is known by its name alone, as an admin
// writes it: of a local user the groups are looked up; that the host's own user and root may do everything on a Unix socket is
// counted in.
struct Verdict {
    bool allowed = false;
    std::string why;
};
Verdict explain(const Access& access, const std::string& principal, const Type& type, std::string_view method);

}  // namespace soho::host
