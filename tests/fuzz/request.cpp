// A frame as the host takes it apart: envelope, options, and handles in both forms. What goes out and comes back in must be the
// same value, and every translation of a sound value must be sound.
#include "host/session/options.hpp"

#include "tests/fuzz/require.hpp"

#include <soho/wire/handles.hpp>

using namespace soho;

namespace {

const wire::HandleVisitor any_handle = [](const wire::Handle& handle) -> Result<void> {
    SOHO_REQUIRE(handle.id <= wire::id_max);
    return {};
};

using Translate = Result<void> (*)(data::Bytes, wire::Out&, const wire::HandleVisitor&);

// Empty where it is refused.
std::string translated(Translate translate, data::Bytes value) {
    data::Buffer buffer;
    wire::Out out(buffer);
    if (!translate(value, out, any_handle)) return {};
    SOHO_REQUIRE(wire::check_value(buffer.bytes(), {256u << 20, 64, 16u << 20}).has_value());
    return std::string(buffer.text());
}

// The same value with every header in its shortest form.
std::string shortest(const std::string& value) {
    data::Buffer buffer;
    wire::Out out(buffer);
    data::Reader reader(data::as_bytes(value));
    for (data::Token token; reader.next(token);) {
        switch (token.kind) {
            case data::Kind::nil: out.nil(); break;
            case data::Kind::boolean: out.boolean(token.unsigned_value != 0); break;
            case data::Kind::unsigned_integer: out.unsigned_integer(token.unsigned_value); break;
            case data::Kind::negative_integer: out.integer(token.signed_value); break;
            case data::Kind::floating: out.unsigned_integer(std::bit_cast<std::uint64_t>(token.floating_value)); break;
            case data::Kind::string: out.string(token.text()); break;
            case data::Kind::binary: out.binary(token.bytes()); break;
            case data::Kind::extension: out.extension(token.extension_type, token.bytes()); break;
            case data::Kind::array: out.array(token.size); break;
            case data::Kind::map: out.map(token.size); break;
        }
    }
    return std::string(buffer.text());
}

bool has_extensions(data::Bytes value) {
    data::Reader reader(value);
    for (data::Token token; reader.next(token);) {
        if (token.kind == data::Kind::extension) return true;
    }
    return false;
}

void translate_both_ways(data::Bytes value) {
    const std::string inward = translated(&wire::from_map_form, value);
    if (inward.empty()) return;
    const std::string outward = translated(&wire::to_map_form, data::as_bytes(inward));
    SOHO_REQUIRE(!outward.empty());
    SOHO_REQUIRE(!translated(&wire::to_ext_form, data::as_bytes(inward)).empty());
    // Other extensions of soho's become plain values on the way out: only without them is it the same value.
    if (has_extensions(value)) return;
    SOHO_REQUIRE(shortest(translated(&wire::from_map_form, data::as_bytes(outward))) == shortest(inward));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const wire::FrameLimits limits{64u << 10, 32, 4096};
    const auto frame = wire::check_value({data, size}, limits);
    if (!frame) return 0;
    std::uint32_t msgid = 0;
    bool known = false;
    const auto request = wire::decode_request(*frame, &msgid, &known);
    std::uint32_t peeked = 0;
    if (known) SOHO_REQUIRE(wire::peek_msgid(frame->bytes, peeked) && peeked == msgid);
    SOHO_REQUIRE(request || request.error().code == Code::protocol);
    static_cast<void>(wire::decode_reply(*frame));
    const Error error = wire::decode_error(frame->bytes);
    if (!error.data.empty()) SOHO_REQUIRE(wire::check_value(data::as_bytes(error.data), limits).has_value());

    const data::Bytes value = request ? request->params : frame->bytes;
    translate_both_ways(value);
    if (wire::visit_handles(value, any_handle)) translated(&wire::to_map_form, value);

    if (!request) return 0;
    data::Reader reader(request->params);
    data::Token array;
    SOHO_REQUIRE(reader.next(array) && array.kind == data::Kind::array);
    for (std::uint32_t i = 0; i < array.size; ++i) {
        const data::Bytes param = reader.take_value();
        SOHO_REQUIRE(!param.empty());
        const auto options = host::parse_options(
            param, request->method,
            {"kw", "timeout_ms", "owner", "trace", "name", "if_exists", "session", "uses", "referrers"});
        if (options) SOHO_REQUIRE(options->timeout_ns >= 0);
    }
    SOHO_REQUIRE(reader.at_end());
    return 0;
}
