#pragma once
// soho::Call: the running call, for a method or a callable that asks for it as a leading parameter; and soho::Args, which
// takes all further arguments.

#include <soho/plugin/host.hpp>

#include <chrono>
#include <span>

namespace soho {
inline namespace sdk {

// Good only until the method returns.
class Call {
public:
    Call(detail::PluginState& plugin, const soho_call& call) : plugin_(&plugin), call_(&call) {}
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    std::uint64_t object() const { return call_->object; }                     // the target's id; 0 in a callable
    std::uint64_t session() const { return call_->session; }                   // who calls; 0: a plugin
    std::uint64_t origin_session() const { return call_->origin_session; }     // who caused it all
    std::string_view owner() const { return detail::from_abi(call_->owner); }  // tells threads of a session apart
    std::string_view principal() const { return detail::from_abi(call_->principal); }
    std::string_view trace() const { return detail::from_abi(call_->trace); }
    bool oneway() const { return (call_->flags & SOHO_CALL_ONEWAY) != 0; }
    // The ids of the objects whose calls led here, first caller first.
    std::span<const std::uint64_t> chain() const { return {call_->chain, call_->chain_size}; }

    // When the caller stops waiting; time_point::max() if it never does.
    std::chrono::steady_clock::time_point deadline() const {
        using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC
        if (call_->deadline_ns == 0) return Clock::time_point::max();
        return Clock::time_point(std::chrono::nanoseconds(call_->deadline_ns));
    }
    // Nobody waits for the result any more. Other threads may ask, too, while the method runs.
    bool caller_gone() const { return plugin_->host->caller_gone(call_) != 0; }

    // `function` runs in the object's turn if the result is not delivered. In a method with a Reply use the Reply's.
    template <class F>
    void on_discarded(F function) {
        const soho_task task = detail::make_task(plugin_->host, "an on_discarded callback", std::move(function));
        plugin_->host->on_discarded(call_, &task);
    }

    // The target itself, as others refer to it. An object that keeps this keeps itself alive.
    ObjectRef self() const { return ObjectRef::retain(*plugin_, call_->object, {}, call_->object); }
    Host host() const { return Host(*plugin_); }

    // The object behind a handle among the arguments, if it is a T of this plugin; else NULL. As a shared_ptr<T> parameter:
    // without exclusion, and to be kept beyond the call only if its type is concurrent.
    template <class T>
    std::shared_ptr<T> find_object(const Value& handle) const {
        const auto* extension = handle.get_if<Value::Extension>();
        detail::Handle found;
        if (extension == nullptr || extension->type() != handle_extension ||
            !detail::read_handle(data::as_bytes(extension->body()), found)) {
            return nullptr;
        }
        soho_object object{};
        object.size = sizeof object;
        if (plugin_->host->object_argument(call_, found.id, detail::class_key<T>(), &object) != 0) return nullptr;
        return {static_cast<detail::Owner*>(object.owner)->object, static_cast<T*>(object.self)};
    }

    // The same value with all handles in it held on behalf of the target, as those in its arguments are: for what comes from
    // another object, or out of a tuple or a set.
    Value hold(Value value) const {
        if (auto* elements = value.get_if<Value::Array>()) {
            for (Value& element : *elements) element = hold(std::move(element));
        } else if (auto* pairs = value.get_if<Value::Map>()) {
            for (auto& [key, mapped] : *pairs) {
                key = hold(std::move(key));
                mapped = hold(std::move(mapped));
            }
        } else if (const auto* extension = value.get_if<Value::Extension>()) {
            detail::CallContext context(*plugin_, call_);
            auto keeper = context.keeper(extension->type(), data::as_bytes(extension->body()));
            value = Value::Extension(extension->type(), std::string(extension->body()), std::move(keeper));
        }
        return value;
    }

    // For the SDK.
    const soho_call* abi() const { return call_; }
    detail::PluginState& plugin() const { return *plugin_; }

private:
    detail::PluginState* plugin_;
    const soho_call* call_;
};

// As the last parameter of a method or a callable: all further positional arguments, and all further keywords.
//
//     .method("log", [](Journal& journal, std::string_view line, const soho::Args& more) { … })
class Args {
public:
    const Value::Array& positional() const { return positional_; }
    const Value::Map& keywords() const { return keywords_; }  // keys are strings

    std::size_t size() const { return positional_.size(); }
    const Value& operator[](std::size_t index) const { return positional_.at(index); }
    // The keyword's value, or NULL.
    const Value* find(std::string_view keyword) const {
        for (const auto& [key, value] : keywords_) {
            if (*key.get_if<std::string>() == keyword) return &value;
        }
        return nullptr;
    }

    // For the SDK: takes what is left of the positional arguments, and the keywords.
    bool take(data::Reader& in, std::uint32_t count, detail::CallContext& context) {
        positional_.resize(count);
        for (std::uint32_t i = 0; i != count; ++i) {
            if (!data::decode_into(in, positional_[i], context)) return context.inside("argument " + std::to_string(i));
        }
        const data::Bytes bytes = detail::from_abi(context.call->kwargs);
        if (bytes.empty()) return true;
        data::Reader keywords(bytes);
        Value map;
        if (!data::decode_into(keywords, map, context)) return context.inside("keywords");
        if (!map.is_map()) return context.expected("map of keywords", map.kind_text());
        keywords_ = std::move(*map.get_if<Value::Map>());
        for (const auto& keyword : keywords_) {
            if (!keyword.first.is_string()) return context.expected("keyword", keyword.first.kind_text());
        }
        return true;
    }

private:
    Value::Array positional_;
    Value::Map keywords_;
};

}  // namespace sdk
}  // namespace soho
