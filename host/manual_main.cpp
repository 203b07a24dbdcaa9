// soho-manual DIRECTORY: writes the manual pages there. Not installed: `cmake --build build/release --target manual` runs it.

#include "host/manual.hpp"

#include <fmt/format.h>
#include <fstream>

int main(int argc, char** argv) {
    if (argc != 2) {
        fmt::print(stderr, "usage: soho-manual DIRECTORY\n");
        return 2;
    }
    const std::string directory = argv[1];
    std::ofstream sohod(directory + "/sohod.8"), config(directory + "/sohod.toml.5");
    sohod << soho::host::manual_of_sohod();
    config << soho::host::manual_of_config();
    if (sohod.flush() && config.flush()) return 0;
    fmt::print(stderr, "soho-manual: cannot write to {}\n", directory);
    return 1;
}
