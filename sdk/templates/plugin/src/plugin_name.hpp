#pragma once
// A counter that starts where it is told to: the class behind the plugin. It knows nothing of hosts, and needs no lock, as
// calls on one object run one at a time.

#include <soho/plugin.hpp>

#include <cstdint>

class PluginClass {
public:
    explicit PluginClass(std::int64_t start) : value_(start) {}

    std::int64_t value() const { return value_; }

    // What is thrown here reaches the caller as it is, whatever its language: in Python as an OverflowError.
    std::int64_t add(std::int64_t n) {
        std::int64_t sum = 0;
        if (__builtin_add_overflow(value_, n, &sum)) throw soho::Error("OverflowError", "it counts to 64 bits only");
        return value_ = sum;
    }

private:
    std::int64_t value_;
};
