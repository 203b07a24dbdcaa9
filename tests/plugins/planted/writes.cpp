// Writes files, wherever it is told to.
#include <soho/plugin.hpp>

#include <fstream>

namespace {

struct Writes {
    bool write(const std::string& path) { return static_cast<bool>(std::ofstream(path) << "written"); }
};

}  // namespace

SOHO_PLUGIN(writes, "1.0", plugin) {
    plugin.methods<Writes>().method("write", &Writes::write).args("path");
    plugin.type<Writes>("Writes");
}
