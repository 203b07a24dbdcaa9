#pragma once
// How calls fail. CallError is what a host or a method said; ConnectionLost means that nobody will answer any more.

#include <soho/abi.h>
#include <soho/client/export.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace soho {

// The codes of PROTOCOL.md, and four of the client's own.
enum class CallCode : std::uint32_t {
    protocol = SOHO_PROTOCOL,
    no_object = SOHO_NO_OBJECT,
    no_method = SOHO_NO_METHOD,
    bad_arguments = SOHO_BAD_ARGUMENTS,
    denied = SOHO_DENIED,
    unauthenticated = SOHO_UNAUTHENTICATED,
    deadline = SOHO_DEADLINE,
    cancelled = SOHO_CANCELLED,
    overloaded = SOHO_OVERLOADED,
    limit = SOHO_LIMIT,
    unavailable = SOHO_UNAVAILABLE,
    moved = SOHO_MOVED,
    fenced = SOHO_FENCED,
    not_started = SOHO_NOT_STARTED,
    internal = SOHO_INTERNAL,
    failed = SOHO_RAISED,  // the method raised an error of its own: CallError::type() names it
    exists = SOHO_EXISTS,
    no_type = SOHO_NO_TYPE,

    bad_result = 1001,       // the result is not of the C++ type that was asked for
    wrong_proxy = 1002,      // the proxy class was written for another type, or another major version of it
    connection_lost = 1003,  // ConnectionLost: no connection, or it ended during the call
    session_lost = 1004,     // ConnectionLost: the proxy's session ended earlier, and its object's reference with it
};

// As on the wire: "no_method", "failed" …
SOHO_CLIENT_API std::string_view code_name(CallCode code);

// Why a call failed, as a value.
struct Failure {
    CallCode code = CallCode::internal;
    std::string text;  // a sentence
    std::string type;  // the error's own name, such as "KeyError"; empty unless code is `failed`
    std::string data;  // MessagePack that the method attached; may be empty

    Failure() = default;
    Failure(CallCode code_, std::string text_, std::string type_ = {}, std::string data_ = {})
        : code(code_),
          text(std::move(text_)),
          type(std::move(type_)),
          data(std::move(data_)) {}

    bool is_lost() const { return code == CallCode::connection_lost || code == CallCode::session_lost; }
    // The whole sentence: "KeyError: …" for an error of the method's own, else "no_method: …".
    SOHO_CLIENT_API std::string what() const;
    // Throws the ConnectionLost or the CallError that this stands for.
    [[noreturn]] SOHO_CLIENT_API void raise() const;
};

class SOHO_CLIENT_API CallError : public std::runtime_error {
public:
    explicit CallError(Failure failure);
    ~CallError() override;

    CallCode code() const { return failure_.code; }
    std::string_view kind() const { return code_name(failure_.code); }
    const std::string& type() const { return failure_.type; }
    const std::string& text() const { return failure_.text; }
    const std::string& data() const { return failure_.data; }
    const Failure& failure() const { return failure_; }

private:
    Failure failure_;
};

// The connection could not be made, or has ended; the text says to where, why, and whether the call may have run.
class SOHO_CLIENT_API ConnectionLost : public CallError {
public:
    using CallError::CallError;
    ~ConnectionLost() override;
};

}  // namespace soho
