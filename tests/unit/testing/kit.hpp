#pragma once
// For tests of the kit: plugins that have no SOHO_PLUGIN, and how a call fails.

#include <soho/testing.hpp>

#include <gtest/gtest.h>

namespace soho_kit_test {

using soho::testing::CallError;
using soho::testing::Host;
using soho::testing::Keywords;
using soho::testing::LoadError;
using soho::testing::Object;
using soho::testing::Options;
using namespace std::chrono_literals;

// The entry function of a plugin with that body.
template <void (*body)(soho::Plugin&)>
const soho_plugin* entry(std::uint32_t) {
    static constexpr soho_plugin table = soho::sdk::detail::make_plugin_table<body>("kit", "1.0");
    return &table;
}

// The what() of the CallError that `statement` ends with.
template <class F>
std::string failure_of(F statement) {
    try {
        statement();
    } catch (const CallError& error) {
        return error.what();
    }
    return "no failure";
}

}  // namespace soho_kit_test
