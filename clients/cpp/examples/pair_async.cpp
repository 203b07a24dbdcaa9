// Many calls in flight on one connection, from coroutines.
#include "pair_proxy.hpp"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <iostream>
#include <soho/client/asio.hpp>

// Counts a Pair of its own up to ten.
asio::awaitable<std::int64_t> count_up(soho::AsioClient client) {
    // Braces stay out of statements with co_await: g++ 12 may destroy what they make twice.
    const std::array start{0, 0};
    auto pair = co_await soho::async_request<PairProxy>(client, "soho.create", "Pair", start, asio::use_awaitable);
    for (int i = 1; i <= 10; ++i) co_await soho::async_call<void>(client, pair, "set_x", i, asio::use_awaitable);
    co_return co_await soho::async_call<std::int64_t>(client, pair, "get_x", asio::use_awaitable);
}

int main() try {
    asio::io_context io;
    soho::AsioClient client(io.get_executor(), soho::Client::connect());

    std::vector<std::future<std::int64_t>> counts;
    for (int i = 0; i < 100; ++i) counts.push_back(asio::co_spawn(io, count_up(client), asio::use_future));
    io.run();

    std::int64_t sum = 0;
    for (auto& count : counts) sum += count.get();
    std::cout << "pair_async: 100 coroutines on one connection counted to " << sum << "\n";
} catch (const soho::CallError& error) {
    std::cerr << "pair_async: " << error.what() << "\n";
    return 1;
}
