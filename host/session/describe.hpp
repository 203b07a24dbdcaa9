#pragma once
// A type as soho.types tells of it (PROTOCOL.md, 6).

#include "host/registry/type.hpp"

#include <soho/wire/codec.hpp>

namespace soho::host {

void describe_type(const Type& type, wire::Out& out);

}  // namespace soho::host
