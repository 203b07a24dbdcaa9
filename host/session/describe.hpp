#pragma once
// A type as soho.types tells of it (PROTOCOL.md, 6), or an offer (9).

#include "host/registry/type.hpp"

#include <soho/wire/codec.hpp>

namespace soho::host {

enum class Described : std::uint8_t { for_clients, for_offer };
void describe_type(const Type& type, wire::Out& out, Described as = Described::for_clients);

}  // namespace soho::host
