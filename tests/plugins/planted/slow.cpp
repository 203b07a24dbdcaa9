// Takes its time without saying so, in each place where it can; and destructors that fail.
#include <soho/plugin.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>

namespace {

void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(SOHO_TEST_NAP_MS)); }

struct Slow {
    void nap_undeclared() { nap(); }
    void hang() { std::this_thread::sleep_for(std::chrono::hours(1)); }
    void well() {}
};
struct SlowToGo {
    void well() {}
    SlowToGo() = default;
    SlowToGo(const SlowToGo&) = delete;
    SlowToGo& operator=(const SlowToGo&) = delete;
    ~SlowToGo() { nap(); }
};
struct NeverGoes {
    void well() {}
    NeverGoes() = default;
    NeverGoes(const NeverGoes&) = delete;
    NeverGoes& operator=(const NeverGoes&) = delete;
    ~NeverGoes() { std::this_thread::sleep_for(std::chrono::hours(1)); }
};
struct ThrowsAtItsEnd {
    std::unique_ptr<int> none;
    void well() {}
    ThrowsAtItsEnd() = default;
    ThrowsAtItsEnd(const ThrowsAtItsEnd&) = delete;
    ThrowsAtItsEnd& operator=(const ThrowsAtItsEnd&) = delete;
    ~ThrowsAtItsEnd() { check(); }
    void check() const {
        if (none == nullptr) throw std::logic_error("nothing to give back");
    }
};

}  // namespace

SOHO_PLUGIN(slow, "1.0", plugin) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1200));
    plugin.on_stop([] { std::thread([] { std::this_thread::sleep_for(std::chrono::hours(1)); }).detach(); });
    plugin.methods<Slow>()
        .method("nap_undeclared", &Slow::nap_undeclared)
        .method("hang", &Slow::hang)
        .method("well", &Slow::well);
    plugin.type<Slow>("Slow");
    plugin.type<Slow>("SlowToCome").callable([] {
        nap();
        return Slow();
    });
    plugin.type<Slow>("NeverComes").callable([]() -> Slow { throw std::runtime_error("not today"); });
    plugin.methods<SlowToGo>().method("well", &SlowToGo::well);
    plugin.type<SlowToGo>("SlowToGo");
    plugin.methods<NeverGoes>().method("well", &NeverGoes::well);
    plugin.type<NeverGoes>("NeverGoes");
    plugin.methods<ThrowsAtItsEnd>().method("well", &ThrowsAtItsEnd::well);
    plugin.type<ThrowsAtItsEnd>("ThrowsAtItsEnd");
}
