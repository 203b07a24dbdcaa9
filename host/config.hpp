#pragma once
// Reads the config (sohod.toml, and what is dropped into sohod.d/) into Options.

#include "host/options.hpp"

namespace soho::host {

// Reads a config's text into `options`: what it does not mention stays as it is, lists grow. Fails with "FILE:LINE:COLUMN: what is
// wrong, and what would be right"; `options` is of no use then.
Result<void> read_config(std::string_view text, const std::string& file, Options& options);

// Reads a file, and then the drop-ins that belong to it: the *.toml of the folder beside it that has its name with .d for .toml,
// in the order of their names. Those read are appended to options.config_files.
Result<void> read_config_files(const std::string& file, Options& options);
// The drop-ins alone. No folder: nothing.
Result<void> read_drop_ins(const std::string& file, Options& options);

// When all is read: makes options.server.listeners, and checks what concerns more than one setting.
Result<void> complete(Options& options);

}  // namespace soho::host
