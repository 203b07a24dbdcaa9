// host/object: turns, and a plugin's method through the ABI. No request, no session, no wire around it.

#include "tests/support/in_process_host.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace soho;

// A free turn taken and given up. Baseline: a mutex locked and unlocked twice, as the turn does it.
void turn_entered_and_left(benchmark::State& state) {
    test::InProcessHost host(SOHO_BENCH_PAIR_PLUGIN);
    host::Turn& turn = *host.services().names.find("pair")->turn();
    for (auto _ : state) {
        benchmark::DoNotOptimize(turn.try_enter(false));
        turn.leave(false, nullptr);
    }
}
BENCHMARK(turn_entered_and_left);

void turn_baseline_mutex_twice(benchmark::State& state) {
    std::mutex mutex;
    for (auto _ : state) {
        mutex.lock();
        mutex.unlock();
        mutex.lock();
        mutex.unlock();
    }
}
BENCHMARK(turn_baseline_mutex_twice);

class NeverDeferred final : public host::Deferral {
public:
    std::shared_ptr<host::Call> defer() override { return nullptr; }
    bool caller_gone() const override { return false; }
};

// A method of pair.so with its arguments and result as MessagePack; the turn is not taken.
void method_through_abi(benchmark::State& state, const char* method, std::string_view args) {
    test::InProcessHost host(SOHO_BENCH_PAIR_PLUGIN);
    const host::ObjectPtr object = host.services().names.find("pair");
    const host::Callee callee{object->type(), object->type().find(method)};
    const host::BoundArguments arguments{data::as_bytes(args), {}};
    const host::CallContext context;
    const std::vector<host::ObjectPtr> objects;
    NeverDeferred deferral;
    data::Buffer out;
    for (auto _ : state) {
        out.clear();
        host::Invocation invocation(context, callee, arguments, objects, out, 1 << 20, deferral);
        benchmark::DoNotOptimize(invocation.invoke(*object, nullptr));
    }
}
BENCHMARK_CAPTURE(method_through_abi, get_x, "get_x", std::string_view("\x90", 1));
BENCHMARK_CAPTURE(method_through_abi, set_x, "set_x", std::string_view("\x91\x05", 2));

// The same through a virtual function.
struct Plain {
    virtual ~Plain() = default;
    virtual std::int64_t get_x() const { return x; }
    std::int64_t x = 5;
};
void method_baseline_virtual_call(benchmark::State& state) {
    const std::unique_ptr<Plain> plain = std::make_unique<Plain>();
    const Plain* object = plain.get();
    for (auto _ : state) {
        benchmark::DoNotOptimize(object);
        benchmark::DoNotOptimize(object->get_x());
    }
}
BENCHMARK(method_baseline_virtual_call);

}  // namespace
