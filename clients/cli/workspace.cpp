#include "workspace.hpp"

#include "handle.hpp"
#include "usage_error.hpp"

#include <algorithm>
#include <charconv>
#include <iostream>
#include <iterator>

namespace soho::cli {

namespace {

bool is_number(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Workspace::Workspace(Client client, std::optional<std::chrono::nanoseconds> timeout)
    : client_(timeout ? client.with(soho::timeout{*timeout}) : std::move(client)),
      timeout_(timeout) {}

Proxy Workspace::object(const std::string& target) {
    const std::string_view number =
        target.starts_with('#') ? std::string_view(target).substr(1) : std::string_view(target);
    if (is_number(number)) {
        std::uint64_t id = 0;
        std::from_chars(number.data(), number.data() + number.size(), id);
        return proxy_of(numbered(id));
    }
    if (target.starts_with('#')) throw UsageError("'" + target + "' is no object: an id is #NUMBER");
    return proxy_of(named(target.starts_with('@') ? target.substr(1) : target));
}

const TypeDescription& Workspace::describe(const std::string& type) {
    const auto known = types_.find(type);
    if (known != types_.end()) return known->second;
    return types_.emplace(type, client_.describe(type)).first->second;
}

// Null where nothing is known of them: an object may outlive the description of its type.
const std::vector<ParameterDescription>* Workspace::arguments_of(const std::string& type,
                                                                 const std::string& method) try {
    const auto& methods = describe(type).methods;
    const auto known = methods.find(method);
    return known == methods.end() ? nullptr : &known->second.args;
} catch (const CallError& error) {
    if (error.code() != CallCode::no_type) throw;
    return nullptr;
}

Value Workspace::call(const Proxy& object, const std::string& method, const std::vector<std::string>& words) {
    Arguments arguments = read_arguments(words, arguments_of(object.type(), method), *this);
    return client_.request("soho.call", object, method, arguments.positional, options(arguments));
}

Value Workspace::create(const std::string& type, const std::string& name, const std::vector<std::string>& words) {
    Arguments arguments = read_arguments(words, &describe(type).args, *this);
    Value::Map all = options(arguments);
    if (!name.empty()) all.emplace_back("name", name);
    return client_.request("soho.create", type, arguments.positional, all);
}

Value::Map Workspace::options(const Arguments& arguments) const {
    Value::Map all;
    if (!arguments.keywords.empty()) all.emplace_back("kw", arguments.keywords);
    if (timeout_) all.emplace_back("timeout_ms", std::chrono::duration<double, std::milli>(*timeout_).count());
    return all;
}

const Value* Workspace::variable(const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : &found->second;
}

Value Workspace::named(const std::string& name) {
    if (const Value* known = variable(name)) return *known;
    return client_.request("soho.open", name);
}

Value Workspace::numbered(std::uint64_t id) {
    try {
        return client_.request("soho.retain", id);
    } catch (const CallError& error) {
        // An id is good only while a session of ours holds the object. Where a name holds it, the name is good.
        if (error.code() != CallCode::no_object) throw;
        for (const auto& published : client_.names()) {
            if (published.id == id) return client_.request("soho.open", published.name);
        }
        throw;
    }
}

std::string Workspace::standard_input() { return {std::istreambuf_iterator<char>(std::cin), {}}; }

}  // namespace soho::cli
