// What echoes are measured with: bytes in, the same bytes out.
#include <soho/plugin.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace {

struct Echo {
    std::span<const std::byte> echo(std::span<const std::byte> bytes) const { return bytes; }
};

}  // namespace

SOHO_PLUGIN(echo, "1.0", plugin) {
    plugin.methods<Echo>().method("echo", &Echo::echo);
    plugin.type<Echo>("Echo").constructor<>();
    plugin.publish("echo", "Echo");
}
