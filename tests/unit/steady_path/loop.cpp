// soho_loop: one request over and over through the host without sockets, for counting its instructions:
//
//     valgrind --tool=callgrind --toggle-collect=soho_counted_loop build/release/tests/soho_loop id 10000
//
// Requests: id (soho.call by id), name (NAME.METHOD), set (by id, with an argument), batch (128 calls by id at once).

#include "tests/support/in_process_host.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>

extern "C" [[gnu::noinline]] void soho_counted_loop(soho::test::InProcessHost& host, std::string_view request,
                                                    long count) {
    for (long i = 0; i < count; ++i) host.run(request);
}

int main(int argc, char** argv) {
    using namespace soho::test;
    const std::string_view what = argc > 1 ? argv[1] : "id";
    const long count = argc > 2 ? std::atol(argv[2]) : 100'000;
    InProcessHost host(SOHO_LOOP_PAIR_PLUGIN);
    const std::uint64_t pair = host.open_pair();
    std::string request = call_request(pair, "get_x", "\x90");
    long calls = 1;
    if (what == "name") request = get_x_by_name_request;
    if (what == "set") request = call_request(pair, "set_x", "\x91\x05");
    if (what == "batch") {
        const std::string one = request;
        for (; calls < 128; ++calls) request += one;
    }
    for (int i = 0; i < 100; ++i) host.run(request);
    const auto start = std::chrono::steady_clock::now();
    soho_counted_loop(host, request, count);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    std::printf("%s: %.1f ns a call\n", argc > 1 ? argv[1] : "id", took.count() / static_cast<double>(count * calls));
}
