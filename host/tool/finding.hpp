#pragma once
// What `check` has to say: findings, each of one of the checks in the table, with where it is and how it is mended.

#include <nlohmann/json_fwd.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace soho::host::tool {

struct Check {
    std::string_view id;
    std::string_view looks_for;
    std::string_view mend;
};

// All of them, in the order in which they are made.
std::span<const Check> all_checks();
// Of the table; what is in it no more is a defect of ours.
const Check& check_of(std::string_view id);

struct Finding {
    std::string check;  // its id
    std::string where;  // "Pair.get_x", "load()"; empty: the file
    std::string what;   // a sentence without the place
};

// What was found in one file.
struct Report {
    std::string file;
    std::uint64_t seed = 0;
    std::vector<Finding> findings;
    std::vector<std::string> notes;  // what could not be tried, and why
    std::size_t types = 0, methods = 0;
    std::uint64_t calls = 0;
    std::uint64_t arguments = 0;  // tells those of two runs apart
    double load_ms = 0;
    double seconds = 0;

    // Once for each place and check.
    void add(Finding finding);
    bool is_clean() const { return findings.empty(); }
};

nlohmann::ordered_json to_json(const Report& report);
// Lines for people.
std::string to_text(const Report& report);

}  // namespace soho::host::tool
