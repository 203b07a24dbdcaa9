#pragma once
// What was measured, for people and for programs.

#include "bench/load/columns.hpp"

namespace soho::bench {

struct Settings {
    int rounds = 5;
    double seconds = 0.3;
    double repeats_s = 40;
    std::string only;
    std::size_t idle_from = 1'000, idle_to = 9'000;
};

struct Cell {
    Column column;
    std::vector<Sample> samples;  // one of each round
};
struct Row {
    Scenario scenario;
    std::vector<Cell> cells;
};
struct Memory {
    Column column;
    Bench::IdleMemory memory;
};
struct SystemCalls {
    Column column;
    std::string counts;
};

struct Result {
    Settings settings;
    std::string machine;
    std::vector<Row> rows;
    std::vector<SystemCalls> system_calls;
    std::vector<Memory> memory;
};

// Processor, system and compiler; no names of machines or people.
std::string describe_machine();

std::string markdown(const Result& result);
// Into bench/results/DATE-NAME.md and .json of the source tree.
void keep(const Result& result, const std::string& name);

}  // namespace soho::bench
