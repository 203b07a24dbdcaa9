#pragma once
// The client's view of the plugin in plugins/pair.

#include <soho/client.hpp>

// [proxy]
struct PairProxy : soho::Proxy {
    using Proxy::Proxy;
    static constexpr soho::Version version{1, 0};

    std::int64_t get_x() const { return call<std::int64_t>("get_x"); }
    std::int64_t get_y() const { return call<std::int64_t>("get_y"); }
    void set_x(std::int64_t x) const { call<void>("set_x", x); }
    void set_y(std::int64_t y) const { call<void>("set_y", y); }
};
// [/proxy]
