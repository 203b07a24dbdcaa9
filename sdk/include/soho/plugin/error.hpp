#pragma once
// soho::Error, what a method throws to fail by a name of its choice, and what becomes of every other exception.
//
//     throw soho::Error("KeyError", "no account 'Ada'");
//
// Clients get the same name: a KeyError here is a KeyError in Python. Exceptions of the standard library travel by the names
// that Python has for the same mistake; an author's own class by its name without namespaces.
//
//     std::out_of_range IndexError        std::invalid_argument, domain_error, length_error, range_error ValueError
//     std::overflow_error OverflowError   std::underflow_error ArithmeticError
//     std::bad_alloc MemoryError          std::bad_cast, bad_any_cast, bad_variant_access, data::DecodeError TypeError
//     std::bad_optional_access ValueError std::logic_error, runtime_error and the rest RuntimeError
//     std::system_error by its errno: FileNotFoundError, FileExistsError, PermissionError, TimeoutError, ConnectionError,
//     else OSError.  What is no std::exception: "unknown".

#include <soho/data/type_name.hpp>
#include <soho/data/value.hpp>
#include <soho/plugin/text.hpp>

#include <any>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

namespace soho {
inline namespace sdk {

class Error : public std::exception {
public:
    Error(std::string type, std::string text) : type_(std::move(type)), text_(std::move(text)) {}
    Error(std::string type, std::string text, const Value& data) : Error(std::move(type), std::move(text)) {
        const data::Buffer encoded = data::encoded(data);
        data_.assign(encoded.text());
    }
    // Fails with one of soho's own codes (SOHO_LIMIT, SOHO_UNAVAILABLE …) instead of an error of the plugin's.
    static Error with_code(std::uint32_t code, std::string text) {
        Error error({}, std::move(text));
        error.code_ = code;
        return error;
    }

    const std::string& type() const { return type_; }  // empty with a code other than SOHO_RAISED
    const std::string& text() const { return text_; }
    std::uint32_t code() const { return code_; }
    Value data() const { return data_.empty() ? Value() : data::decode<Value>(data::as_bytes(data_)); }
    const char* what() const noexcept override { return text_.c_str(); }

    // For the SDK: as it crosses the border.
    static Error from_outcome(const soho_outcome& outcome) {
        Error error(std::string(detail::from_abi(outcome.type)), std::string(detail::from_abi(outcome.text)));
        error.code_ = outcome.code;
        error.data_.assign(data::as_text(detail::from_abi(outcome.data)));
        return error;
    }
    soho_bytes abi_data() const { return detail::to_abi(data::as_bytes(data_)); }

private:
    std::uint32_t code_ = SOHO_RAISED;
    std::string type_;
    std::string text_;
    std::string data_;  // MessagePack
};

namespace detail {

inline std::string system_error_type(const std::error_code& code) {
    if (code == std::errc::no_such_file_or_directory) return "FileNotFoundError";
    if (code == std::errc::file_exists) return "FileExistsError";
    if (code == std::errc::permission_denied || code == std::errc::operation_not_permitted) return "PermissionError";
    if (code == std::errc::timed_out) return "TimeoutError";
    if (code == std::errc::connection_refused || code == std::errc::connection_reset ||
        code == std::errc::connection_aborted || code == std::errc::broken_pipe) {
        return "ConnectionError";
    }
    return "OSError";
}

inline bool is_of_std(const std::type_info& type) {
    const std::string_view mangled = type.name();
    return mangled.starts_with("St") || mangled.starts_with("NSt");
}

template <class... Classes>
bool is_any_of(const std::exception& error) {
    return ((dynamic_cast<const Classes*>(&error) != nullptr) || ...);
}

inline std::string error_type(const std::exception& error) {
    const std::type_info& type = typeid(error);
    if (type == typeid(data::DecodeError)) return "TypeError";
    if (!is_of_std(type)) return data::type_name(type);
    if (const auto* system = dynamic_cast<const std::system_error*>(&error)) return system_error_type(system->code());
    if (is_any_of<std::bad_alloc>(error)) return "MemoryError";
    if (is_any_of<std::bad_cast, std::bad_variant_access>(error)) return "TypeError";  // bad_any_cast is a bad_cast
    if (is_any_of<std::out_of_range>(error)) return "IndexError";
    if (is_any_of<std::invalid_argument, std::domain_error, std::length_error, std::range_error,
                  std::bad_optional_access>(error)) {
        return "ValueError";
    }
    if (is_any_of<std::overflow_error>(error)) return "OverflowError";
    if (is_any_of<std::underflow_error>(error)) return "ArithmeticError";
    return "RuntimeError";
}

// The exception being handled, as an Error. Call it inside a catch block.
inline Error current_error() {
    try {
        throw;
    } catch (const Error& error) {
        return error;
    } catch (const std::exception& error) {
        return Error(error_type(error), error.what());
    } catch (const std::string& text) {
        return Error("unknown", text);
    } catch (const char* text) {
        return Error("unknown", text);
    } catch (...) {
        const std::type_info* type = abi::__cxa_current_exception_type();
        return Error("unknown", "an exception of type " + (type != nullptr ? data::type_name(*type) : "unknown"));
    }
}

inline void fail(const soho_host& host, const soho_call& call, const Error& error) {
    host.fail(&call, error.code(), to_abi(error.type()), to_abi(error.text()), error.abi_data());
}

inline std::uint32_t refuse_arguments(const soho_host& host, const soho_call& call, std::string_view sentence) {
    host.fail(&call, SOHO_BAD_ARGUMENTS, {}, to_abi(sentence), {});
    return SOHO_FAILED;
}

// The fence: ends the exception being handled as the failure of `call`.
[[gnu::cold, gnu::noinline]] inline std::uint32_t fail_with_current(const soho_host& host,
                                                                    const soho_call& call) noexcept {
    try {
        fail(host, call, current_error());
    } catch (...) {
        host.fail(&call, SOHO_RAISED, to_abi("MemoryError"), to_abi("no memory to say why the method failed"), {});
    }
    return SOHO_FAILED;
}

// The fence of callbacks, which nobody waits for.
[[gnu::cold, gnu::noinline]] inline void log_current(const soho_host& host, std::string_view what) noexcept {
    try {
        const Error error = current_error();
        const std::string line = std::string(what) + " threw " + error.type() + ": " + error.text();
        host.log(&host, SOHO_LOG_ERROR, to_abi(line));
    } catch (...) {
        host.log(&host, SOHO_LOG_ERROR, to_abi(what));
    }
}

}  // namespace detail
}  // namespace sdk
}  // namespace soho
