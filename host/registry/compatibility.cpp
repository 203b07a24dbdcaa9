#include "host/registry/compatibility.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <optional>

namespace soho::host {

namespace {

// The words that ABI.md lists for single values, with the numbers that each can be; other words, such as a struct's name, say nothing here.
struct Word {
    enum class Kind : std::uint8_t { nil, boolean, integer, floating, string, bytes };
    Kind kind = Kind::boolean;
    int bits = 0;
    bool is_signed = false;
};

std::optional<Word> word_of(std::string_view text) {
    using Kind = Word::Kind;
    static const std::map<std::string_view, Word> words = {{"nil", {Kind::nil}},
                                                           {"bool", {Kind::boolean}},
                                                           {"str", {Kind::string}},
                                                           {"bytes", {Kind::bytes}},
                                                           {"int8", {Kind::integer, 8, true}},
                                                           {"int16", {Kind::integer, 16, true}},
                                                           {"int32", {Kind::integer, 32, true}},
                                                           {"int64", {Kind::integer, 64, true}},
                                                           {"uint8", {Kind::integer, 8}},
                                                           {"uint16", {Kind::integer, 16}},
                                                           {"uint32", {Kind::integer, 32}},
                                                           {"uint64", {Kind::integer, 64}},
                                                           {"float32", {Kind::floating, 32}},
                                                           {"float64", {Kind::floating, 64}},
                                                           {"seconds", {Kind::floating, 64}}};
    const auto found = words.find(text);
    return found != words.end() ? std::optional(found->second) : std::nullopt;
}

std::string_view without_nil(std::string_view word) {
    if (word.ends_with('?')) word.remove_suffix(1);
    return word;
}

// Whether each value of a type's word is one of another's, as far as the words tell.
bool is_part_of(std::string_view part, std::string_view whole) {
    const bool part_may_be_nil = part.ends_with('?'), whole_may_be_nil = whole.ends_with('?');
    part = without_nil(part);
    whole = without_nil(whole);
    if (part == whole) return whole_may_be_nil || !part_may_be_nil;
    const auto one = word_of(part), other = word_of(whole);
    if (part == "any" && other) return false;
    if (!one || !other) return true;
    using Kind = Word::Kind;
    if ((part_may_be_nil || one->kind == Kind::nil) && !whole_may_be_nil && other->kind != Kind::nil) return false;
    if (one->kind == Kind::nil) return true;
    if (other->kind == Kind::floating) {
        return one->kind == Kind::integer || (one->kind == Kind::floating && one->bits <= other->bits);
    }
    if (one->kind != other->kind) return false;
    if (one->is_signed == other->is_signed) return one->bits <= other->bits;
    return other->is_signed && one->bits < other->bits;
}

// Two versions of a plugin, and what is found by comparing them.
class Comparison {
public:
    Comparison(const Plugin& before, const Plugin& after) : before_(before), after_(after) {}

    std::vector<std::string> run() {
        for (const auto& type : before_.types()) {
            const TypePtr same = after_.find_local(type->local_id);
            if (same == nullptr) {
                found_.push_back(fmt::format("type {} has gone", type->type_id));
            } else {
                compare_types(*type, *same);
            }
        }
        return std::move(found_);
    }

private:
    void compare_types(const Type& before, const Type& after) {
        const std::string& name = before.type_id;
        if (before.version_major != after.version_major) {
            // Whoever checks versions is told by that, and nobody expects the rest to fit.
            found_.push_back(fmt::format("type {} has the version {}.{}, and had {}.{}", name, after.version_major,
                                         after.version_minor, before.version_major, before.version_minor));
            return;
        }
        if (before.creatable() && !after.creatable())
            found_.push_back(fmt::format("type {} cannot be created any more", name));
        if (before.creatable() && after.creatable()) compare_signatures(name, before.signature, after.signature);
        for (const Method* method : before.exposed.all()) {
            const Method* const same = after.exposed.find(method->name);
            const std::string callee = fmt::format("{}.{}", name, method->name);
            if (same == nullptr) {
                found_.push_back(fmt::format("{} has gone", callee));
            } else {
                compare_signatures(callee, method->signature, same->signature);
                compare_results(callee, *method, *same);
            }
        }
    }

