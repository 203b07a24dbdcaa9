// The other process: it reads what pair_writer wrote.
#include "pair_proxy.hpp"

#include <iostream>

int main() try {
    const auto client = soho::Client::connect();
    const auto pair = client.open<PairProxy>("pair");
    std::cout << "pair_reader: the shared pair is (" << pair.get_x() << ", " << pair.get_y() << ")\n";

    // The same object, under a type that exposes get_x only.
    const auto read_only = client.create("get_pair_ro");
    std::cout << "pair_reader: get_pair_ro shows x = " << read_only.call<int>("get_x") << "\n";
    try {
        read_only.call("set_x", 100);
    } catch (const soho::CallError& error) {
        std::cout << "pair_reader: and refuses set_x: " << error.text() << "\n";
    }
} catch (const soho::CallError& error) {
    std::cerr << "pair_reader: " << error.what() << "\n";
    return 1;
}
