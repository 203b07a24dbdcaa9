#pragma once
// MessagePack, written value by value, always in the shortest form. A Writer appends to an Out, which is anything with
//     std::uint8_t* reserve(std::size_t bytes);  // room for that many; may throw or move what was written
//     void commit(std::uint8_t* end);            // the written part now ends here
// Source: the MessagePack specification.

#include <soho/data/reader.hpp>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

namespace soho::data {

// An allocation of that many bytes has found none. Returns if another attempt may find some: the new-handler is asked, but not for
// large ones, which would take all that it has.
inline void ask_for_memory(std::size_t bytes) {
    constexpr std::size_t small_bytes = 256 * 1024;
    const std::new_handler ask = bytes <= small_bytes ? std::get_new_handler() : nullptr;
    if (ask == nullptr) throw std::bad_alloc();
    ask();
}

// Bytes that grow, without being zeroed first. Kept for reuse: clear() keeps the memory.
class Buffer {
public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        swap(other);
        return *this;
    }
    ~Buffer() { std::free(begin_); }

    std::uint8_t* data() { return begin_; }
    const std::uint8_t* data() const { return begin_; }
    std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }
    std::size_t capacity() const { return static_cast<std::size_t>(limit_ - begin_); }
    bool empty() const { return end_ == begin_; }
    Bytes bytes() const { return {begin_, size()}; }
    std::string_view text() const { return as_text(bytes()); }

    std::uint8_t* reserve(std::size_t more) {
        if (static_cast<std::size_t>(limit_ - end_) < more) grow(more);
        return end_;
    }
    void commit(std::uint8_t* end) { end_ = end; }
    void append(Bytes bytes) {
        if (bytes.empty()) return;
        std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
        end_ += bytes.size();
    }
    // Drops what follows the first `size` bytes; size must not exceed size().
    void truncate(std::size_t size) { end_ = begin_ + size; }
    void clear() { end_ = begin_; }
    // Drops the first `size` bytes and moves the rest to the front.
    void consume(std::size_t size) {
        if (size != this->size()) std::memmove(begin_, begin_ + size, this->size() - size);
        end_ -= size;
    }
    void release() {
        Buffer empty;
        swap(empty);
    }
    void swap(Buffer& other) noexcept {
        std::swap(begin_, other.begin_);
        std::swap(end_, other.end_);
        std::swap(limit_, other.limit_);
    }

private:
    void grow(std::size_t more) {
        const std::size_t wanted = std::max({std::size_t{64}, size() + more, capacity() + capacity() / 2});
        void* memory = nullptr;
        while ((memory = std::realloc(begin_, wanted)) == nullptr) ask_for_memory(wanted);
        auto* grown = static_cast<std::uint8_t*>(memory);
        end_ = grown + size();
        begin_ = grown;
        limit_ = grown + wanted;
    }

    std::uint8_t* begin_ = nullptr;
    std::uint8_t* end_ = nullptr;
    std::uint8_t* limit_ = nullptr;
};

namespace detail {

template <class T>
std::uint8_t* store_big_endian(std::uint8_t* at, T value) {
    if constexpr (sizeof(T) == 1) {
        *at = static_cast<std::uint8_t>(value);
    } else {
        // bswap is its own inverse
        const T swapped = load_big_endian<T>(reinterpret_cast<const std::uint8_t*>(&value));
        std::memcpy(at, &swapped, sizeof swapped);
    }
    return at + sizeof(T);
}

template <class T>
std::uint8_t* put(std::uint8_t* at, std::uint8_t marker, T value) {
    *at = marker;
    return store_big_endian(at + 1, value);
}

// Marker and length of a string, array or map: short forms up to `fixed_max` with `fixed`, then 8 (strings only), 16, 32 bits.
inline std::uint8_t* put_size(std::uint8_t* at, std::size_t size, std::uint8_t fixed, std::size_t fixed_max,
                              std::uint8_t marker8, std::uint8_t marker16) {
    if (size <= fixed_max) {
        *at = static_cast<std::uint8_t>(fixed | size);
        return at + 1;
    }
    if (marker8 != 0 && size <= 0xff) return put(at, marker8, static_cast<std::uint8_t>(size));
    if (size <= 0xffff) return put(at, marker16, static_cast<std::uint16_t>(size));
    return put(at, static_cast<std::uint8_t>(marker16 + 1), static_cast<std::uint32_t>(size));
}

// In its shortest form; room for 9 bytes.
inline std::uint8_t* put_unsigned(std::uint8_t* at, std::uint64_t value) {
    if (value <= 0x7f) {
        *at = static_cast<std::uint8_t>(value);
        return at + 1;
    }
    if (value <= 0xff) return put(at, 0xcc, static_cast<std::uint8_t>(value));
    if (value <= 0xffff) return put(at, 0xcd, static_cast<std::uint16_t>(value));
    if (value <= 0xffffffff) return put(at, 0xce, static_cast<std::uint32_t>(value));
    return put(at, 0xcf, value);
}

}  // namespace detail

