#include "host/session/resolve.hpp"

#include "host/session/params.hpp"
#include "host/session/provider.hpp"
#include "host/session/rights.hpp"

#include <soho/wire/sound.hpp>

#include <fmt/format.h>
#include <array>

namespace soho::host {

using data::Bytes;
using data::Kind;
using data::Reader;
using data::Token;

namespace {

constexpr std::uint8_t no_arguments[] = {0x90};

// The positional parameters of a request: `least` to `most` of them, four at most.
using Params = std::array<Bytes, 4>;

// Sentences are made apart from the way of the calls that need none: what makes them takes registers and room on the stack.
[[gnu::cold, gnu::noinline]] Error wrong_number(const wire::Request& request, std::string_view form,
                                                std::uint32_t count) {
    return Error(Code::bad_arguments, fmt::format("{} takes {}, {} given", request.method, form, count));
}
[[gnu::cold, gnu::noinline]] Error wrong_kind(std::string_view what, std::string_view wanted, Kind kind) {
    return Error(Code::bad_arguments, fmt::format("{} must be {}, not {}", what, wanted, kind_name(kind)));
}

Result<void> read_params(const wire::Request& request, std::uint32_t least, std::uint32_t most, std::string_view form,
                         Params& params) {
    const Token array = wire::array_header(request.params);
    if (array.size < least || array.size > most) return tl::unexpected<Error>(wrong_number(request, form, array.size));
    const std::uint8_t* at = array.body;
    for (std::uint32_t i = 0; i < array.size; ++i) params[i] = wire::take(at);
    return {};
}

Result<void> read_text(Bytes value, std::string_view what, std::string_view& text) {
    if (is_short_text(value)) {
        text = data::as_text(value.subspan(1));
        return {};
    }
    const Token token = first_token(value);
    if (token.kind != Kind::string) return tl::unexpected<Error>(wrong_kind(what, "a string", token.kind));
    text = token.text();
    return {};
}

// Arguments that were left out or are nil are none.
Result<void> read_arguments(Bytes value, Bytes& args) {
    if (is_short_array(value)) {
        args = value;
        return {};
    }
    const Token token = first_token(value);
    if (token.kind == Kind::array) {
        args = value;
    } else if (token.kind == Kind::nil) {
        args = no_arguments;
    } else {
        return tl::unexpected<Error>(wrong_kind("args", "an array", token.kind));
    }
    return {};
}

// Of the target.
Result<void> resolve_method(Caller& caller, std::string_view method, Resolved& what) {
    const Type& type = what.target->type();
    what.method = type.find(method);
    if (what.method == nullptr) return tl::unexpected<Error>(type.no_method(method));
    return check_call(caller, *what.target, *what.method);
}

using Keys = std::initializer_list<std::string_view>;
const Keys call_options = {"kw", "timeout_ms", "owner", "trace", "parent"};
const Keys create_options = {"kw", "timeout_ms", "owner", "trace", "name", "if_exists", "parent"};
// Its host tells a worker on whose behalf it calls.
const Keys worker_options = {"kw", "timeout_ms", "owner", "trace", "principal", "session", "origin_session", "oneway"};

Result<void> resolve_call(Caller& caller, const wire::Request& request, std::string_view& trace, Resolved& what) {
    Params params;
    if (auto read = read_params(request, 2, 4, "[target, method, args?, options?]", params); !read) return read;
    if (!params[3].empty()) {
        auto options = parse_options(params[3], request.method, caller.serves_host() ? worker_options : call_options);
        if (!options) return tl::unexpected<Error>(std::move(options.error()));
        what.options = *options;
        trace = options->trace;
    }
    if (auto read = read_arguments(params[2], what.args); !read) return read;
    std::string_view method;
    if (auto read = read_text(params[1], "the method's name", method); !read) return read;
    auto target = find_target(caller, params[0]);
    if (!target) return tl::unexpected<Error>(std::move(target.error()));
    what.target = *std::move(target);
    return resolve_method(caller, method, what);
}

Result<void> resolve_name(Caller& caller, const wire::Request& request, Resolved& what) {
    const auto [name, method] = wire::split_method(request.method);
    if (name.empty()) {
        return refuse(Code::no_method,
                      fmt::format("no method \"{}\": the host's own begin with soho., an object's with "
                                  "its published name and a dot",
                                  request.method));
    }
    auto target = find_name(caller, name);
    if (!target) return tl::unexpected<Error>(std::move(target.error()));
    what.target = *std::move(target);
    what.args = request.params;
    return resolve_method(caller, method, what);
}

Result<void> resolve_create(Caller& caller, const wire::Request& request, std::string_view& trace, Resolved& what) {
    Params params;
    if (auto read = read_params(request, 1, 3, "[typeid, args?, options?]", params); !read) return read;
    auto options = parse_options(params[2], request.method, caller.serves_host() ? worker_options : create_options);
    if (!options) return tl::unexpected<Error>(std::move(options.error()));
    what.options = *options;
    trace = options->trace;
    if (auto read = read_arguments(params[1], what.args); !read) return read;
    std::string_view type_id;
    if (auto read = read_text(params[0], "the typeid", type_id); !read) return read;
    const auto snapshot = caller.services().registry.snapshot();
    const TypePtr* type = snapshot->find(type_id);
    if (type == nullptr || !may_know(caller, **type)) return tl::unexpected<Error>(no_type(caller, type_id));
    if (auto may = check_create(caller, **type, options->name); !may) return may;
    if (!(*type)->creatable()) {
        const char* why = (*type)->create == nullptr ? "it has no callable" : "create_method is false";
        return refuse(Code::denied,
                      fmt::format("type {} is not created by name ({}): its objects come from other objects' methods",
                                  type_id, why));
    }
    what.type = *type;
    return {};
}

}  // namespace

Result<void> resolve(Caller& caller, const wire::Request& request, std::string_view& trace, Resolved& what) {
    const bool is_call = request.method == "soho.call";
    if (!is_call && request.method != "soho.create") return resolve_name(caller, request, what);
    auto resolved = is_call ? resolve_call(caller, request, trace, what) : resolve_create(caller, request, trace, what);
    if (!resolved || !what.options.parent) return resolved;
    if (caller.provider() == nullptr)
        return bad_arguments(
            fmt::format("{}: option \"parent\" is for providers, and this connection offers nothing", request.method));
    what.parent = caller.provider()->inherited(*what.options.parent);  // none if it has replied meanwhile
    return resolved;
}

Result<void> resolve_anew(Caller& caller, Resolved& what) {
    if (what.method != nullptr) return resolve_method(caller, what.method->name, what);
    TypePtr type = current(what.type);
    if (type == nullptr || !type->creatable()) return tl::unexpected<Error>(no_type(caller, what.type->type_id));
    what.type = std::move(type);
    return {};
}

Result<ObjectPtr> find_handle(Caller& caller, const wire::Handle& handle) {
    Link* const link = caller.link();
    if (link != nullptr && link->is_theirs(handle)) return link->adopt(handle);
    if (handle.own && link == nullptr)
        return refuse(Code::no_object, "a handle of a provider's own, but this connection offers nothing");
    ObjectPtr object = caller.find(handle.id);
    if (object == nullptr || !may_know(caller, *object))
        return tl::unexpected<Error>(caller.services().objects.no_object(handle.id));
    if (object->type().type_id == handle.type_id) return object;
    return refuse(Code::no_object, fmt::format("#{} is a {}, not a {} as the handle says", handle.id,
                                               object->type().type_id, handle.type_id));
}

Result<ObjectPtr> find_name(Caller& caller, std::string_view name) {
    ObjectPtr object = caller.services().names.find(name);
    if (object != nullptr && may_know(caller, *object)) return object;
    return tl::unexpected<Error>(no_name(caller, name));
}

Result<ObjectPtr> find_target(Caller& caller, Bytes target) {
    const Services& services = caller.services();
    const Token token = first_token(target);
    if (token.kind == Kind::unsigned_integer) {
        if (ObjectPtr object = caller.find(token.unsigned_value); object != nullptr && may_know(caller, *object))
            return object;
        return tl::unexpected<Error>(services.objects.no_object(token.unsigned_value));
    }
    if (token.kind == Kind::string) return find_name(caller, token.text());
    wire::Handle handle;
    if (wire::read_handle(target, caller.replies().handle_form(), handle)) return find_handle(caller, handle);
    return bad_arguments(fmt::format("a target is an id, a handle or a published name, not {}", kind_name(token.kind)));
}

}  // namespace soho::host
