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
    std::string column;
    std::vector<Sample> samples;  // one of each round
};
struct Row {
    Scenario scenario;
    std::vector<Cell> cells;  // the first is the one that the others are compared with
};
// What a caller waits while so many calls are made.
struct Load {
    std::string column;
    double offered = 0;  // calls per second
    Sample sample;
};
struct Memory {
    std::string column;
    IdleMemory memory;
};
struct SystemCalls {
    std::string column;
    std::string counts;
};

struct Result {
    std::string title;
    Settings settings;
    std::string machine;
    std::vector<std::string> columns;
    std::vector<std::string> peers;  // those that soho is compared with: their best is a column of its own
    std::vector<Row> rows;
    std::vector<Load> loads;
    std::vector<SystemCalls> system_calls;
    std::vector<Memory> memory;
    std::string explanations;
};

// Runs each column once per round, in turns, on as quiet CPUs as can be had. A column that fails is left out, and that is said.
std::vector<Row> run(const std::vector<std::unique_ptr<Column>>& columns, const std::vector<Scenario>& scenarios,
                     const Settings& settings, Addresses& addresses);

// Each column at each load, over TCP; those that take none are left out.
std::vector<Load> run_offered(const std::vector<std::unique_ptr<Column>>& columns,
                              const std::vector<std::string>& names, const Settings& settings, Addresses& addresses);

// Processor, system and compiler; no names of machines or people.
std::string describe_machine();

std::string markdown(const Result& result);
// Bars of each row: the median; and lines over the offered load.
std::string svg(const Result& result);
// Into bench/results/DATE-NAME.md, .json and .svg of the source tree.
void keep(const std::string& name, const std::string& markdown, const std::string& json, const std::string& svg);
void keep(const Result& result, const std::string& name);

}  // namespace soho::bench
