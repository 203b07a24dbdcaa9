#include "bench/load/frames.hpp"

#include <soho/wire/codec.hpp>

#include <stdexcept>

namespace soho::bench::frames {

namespace {

// `params` writes them.
template <class Params>
std::string frame(std::string_view method, Params params) {
    data::Buffer buffer;
    wire::Out out(buffer);
    wire::begin_request(out, 1, method);
    params(out);
    return std::string(buffer.text());
}

constexpr std::size_t envelope_bytes = 4;
// Three bytes of the extension, eleven of array and id, and the typeid.
std::size_t handle_bytes(std::string_view type_id) { return 3 + 1 + 9 + 1 + type_id.size(); }

}  // namespace

std::string hello() {
    return frame("soho.hello", [](wire::Out& out) {
        out.array(1);
        out.map(3);
        out.string("proto");
        out.unsigned_integer(1);
        out.string("errors");
        out.string("full");
        out.string("handles");
        out.string("ext");
    });
}

std::string open(std::string_view name) {
    return frame("soho.open", [&](wire::Out& out) {
        out.array(1);
        out.string(name);
    });
}

Exchange call(std::uint64_t id, std::string_view method) {
    return {frame("soho.call",
                  [&](wire::Out& out) {
                      out.array(3);
                      out.unsigned_integer(id);
                      out.string(method);
                      out.array(0);
                  }),
            envelope_bytes + 1};
}

Exchange get_x(std::uint64_t id) { return call(id, "get_x"); }

Exchange create(std::string_view type_id, std::initializer_list<std::uint64_t> args) {
    return {frame("soho.create",
                  [&](wire::Out& out) {
                      out.array(2);
                      out.string(type_id);
                      out.array(args.size());
                      for (const std::uint64_t arg : args) out.unsigned_integer(arg);
                  }),
            envelope_bytes + handle_bytes(type_id)};
}

Exchange create_pair() { return create("Pair", {5, 6}); }

Exchange release(std::uint64_t id) {
    return {frame("soho.release",
                  [&](wire::Out& out) {
                      out.array(1);
                      out.array(2);
                      out.unsigned_integer(id);
                      out.unsigned_integer(1);
                  }),
            envelope_bytes + 1};
}

Exchange retain(std::uint64_t id, std::string_view type_id) {
    return {frame("soho.retain",
                  [&](wire::Out& out) {
                      out.array(1);
                      wire::write_handle(out, {id, type_id}, wire::HandleForm::ext);
                  }),
            envelope_bytes + handle_bytes(type_id)};
}

Exchange echo(std::uint64_t id, std::size_t bytes) {
    const std::string payload(bytes, 'x');
    // Behind the envelope comes the header of the bytes.
    return {frame("soho.call",
                  [&](wire::Out& out) {
                      out.array(3);
                      out.unsigned_integer(id);
                      out.string("echo");
                      out.array(1);
                      out.binary(data::as_bytes(payload));
                  }),
            envelope_bytes +
                (bytes < 256     ? 2u
                 : bytes < 65536 ? 3u
                                 : 5u) +
                bytes};
}

std::uint64_t id_in(std::string_view reply) {
    wire::Handle handle;
    const auto decoded = wire::decode_reply({data::as_bytes(reply)});
    if (!decoded || !wire::read_handle(decoded->result, wire::HandleForm::ext, handle))
        throw std::runtime_error("the reply holds no handle");
    return handle.id;
}

}  // namespace soho::bench::frames
