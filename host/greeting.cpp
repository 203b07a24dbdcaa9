#include "host/greeting.hpp"

#include "host/session/hello.hpp"

#include <fmt/format.h>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace soho::host {

namespace {

// How a shell here starts the `soho` command that came with this host.
std::string shell_command() {
    std::error_code failure;
    const auto sibling = std::filesystem::read_symlink("/proc/self/exe", failure).parent_path() / "soho";
    if (failure || !std::filesystem::exists(sibling, failure)) return "soho";
    const char* path = std::getenv("PATH");
    const std::string folders = fmt::format(":{}:", path != nullptr ? path : "");
    if (folders.find(fmt::format(":{}:", sibling.parent_path().string())) != std::string::npos) return "soho";
    const auto relative = sibling.lexically_proximate(std::filesystem::current_path(failure)).string();
    return relative.starts_with("..") ? sibling.string() : relative;
}

}  // namespace

void greet(Server& server) {
    const auto addresses = server.addresses();
    std::string soho = shell_command();
    if (addresses.front().text() != wire::user_address().text()) soho += " --host " + addresses.front().text();
    for (const auto& address : addresses) fmt::print("{} listens on {}\n", host_name, address.text());
    if (const auto metrics = server.metrics_address()) fmt::print("metrics at {}\n", metrics->text());
    if (server.is_published("pair")) {
        fmt::print("\nTry, in another terminal:\n  {0} call pair get_x\n  {0} call pair set_x 7\n  {0} types\n\n",
                   soho);
    } else {
        fmt::print("\nTry, in another terminal:\n  {0} types\n  {0} names\n  {0} shell\n\n", soho);
    }
    std::fflush(stdout);
}

}  // namespace soho::host
