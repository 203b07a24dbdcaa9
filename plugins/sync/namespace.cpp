// Namespace: attributes that are set and read by name.

#include "families.hpp"
#include "values_account.hpp"
#include "values_container.hpp"
#include "values_methods.hpp"
#include "values_text.hpp"

#include <map>

namespace shared {

namespace {

class Namespace : public Container {
public:
    using Attributes = std::map<std::string, Value>;

    explicit Namespace(Attributes attributes) : attributes_(std::move(attributes)) {
        std::int64_t bytes = 0;
        for (const auto& [name, value] : attributes_) bytes += entry_footprint(name, value);
        begin(bytes);
    }
    explicit Namespace(const soho::Args& given) : Namespace(attributes_of(given)) {}

    const Attributes& attributes() const { return attributes_; }

    const Value& get(const Value& name) const { return find(name)->second; }

    void set(soho::Call& call, const Value& name, Value value) {
        const std::string& text = name_of(name);
        const auto there = attributes_.find(text);
        const bool is_new = there == attributes_.end();
        const std::int64_t bytes = is_new ? entry_footprint(name, value) : footprint(value) - footprint(there->second);
        change(call, bytes, [&] { std::swap(attributes_[text], value); });
    }

    void remove(soho::Call& call, const Value& name) {
        const auto there = find(name);
        const auto gone =
            change(call, -entry_footprint(name, there->second), [&] { return attributes_.extract(there); });
    }

    std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (const auto& attribute : attributes_) names.push_back(attribute.first);
        return names;
    }

    // As CPython's: sorted as text, without the names that begin with an underscore.
    std::string text() const {
        std::vector<std::string> parts;
        for (const auto& [name, value] : attributes_) {
            if (!name.starts_with('_')) parts.push_back(name + "=" + repr(value));
        }
        std::sort(parts.begin(), parts.end());
        std::string text = "Namespace(";
        const char* between = "";
        for (const std::string& part : parts) text += std::exchange(between, ", ") + part;
        return text + ")";
    }

    Value::Array elements() override { throw type_error("'Namespace' object is not iterable"); }

private:
    static Attributes attributes_of(const soho::Args& given) {
        if (given.size() != 0) {
            throw type_error("Namespace() takes no positional arguments, only keywords (" +
                             std::to_string(given.size()) + " given)");
        }
        Attributes attributes;
        for (const auto& [name, value] : given.keywords()) attributes[*name.get_if<std::string>()] = value;
        return attributes;
    }
    static const std::string& name_of(const Value& name) {
        const auto* text = name.get_if<std::string>();
        if (text == nullptr) throw type_error("attribute name must be string, not '" + type_name(name) + "'");
        return *text;
    }
    Attributes::const_iterator find(const Value& name) const {
        const auto found = attributes_.find(name_of(name));
        if (found != attributes_.end()) return found;
        throw soho::Error("AttributeError", "'Namespace' object has no attribute '" + name_of(name) + "'");
    }
    static std::int64_t entry_footprint(const Value& name, const Value& value) {
        constexpr std::int64_t node = 64;
        return node + footprint(name) + footprint(value);
    }
    void hold_all(const soho::Call& call) override {
        for (auto& attribute : attributes_) attribute.second = call.hold(std::move(attribute.second));
    }

    Attributes attributes_;
};

}  // namespace

void add_namespace(soho::Plugin& plugin) {
    auto methods = plugin.methods<Namespace>();
    methods.method("__getattribute__", &Namespace::get)
        .args("name")
        .readonly()
        .doc("The attribute, or AttributeError.")
        .method("__setattr__", &Namespace::set)
        .args("name", "value")
        .idempotent()
        .doc("Sets an attribute.")
        .method("__delattr__", &Namespace::remove)
        .args("name")
        .doc("Takes an attribute away, or AttributeError.")
        .method("__dir__", &Namespace::names)
        .readonly()
        .doc("The names of all attributes.");
    add_text(methods);

    plugin.type<Namespace>("Namespace")
        .callable([](const soho::Args& given) { return std::make_shared<Namespace>(given); })
        .state(1, &Namespace::attributes,
               [](Namespace::Attributes attributes) { return std::make_shared<Namespace>(std::move(attributes)); })
        .proxytype("NamespaceProxy",
                   {"__getattribute__", "__setattr__", "__delattr__", "__dir__", "__repr__", "__str__"})
        .doc("Namespace(**attributes): values and objects by name, as in Python's multiprocessing.");
}

}  // namespace shared
