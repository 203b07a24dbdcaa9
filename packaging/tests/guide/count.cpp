// [client]
#include <soho/client.hpp>

#include <iostream>

int main() {
    auto client = soho::Client::connect();
    auto counter = client.open("visits");  // made from the shell; calls by name need no class
    std::cout << counter.call<int>("add", 2) << "\n";
}
// [/client]
