// soho::data: values in and out of MessagePack. Included: the whole conversion into a buffer that is kept, or from bytes in
// memory. Left out: the envelope. Baseline: the same bytes copied.

#include <soho/data/decode.hpp>
#include <soho/data/encode.hpp>

#include <benchmark/benchmark.h>
#include <cstring>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace {

using soho::data::Buffer;

const std::vector<std::int64_t> numbers = [] {
    std::vector<std::int64_t> made(100);
    std::iota(made.begin(), made.end(), 1'000);
    return made;
}();
const std::map<std::string, std::string> words = {
    {"name", "soho"}, {"kind", "host"}, {"place", "here"}, {"state", "up"}};

template <class T>
Buffer encoded(const T& value) {
    Buffer buffer;
    soho::data::Writer out(buffer);
    soho::data::encode(out, value);
    return buffer;
}

template <class T>
void encode(benchmark::State& state, const T& value) {
    Buffer buffer;
    const T* given = &value;
    for (auto _ : state) {
        benchmark::DoNotOptimize(given);  // else the bytes are worked out at compile time
        buffer.clear();
        soho::data::Writer out(buffer);
        soho::data::encode(out, *given);
        benchmark::DoNotOptimize(buffer.data());
    }
}

template <class T>
void decode(benchmark::State& state, const T& value) {
    const Buffer buffer = encoded(value);
    for (auto _ : state) {
        T decoded = soho::data::decode<T>(buffer.bytes());
        benchmark::DoNotOptimize(decoded);
    }
}

template <class T>
void copy(benchmark::State& state, const T& value) {
    const Buffer buffer = encoded(value);
    std::vector<std::uint8_t> to(buffer.size());
    for (auto _ : state) {
        std::memcpy(to.data(), buffer.data(), buffer.size());
        benchmark::DoNotOptimize(to.data());
        benchmark::ClobberMemory();
    }
}

BENCHMARK_CAPTURE(encode, integer, std::int64_t{123'456});
BENCHMARK_CAPTURE(decode, integer, std::int64_t{123'456});
BENCHMARK_CAPTURE(copy, integer_baseline, std::int64_t{123'456});
BENCHMARK_CAPTURE(encode, hundred_integers, numbers);
BENCHMARK_CAPTURE(decode, hundred_integers, numbers);
BENCHMARK_CAPTURE(copy, hundred_integers_baseline, numbers);
BENCHMARK_CAPTURE(encode, map_of_four, words);
BENCHMARK_CAPTURE(decode, map_of_four, words);
BENCHMARK_CAPTURE(copy, map_of_four_baseline, words);

}  // namespace
