#pragma once
// soho::Host: what a plugin may ask of its host at any time, from any thread, between `load` and the end of `stop`.
// A Host is a handle: copy it freely, keep it in objects and threads.

#include <soho/plugin/instance.hpp>
#include <soho/plugin/task.hpp>

#include <chrono>
#include <string_view>

namespace soho {
inline namespace sdk {

enum class LogLevel : std::uint32_t {
    debug = SOHO_LOG_DEBUG,
    info = SOHO_LOG_INFO,
    warning = SOHO_LOG_WARNING,
    error = SOHO_LOG_ERROR
};

namespace detail {

// Something that ends when its handle goes: a number of the host's, and the function that cancels it.
template <void (*soho_host::*cancel)(const soho_host*, std::uint64_t)>
class Registration {
public:
    Registration() = default;
    Registration(const soho_host* host, std::uint64_t number) : host_(host), number_(number) {}
    Registration(Registration&& other) noexcept
        : host_(std::exchange(other.host_, nullptr)),
          number_(std::exchange(other.number_, 0)) {}
    Registration& operator=(Registration&& other) noexcept {
        if (this != &other) {
            reset();
            host_ = std::exchange(other.host_, nullptr);
            number_ = std::exchange(other.number_, 0);
        }
        return *this;
    }
    ~Registration() { reset(); }

    explicit operator bool() const { return number_ != 0; }
    // The callback will not start any more. May be called inside it.
    void reset() {
        if (number_ != 0) (host_->*cancel)(host_, std::exchange(number_, 0));
    }

private:
    const soho_host* host_ = nullptr;
    std::uint64_t number_ = 0;
};

}  // namespace detail

// A timer, for as long as this lives.
using Timer = detail::Registration<&soho_host::timer_cancel>;
// Waits for the end of a session, for as long as this lives.
using SessionEnd = detail::Registration<&soho_host::session_end_cancel>;

class Host {
public:
    explicit Host(detail::PluginState& plugin) : plugin_(&plugin), host_(plugin.host) {}

    std::string_view version() const { return detail::from_abi(host_->version); }

    void log(LogLevel level, std::string_view line) const {
        host_->log(host_, static_cast<std::uint32_t>(level), detail::to_abi(line));
    }

    // The plugin's section of the host's config: a map, empty where there is none.
    Value settings() const {
        const data::Bytes bytes = detail::from_abi(host_->settings(host_));
        return bytes.empty() ? Value(Value::Map()) : data::decode<Value>(bytes);
    }

    // Runs `function` in the turn of object `id`, that is, never beside its methods; 0: in no turn. False where there is no
    // such object. What a callback throws is logged.
    template <class F>
    bool post_to_turn(std::uint64_t id, F function) const {
        const soho_task task = detail::make_task(host_, "a posted function", std::move(function));
        return host_->post_to_turn(host_, id, &task) == 0;
    }

    // Runs `function` once, `delay` from now, in the turn of object `id` (0: in none). Does not keep the object alive.
    template <class F>
    [[nodiscard]] Timer after(std::uint64_t id, std::chrono::nanoseconds delay, F function) const {
        return start_timer(id, delay, std::chrono::nanoseconds(0), std::move(function));
    }
    // As after(), then again and again.
    template <class F>
    [[nodiscard]] Timer every(std::uint64_t id, std::chrono::nanoseconds period, F function) const {
        return start_timer(id, period, period, std::move(function));
    }

    // Runs `function` in the turn of object `id` (0: in none) when that session has ended; at once if it has.
    template <class F>
    [[nodiscard]] SessionEnd on_session_end(std::uint64_t session, std::uint64_t id, F function) const {
        const soho_task task = detail::make_task(host_, "an on_session_end callback", std::move(function));
        return SessionEnd(host_, host_->on_session_end(host_, session, id, &task));
    }

    // Tells the host that object `id` holds so many bytes more, or fewer. False where a quota would be passed; nothing was
    // added then.
    [[nodiscard]] bool charge(std::uint64_t id, std::int64_t bytes) const {
        return host_->charge(host_, id, bytes) == SOHO_OK;
    }

    // Publishes the object until unpublish(). Throws Error with SOHO_EXISTS, SOHO_NO_OBJECT, or SOHO_BAD_ARGUMENTS.
    void publish(std::string_view name, const ObjectRef& object) const {
        check(host_->publish(host_, detail::to_abi(name), object.id()), "cannot publish", name);
    }
    void unpublish(std::string_view name) const {
        check(host_->unpublish(host_, detail::to_abi(name)), "cannot unpublish", name);
    }

    // Has the host keep an object under a typeid of this plugin. `object` is a T, a unique_ptr or a shared_ptr. `holder` is the
    // id of the object that will keep the result (0: the plugin). Throws Error where the typeid is not one for T, or at a limit.
    template <class T, class Made>
    ObjectRef make_object(std::string_view type_id, Made&& object, std::uint64_t holder = 0) const {
        const auto type = plugin_->class_of_type.find(type_id);
        if (type == plugin_->class_of_type.end() || type->second != detail::class_key<T>()) {
            throw Error::with_code(SOHO_INTERNAL,
                                   "'" + std::string(type_id) + "' is no typeid for " + data::type_name<T>());
        }
        auto shared = detail::to_shared<T>(std::forward<Made>(object));
        if (shared == nullptr) throw Error::with_code(SOHO_INTERNAL, "make_object got a null pointer");
        const soho_instance instance = detail::make_instance(std::move(shared));
        const std::uint64_t id = host_->object_new(host_, detail::to_abi(type_id), &instance, holder);
        if (id == 0) throw Error::with_code(SOHO_LIMIT, "the host takes no further " + std::string(type_id));
        return ObjectRef::adopt(*plugin_, id, type_id, holder);
    }

    // A further table of the host's by its id, such as "soho.state/1"; NULL where it has none.
    const void* get_extension(std::string_view id) const { return host_->get_extension(host_, detail::to_abi(id)); }

private:
    template <class F>
    Timer start_timer(std::uint64_t id, std::chrono::nanoseconds delay, std::chrono::nanoseconds period,
                      F function) const {
        const soho_task task = detail::make_task(host_, "a timer's function", std::move(function));
        return Timer(host_, host_->timer_start(host_, id, delay.count(), period.count(), &task));
    }
    static void check(std::uint32_t code, std::string_view failed, std::string_view name) {
        if (code == SOHO_OK) return;
        const char* why = code == SOHO_EXISTS      ? "it is taken"
                          : code == SOHO_NO_OBJECT ? "there is no such object"
                                                   : "it is no valid name";
        throw Error::with_code(code, std::string(failed) + " '" + std::string(name) + "': " + why);
    }

    detail::PluginState* plugin_;
    const soho_host* host_;
};

}  // namespace sdk
}  // namespace soho
