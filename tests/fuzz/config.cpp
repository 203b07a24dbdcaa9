// Any text as a config: it is read, or refused with FILE:LINE:COLUMN and a sentence.
#include "host/config.hpp"

#include "tests/fuzz/require.hpp"

#include <soho/wire/frame.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace soho;
    host::Options options;
    const auto read = host::read_config({reinterpret_cast<const char*>(data), size}, "sohod.toml", options);
    if (!read) {
        SOHO_REQUIRE(read.error().text.starts_with("sohod.toml:"));
        SOHO_REQUIRE(read.error().code == Code::bad_arguments);
        return 0;
    }
    const auto completed = host::complete(options);
    SOHO_REQUIRE(completed || !completed.error().text.empty());
    for (const auto& [name, plugin] : options.plugins)
        SOHO_REQUIRE(wire::check_value(data::as_bytes(plugin.settings), {1u << 30, 64, SIZE_MAX}).has_value());
    return 0;
}
