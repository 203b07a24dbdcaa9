#pragma once
// soho::ObjectRef: any hosted object, of this plugin or another. While an ObjectRef or a copy of it lives, so does the object.
// As an argument or a result it travels as a handle. Copies are cheap; every thread may use its own.

#include <soho/plugin/error.hpp>
#include <soho/plugin/records.hpp>

namespace soho {
inline namespace sdk {

class Call;
template <class T>
class Reply;
template <class R>
class RefCall;

inline constexpr std::int8_t handle_extension = 0x53;
inline constexpr std::int8_t tuple_extension = 0x54;
inline constexpr std::int8_t set_extension = 0x55;

class ObjectRef {
public:
    ObjectRef() = default;  // refers to nothing

    explicit operator bool() const { return held_ != nullptr; }
    std::uint64_t id() const { return held_ ? held_->id : 0; }
    std::string_view type_id() const { return held_ ? std::string_view(held_->type_id) : std::string_view(); }
    friend bool operator==(const ObjectRef& a, const ObjectRef& b) { return a.id() == b.id(); }

    // The same object, held on behalf of `holder` instead. References that come as arguments are held by the call's target,
    // those of `create` by the plugin as a whole; `soho objects` shows who holds what.
    ObjectRef held_by(std::uint64_t holder) const {
        return held_ ? retain(*held_->plugin, held_->id, held_->type_id, holder) : ObjectRef();
    }

    // Calls a method of the object; see ref_call.hpp. The first form is the plugin's own call; the others pass on the session,
    // owner, chain and deadline of a running call, or of a pending reply.
    template <class R, class... A>
    [[nodiscard]] RefCall<R> call(std::string_view method, const A&... arguments) const;
    template <class R, class... A>
    [[nodiscard]] RefCall<R> call(const Call& on_behalf_of, std::string_view method, const A&... arguments) const;
    template <class R, class T, class... A>
    [[nodiscard]] RefCall<R> call(const Reply<T>& on_behalf_of, std::string_view method, const A&... arguments) const;

    // The object behind a handle in a Value that was decoded inside the plugin; throws DecodeError if it is none.
    static ObjectRef from(const Value& value) {
        const auto* extension = value.get_if<Value::Extension>();
        if (extension == nullptr || extension->type() != handle_extension || extension->keeper() == nullptr) {
            throw data::DecodeError("expected object, got " + std::string(value.kind_text()));
        }
        ObjectRef ref;
        ref.held_ = std::static_pointer_cast<const Held>(extension->keeper());
        return ref;
    }

    // For the SDK. Refers to nothing if there is no such object.
    static ObjectRef retain(detail::PluginState& plugin, std::uint64_t id, std::string_view type_id,
                            std::uint64_t holder) {
        auto held = std::make_shared<Held>(plugin, id, type_id, holder);
        if (plugin.host->ref_retain(plugin.host, id, holder) != 0) return {};
        return adopt(std::move(held));
    }
    // As retain, for a reference that the host has counted already.
    static ObjectRef adopt(detail::PluginState& plugin, std::uint64_t id, std::string_view type_id,
                           std::uint64_t holder) {
        return adopt(std::make_shared<Held>(plugin, id, type_id, holder));
    }
    std::shared_ptr<const void> keeper() const { return held_; }

private:
    struct Held {
        Held(detail::PluginState& plugin_, std::uint64_t id_, std::string_view type_id_, std::uint64_t holder_)
            : plugin(&plugin_),
              id(id_),
              holder(holder_),
              type_id(type_id_) {}
        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;
        ~Held() {
            if (counted) plugin->host->ref_release(plugin->host, id, holder);
        }
        detail::PluginState* plugin;
        std::uint64_t id, holder;
        std::string type_id;
        bool counted = false;
    };
    static ObjectRef adopt(std::shared_ptr<Held> held) {
        held->counted = true;
        ObjectRef ref;
        ref.held_ = std::move(held);
        return ref;
    }

    std::shared_ptr<const Held> held_;
};

namespace detail {

struct Handle {
    std::uint64_t id = 0;
    std::string_view type_id;
};

inline bool read_handle(data::Bytes body, Handle& handle) {
    data::Reader in(body);
    data::Token token;
    if (!in.next(token) || token.kind != data::Kind::array || token.size != 2) return false;
    if (!in.next(token) || token.kind != data::Kind::unsigned_integer) return false;
    handle.id = token.unsigned_value;
    if (!in.next(token) || token.kind != data::Kind::string) return false;
    handle.type_id = token.text();
    return in.at_end();
}

// What a decoder inside a plugin carries along: the plugin, and whose call it is.
struct CallContext : data::DecodeContext {
    PluginState* plugin = nullptr;
    const soho_call* call = nullptr;  // NULL outside calls
    std::uint64_t holder = 0;         // of the references it makes

    CallContext(PluginState& plugin_, const soho_call* call_)
        : plugin(&plugin_),
          call(call_),
          holder(call_ != nullptr ? call_->object : 0) {}

    ObjectRef retain(const Handle& handle) { return ObjectRef::retain(*plugin, handle.id, handle.type_id, holder); }

    // A Value keeps the object of a handle alive, also of the handles in a tuple or a set.
    std::shared_ptr<const void> keeper(std::int8_t extension, data::Bytes body) {
        Handle handle;
        if (extension == handle_extension && read_handle(body, handle)) return retain(handle).keeper();
        if (extension != tuple_extension && extension != set_extension) return nullptr;
        auto kept = std::make_shared<std::vector<ObjectRef>>();
        keep_all(body, *kept, 0);
        return kept->empty() ? nullptr : kept;
    }

private:
    void keep_all(data::Bytes bytes, std::vector<ObjectRef>& kept, unsigned depth) {
        if (depth > depth_max) return;
        data::Reader in(bytes);
        for (data::Token token; in.next(token);) {
            if (token.kind != data::Kind::extension) continue;
            Handle handle;
            if (token.extension_type == handle_extension && read_handle(token.bytes(), handle)) {
                kept.push_back(retain(handle));
            } else if (token.extension_type == tuple_extension || token.extension_type == set_extension) {
                keep_all(token.bytes(), kept, depth + 1);
            }
        }
    }
};

// Reads a handle; on false the context says why.
inline bool take_handle(data::Reader& in, Handle& handle, std::string_view expected, CallContext& context) {
    data::Token token;
    if (!in.next(token)) return context.cut_short();
    if (token.kind != data::Kind::extension || token.extension_type != handle_extension ||
        !read_handle(token.bytes(), handle)) {
        return context.expected(expected, token);
    }
    return true;
}

}  // namespace detail
}  // namespace sdk
}  // namespace soho

template <>
struct soho::data::Codec<soho::ObjectRef> : soho::data::PlainCodec {
    static std::string word() { return "object"; }

    static bool decode(Reader& in, ObjectRef& out, soho::sdk::detail::CallContext& context) {
        soho::sdk::detail::Handle handle;
        if (!soho::sdk::detail::take_handle(in, handle, "object", context)) return false;
        out = context.retain(handle);
        return static_cast<bool>(out) || context.refuse("no object " + std::to_string(handle.id));
    }

    template <class W>
    static void encode(W& out, const ObjectRef& ref) {
        if (!ref) return out.nil();
        const std::string body = body_of(ref);
        out.extension(handle_extension, as_bytes(body));
    }

    static Value to_value(const ObjectRef& ref) {
        if (!ref) return {};
        return Value::Extension(handle_extension, body_of(ref), ref.keeper());
    }
    static void from_value(const Value& value, ObjectRef& out) { out = ObjectRef::from(value); }

private:
    static std::string body_of(const ObjectRef& ref) {
        Buffer body;
        Writer<Buffer> out(body);
        out.array(2);
        out.unsigned_integer(ref.id());
        out.string(ref.type_id());
        return std::string(body.text());
    }
};
