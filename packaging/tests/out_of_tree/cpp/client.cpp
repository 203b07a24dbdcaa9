// Compiles and links against the installed client; what it does when run is the end-to-end tests' business.
#include <soho/client.hpp>

int main() {
    soho::Client client = soho::Client::connect();
    return client.open("pair").call<int>("get_x") == 5 ? 0 : 1;
}
