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

using Keys = std::initializer_list<std::string_view>;
const Keys call_options = {"kw", "timeout_ms", "owner", "trace", "parent"};
const Keys create_options = {"kw", "timeout_ms", "owner", "trace", "name", "if_exists", "parent"};
// Its host tells a worker on whose behalf it calls.
const Keys worker_options = {"kw", "timeout_ms", "owner", "trace", "principal", "session", "origin_session", "oneway"};

Result<void> read_options(Caller& caller, const wire::Request& request, Bytes value, Keys keys, Resolved& what,
                          Seat& seat) {
    auto options = parse_options(value, request.method, caller.serves_host() ? worker_options : keys);
    if (!options) return tl::unexpected<Error>(std::move(options.error()));
    seat.options = *options;
    what.given = &seat.options;
    what.kw = options->kw;
    return {};
}

void keep_target(Caller& caller, std::uint64_t id, ObjectPtr object, Seat& seat) {
    seat.target = {&caller, id, std::move(object)};
}

bool is_kept(const Caller& caller, std::uint64_t id, const Seat& seat) {
    return id == seat.target.id && id != 0 && &caller == seat.target.caller;
}

// Has the seat keep what the target means. An id that it keeps already is not looked up.
Result<void> take_target(Caller& caller, Bytes target, Seat& seat) {
    std::uint64_t id = 0;
    const std::uint8_t* at = target.data();
    if (wire::read_unsigned(at, id) && is_kept(caller, id, seat)) return {};
    auto object = find_target(caller, target);
    if (!object) return tl::unexpected<Error>(std::move(object.error()));
    keep_target(caller, id, *std::move(object), seat);
    return {};
}

// Of the target.
Result<void> resolve_method(Caller& caller, std::string_view method, Resolved& what, const Seat& seat) {
    what.target = seat.target.object.get();
    const Type& type = what.target->type();
    what.method = type.find(method, caller.principal().name);
    if (what.method == nullptr) return tl::unexpected<Error>(why_no_method(type, method));
    return check_call(caller, *what.target, *what.method);
}

// The usual call: [id, "method", [...]], without options, the name and the array short enough for one byte to say it, by one who may call
// everything. False for any other, and for one that is to be refused.
bool resolve_usual(Caller& caller, const wire::Request& request, Resolved& what, Seat& seat) {
    const std::uint8_t* at = request.params.data();
    std::uint64_t id = 0;
    if (*at++ != 0x93 || !wire::read_unsigned(at, id) || (*at & 0xe0) != 0xa0) return false;
    const std::string_view method = data::as_text({at + 1, static_cast<std::size_t>(*at & 0x1f)});
    at += 1 + method.size();
    if ((*at & 0xf0) != 0x90 || !caller.access().grants().everywhere(right_call)) return false;
    if (!is_kept(caller, id, seat)) {
        ObjectPtr object = caller.find(id);
        if (object == nullptr) return false;
        keep_target(caller, id, std::move(object), seat);
    }
    what.args = {at, request.params.data() + request.params.size()};
    what.target = seat.target.object.get();
    what.method = what.target->type().find(method, caller.principal().name);
    return what.method != nullptr;
}

Result<void> resolve_call(Caller& caller, const wire::Request& request, Resolved& what, Seat& seat) {
    Params params;
    if (auto read = read_params(request, 2, 4, "[target, method, args?, options?]", params); !read) return read;
    if (!params[3].empty()) {
        if (auto read = read_options(caller, request, params[3], call_options, what, seat); !read) return read;
    }
    if (auto read = read_arguments(params[2], what.args); !read) return read;
    std::string_view method;
    if (auto read = read_text(params[1], "the method's name", method); !read) return read;
    if (auto taken = take_target(caller, params[0], seat); !taken) return taken;
    return resolve_method(caller, method, what, seat);
}

Result<void> resolve_name(Caller& caller, const wire::Request& request, Resolved& what, Seat& seat) {
    const auto [name, method] = wire::split_method(request.method);
    if (name.empty()) {
        return refuse(Code::no_method,
                      fmt::format("no method \"{}\": the host's own begin with soho., an object's with "
                                  "its published name and a dot",
                                  request.method));
    }
    auto target = find_name(caller, name);
    if (!target) return tl::unexpected<Error>(std::move(target.error()));
    keep_target(caller, 0, *std::move(target), seat);
    what.args = request.params;
    return resolve_method(caller, method, what, seat);
}

Result<void> resolve_create(Caller& caller, const wire::Request& request, Resolved& what, Seat& seat) {
    Params params;
    if (auto read = read_params(request, 1, 3, "[typeid, args?, options?]", params); !read) return read;
    if (auto read = read_options(caller, request, params[2], create_options, what, seat); !read) return read;
    if (auto read = read_arguments(params[1], what.args); !read) return read;
    std::string_view type_id;
    if (auto read = read_text(params[0], "the typeid", type_id); !read) return read;
    const auto snapshot = caller.services().registry.snapshot();
    const TypePtr* type = snapshot->find(type_id);
    if (type == nullptr || !may_know(caller, **type)) return tl::unexpected<Error>(no_type(caller, type_id));
    if (auto may = check_create(caller, **type, what.options().name); !may) return may;
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

Error why_no_method(const Type& type, std::string_view method) {
    if (type.find_open == nullptr || !OpenMethods::may_be_named(method)) return type.no_method(method);
    return Error(
        Code::limit,
        fmt::format("{}.{}: its provider decides for each object what it exposes, and you have asked it for {} "
                    "names already that nobody had asked it for",
                    type.type_id, method, OpenMethods::names_max));
}

Result<void> resolve(Caller& caller, const wire::Request& request, Verb verb, Resolved& what, Seat& seat) {
    if (verb == Verb::call && resolve_usual(caller, request, what, seat)) return success();
    if (verb == Verb::named) return resolve_name(caller, request, what, seat);
    auto resolved =
        verb == Verb::call ? resolve_call(caller, request, what, seat) : resolve_create(caller, request, what, seat);
    if (!resolved || what.given == nullptr || !what.given->parent) return resolved;
    if (caller.provider() == nullptr)
        return bad_arguments(
            fmt::format("{}: option \"parent\" is for providers, and this connection offers nothing", request.method));
    what.parent = caller.provider()->inherited(*what.given->parent);  // none if it has replied meanwhile
    return resolved;
}

Result<void> resolve_anew(Caller& caller, Resolved& what, const Seat& seat) {
    if (what.method != nullptr) return resolve_method(caller, what.method->name, what, seat);
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
