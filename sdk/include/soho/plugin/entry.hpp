#pragma once
// SOHO_PLUGIN: the one function that a plugin exports, its note, its table, and the fence around all of it.

#include <soho/plugin/builder.hpp>
#include <soho/plugin/registration.hpp>

namespace soho {
inline namespace sdk {
namespace detail {

// Why the body of SOHO_PLUGIN failed; inside the catch block.
inline void refuse_with_current(const soho_registrar& registrar) noexcept {
    try {
        const Error error = current_error();
        const bool ours = error.type() == "Refusal";
        const std::string text = ours ? error.text() : "its load threw " + error.type() + ": " + error.text();
        registrar.refuse(&registrar, to_abi(text));
    } catch (...) {
        registrar.refuse(&registrar, to_abi("its load threw an exception"));
    }
}

template <void (*body)(Plugin&)>
int load(const soho_host* host, const soho_registrar* registrar, void** out) noexcept {
    try {
        auto state = std::make_unique<PluginState>();
        state->host = host;
        Plugin plugin(*state);
        body(plugin);
        settle(*state);
        if (hand_over(*state, *registrar) != 0) return 1;
        *out = state.release();
        return 0;
    } catch (...) {
        refuse_with_current(*registrar);
        return 1;
    }
}

inline void stop(void* context) noexcept {
    auto& state = *static_cast<PluginState*>(context);
    while (!state.on_stop.empty()) {
        const auto function = std::move(state.on_stop.back());
        state.on_stop.pop_back();
        try {
            function();
        } catch (...) {
            log_current(*state.host, "an on_stop function");
        }
    }
}

inline void unload(void* state) noexcept { delete static_cast<PluginState*>(state); }

inline const void* get_extension(void* context, soho_text id) noexcept {
    const auto& state = *static_cast<PluginState*>(context);
    const auto found = state.extensions.find(from_abi(id));
    return found == state.extensions.end() ? nullptr : found->second;
}

template <void (*body)(Plugin&)>
constexpr soho_plugin make_plugin_table(std::string_view name, std::string_view version) {
    return {sizeof(soho_plugin),
            SOHO_ABI,
            {name.data(), name.size()},
            {version.data(), version.size()},
            {SOHO_SDK_VERSION, sizeof(SOHO_SDK_VERSION) - 1},
            &load<body>,
            &stop,
            &unload,
            &get_extension};
}

}  // namespace detail
}  // namespace sdk
}  // namespace soho

// SOHO_PLUGIN(pair, "1.0", plugin) { … }, once in a plugin, outside of any namespace. The body registers; `plugin` is a
// soho::Plugin&. It may throw: then the host refuses the plugin with what the exception says.
#define SOHO_PLUGIN(id, version, plugin)                                                                              \
    SOHO_NOTE(#id, version);                                                                                          \
    using namespace ::soho::sdk::literals;                                                                            \
    static void soho_plugin_body(::soho::sdk::Plugin& plugin);                                                        \
    SOHO_EXPORT const soho_plugin* soho_plugin_entry(std::uint32_t) {                                                 \
        static constexpr soho_plugin table = ::soho::sdk::detail::make_plugin_table<&soho_plugin_body>(#id, version); \
        return &table;                                                                                                \
    }                                                                                                                 \
    static void soho_plugin_body([[maybe_unused]] ::soho::sdk::Plugin& plugin)
