#include "show.hpp"

#include "handle.hpp"
#include "json.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <cstdio>

namespace soho::cli {

namespace {

// Text from elsewhere must not steer a terminal.
std::string without_controls(std::string_view text) {
    if (::isatty(STDOUT_FILENO) == 0) return std::string(text);
    std::string clean;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_control = (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
        clean += is_control ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
    }
    return clean;
}

std::string bytes_text(const Value::Bytes& bytes) {
    std::string text = "b\"";
    for (const std::byte each : bytes) {
        const auto byte = static_cast<unsigned char>(each);
        const bool is_plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
        text += is_plain ? std::string(1, static_cast<char>(byte)) : fmt::format("\\x{:02x}", byte);
    }
    return text + "\"";
}

std::string elements_text(const Value::Array& elements, const char* open, const char* close) {
    std::string text = open;
    for (std::size_t i = 0; i < elements.size(); ++i) text += (i == 0 ? "" : ", ") + text_of(elements[i]);
    return text + close;
}

std::string extension_text(const Value::Extension& extension) {
    constexpr std::int8_t tuple = 0x54, set = 0x55, big_integer = 0x56, datetime = 0x57;
    if (const auto handle = handle_of(extension)) return handle->text();
    if (extension.type() == big_integer || extension.type() == datetime) return std::string(extension.body());
    if (extension.type() == tuple || extension.type() == set) {
        data::Reader in(data::as_bytes(extension.body()));
        data::DecodeContext context;
        Value::Array elements;
        if (data::decode_into(in, elements, context)) {
            return extension.type() == tuple ? elements_text(elements, "(", ")") : elements_text(elements, "{", "}");
        }
    }
    return fmt::format("ext({}, {} bytes)", extension.type(), extension.body().size());
}

// As text_of, but a str is bare.
std::string cell_text(const Value& value) {
    const auto* text = value.get_if<std::string>();
    return text != nullptr ? *text : value.is_nil() ? "-" : text_of(value);
}

// Characters, not bytes: UTF-8 continuation bytes take no room.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

void print_rows(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& right) {
    std::vector<std::size_t> widths(right.size(), 0);
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
    }
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string room(widths[i] - width_of(row[i]), ' ');
            line += i == 0 ? "" : "  ";
            line += right[i] ? room + row[i] : row[i] + (i + 1 == row.size() ? "" : room);
        }
        while (line.ends_with(' ')) line.pop_back();
        fmt::print("{}\n", without_controls(line));
    }
}

}  // namespace

std::string text_of(const Value& value) {
    if (const auto* bytes = value.get_if<Value::Bytes>()) return bytes_text(*bytes);
    if (const auto* extension = value.get_if<Value::Extension>()) return extension_text(*extension);
    if (const auto* elements = value.get_if<Value::Array>()) return elements_text(*elements, "[", "]");
    if (const auto* number = value.get_if<double>()) return fmt::format("{}", *number);
    const auto* pairs = value.get_if<Value::Map>();
    if (pairs == nullptr) return json_text(value);
    std::string text = "{";
    for (const auto& [key, mapped] : *pairs)
        text += (text.size() == 1 ? "" : ", ") + text_of(key) + ": " + text_of(mapped);
    return text + "}";
}

void show_result(const Value& value) {
    if (value.is_nil()) return;
    if (const auto* bytes = value.get_if<Value::Bytes>(); bytes != nullptr && ::isatty(STDOUT_FILENO) == 0) {
        std::fwrite(bytes->data(), 1, bytes->size(), stdout);
        return;
    }
    const auto* text = value.get_if<std::string>();
    fmt::print("{}\n", without_controls(text != nullptr ? *text : text_of(value)));
}

void show_table(const Value& rows, const std::vector<Column>& columns, const char* nothing) {
    const auto* list = rows.get_if<Value::Array>();
    if (list == nullptr || list->empty()) {
        fmt::print("{}\n", nothing);
        return;
    }
    std::vector<std::vector<std::string>> lines(1 + list->size());
    std::vector<bool> right;
    for (const Column& column : columns) {
        bool is_number = true;
        bool is_there = false;
        for (const Value& row : *list) {
            const Value* value = row.find(column.key);
            is_there |= value != nullptr;
            is_number &= value != nullptr && value->is_number();
        }
        if (!is_there) continue;  // nobody has one: no column
        right.push_back(is_number);
        lines[0].emplace_back(column.title);
        for (std::size_t i = 0; i < list->size(); ++i) {
            const Value* value = (*list)[i].find(column.key);
            lines[i + 1].push_back(value == nullptr         ? "-"
                                   : column.text != nullptr ? column.text(*value)
                                                            : cell_text(*value));
        }
    }
    print_rows(lines, right);
}

void show_entries(const Value& map) {
    std::vector<std::vector<std::string>> lines;
    for (const auto& [key, value] : *map.get_if<Value::Map>()) {
        const auto* inner = value.get_if<Value::Map>();
        const auto* list = value.get_if<Value::Array>();
        const bool is_empty = (inner != nullptr && inner->empty()) || (list != nullptr && list->empty());
        lines.push_back({cell_text(key), is_empty ? "-" : cell_text(value)});
    }
    print_rows(lines, {false, false});
}

std::string duration_text(const Value& milliseconds) {
    const double seconds = static_cast<double>(milliseconds.as<std::uint64_t>()) / 1000;
    if (seconds < 60) return fmt::format("{:.1f} s", seconds);
    if (seconds < 3600) return fmt::format("{:.0f} min", seconds / 60);
    if (seconds < 86400) return fmt::format("{:.1f} h", seconds / 3600);
    return fmt::format("{:.1f} d", seconds / 86400);
}

std::string size_text(const Value& bytes) {
    const auto size = static_cast<double>(bytes.as<std::uint64_t>());
    if (size < 1024) return fmt::format("{:.0f}", size);
    if (size < 1 << 20) return fmt::format("{:.1f} KiB", size / 1024);
    return fmt::format("{:.1f} MiB", size / (1 << 20));
}

std::string list_text(const Value& list) {
    const auto* elements = list.get_if<Value::Array>();
    if (elements == nullptr) return cell_text(list);
    std::string text;
    for (const Value& element : *elements) text += (text.empty() ? "" : ", ") + cell_text(element);
    return text.empty() ? "-" : text;
}

}  // namespace soho::cli
