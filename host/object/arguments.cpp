#include "host/object/arguments.hpp"

#include "host/registry/suggest.hpp"

#include <soho/wire/sound.hpp>

#include <fmt/format.h>
#include <algorithm>

namespace soho::host {

using data::Bytes;
using data::Kind;
using data::Reader;
using data::Token;

namespace {

tl::unexpected<Error> bad(std::string why) { return refuse(Code::bad_arguments, std::move(why)); }

std::string parameter_name(const Signature& signature, std::size_t index) {
    const std::string& name = signature.parameters[index].name;
    return name.empty() ? fmt::format("arg{}", index + 1) : name;
}

std::string arity(const Callee& callee, std::uint32_t given) {
    const Signature& signature = callee.signature();
    const std::size_t most = signature.parameters.size();
    const std::string takes = !signature.args_name.empty() ? fmt::format("at least {}", signature.required)
                              : signature.required == most ? fmt::format("{}", most)
                                                           : fmt::format("{} to {}", signature.required, most);
    const bool one = signature.required == 1 && (most == 1 || !signature.args_name.empty());
    return fmt::format("{} takes {} argument{}, {} {} given", callee.text(), takes, one ? "" : "s", given,
                       given == 1 ? "was" : "were");
}

// Where each parameter's value lies, gathered from positions and keywords.
class Binding {
public:
    explicit Binding(const Callee& callee)
        : callee_(callee),
          signature_(callee.signature()),
          values_(signature_.parameters.size()) {}

    Result<void> take_positional(Reader& args, std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) {
            const Bytes value = args.take_value();
            if (i < values_.size()) {
                values_[i] = value;
            } else {
                further_.push_back(value);
            }
        }
        return {};
    }

    Result<void> take_keywords(Bytes kwargs) {
        Reader reader(kwargs);
        Token map;
        if (!reader.next(map) || map.kind != Kind::map) return bad(fmt::format("{}: kw must be a map", callee_.text()));
        for (std::uint32_t pair = 0; pair < map.size; ++pair) {
            Token key;
            reader.next(key);
            if (key.kind != Kind::string)
                return bad(
                    fmt::format("{}: the keys of kw must be strings, not {}", callee_.text(), kind_name(key.kind)));
            if (auto taken = take_keyword(key.text(), reader.take_value()); !taken) return taken;
        }
        return check_keywords();
    }

    Result<BoundArguments> write(data::Buffer& scratch) {
        wire::Out out(scratch);
        out.array(values_.size() + further_.size());
        for (std::size_t i = 0; i < values_.size(); ++i) {
            const Parameter& parameter = signature_.parameters[i];
            if (values_[i].empty() && !parameter.optional()) {
                return bad(
                    fmt::format("{}: argument \"{}\" is missing", callee_.text(), parameter_name(signature_, i)));
            }
            out.raw(values_[i].empty() ? data::as_bytes(parameter.default_value) : values_[i]);
        }
        for (const Bytes value : further_) out.raw(value);
        const std::size_t args_size = scratch.size();
        if (!keywords_.empty()) {
            out.map(keywords_.size());
            for (const auto& [key, value] : keywords_) {
                out.string(key);
                out.raw(value);
            }
        }
        return BoundArguments{scratch.bytes().first(args_size), scratch.bytes().subspan(args_size)};
    }

private:
    // By sorting: a frame holds hundreds of thousands of keywords.
    Result<void> check_keywords() const {
        std::vector<std::string_view> keys;
        for (const auto& [key, value] : keywords_) keys.push_back(key);
        std::sort(keys.begin(), keys.end());
        const auto twice = std::adjacent_find(keys.begin(), keys.end());
        if (twice == keys.end()) return {};
        return bad(fmt::format("{}: argument \"{}\" is given twice", callee_.text(), *twice));
    }

