#pragma once
// A caller's rights, asked where a request is resolved. What it has no right on at all looks as if it did not exist (RULES 26):
// callers of these answer for it as they do for what is not there.

#include "host/session/caller.hpp"

namespace soho::host {

bool may_know(Caller& caller, const Type& type);
bool may_know(Caller& caller, const Object& object);

// Fail with Code::denied; for what may be known.
Result<void> check_call(Caller& caller, const Object& object, const Method& method);
Result<void> check_right(Caller& caller, std::uint32_t right, const Object& object, std::string_view what);
Result<void> check_publish(Caller& caller, const Object& object, std::string_view name);
Result<void> check_provide(Caller& caller, std::string_view type_id);
Result<void> check_create(Caller& caller, const Type& type, std::string_view published_as);

// The sentences for what is not there, or may not be known.
Error no_name(Caller& caller, std::string_view name);
Error no_type(Caller& caller, std::string_view type_id);

// Whether anything can be asked of the host at all: fails with unauthenticated or denied, and says what to do.
Result<void> check_admitted(Caller& caller);

}  // namespace soho::host
