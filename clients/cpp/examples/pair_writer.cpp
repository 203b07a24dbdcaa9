// One of two processes that share a Pair: this one writes. Run pair_reader afterwards.
#include "pair_proxy.hpp"

#include <iostream>

int main() try {
    // [client]
    soho::Client client = soho::Client::connect();
    auto pair = client.open<PairProxy>("pair");  // the Pair that everybody shares
    pair.set_x(7);
    pair.set_y(8);

    auto mine = client.create<PairProxy>("Pair", 5, 6);  // a Pair of our own: it goes when `mine` goes
    auto sum = mine.get_x() + pair.call<int>("get_y");   // methods can be called by name as well
    // [/client]
    std::cout << "pair_writer: set the shared pair to (" << pair.get_x() << ", " << pair.get_y() << ")\n"
              << "pair_writer: x of my own pair and y of the shared one make " << sum << "\n";
} catch (const soho::CallError& error) {
    std::cerr << "pair_writer: " << error.what() << "\n";
    return 1;
}