    Result<void> take_keyword(std::string_view key, Bytes value) {
        for (std::size_t i = 0; i < values_.size(); ++i) {
            if (signature_.parameters[i].name != key || key.empty()) continue;
            if (!values_[i].empty()) return bad(fmt::format("{}: argument \"{}\" is given twice", callee_.text(), key));
            values_[i] = value;
            return {};
        }
        if (signature_.kwargs_name.empty()) {
            std::vector<std::string_view> known;
            for (const Parameter& parameter : signature_.parameters) known.push_back(parameter.name);
            return bad(fmt::format("{} has no argument \"{}\"{}", callee_.text(), key, suggestion(key, known)));
        }
        keywords_.emplace_back(key, value);
        return {};
    }

    const Callee& callee_;
    const Signature& signature_;
    std::vector<Bytes> values_;
    std::vector<Bytes> further_;
    std::vector<std::pair<std::string_view, Bytes>> keywords_;
};

}  // namespace

Result<BoundArguments> bind_arguments(const Callee& callee, Bytes args, Bytes kwargs, data::Buffer& scratch) {
    const Signature& signature = callee.signature();
    const Token array = wire::array_header(args);
    const std::size_t most = signature.parameters.size();
    if (are_as_bound(callee, args, kwargs)) return BoundArguments{args, {}};
    if (array.size > most && signature.args_name.empty()) return bad(arity(callee, array.size));
    if (kwargs.empty() && array.size < signature.required) return bad(arity(callee, array.size));

    Binding binding(callee);
    Reader reader(data::Bytes{array.body, args.data() + args.size()});
    if (auto taken = binding.take_positional(reader, array.size); !taken) return tl::unexpected<Error>(taken.error());
    if (!kwargs.empty()) {
        if (auto taken = binding.take_keywords(kwargs); !taken) return tl::unexpected<Error>(taken.error());
    }
    return binding.write(scratch);
}

void sort_objects(std::vector<ObjectPtr>& objects) {
    if (objects.size() < 2) return;
    std::sort(objects.begin(), objects.end(), [](const ObjectPtr& a, const ObjectPtr& b) { return a->id() < b->id(); });
    objects.erase(std::unique(objects.begin(), objects.end()), objects.end());
}

const ObjectPtr* find_object(const std::vector<ObjectPtr>& sorted, std::uint64_t id) {
    const auto found =
        std::lower_bound(sorted.begin(), sorted.end(), id,
                         [](const ObjectPtr& object, std::uint64_t wanted) { return object->id() < wanted; });
    return found != sorted.end() && (*found)->id() == id ? &*found : nullptr;
}

Result<std::vector<Turn*>> argument_turns(const Callee& callee, Bytes args, const std::vector<ObjectPtr>& objects) {
    const Signature& signature = callee.signature();
    std::vector<Turn*> turns;
    Reader reader(args);
    Token array;
    reader.next(array);
    for (std::size_t i = 0; i < signature.parameters.size(); ++i) {
        const Parameter& parameter = signature.parameters[i];
        const Bytes value = reader.take_value();
        wire::Handle handle;
        if (!parameter.object() || !wire::read_handle(value, wire::HandleForm::ext, handle))
            continue;  // nil and the like: the plugin's to judge
        const ObjectPtr* object = find_object(objects, handle.id);
        if (object == nullptr || (*object)->type().plugin != callee.type.plugin ||
            (*object)->type().class_key != parameter.class_key) {
            return bad(fmt::format("{}: argument \"{}\" must be an object of class {}, not #{} ({})", callee.text(),
                                   parameter_name(signature, i), parameter.type, handle.id, handle.type_id));
        }
        Turn* turn = (*object)->turn();
        if (parameter.exclusive() && turn != nullptr && std::find(turns.begin(), turns.end(), turn) == turns.end())
            turns.push_back(turn);
    }
    return turns;
}

std::string Callee::text() const {
    return method == nullptr ? type.type_id + type.signature.text()
                             : fmt::format("{}.{}{}", type.type_id, method->name, method->signature.text());
}

}  // namespace soho::host
