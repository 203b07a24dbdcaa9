#pragma once
// "did you mean": the nearest of the known names, for errors.

#include <string>
#include <string_view>
#include <vector>

namespace soho::host {

// `; did you mean "get_x"?` if one of `known` is near enough to `name`, else empty.
std::string suggestion(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace soho::host
