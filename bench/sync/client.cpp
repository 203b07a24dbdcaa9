// One client process of soho_sync: does one kind of work on an object of its own until its time is over, and says how often.
//
//     soho_sync_client ADDRESS lock|queue|dict SECONDS
//
// It says "ready", waits for a line on standard input, works, and prints how many pairs of calls it made, and the seconds.
#include <soho/client.hpp>

#include <chrono>
#include <functional>
#include <iostream>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;
using Pair = std::function<void()>;

Pair pair_of(const std::string& work, const soho::Client& client) {
    if (work == "lock") {
        return [lock = client.create("Lock")]() mutable {
            lock.call<bool>("acquire");
            lock.call("release");
        };
    }
    if (work == "queue") {
        return [queue = client.create("Queue")]() mutable {
            queue.call("put", 1);
            queue.call<int>("get");
        };
    }
    if (work == "dict") {
        return [dict = client.create("dict")]() mutable {
            dict.call("__setitem__", "key", 1);
            dict.call<int>("get", "key");
        };
    }
    throw std::invalid_argument("the work is lock, queue or dict, not " + work);
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 4) throw std::invalid_argument("usage: soho_sync_client ADDRESS lock|queue|dict SECONDS");
    const soho::Client client = soho::Client::connect(argv[1]);
    const Pair pair = pair_of(argv[2], client);
    const std::chrono::duration<double> time(std::stod(argv[3]));
    std::cout << "ready" << std::endl;
    std::cin.get();

    const auto start = Clock::now();
    std::uint64_t pairs = 0;
    for (; Clock::now() - start < time; ++pairs) pair();
    const std::chrono::duration<double> taken = Clock::now() - start;
    std::cout << pairs << " " << taken.count() << std::endl;
} catch (const std::exception& error) {
    std::cerr << "soho_sync_client: " << error.what() << "\n";
    return 1;
}
