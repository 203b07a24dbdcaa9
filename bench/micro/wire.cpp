// sdk/wire: frames and envelopes. Each takes one small frame that lies in memory as a whole; reading and writing sockets is
// left out. Baseline: the same frame scanned by eye, as one knows its shape (a sum over its bytes).

#include <soho/wire/codec.hpp>
#include <soho/wire/handles.hpp>

#include <benchmark/benchmark.h>
#include <numeric>
#include <string>

namespace {

using namespace soho;

std::string call_frame(std::uint64_t id) {
    data::Buffer buffer;
    wire::Out out(buffer);
    wire::begin_request(out, 1, "soho.call");
    out.array(3);
    out.unsigned_integer(id);
    out.string("get_x");
    out.array(0);
    return std::string(buffer.text());
}
const std::string frame = call_frame(std::uint64_t{1} << 50);
const wire::Frame whole{data::as_bytes(frame)};

void bytes_summed_baseline(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(std::accumulate(frame.begin(), frame.end(), 0u));
}
BENCHMARK(bytes_summed_baseline);

// A reader that is made once and goes on, as within one batch.
void frame_scan(benchmark::State& state) {
    wire::FrameReader reader{wire::FrameLimits{}};
    for (auto _ : state) {
        benchmark::DoNotOptimize(reader.scan(whole.bytes));
        reader.next();
    }
}
BENCHMARK(frame_scan);

// With the reader itself, as a connection makes it for each read.
void frame_scan_fresh_reader(benchmark::State& state) {
    for (auto _ : state) {
        wire::FrameReader reader{wire::FrameLimits{}};
        benchmark::DoNotOptimize(reader.scan(whole.bytes));
    }
}
BENCHMARK(frame_scan_fresh_reader);

void decode_request(benchmark::State& state) {
    for (auto _ : state) {
        std::uint32_t msgid = 0;
        bool known = false;
        benchmark::DoNotOptimize(wire::decode_request(whole, &msgid, &known));
    }
}
BENCHMARK(decode_request);

void encode_reply(benchmark::State& state) {
    data::Buffer buffer;
    for (auto _ : state) {
        buffer.clear();
        wire::Out out(buffer);
        wire::begin_reply(out, 1);
        out.unsigned_integer(5);
        benchmark::DoNotOptimize(buffer.data());
    }
}
BENCHMARK(encode_reply);

// The error that a call of an unexposed method gets, without the making of its sentence.
void encode_error_reply(benchmark::State& state, wire::ErrorForm form) {
    const Error error(Code::no_method, "type Pair exposes no method \"get_z\" (exposed: get_x, get_y, set_x, set_y)");
    data::Buffer buffer;
    for (auto _ : state) {
        buffer.clear();
        wire::Out out(buffer);
        wire::write_error_reply(out, 1, error, form);
        benchmark::DoNotOptimize(buffer.data());
    }
}
BENCHMARK_CAPTURE(encode_error_reply, string, wire::ErrorForm::string);
BENCHMARK_CAPTURE(encode_error_reply, full, wire::ErrorForm::full);

// A value with one handle among four others: [1, "two", handle, 4.0, nil].
data::Buffer value_with_handle(wire::HandleForm form) {
    data::Buffer buffer;
    wire::Out out(buffer);
    out.array(5);
    out.unsigned_integer(1);
    out.string("two");
    wire::write_handle(out, {std::uint64_t{1} << 50, "Pair"}, form);
    out.floating(4.0);
    out.nil();
    return buffer;
}
const wire::HandleVisitor accept = [](const wire::Handle&) { return Result<void>(); };

void handles_visited(benchmark::State& state) {
    const data::Buffer value = value_with_handle(wire::HandleForm::ext);
    for (auto _ : state) benchmark::DoNotOptimize(wire::visit_handles(value.bytes(), accept));
}
BENCHMARK(handles_visited);

void handles_to_maps(benchmark::State& state) {
    const data::Buffer value = value_with_handle(wire::HandleForm::ext);
    data::Buffer to;
    for (auto _ : state) {
        to.clear();
        wire::Out out(to);
        benchmark::DoNotOptimize(wire::to_map_form(value.bytes(), out, accept));
    }
}
BENCHMARK(handles_to_maps);

void handles_from_maps(benchmark::State& state) {
    const data::Buffer value = value_with_handle(wire::HandleForm::map);
    data::Buffer to;
    for (auto _ : state) {
        to.clear();
        wire::Out out(to);
        benchmark::DoNotOptimize(wire::from_map_form(value.bytes(), out, accept));
    }
}
BENCHMARK(handles_from_maps);

}  // namespace
