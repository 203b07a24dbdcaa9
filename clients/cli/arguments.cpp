#include "arguments.hpp"

#include "command_line.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace soho::cli {

namespace {

class ArgumentReader {
public:
    ArgumentReader(const std::vector<ParameterDescription>& parameters, Surroundings& surroundings)
        : parameters_(parameters),
          surroundings_(surroundings) {}

    void read(const std::string& word) {
        const auto equals = word.find('=');
        if (equals != std::string::npos && equals != 0) {
            const std::string key = word.substr(0, equals);
            if (const auto* parameter = keyword(key)) {
                arguments.keywords.emplace_back(key, literal(word.substr(equals + 1), key, *parameter));
                return;
            }
        }
        const std::size_t index = arguments.positional.size();
        const ParameterDescription* parameter = at(index);
        if (parameter == nullptr) return read_surplus(word);
        const bool has_name = parameter->kind.empty() && !parameter->name.empty();
        const std::string name = has_name ? parameter->name : fmt::format("{}", index + 1);
        arguments.positional.push_back(literal(word, name, *parameter));
    }

    Arguments arguments;

private:
    // Goes along as it is: the host knows best how many there may be.
    void read_surplus(const std::string& word) {
        if (is_option(word)) throw UsageError(fmt::format("options come before the target: {}", word));
        arguments.positional.emplace_back(word);
    }
    const ParameterDescription* of_kind(std::string_view kind) const {
        const auto found =
            std::find_if(parameters_.begin(), parameters_.end(), [&](const auto& each) { return each.kind == kind; });
        return found == parameters_.end() ? nullptr : &*found;
    }
    const ParameterDescription* keyword(const std::string& key) const {
        for (const auto& parameter : parameters_) {
            if (parameter.kind.empty() && parameter.name == key) return &parameter;
        }
        return of_kind("kwargs");
    }
    const ParameterDescription* at(std::size_t index) const {
        if (index < parameters_.size() && parameters_[index].kind.empty()) return &parameters_[index];
        return of_kind("args");
    }
    Value literal(const std::string& text, const std::string& name, const ParameterDescription& parameter) {
        // What collects the rest has the type of the collection; its elements may be anything.
        const std::string_view type = parameter.kind.empty() ? std::string_view(parameter.type) : "any";
        try {
            return read_literal(text, type, surroundings_);
        } catch (const UsageError& error) {
            const char* hint = is_option(text) ? "; options come before the target" : "";
            throw UsageError(fmt::format("argument {}: {}{}", name, error.what(), hint));
        }
    }

    const std::vector<ParameterDescription>& parameters_;
    Surroundings& surroundings_;
};

}  // namespace

Arguments read_arguments(const std::vector<std::string>& words, const std::vector<ParameterDescription>* parameters,
                         Surroundings& surroundings) {
    if (parameters == nullptr) {
        Arguments arguments;
        for (const std::string& word : words) arguments.positional.push_back(read_literal(word, "any", surroundings));
        return arguments;
    }
    ArgumentReader reader(*parameters, surroundings);
    for (const std::string& word : words) reader.read(word);
    return std::move(reader.arguments);
}

}  // namespace soho::cli
