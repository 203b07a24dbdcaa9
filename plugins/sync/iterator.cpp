#include "iterator.hpp"

#include "families.hpp"

namespace shared {

namespace {

constexpr std::int64_t batch_bytes_max = 1 << 20;  // of one next_many(), so that no batch outgrows a frame

}  // namespace

// Its own mutex keeps cursor_; the cursor's is the container's.
Value::Array Iterator::take(std::size_t count, std::int64_t bytes_max) {
    const std::lock_guard lock(mutex());
    Value::Array taken;
    if (cursor_ == nullptr) return taken;
    std::int64_t bytes = 0;
    bool at_end = false;
    {
        const std::lock_guard container(cursor_->mutex());
        while (taken.size() < count && bytes < bytes_max && !at_end) {
            Value element;
            at_end = !cursor_->next(element);
            if (at_end) break;
            bytes += footprint(element);
            taken.push_back(std::move(element));
        }
    }
    if (at_end) cursor_.reset();
    return taken;
}

Value Iterator::next() {
    Value::Array taken = take(1, INT64_MAX);
    if (taken.empty()) throw soho::Error("StopIteration", "");
    return std::move(taken.front());
}

Value::Array Iterator::next_many(std::int64_t count) {
    if (count < 1) throw value_error("count must be positive");
    return take(static_cast<std::size_t>(count), batch_bytes_max);
}

void Iterator::close() {
    const std::lock_guard lock(mutex());
    cursor_.reset();
}

std::uint64_t Iterator::left() {
    const std::lock_guard lock(mutex());
    if (cursor_ == nullptr) return 0;
    const std::lock_guard container(cursor_->mutex());
    return cursor_->left();
}

Value::Array Iterator::elements() { return take(SIZE_MAX, INT64_MAX); }

void add_iterator(soho::Plugin& plugin) {
    using namespace soho::literals;
    plugin.methods<Iterator>()
        .method("__next__", &Iterator::next)
        .doc("The next element; StopIteration at the end.")
        .method("next_many", &Iterator::next_many)
        .args("count"_a = 1000)
        .doc("Up to count elements at once, fewer where they are large; an empty list is the end.")
        .method("__length_hint__", &Iterator::left)
        .readonly()
        .doc("About how many elements are left.")
        .method("close", &Iterator::close)
        .idempotent()
        .doc("Ends the iteration and lets its container go.");
    plugin.type<Iterator>("Iterator")
        .create_method(false)
        .proxytype("IteratorProxy", {"__next__", "next_many", "__length_hint__", "close"})
        .doc("Goes through a container that lives on; what __iter__ and __reversed__ give.");
}

}  // namespace shared
