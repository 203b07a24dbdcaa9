#pragma once
// The manual pages, made of the table of settings. They are committed as packaging/man/*; a test compares.

#include <string>

namespace soho::host {

std::string manual_of_sohod();   // sohod(8)
std::string manual_of_config();  // sohod.toml(5)

}  // namespace soho::host
