// The whole route of a request without sockets: frame reader, envelope, session, dispatcher, turn, plugin, reply. Baseline: the
// frame found and taken apart, and a reply written, with nothing called.

#include "tests/support/in_process_host.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace soho;

struct Fixture {
    test::InProcessHost host{SOHO_BENCH_PAIR_PLUGIN};
    std::uint64_t pair = host.open_pair();
};

void repeat(benchmark::State& state, Fixture& fixture, std::string_view request, std::int64_t calls = 1) {
    for (auto _ : state) benchmark::DoNotOptimize(fixture.host.run(request).data());
    state.SetItemsProcessed(state.iterations() * calls);
}

void call_by_id(benchmark::State& state) {
    Fixture fixture;
    repeat(state, fixture, test::call_request(fixture.pair, "get_x", "\x90"));
}
BENCHMARK(call_by_id);

void call_by_name(benchmark::State& state) {
    Fixture fixture;
    repeat(state, fixture, test::get_x_by_name_request);
}
BENCHMARK(call_by_name);

void call_with_an_argument(benchmark::State& state) {
    Fixture fixture;
    repeat(state, fixture, test::call_request(fixture.pair, "set_x", "\x91\x05"));
}
BENCHMARK(call_with_an_argument);

// The time is that of the whole batch; items are calls.
void call_batch_of_128(benchmark::State& state) {
    Fixture fixture;
    std::string batch;
    for (int i = 0; i < 128; ++i) batch += test::call_request(fixture.pair, "get_x", "\x90");
    repeat(state, fixture, batch, 128);
}
BENCHMARK(call_batch_of_128);

// Refused before the plugin sees it, with a sentence and a suggestion.
void call_refused(benchmark::State& state) {
    Fixture fixture;
    repeat(state, fixture, test::call_request(fixture.pair, "get_z", "\x90"));
}
BENCHMARK(call_refused);

void call_baseline_envelopes_only(benchmark::State& state) {
    const std::string request = test::call_request(std::uint64_t{1} << 50, "get_x", "\x90");
    const data::Bytes bytes = data::as_bytes(request);
    data::Buffer buffer;
    for (auto _ : state) {
        wire::FrameReader reader{wire::FrameLimits{}};
        if (reader.scan(bytes) != wire::FrameReader::Status::complete) std::abort();
        std::uint32_t msgid = 0;
        bool known = false;
        const auto decoded = wire::decode_request(reader.frame(bytes), &msgid, &known);
        buffer.clear();
        wire::Out out(buffer);
        wire::begin_reply(out, decoded->msgid);
        out.unsigned_integer(5);
        benchmark::DoNotOptimize(buffer.data());
    }
}
BENCHMARK(call_baseline_envelopes_only);

}  // namespace
