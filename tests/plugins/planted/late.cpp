// Replies that are kept, dropped or given twice, and callbacks that throw or do not return.
#include <soho/plugin.hpp>

#include <chrono>
#include <thread>
#include <vector>

namespace {

struct Late {
    std::vector<soho::Reply<std::int64_t>> kept;

    void never(soho::Reply<std::int64_t> reply) { kept.push_back(std::move(reply)); }
    void drop(soho::Reply<std::int64_t>) {}
    void twice(soho::Reply<std::int64_t> reply) {
        reply(1);
        reply(2);
    }
    void stubborn(soho::Reply<std::int64_t> reply) {
        reply.on_cancel([] { std::this_thread::sleep_for(std::chrono::hours(1)); });
        kept.push_back(std::move(reply));
    }
    void throws_later(soho::Call& call) {
        call.host().post_to_turn(call.object(), [] { throw std::runtime_error("nobody catches this"); });
    }
    // Throws nothing, and says a lot.
    void harmless(soho::Call& call) {
        for (const char* line : {"nobody threw anything", "it threw RuntimeError: nothing", "a ball threw itself"})
            call.host().log(soho::LogLevel::error, line);
        call.host().log(soho::LogLevel::info, "a posted function threw nothing");
    }
    // Says that it blocks, and never looks whether somebody still waits.
    void deaf() { std::this_thread::sleep_for(std::chrono::hours(1)); }
};

}  // namespace

SOHO_PLUGIN(late, "1.0", plugin) {
    plugin.methods<Late>()
        .method("never", &Late::never)
        .method("drop", &Late::drop)
        .method("twice", &Late::twice)
        .method("stubborn", &Late::stubborn)
        .method("throws_later", &Late::throws_later)
        .method("harmless", &Late::harmless)
        .method("deaf", &Late::deaf)
        .blocking();
    plugin.type<Late>("Late");
}
