// The part of Prober that gets hold of objects: by name, by another's method, for arguments.
#include "host/tool/prober.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace soho::host::tool {

using namespace std::chrono_literals;

namespace {

constexpr int create_tries = 400;

}  // namespace

// Those that made one before; those that somebody said; else guesses, of which most are likely ones.
Arguments Prober::arguments_for(const Type& type, int attempt) {
    const auto good = good_arguments_.find(&type);
    if (good != good_arguments_.end() && attempt == 0) return good->second;
    const auto given = options_.create_args.find(type.type_id);
    if (given != options_.create_args.end()) return {given->second, {}};
    if (attempt % 10 == 9 && type.signature.required != 0) return maker_->random(type.signature.required);
    return attempt % 2 == 1 ? maker_->plain(type.signature) : maker_->typed(type.signature);
}

ObjectPtr Prober::obtain(const TypePtr& type, int depth) {
    const Type* const key = type.get();
    if (depth > 3 || unobtainable_.contains(key) || is_dangerous(place_of(*type)) || !obtaining_.insert(key).second)
        return nullptr;
    const std::string where = where_;
    const std::string doing = board_.doing();
    ObjectPtr object;
    for (int attempt = 0; type->creatable() && object == nullptr && attempt < create_tries; ++attempt) {
        Arguments arguments = arguments_for(*type, attempt);
        Seen seen = create(type, arguments);
        object = std::move(seen.outcome.object);
        if (object != nullptr && arguments.objects.empty()) good_arguments_[key] = std::move(arguments);
        if (object == nullptr)
            why_unobtainable_[key] = seen.waited ? "its callable did not reply" : seen.outcome.error.text;
        if (seen.kept) break;
        if (type->signature.parameters.empty() && type->signature.args_name.empty() && attempt == 3) break;
    }
    if (object == nullptr) object = obtain_from_method(type, depth);
    if (object == nullptr && depth == 0) unobtainable_.insert(key);
    obtaining_.erase(key);
    at(where, doing);
    return object;
}

// What a method of another type gives.
ObjectPtr Prober::obtain_from_method(const TypePtr& type, int depth) {
    for (const auto& other : plugin_->types()) {
        for (const Method& method : other->methods) {
            if (method.returns_type != type.get() || other->find(method.name) != &method ||
                is_dangerous(place_of(*other, method)))
                continue;
            for (int i = 0; i < 12; ++i) {
                const ObjectPtr from = other == type ? nullptr : obtain(other, depth + 1);
                if (from == nullptr) break;
                for (int j = 0; j < i; ++j) call_something(from);
                Seen seen = call(from, method, maker_->typed(method.signature), "");
                if (seen.outcome.object != nullptr) return std::move(seen.outcome.object);
                if (seen.kept) break;
            }
        }
    }
    return nullptr;
}

// So that it is no longer as it was made.
void Prober::call_something(const ObjectPtr& object) {
    const Type& type = object->type();
    const Method& method = type.methods[maker_->below(type.methods.size())];
    const bool fits = type.find(method.name) == &method && !is_dangerous(place_of(type, method)) && !method.blocks() &&
                      !method.defers() && !method.through_callable && !method.signature.takes_objects;
    if (fits) call(object, method, maker_->plain(method.signature), "");
}

// For arguments. Not deeper than the arguments of what makes an argument.
ObjectPtr Prober::find_object(const void* class_key) {
    if (finding_objects_ >= 2) return nullptr;
    ++finding_objects_;
    ObjectPtr object;
    for (const auto& type : plugin_->types()) {
        if (class_key != nullptr && type->class_key != class_key) continue;
        object = obtain(type, class_key == nullptr ? 3 : 1);
        if (object != nullptr) break;
    }
    --finding_objects_;
    return object;
}

void Prober::let_go(ObjectPtr& object) {
    if (object == nullptr) return;
    const std::string where = std::exchange(where_, place_of_end(object->type()));
    board_.at(where_, fmt::format("an object went, after {}", where));
    object.reset();
    if (!stage_->settle(options_.patience + 3s * (slowness - 1))) {
        find("hang", "it did not return");
        leave_stuck();
    }
    where_ = where;
    board_.at(where_, "after its calls");
}

// What its end does was found already, and must not be found again as another method's doing.
void Prober::keep_if_its_end_is_dangerous(const ObjectPtr& object) {
    if (object != nullptr && is_dangerous(place_of_end(object->type()))) kept_alive_.push_back(object);
}

bool Prober::is_taken_as_argument(const Type& wanted) const {
    const auto takes = [&](const Signature& signature) {
        return std::any_of(signature.parameters.begin(), signature.parameters.end(), [&](const Parameter& parameter) {
            return parameter.object() ? parameter.class_key == wanted.class_key
                                      : parameter.type.find("object") != std::string::npos || parameter.type == "any";
        });
    };
    return std::any_of(plugin_->types().begin(), plugin_->types().end(), [&](const TypePtr& type) {
        return takes(type->signature) || std::any_of(type->methods.begin(), type->methods.end(),
                                                     [&](const Method& method) { return takes(method.signature); });
    });
}

}  // namespace soho::host::tool
