#pragma once
// What people read: values, tables, descriptions. Everything goes to standard output.

#include <soho/client/description.hpp>
#include <soho/data/value.hpp>

#include <string>
#include <vector>

namespace soho::cli {

// A value inside of others: like JSON, but handles as `#7 (Pair)`, bytes as b"…".
std::string text_of(const Value& value);

// A result: nothing for nil; text and, where no terminal sees them, bytes just as they are; else text_of.
void show_result(const Value& value);

struct Column {
    const char* key;
    const char* title;
    std::string (*text)(const Value&) = nullptr;  // text_of without the quotes, if none
};
// An array of maps, a row for each; columns as wide as they need. Says `nothing` where there are no rows.
void show_table(const Value& rows, const std::vector<Column>& columns, const char* nothing);
// A map, a line for each key.
void show_entries(const Value& map);

// Prepared texts for columns.
std::string duration_text(const Value& milliseconds);
std::string size_text(const Value& bytes);
std::string list_text(const Value& list);

void show_types(const Value& descriptions);
void show_type(const TypeDescription& type);
// "set_x(x: int64) -> nil"
std::string signature(const std::string& name, const MethodDescription& method);
std::string parameters_text(const std::vector<ParameterDescription>& parameters);

}  // namespace soho::cli