template <class Out>
class Writer {
public:
    explicit Writer(Out& out) : out_(out) {}

    void nil() { byte(0xc0); }
    void boolean(bool value) { byte(value ? 0xc3 : 0xc2); }

    void unsigned_integer(std::uint64_t value) { out_.commit(detail::put_unsigned(out_.reserve(9), value)); }

    void integer(std::int64_t value) {
        if (value >= 0) return unsigned_integer(static_cast<std::uint64_t>(value));
        std::uint8_t* at = out_.reserve(9);
        if (value >= -32) {
            *at++ = static_cast<std::uint8_t>(value);
        } else if (value >= INT8_MIN) {
            at = detail::put(at, 0xd0, static_cast<std::int8_t>(value));
        } else if (value >= INT16_MIN) {
            at = detail::put(at, 0xd1, static_cast<std::int16_t>(value));
        } else if (value >= INT32_MIN) {
            at = detail::put(at, 0xd2, static_cast<std::int32_t>(value));
        } else {
            at = detail::put(at, 0xd3, value);
        }
        out_.commit(at);
    }

    void floating(double value) {
        out_.commit(detail::put(out_.reserve(9), 0xcb, std::bit_cast<std::uint64_t>(value)));
    }
    void floating(float value) { out_.commit(detail::put(out_.reserve(5), 0xca, std::bit_cast<std::uint32_t>(value))); }

    void string(std::string_view text) {
        std::uint8_t* at = out_.reserve(5 + text.size());
        body(detail::put_size(at, text.size(), 0xa0, 31, 0xd9, 0xda), as_bytes(text));
    }
    void binary(Bytes bytes) {
        std::uint8_t* at = out_.reserve(5 + bytes.size());
        if (bytes.size() <= 0xff) {
            at = detail::put(at, 0xc4, static_cast<std::uint8_t>(bytes.size()));
        } else {
            at = detail::put_size(at, bytes.size(), 0, 0, 0, 0xc5);
        }
        body(at, bytes);
    }
    // The body is written by `raw` afterwards, or here.
    void extension_header(std::int8_t type, std::size_t size) {
        std::uint8_t* at = out_.reserve(6);
        switch (size) {
            case 1: *at++ = 0xd4; break;
            case 2: *at++ = 0xd5; break;
            case 4: *at++ = 0xd6; break;
            case 8: *at++ = 0xd7; break;
            case 16: *at++ = 0xd8; break;
            default:
                at = size <= 0xff ? detail::put(at, 0xc7, static_cast<std::uint8_t>(size))
                                  : detail::put_size(at, size, 0, 0, 0, 0xc8);
        }
        *at++ = static_cast<std::uint8_t>(type);
        out_.commit(at);
    }
    void extension(std::int8_t type, Bytes bytes) {
        extension_header(type, bytes.size());
        raw(bytes);
    }

    // `size` values follow.
    void array(std::size_t size) { out_.commit(detail::put_size(out_.reserve(5), size, 0x90, 15, 0, 0xdc)); }
    // `size` pairs follow: key, value, key, value …
    void map(std::size_t size) { out_.commit(detail::put_size(out_.reserve(5), size, 0x80, 15, 0, 0xde)); }

    // Bytes that are MessagePack already.
    void raw(Bytes bytes) { body(out_.reserve(bytes.size()), bytes); }

private:
    void byte(std::uint8_t value) {
        std::uint8_t* at = out_.reserve(1);
        *at = value;
        out_.commit(at + 1);
    }
    void body(std::uint8_t* at, Bytes bytes) {
        if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
        out_.commit(at + bytes.size());
    }

    Out& out_;
};

template <class Out>
Writer(Out&) -> Writer<Out>;

}  // namespace soho::data
