#pragma once
// The options map that requests may end with (PROTOCOL.md, 2). Everything is borrowed from the request.

#include <soho/data/reader.hpp>
#include <soho/result.hpp>

#include <initializer_list>
#include <optional>

namespace soho::host {

struct RequestOptions {
    data::Bytes kw;  // a map, or empty
    std::int64_t timeout_ns = 0;
    std::string_view owner;
    std::string_view trace;
    std::string_view name;
    bool open_if_exists = false;
    bool session = false;
    bool methods = false;
    bool force = false;
    std::uint64_t uses = 1;
    std::uint64_t referrers = 0;
    std::optional<std::uint32_t> parent;
    // What a host tells its worker of a call.
    struct OnBehalf {
        std::string_view principal;
        std::uint64_t session = 0, origin_session = 0;
        bool oneway = false;
    };
    OnBehalf on_behalf;
};

// `value` is a map or nil, or empty for none. `allowed` are the keys that this request takes. Fails with bad_arguments.
Result<RequestOptions> parse_options(data::Bytes value, std::string_view request,
                                     std::initializer_list<std::string_view> allowed);

}  // namespace soho::host
