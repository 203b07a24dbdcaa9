#include "host/session/resolve.hpp"

#include "host/session/params.hpp"
#include "host/session/provider.hpp"
#include "host/session/rights.hpp"

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
Result<std::array<Bytes, 4>> read_params(const wire::Request& request, std::uint32_t least, std::uint32_t most,
                                         std::string_view form) {
    Reader reader(request.params);
    Token array;
    reader.next(array);
    if (array.size < least || array.size > most) {
        return bad_arguments(fmt::format("{} takes {}, {} given", request.method, form, array.size));
    }
    std::array<Bytes, 4> params;
    for (std::uint32_t i = 0; i < array.size; ++i) params[i] = reader.take_value();
    return params;
}

Result<std::string_view> read_text(Bytes value, std::string_view what) {
    const Token token = first_token(value);
    if (token.kind != Kind::string)
        return bad_arguments(fmt::format("{} must be a string, not {}", what, kind_name(token.kind)));
    return token.text();
}

// Arguments that were left out or are nil are none.
Result<Bytes> read_arguments(Bytes value) {
    const Token token = first_token(value);
    if (value.empty() || token.kind == Kind::nil) return Bytes(no_arguments);
    if (token.kind != Kind::array)
        return bad_arguments(fmt::format("args must be an array, not {}", kind_name(token.kind)));
    return value;
}

Result<Resolved> resolve_method(Caller& caller, ObjectPtr target, std::string_view method) {
    Resolved what;
    what.target = std::move(target);
    what.method = what.target->type().find(method);
    if (what.method == nullptr) return tl::unexpected<Error>(what.target->type().no_method(method));
    if (auto may = check_call(caller, *what.target, *what.method); !may) return tl::unexpected<Error>(may.error());
    return what;
}

using Keys = std::initializer_list<std::string_view>;
const Keys call_options = {"kw", "timeout_ms", "owner", "trace", "parent"};
const Keys create_options = {"kw", "timeout_ms", "owner", "trace", "name", "if_exists", "parent"};
// Its host tells a worker on whose behalf it calls.
const Keys worker_options = {"kw", "timeout_ms", "owner", "trace", "principal", "session", "origin_session", "oneway"};

Result<Resolved> resolve_call(Caller& caller, const wire::Request& request, std::string_view& trace) {
    const auto params = read_params(request, 2, 4, "[target, method, args?, options?]");
    if (!params) return tl::unexpected<Error>(params.error());
    const auto options =
        parse_options((*params)[3], request.method, caller.serves_host() ? worker_options : call_options);
    if (!options) return tl::unexpected<Error>(options.error());
    trace = options->trace;
    const auto args = read_arguments((*params)[2]);
    if (!args) return tl::unexpected<Error>(args.error());
    const auto method = read_text((*params)[1], "the method's name");
    if (!method) return tl::unexpected<Error>(method.error());
    auto target = find_target(caller, (*params)[0]);
    if (!target) return tl::unexpected<Error>(target.error());
    auto what = resolve_method(caller, *std::move(target), *method);
    if (what) {
        what->args = *args;
        what->options = *options;
    }
    return what;
}

Result<Resolved> resolve_name(Caller& caller, const wire::Request& request) {
    const auto [name, method] = wire::split_method(request.method);
    if (name.empty()) {
        return refuse(Code::no_method,
                      fmt::format("no method \"{}\": the host's own begin with soho., an object's with "
                                  "its published name and a dot",
                                  request.method));
    }
    auto target = find_name(caller, name);
    if (!target) return tl::unexpected<Error>(target.error());
    auto what = resolve_method(caller, *std::move(target), method);
    if (what) what->args = request.params;
    return what;
}

Result<Resolved> resolve_create(Caller& caller, const wire::Request& request, std::string_view& trace) {
    const auto params = read_params(request, 1, 3, "[typeid, args?, options?]");
    if (!params) return tl::unexpected<Error>(params.error());
    Resolved what;
    const auto options =
        parse_options((*params)[2], request.method, caller.serves_host() ? worker_options : create_options);
    if (!options) return tl::unexpected<Error>(options.error());
    what.options = *options;
    trace = options->trace;
    const auto args = read_arguments((*params)[1]);
    if (!args) return tl::unexpected<Error>(args.error());
    what.args = *args;
    const auto type_id = read_text((*params)[0], "the typeid");
    if (!type_id) return tl::unexpected<Error>(type_id.error());
    const auto snapshot = caller.services().registry.snapshot();
    const TypePtr* type = snapshot->find(*type_id);
    if (type == nullptr || !may_know(caller, **type)) return tl::unexpected<Error>(no_type(caller, *type_id));
    if (auto may = check_create(caller, **type, options->name); !may) return tl::unexpected<Error>(may.error());
    if (!(*type)->creatable()) {
        const char* why = (*type)->create == nullptr ? "it has no callable" : "create_method is false";
        return refuse(Code::denied,
                      fmt::format("type {} is not created by name ({}): its objects come from other objects' methods",
                                  *type_id, why));
    }
    what.type = *type;
    return what;
}

}  // namespace

Result<Resolved> resolve(Caller& caller, const wire::Request& request, std::string_view& trace) {
    const bool is_call = request.method == "soho.call";
    if (!is_call && request.method != "soho.create") return resolve_name(caller, request);
    auto what = is_call ? resolve_call(caller, request, trace) : resolve_create(caller, request, trace);
    if (!what || !what->options.parent) return what;
    if (caller.provider() == nullptr)
        return bad_arguments(
            fmt::format("{}: option \"parent\" is for providers, and this connection offers nothing", request.method));
    what->parent = caller.provider()->inherited(*what->options.parent);  // none if it has replied meanwhile
    return what;
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
