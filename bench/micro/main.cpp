// soho_micro: what each floor costs by itself, in nanoseconds, with a plain baseline beside it. All flags of Google Benchmark
// work; without any, each runs five times for a twentieth of a second, and the medians are shown.

#include <benchmark/benchmark.h>
#include <vector>

int main(int argc, char** argv) {
    std::vector<char*> arguments(argv, argv + argc);
    static char defaults[][64] = {"--benchmark_min_time=0.05", "--benchmark_repetitions=5",
                                  "--benchmark_report_aggregates_only=true",
                                  "--benchmark_enable_random_interleaving=true"};
    if (argc == 1) {
        for (auto& flag : defaults) arguments.push_back(flag);
    }
    int count = static_cast<int>(arguments.size());
    benchmark::Initialize(&count, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
