#pragma once
// One session with a host, and what is known in it: the variables of a shell, the descriptions of types.

#include "arguments.hpp"

#include <soho/client.hpp>

#include <map>

namespace soho::cli {

class Workspace final : public Surroundings {
public:
    Workspace(Client client, std::optional<std::chrono::nanoseconds> timeout);

    const Client& client() const { return client_; }

    // A published name, a variable, #ID, or an id alone. Throws UsageError for what can be none of these.
    Proxy object(const std::string& target);
    const TypeDescription& describe(const std::string& type);

    Value call(const Proxy& object, const std::string& method, const std::vector<std::string>& words);
    // Published as `name`, if that is not empty.
    Value create(const std::string& type, const std::string& name, const std::vector<std::string>& words);

    std::map<std::string, Value> variables;

    const Value* variable(const std::string& name) override;
    Value named(const std::string& name) override;
    Value numbered(std::uint64_t id) override;
    std::string standard_input() override;

private:
    const std::vector<ParameterDescription>* arguments_of(const std::string& type, const std::string& method);
    Value::Map options(const Arguments& arguments) const;

    Client client_;
    std::optional<std::chrono::nanoseconds> timeout_;
    std::map<std::string, TypeDescription> types_;
};

}  // namespace soho::cli
