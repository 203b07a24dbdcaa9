// Says what it is told to say.
#include <soho/plugin.hpp>

#include <string>

namespace {

struct Chatter {};

}  // namespace

SOHO_PLUGIN(chatter, "1.0", plugin) {
    plugin.methods<Chatter>()
        .method("say", [](Chatter&, soho::Call& call,
                          const std::string& line) { call.host().log(soho::LogLevel::info, line); })
        .args("line");
    plugin.type<Chatter>("Chatter");
}
