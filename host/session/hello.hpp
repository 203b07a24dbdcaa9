#pragma once
// soho.hello: what a connection agrees on (PROTOCOL.md, 3).

#include "host/session/control.hpp"

namespace soho::host {

Result<void> hello(Control::Context& context);

inline constexpr std::string_view host_name = "sohod/0.1.0";

}  // namespace soho::host
