// The reader must say the same of bytes that come at once and of bytes that come in pieces, and what it calls a frame must be one
// value that the token reader walks to the same end. The first four bytes choose limits and where to split.
#include "tests/fuzz/require.hpp"

#include <soho/wire/frame.hpp>

#include <random>

using namespace soho;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 4) return 0;
    const wire::FrameLimits limits{std::size_t{1} << (data[0] % 21), 1 + data[1] % 70u,
                                   std::size_t{1} << (data[2] % 16)};
    std::minstd_rand random(data[3] + 1u);
    const data::Bytes bytes(data + 4, size - 4);

    wire::FrameReader whole(limits);
    const auto status = whole.scan(bytes);

    wire::FrameReader torn(limits);
    auto torn_status = wire::FrameReader::Status::incomplete;
    for (std::size_t have = 0; torn_status == wire::FrameReader::Status::incomplete;) {
        torn_status = torn.scan(bytes.first(have));
        if (have == bytes.size()) break;
        have += 1 + random() % std::min<std::size_t>(bytes.size() - have, 16);
    }
    SOHO_REQUIRE(torn_status == status);
    if (status == wire::FrameReader::Status::refused) {
        SOHO_REQUIRE(torn.error().text == whole.error().text);
        SOHO_REQUIRE(whole.error().code == Code::protocol || whole.error().code == Code::limit);
        return 0;
    }
    if (status == wire::FrameReader::Status::incomplete) return 0;

    const wire::Frame frame = whole.frame(bytes);
    SOHO_REQUIRE(torn.frame(bytes).bytes.size() == frame.bytes.size());
    SOHO_REQUIRE(torn.frame(bytes).may_hold_handles == frame.may_hold_handles);
    SOHO_REQUIRE(frame.bytes.size() <= limits.bytes_max);
    data::Reader reader(bytes);
    SOHO_REQUIRE(reader.skip());
    SOHO_REQUIRE(reader.position() == frame.bytes.data() + frame.bytes.size());
    SOHO_REQUIRE(wire::check_value(frame.bytes, limits).has_value());
    return 0;
}
