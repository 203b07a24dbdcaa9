#pragma once
// Handles inside values. Plugins see one form only: extension 0x53. Connections that did not ask for it get maps, and every
// other extension of soho's in its plainest shape (PROTOCOL.md, 5).

#include <soho/wire/codec.hpp>

#include <functional>

namespace soho::wire {

// Called for each handle found; where a value is written anew, with what it makes of the handle. Its failure ends the walk and is
// the walk's.
using HandleVisitor = std::function<Result<void>(Handle&)>;

// Finds the handles of a value in extension form, in tuples and sets, too. A malformed body of one of soho's extensions is
// Code::bad_arguments.
Result<void> visit_handles(data::Bytes value, const HandleVisitor& visit);

// A value as a map connection sent it, in extension form: handles become extensions, escaped data loses one `$`.
Result<void> from_map_form(data::Bytes value, Out& out, const HandleVisitor& visit);

// A value in extension form again, with handles as `visit` changed them.
Result<void> to_ext_form(data::Bytes value, Out& out, const HandleVisitor& visit);

// A value in extension form, as a map connection gets it.
Result<void> to_map_form(data::Bytes value, Out& out, const HandleVisitor& visit);

}  // namespace soho::wire
