#pragma once
// What all containers have in common.
//
// A container changes only in its turn, and then under its mutex; so its own methods read without locking. What reads it from
// elsewhere (its iterators, and other containers that take its contents) locks the mutex, one at a time, never two.

#include "values_account.hpp"

#include <mutex>

namespace shared {

class Container {
public:
    Container() = default;
    Container(const Container&) = delete;
    Container& operator=(const Container&) = delete;
    virtual ~Container() = default;

    // What Python's iter() of it gives. From any thread.
    virtual Value::Array elements() = 0;
    // As the plain value that Python's type stands for; from any thread. Nil: there is none that travels.
    virtual Value plain() { return {}; }

    std::mutex& mutex() { return mutex_; }

protected:
    // Has the handles that came with `create` held by the object, which had no id then.
    virtual void hold_all(const soho::Call& call) = 0;

    // Changes the container by `function`, after the quota has agreed to `bytes` more (or fewer). Only in its turn.
    template <class F>
    auto change(const soho::Call& call, std::int64_t bytes, F function) {
        account_.add(call, bytes);
        const std::lock_guard lock(mutex_);
        if (!held_) {
            held_ = true;
            hold_all(call);
        }
        return function();
    }
    // When it is made, and nowhere else: the host can be told at the first change only.
    void begin(std::int64_t bytes) { account_.restore(bytes); }
    std::int64_t bytes() const { return account_.bytes(); }

private:
    std::mutex mutex_;
    Account account_;
    bool held_ = false;
};

// The container of this plugin behind a handle among the arguments; NULL for all else.
std::shared_ptr<Container> container_in(const soho::Call& call, const Value& value);
// A handle of a list, dict or set becomes its contents; all else stays.
Value resolved(const soho::Call& call, Value value);
// What Python's iter(value) gives, of any value that has it; throws TypeError. Handles in it are held by the call's target.
Value::Array elements_of(const soho::Call& call, Value value, std::string_view refusal = {});

}  // namespace shared
