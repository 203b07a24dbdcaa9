#pragma once
// From what a caller gives to what a method gets: keywords find their places and defaults are filled in, as the host does it.

#include <soho/testing/type.hpp>

namespace soho::testing::detail {

// MessagePack arrays and maps, as soho_call has them.
struct Bound {
    data::Buffer args, kwargs;
};

[[noreturn]] inline void refuse_arguments(const std::string& why) { throw CallError(SOHO_BAD_ARGUMENTS, why); }

inline std::string arity(const Callee& callee, std::size_t given) {
    const Signature& signature = callee.signature();
    const std::size_t least = signature.required, most = signature.parameters.size();
    const std::string takes = !signature.args_name.empty() ? "at least " + std::to_string(least)
                              : least == most              ? std::to_string(most)
                                                           : std::to_string(least) + " to " + std::to_string(most);
    const bool one = least == 1 && (most == 1 || !signature.args_name.empty());
    return callee.text() + " takes " + takes + " argument" + (one ? "" : "s") + ", " + std::to_string(given) +
           (given == 1 ? " was" : " were") + " given";
}

// Where each parameter's value lies, gathered from positions and keywords.
class Binding {
public:
    explicit Binding(const Callee& callee)
        : callee_(callee),
          signature_(callee.signature()),
          values_(signature_.parameters.size()) {}

    void take_positional(data::Reader args, std::size_t count) {
        for (std::size_t i = 0; i != count; ++i) {
            const data::Bytes value = args.take_value();
            if (i < values_.size()) {
                values_[i] = value;
            } else {
                further_.push_back(value);
            }
        }
    }
    void take_keywords(data::Bytes kwargs) {
        data::Reader reader(kwargs);
        data::Token map, key;
        if (!reader.next(map) || map.kind != data::Kind::map) refuse_arguments(callee_.text() + ": kw must be a map");
        for (std::uint32_t pair = 0; pair != map.size; ++pair) {
            if (!reader.next(key) || key.kind != data::Kind::string)
                refuse_arguments(callee_.text() + ": the keys of kw must be strings, not " +
                                 std::string(data::kind_name(key.kind)));
            take_keyword(std::string(key.text()), reader.take_value());
        }
    }
    Bound write() const {
        Bound bound;
        data::Writer<data::Buffer> args(bound.args);
        args.array(values_.size() + further_.size());
        for (std::size_t i = 0; i != values_.size(); ++i) {
            const Parameter& parameter = signature_.parameters[i];
            if (values_[i].empty() && !parameter.optional())
                refuse_arguments(callee_.text() + ": argument " + in_quotes(signature_.name(i)) + " is missing");
            args.raw(values_[i].empty() ? data::as_bytes(parameter.default_value) : values_[i]);
        }
        for (const data::Bytes value : further_) args.raw(value);
        if (keywords_.empty()) return bound;
        data::Writer<data::Buffer> kwargs(bound.kwargs);
        kwargs.map(keywords_.size());
        for (const auto& [key, value] : keywords_) {
            kwargs.string(key);
            kwargs.raw(value);
        }
        return bound;
    }

private:
    void take_keyword(const std::string& key, data::Bytes value) {
        const auto given_twice = [&] {
            refuse_arguments(callee_.text() + ": argument " + in_quotes(key) + " is given twice");
        };
        for (std::size_t i = 0; i != values_.size(); ++i) {
            if (key.empty() || signature_.parameters[i].name != key) continue;
            if (!values_[i].empty()) given_twice();
            values_[i] = value;
            return;
        }
        if (signature_.kwargs_name.empty()) {
            std::vector<std::string> known;
            for (const Parameter& parameter : signature_.parameters) known.push_back(parameter.name);
            refuse_arguments(callee_.text() + " has no argument " + in_quotes(key) + suggestion(key, known));
        }
        for (const auto& other : keywords_) {
            if (other.first == key) given_twice();
        }
        keywords_.emplace_back(key, value);
    }

    const Callee& callee_;
    const Signature& signature_;
    std::vector<data::Bytes> values_, further_;
    std::vector<std::pair<std::string, data::Bytes>> keywords_;
};

// `args`: a MessagePack array, `kwargs`: a map, or empty. Throws CallError with SOHO_BAD_ARGUMENTS.
inline Bound bind_arguments(const Callee& callee, data::Bytes args, data::Bytes kwargs) {
    const Signature& signature = callee.signature();
    data::Reader reader(args);
    data::Token array;
    if (!reader.next(array) || array.kind != data::Kind::array)
        refuse_arguments("the arguments for " + callee.text() + " are no array");
    if (array.size > signature.parameters.size() && signature.args_name.empty())
        refuse_arguments(arity(callee, array.size));
    if (kwargs.empty() && array.size < signature.required) refuse_arguments(arity(callee, array.size));
    Binding binding(callee);
    binding.take_positional(reader, array.size);
    if (!kwargs.empty()) binding.take_keywords(kwargs);
    return binding.write();
}

}  // namespace soho::testing::detail
