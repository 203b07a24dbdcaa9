#pragma once
// A type as a provider describes it (PROTOCOL.md, 9): the words of soho.types, read back.

#include "host/registry/type.hpp"

#include <soho/data/reader.hpp>

namespace soho::host {

// What runs in the place of a plugin's functions; their contexts are set by whoever asked for the type.
struct ProvidedFunctions {
    uint32_t (*invoke)(void* context, void* self, const soho_call* call) = nullptr;
    uint32_t (*create)(void* context, const soho_call* call, soho_instance* out) = nullptr;
    Type::FindOpen find_open = nullptr;  // of those that are "open"
};

// Checked as what a plugin registers is. Methods reply later, and none of them runs on the pool, whatever its flags say: they only
// send. `class_key` stands for the provider. Fails with a sentence.
Result<std::unique_ptr<PendingType>> read_description(data::Bytes description, const ProvidedFunctions& functions,
                                                      const void* class_key);

}  // namespace soho::host
