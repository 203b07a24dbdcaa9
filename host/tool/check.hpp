#pragma once
// The validator: everything that can be said of plugin files before a host loads them.

#include "host/tool/finding.hpp"

#include <soho/result.hpp>

#include <map>

namespace soho::host::tool {

struct CheckOptions {
    std::uint64_t seed = 0;
    double seconds = 120;                              // for each file
    double patience_s = 2;                             // a call that has not returned by then hangs
    std::map<std::string, std::string> create_args{};  // by typeid: a MessagePack array
};

// One report for each file, in order. Clashes are between those files. Fails with a sentence where arguments are given for what none of
// them can make an object of.
Result<std::vector<Report>> check_plugins(const std::vector<std::string>& files, const CheckOptions& options);

}  // namespace soho::host::tool