    void compare_signatures(std::string_view callee, const Signature& before, const Signature& after) {
        if (!takes_all_of(after, before)) {
            found_.push_back(fmt::format("{} takes {}, and took {}", callee, after.text(), before.text()));
            return;
        }
        const std::size_t both = std::min(before.parameters.size(), after.parameters.size());
        for (std::size_t i = 0; i < both; ++i) compare_parameters(callee, i, before.parameters[i], after.parameters[i]);
    }

    // Whatever fitted the one, by position or by keyword, must fit the other.
    static bool takes_all_of(const Signature& after, const Signature& before) {
        const bool takes_more = !after.args_name.empty(), takes_keywords = !after.kwargs_name.empty();
        if (after.required > before.required) return false;
        if (!before.args_name.empty() && !takes_more) return false;
        if (!before.kwargs_name.empty() && !takes_keywords) return false;
        for (std::size_t i = 0; i < before.parameters.size(); ++i) {
            const std::string& name = before.parameters[i].name;
            if (i < after.parameters.size()) {
                if (!name.empty() && after.parameters[i].name != name) return false;
            } else if (!takes_more || (!name.empty() && !takes_keywords)) {
                return false;
            }
        }
        return true;
    }

    void compare_parameters(std::string_view callee, std::size_t index, const Parameter& before,
                            const Parameter& after) {
        if (!before.object() && after.object()) return tell_of(callee, index, before, after);
        if (before.object() && after.object() && !takes_objects_of(before, after))
            return tell_of(callee, index, before, after);
        if (before.object() && !after.object() && word_of(without_nil(after.type)))
            return tell_of(callee, index, before, after);
        if (!before.object() && !after.object() && !is_part_of(before.type, after.type))
            tell_of(callee, index, before, after);
    }

    void tell_of(std::string_view callee, std::size_t index, const Parameter& before, const Parameter& after) {
        const std::string name = before.name.empty() ? fmt::format("{}", index + 1) : before.name;
        const std::string one = what_is(before), other = what_is(after);
        found_.push_back(one == other ? fmt::format("argument {} of {} is {}, but another one", name, callee, one)
                                      : fmt::format("argument {} of {} is {}, and was {}", name, callee, other, one));
    }
    static std::string what_is(const Parameter& parameter) {
        if (parameter.object()) return "an object of class " + parameter.type;
        return parameter.type.empty() ? "any" : parameter.type;
    }

    // Whether objects of each typeid that was an argument are one still.
    bool takes_objects_of(const Parameter& before, const Parameter& after) const {
        return std::all_of(before_.types().begin(), before_.types().end(), [&](const TypePtr& type) {
            if (type->class_key != before.class_key) return true;
            const TypePtr same = after_.find_local(type->local_id);
            return same == nullptr || same->class_key == after.class_key;
        });
    }

    void compare_results(std::string_view callee, const Method& before, const Method& after) {
        const std::string one = result_of(before), other = result_of(after);
        const bool of_objects = before.returns_type != nullptr || after.returns_type != nullptr;
        if (of_objects ? one == other : before.returns == "nil" || is_part_of(other, before.returns)) return;
        found_.push_back(fmt::format("{} gives {}, and gave {}", callee, other, one));
    }
    static std::string result_of(const Method& method) {
        if (method.returns_type == nullptr) return method.returns.empty() ? "any" : method.returns;
        return fmt::format("a {}", method.returns_type->local_id);
    }

    const Plugin& before_;
    const Plugin& after_;
    std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> incompatibilities(const Plugin& before, const Plugin& after) {
    return Comparison(before, after).run();
}

}  // namespace soho::host
