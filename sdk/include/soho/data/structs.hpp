#pragma once
// Structs that travel by msgpack-cxx's own adaptors: the only use of msgpack-cxx in the SDK.
//
//     struct Point {
//         int x = 0, y = 0;
//         MSGPACK_DEFINE_MAP(x, y)  // or MSGPACK_DEFINE: an array
//     };
//
// For a class with an adaptor outside it, say so: template <> inline constexpr bool soho::data::uses_msgpack<Point> = true;
// As msgpack-cxx has it, members that are missing keep their values.

#include <soho/data/codec.hpp>
#include <soho/data/type_name.hpp>

#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <msgpack.hpp>

namespace soho::data {

namespace detail {

// What msgpack-cxx's packer writes to.
template <class W>
struct PackTo {
    W& out;
    void write(const char* bytes, std::size_t size) { out.raw(as_bytes({bytes, size})); }
};
struct AnyStream {
    void write(const char*, std::size_t) {}
};

template <class T>
concept HasMsgpackMembers = std::is_class_v<T> && requires(const T& value, msgpack::packer<AnyStream>& packer) {
    value.msgpack_pack(packer);
};

}  // namespace detail

template <class T>
inline constexpr bool uses_msgpack = detail::HasMsgpackMembers<T>;

template <class T>
requires uses_msgpack<T>
struct Codec<T> {
    static std::string word() { return type_name<T>(); }

    template <class Context>
    static bool decode(Reader& in, T& out, Context& context) {
        const Bytes bytes = in.take_value();
        if (bytes.empty()) return context.cut_short();
        try {
            // No part can have more elements than the value has bytes.
            const msgpack::unpack_limit limit(bytes.size(), bytes.size(), bytes.size(), bytes.size(), bytes.size(),
                                              DecodeContext::depth_max);
            const auto handle =
                msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size(), nullptr, nullptr, limit);
            handle.get().convert(out);
            return true;
        } catch (const std::bad_cast&) {
        } catch (const msgpack::unpack_error& error) {
            return context.refuse(error.what());
        }
        Token token;
        Reader(bytes).peek(token);
        return context.refuse("expected " + word() + "; this " + std::string(kind_name(token.kind)) +
                              " does not fit it");
    }

    template <class W>
    static void encode(W& out, const T& value) {
        detail::PackTo<W> stream{out};
        msgpack::packer<detail::PackTo<W>> packer(stream);
        packer.pack(value);
    }
};

}  // namespace soho::data
