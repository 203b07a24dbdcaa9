#pragma once
// Objects on their way from the plugin to the host.

#include <soho/plugin/object_ref.hpp>

#include <memory>
#include <type_traits>

namespace soho {
inline namespace sdk {
namespace detail {

// What the host keeps for each instance that it was given.
struct Owner {
    std::shared_ptr<void> object;
    void* self;

    static void release(void* owner) noexcept { delete static_cast<Owner*>(owner); }
};

// Two pointers to the same object may differ by their static type; its most-derived address does not.
template <class T>
const void* identity_of(const T* object) {
    if constexpr (std::is_polymorphic_v<T>) {
        return dynamic_cast<const void*>(object);
    } else {
        return object;
    }
}

template <class T>
soho_instance make_instance(std::shared_ptr<T> object) {
    T* self = object.get();
    auto* owner = new Owner{std::move(object), self};
    return {sizeof(soho_instance), 0, self, identity_of(self), owner, &Owner::release};
}

// A result that is to become the argument of another type's callable: there `source` points to the owner.
template <class T>
soho_instance make_source(std::shared_ptr<T> object) {
    soho_instance instance = make_instance(std::move(object));
    instance.self = instance.owner;
    return instance;
}

// What a callable or a method may return for an object of class T, as one shared_ptr; see Made.
template <class T, class Result>
std::shared_ptr<T> to_shared(Result&& result) {
    if constexpr (std::is_convertible_v<Result&&, std::shared_ptr<T>>) {
        return std::shared_ptr<T>(std::forward<Result>(result));
    } else {
        return std::make_shared<T>(std::forward<Result>(result));
    }
}

// The class of the object that a result type holds: T for T, std::unique_ptr<T> and std::shared_ptr<T>.
template <class Result>
struct Made {
    using Class = Result;
    static constexpr bool is_pointer = false;
};
template <class T, class Deleter>
struct Made<std::unique_ptr<T, Deleter>> {
    using Class = T;
    static constexpr bool is_pointer = true;
};
template <class T>
struct Made<std::shared_ptr<T>> {
    using Class = T;
    static constexpr bool is_pointer = true;
};

}  // namespace detail
}  // namespace sdk
}  // namespace soho
