#include <soho/client/error.hpp>
#include <soho/result.hpp>

namespace soho {

static_assert(static_cast<std::size_t>(CallCode::no_type) + 1 == code_names.size(),
              "CallCode lacks a code of the wire");

std::string_view code_name(CallCode code) {
    switch (code) {
        case CallCode::bad_result: return "bad_result";
        case CallCode::wrong_proxy: return "wrong_proxy";
        case CallCode::connection_lost: return "connection_lost";
        case CallCode::session_lost: return "session_lost";
        default: return code_name(static_cast<Code>(code));
    }
}

std::string Failure::what() const {
    std::string sentence(code == CallCode::failed && !type.empty() ? std::string_view(type) : code_name(code));
    sentence += ": ";
    sentence += text;
    return sentence;
}

void Failure::raise() const {
    if (is_lost()) throw ConnectionLost(*this);
    throw CallError(*this);
}

CallError::CallError(Failure failure) : std::runtime_error(failure.what()), failure_(std::move(failure)) {}
CallError::~CallError() = default;
ConnectionLost::~ConnectionLost() = default;

}  // namespace soho
