#pragma once
// The one table of what sohod can be told. The config's reader, the flags, --help, the manual pages and the comparison that a
// reload makes all go by it: a further setting is one entry here, a further limit one in host/session/limits.cpp.

#include "host/options.hpp"

#include <functional>
#include <span>
#include <string_view>
#include <variant>

namespace soho::host {

// A part of the config: `[host]`, each `[[listener]]`, each `[plugin.NAME]`.
struct Section {
    enum class Form : std::uint8_t { root, table, array, named };

    std::string_view name;
    Form form;
    std::string_view doc;

    std::string title() const;  // "[host]", "[[listener]]", "[plugin.NAME]"
};
std::span<const Section> sections();

// What a setting is set in; for those that have flags it is the Options.
using Owner = std::variant<Options*, ListenerOptions*, AccessTable*, PluginOptions*, LimitOverrides*>;

struct Setting {
    // pairs: a table of strings. limits: a table of limits' names and numbers. data: a table that a plugin gets as it is.
    enum class Kind : std::uint8_t { boolean, number, word, text, texts, pairs, limits, data };

    std::string_view section;
    std::string_view key;
    Kind kind;
    std::string_view operand;               // of its flag, or of what it is in the manual: "FILE"
    std::string_view doc;                   // one sentence, or two
    bool live = false;                      // a reload changes it; else it takes a restart
    bool needed = false;                    // in each table of its section
    std::string flag{};                     // "--plugin"; empty: none
    std::int64_t least = 0, most = 0;       // of a number
    std::vector<std::string_view> words{};  // of a word
    std::vector<Limit::Scope> scopes{};     // of limits: those that may be named
    std::function<std::string(std::string_view text)> mismatch{};  // of a text: what is wrong with it
    std::function<SettingValue(Owner owner)> get{};
    // Lists are appended to, but an empty one empties. A value must be of the setting's kind and without mismatch.
    std::function<void(Owner owner, SettingValue value)> set{};

    std::string name() const;  // "host.listen", "limits.handles", "publish"
    // What is wrong with a value of a scalar kind, or one of a list's; empty: nothing.
    std::string wrong(const SettingValue& value) const;
    std::string wrong_text(std::string_view text) const;
    // What a value must be, for the manual and for errors: "a whole number from 1 to 64".
    std::string domain() const;
};

// All of them, section by section.
std::span<const Setting> settings();
const Setting* find_setting(std::string_view section, std::string_view key);

// As the config would have it.
std::string show(const SettingValue& value);

}  // namespace soho::host
