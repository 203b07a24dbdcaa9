#pragma once
// What became of an asynchronous call: its result, or why it failed.

#include <soho/client/error.hpp>

#include <utility>
#include <variant>

namespace soho {

template <class R>
class Outcome {
public:
    Outcome(R value) : either_(std::in_place_index<0>, std::move(value)) {}
    Outcome(Failure failure) : either_(std::in_place_index<1>, std::move(failure)) {}

    bool ok() const { return either_.index() == 0; }
    explicit operator bool() const { return ok(); }

    // Throws the CallError or ConnectionLost if there is no value.
    R& value() & { return checked(), std::get<0>(either_); }
    const R& value() const& { return checked(), std::get<0>(either_); }
    R value() && { return checked(), std::get<0>(std::move(either_)); }

    // Only if !ok().
    const Failure& failure() const { return std::get<1>(either_); }

private:
    void checked() const {
        if (!ok()) failure().raise();
    }

    std::variant<R, Failure> either_;
};

template <>
class Outcome<void> {
public:
    Outcome() = default;
    Outcome(Failure failure) : either_(std::in_place_index<1>, std::move(failure)) {}

    bool ok() const { return either_.index() == 0; }
    explicit operator bool() const { return ok(); }
    void value() const {
        if (!ok()) failure().raise();
    }
    const Failure& failure() const { return std::get<1>(either_); }

private:
    std::variant<std::monostate, Failure> either_;
};

}  // namespace soho
