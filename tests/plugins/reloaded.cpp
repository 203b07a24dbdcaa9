// One plugin in many versions, for reloads. All are called "reloaded".
#include <soho/plugin.hpp>

#include <pthread.h>
#include <unistd.h>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// What each is, as tests/plugins/CMakeLists.txt numbers them.
enum Kind {
    first = 1,
    second,        // has a method more
    major,         // Counter has another major version
    less,          // Counter.add and the type Slow have gone, get takes an argument
    unfit,         // its self-test fails
    throws,        // in load
    dies,          // in load
    taken,         // has a typeid that pair has
    sleeps,        // in load
    dies_in_test,  // its self-test crashes
    stateful,      // its objects can be saved and loaded
    moved,         // … and it has a method more
    bad_load,      // … and fails to load what is odd
    apart,         // … and Counter.thread blocks, its readers are alone, and add calls its argument otherwise
};
extern "C" const int soho_test_reloaded;  // reloaded_kind.c

namespace {

const int& kind = soho_test_reloaded;

struct Counter {
    std::int64_t value = 0;

    std::int64_t add(std::int64_t by) { return value += by; }
    std::int64_t get() const { return value; }
    std::int64_t get_more(std::int64_t more) const { return value + more; }
    std::int64_t twice() const { return 2 * value; }
    int code() const { return kind; }
    mutable std::int64_t reads = 0;
    std::int64_t read() const { return ++reads; }
    std::string thread() const {
        char name[16] = {};
        ::pthread_getname_np(::pthread_self(), name, sizeof name);
        return name;
    }
    int process() const { return static_cast<int>(::getpid()); }
    void crash() { std::abort(); }
    void nap(std::int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }
};

std::int64_t load(std::int64_t value) {
    if (kind == bad_load && value % 2 != 0) throw std::invalid_argument("an odd value");
    return value;
}

struct Sum {
    std::int64_t value = 0;

    std::int64_t add(std::int64_t by) { return value += by; }
    std::int64_t add_from(const Sum& other) { return value += other.value; }
    std::int64_t get() const { return value; }
    int code() const { return kind; }
};

// Objects that are arguments of its method only inside a list.
struct Listed {
    std::int64_t value = 0;

    std::int64_t add(std::int64_t by) { return value += by; }
    std::int64_t add_all(const std::vector<std::shared_ptr<Listed>>& others) {
        for (const auto& other : others) value += other->value;
        return value;
    }
    std::int64_t get() const { return value; }
    int code() const { return kind; }
};

// Offers no state, and gives out what it keeps.
struct Keeper {
    std::shared_ptr<Listed> kept = std::make_shared<Listed>();
};

// Its reply is pending until somebody wakes it.
struct Waiter {
    std::optional<soho::Reply<int>> waits;

    void wait(soho::Reply<int> reply) { waits = std::move(reply); }
    void wake() {
        if (waits) waits->complete(kind);
        waits.reset();
    }
};

struct Slow {
    void sleep(std::int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }
};

// A line for each end, to a file that the plugin's settings name.
struct Ends {
    std::string file;
    void tell(const char* what) const {
        if (!file.empty()) std::ofstream(file, std::ios::app) << what << " " << kind << "\n";
    }
    ~Ends() { tell("unload"); }
};

void test_self() {
    if (kind == dies_in_test) std::abort();
    if (kind == unfit) throw std::runtime_error("the sum of 1 and 1 is not 3");
}

}  // namespace

SOHO_PLUGIN(reloaded, SOHO_TEST_VERSION, plugin) {
    if (kind == throws) throw std::runtime_error("there is no database");
    if (kind == dies) std::abort();
    if (kind == sleeps) std::this_thread::sleep_for(std::chrono::hours(1));
    auto ends = std::make_shared<Ends>();
    const soho::Value settings = plugin.settings();
    if (const soho::Value* const file = settings.find("ends")) ends->file = file->as<std::string>();
    plugin.on_stop([ends] { ends->tell("stop"); });
    plugin.self_test(test_self);
    auto counter = plugin.methods<Counter>();
    counter.method("code", &Counter::code).method("process", &Counter::process).method("crash", &Counter::crash);
    counter.method("nap", &Counter::nap).args("ms").blocking();
    if (kind == less) {
        counter.method("get", &Counter::get_more).args("more");
    } else {
        counter.method("add", &Counter::add).args(kind == apart ? "amount" : "by").method("get", &Counter::get);
    }
    counter.method("read", &Counter::read).readonly().method("thread", &Counter::thread).readonly();
    if (kind == apart) counter.blocking();
    if (kind != first) counter.method("twice", &Counter::twice);
    auto type = plugin.type<Counter>("Counter").version(kind == major ? 2 : 1, 0);
    if (kind >= stateful) type.state(1, &Counter::get, [](std::int64_t value) { return Counter{load(value)}; });
    const auto shared = std::make_shared<Counter>();
    plugin.type<Counter>("SharedCounter").callable([shared, ends] { return shared; });
    if (kind != less) {
        plugin.methods<Slow>().method("sleep", &Slow::sleep).args("ms").blocking();
        plugin.type<Slow>("Slow");
    }
    if (kind >= stateful) {
        auto reads = plugin.type<Counter>("Reads");
        reads.state(1, &Counter::get, [](std::int64_t value) { return Counter{load(value)}; });
        if (kind != apart) reads.shared_reads();
        plugin.methods<Sum>().method("add", &Sum::add).args("by").method("get", &Sum::get).method("code", &Sum::code);
        plugin.methods<Sum>().method("add_from", &Sum::add_from).args("other");
        const auto sum = std::make_shared<Sum>();
        plugin.type<Sum>("Sum").state(1, &Sum::get, [](std::int64_t value) { return Sum{load(value)}; });
        plugin.type<Sum>("OneSum").callable([sum] { return sum; }).state(1, &Sum::get, [sum](std::int64_t value) {
            sum->value = load(value);
            return sum;
        });
        plugin.type<Sum>("OneSumToo").callable([sum] { return sum; });
        plugin.methods<Listed>().method("add", &Listed::add).args("by").method("get", &Listed::get);
        plugin.methods<Listed>().method("add_all", &Listed::add_all).args("others").method("code", &Listed::code);
        plugin.type<Listed>("Listed").state(1, &Listed::get, [](std::int64_t value) { return Listed{load(value)}; });
        plugin.methods<Keeper>().method("give", [](Keeper& keeper) { return keeper.kept; });
        plugin.type<Keeper>("Keeper").method_to_typeid({{"give", "Listed"}});
        // Its creates end when somebody says so, and give what OneSum gives.
        const auto late = std::make_shared<std::optional<soho::Reply<std::shared_ptr<Sum>>>>();
        plugin.type<Sum>("LateSum").callable(
            [late](soho::Reply<std::shared_ptr<Sum>> reply) { *late = std::move(reply); });
        plugin.methods<Waiter>().method("finish",
                                        [late, sum](Waiter&) { std::exchange(*late, std::nullopt)->complete(sum); });
        plugin.methods<Waiter>().method("wait", &Waiter::wait).method("wake", &Waiter::wake);
        plugin.type<Waiter>("Waiter").state(
            1, [](const Waiter&) { return 0; }, [](int) { return Waiter(); });
    }
    if (kind == taken) plugin.type<Counter>("Pair");
    if (kind == second) plugin.publish("second", "Counter");
}
