// The part of Prober that looks at what is left behind, at what many threads do to a type, and at the plugin's end.
#include "host/tool/prober.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>

namespace soho::host::tool {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int use_rounds = 6, uses_in_round = 60, lists_tried_max = 20, slow_max = 3;
constexpr int churn_rounds = 10, churns_in_round = 100;
constexpr auto brief = 3ms * slowness;
constexpr auto churn_for = 10s;
// For each object. The allocator's smallest block takes 32, of which its caches hide some in one round and show them in another.
constexpr std::int64_t leak_bytes_min = 16;
constexpr int concurrent_threads = 8;
constexpr milliseconds concurrent_for = 400ms, concurrent_for_most = 4s;
constexpr std::uint64_t concurrent_calls_min = 100'000;  // so that a busy machine tries as much

struct Levels {
    std::int64_t bytes = bytes_in_use();
    int descriptors = open_descriptors();
    int threads = tool::threads();
};

// What the SDK's fence of callbacks writes, whose line begins with one of these: the plugin's own may say that something threw, too.
bool is_of_the_fence(std::string_view line) {
    constexpr std::string_view fenced[] = {"a callback of ObjectRef::call",
                                           "a method that had completed its reply",
                                           "a posted function",
                                           "a timer's function",
                                           "an on_cancel callback",
                                           "an on_discarded callback",
                                           "an on_session_end callback",
                                           "an on_stop function"};
    return std::any_of(std::begin(fenced), std::end(fenced), [&](std::string_view what) {
        return line.starts_with(what) && line.substr(what.size()).starts_with(" threw ");
    });
}

// How much was left in each of the rounds, at least, but for one: what grows once and for all is no leak, and one round in which something
// else was given back says nothing.
class Growth {
public:
    void add(const Levels& before, const Levels& after) {
        bytes_.add(after.bytes - before.bytes);
        descriptors_.add(after.descriptors - before.descriptors);
        threads_.add(after.threads - before.threads);
    }
    bool is_leak(int objects) const { return bytes() >= objects * leak_bytes_min || opens(objects) || starts(objects); }
    bool opens(int objects) const { return descriptors_.value() > objects / 3; }
    bool starts(int objects) const { return threads_.value() > objects / 3; }
    std::int64_t bytes() const { return bytes_.value(); }

private:
    struct SecondLeast {
        void add(std::int64_t value) {
            second = std::min(second, std::max(least, value));
            least = std::min(least, value);
        }
        // Of a single one, that one.
        std::int64_t value() const { return second != INT64_MAX ? second : least; }

        std::int64_t least = INT64_MAX, second = INT64_MAX;
    };
    SecondLeast bytes_, descriptors_, threads_;
};

}  // namespace

// ---- what is left behind

// Such as the method takes, if there are any: what it refuses leaves less behind. Nothing where it takes long each time (once may be the
// machine's fault), or waits, or the arguments are objects.
std::optional<Arguments> Prober::arguments_to_use_up(const ObjectPtr& object, const Method& method) {
    std::optional<Arguments> refused;
    int slow = 0;
    for (int i = 0; i < lists_tried_max && slow < slow_max; ++i) {
        Arguments arguments = i % 2 == 0 ? maker_->typed(method.signature) : maker_->plain(method.signature);
        if (!arguments.objects.empty()) return std::nullopt;
        const Seen seen = call(object, method, arguments, "");
        if (seen.waited) return std::nullopt;
        if (seen.took > brief) {
            ++slow;
        } else if (seen.ok()) {
            return arguments;
        } else if (!seen.refused) {
            refused = std::move(arguments);
        }
    }
    return refused;
}

// An object, one call, the object's end, again and again. Not where the call takes long, waits, or all objects are one.
void Prober::try_using_up(const TypePtr& type, const Method& method) {
    if (is_dangerous(place_of_end(*type))) return;
    ObjectPtr one = obtain(type), two = obtain(type);
    if (one == nullptr || two == nullptr || one->identity() == two->identity()) return;
    const auto chosen = arguments_to_use_up(one, method);
    if (!chosen) return;
    const Arguments& arguments = *chosen;
    two = nullptr;
    bool is_quick = false;
    for (int i = 0; i < slow_max && !is_quick; ++i) {
        const auto begin = Clock::now();
        let_go(one);
        if (one = obtain(type); one == nullptr) return;
        is_quick = Clock::now() - begin <= brief;
    }
    let_go(one);
    if (!is_quick) return;
    const auto round = [&](int times) {
        for (int i = 0; i < times; ++i) {
            ObjectPtr object = obtain(type);
            if (object == nullptr || call(object, method, arguments, "").waited) return false;
        }
        stage_->settle(options_.patience);
        lines_->take();
        return true;
    };
    if (!round(uses_in_round / 2)) return;
    Growth growth;
    for (int i = 0; i < use_rounds; ++i) {
        const Levels before;
        if (!round(uses_in_round)) return;
        growth.add(before, {});
        if (i != 0 && !growth.is_leak(uses_in_round)) return;
    }
    const std::string how = fmt::format("each object that {} was called on leaves", method.name);
    if (growth.opens(uses_in_round)) return find("descriptors", how + " a descriptor open");
    if (growth.starts(uses_in_round)) return find("threads", how + " a thread");
    find("leak", fmt::format("{} about {} bytes", how, growth.bytes() / uses_in_round));
}

void Prober::churn(const TypePtr& type) {
    if (is_dangerous(place_of_end(*type))) return;
    at(type->type_id, "objects come and go");
    ObjectPtr one = obtain(type);
    if (one == nullptr) return;
    let_go(one);
    if (!time_destructor(type)) return;
    at(type->type_id, "objects come and go");
    const auto until = Clock::now() + churn_for;
    const std::size_t living = stage_->objects().size();
    Growth growth;
    for (int round = 0; round <= churn_rounds; ++round) {
        if (Clock::now() > until && round < 4)
            return board_.note(type->type_id + " is too slow to be made a thousand times");
        if (Clock::now() > until) break;
        const Levels before;
        for (int i = 0; i < churns_in_round; ++i) {
            ObjectPtr object = obtain(type);
            if (object == nullptr) return;
        }
        stage_->settle(options_.patience);
        lines_->take();
        if (stage_->objects().size() > living + churns_in_round / 2)
            return find("stuck_objects", fmt::format("of {} objects that nobody held, {} were not destroyed",
                                                     churns_in_round, stage_->objects().size() - living));
        const Levels after;
        Growth last;
        last.add(before, after);
        if (last.opens(churns_in_round)) return find("descriptors", "each object leaves a descriptor open");
        if (last.starts(churns_in_round)) return find("threads", "each object leaves a thread");
        if (round != 0) growth.add(before, after);  // the first one warms up
    }
    if (growth.bytes() >= churns_in_round * leak_bytes_min)
        find("leak", fmt::format("each object leaves about {} bytes", growth.bytes() / churns_in_round));
}

// Three times in a row: once may be the machine's fault. False if it takes too long.
bool Prober::time_destructor(const TypePtr& type) {
    auto least = std::chrono::nanoseconds::max();
    for (int i = 0; i < 3; ++i) {
        ObjectPtr object = obtain(type);
        if (object == nullptr) return false;
        const auto begin = Clock::now();
        let_go(object);
        least = std::min<std::chrono::nanoseconds>(least, Clock::now() - begin);
        if (least < too_long || type->blocking()) return true;
    }
    at(place_of_end(*type), "timed");
    find("blocks", fmt::format("it takes {} ms each time, in which nobody else on that reactor is served",
                               std::chrono::duration_cast<milliseconds>(least).count()));
    return false;
}

void Prober::look_around(const std::string& where) {
    look_at_words(where);
    if (!guard_.is_open()) {
        board_.find("descriptors", where, "it closes descriptors that are not its own");
        leave_stuck();
    }
    if (open_descriptors() > 400) {
        board_.find("descriptors", where, "it leaves hundreds of descriptors open");
        leave_stuck();
    }
    if (const int left = processes_left(true); left != 0)
        board_.find("processes", where, fmt::format("{} process{} left behind", left, left == 1 ? " is" : "es are"));
}

void Prober::look_at_words(const std::string& where) {
    for (const LineKeeper::Line& line : lines_->take()) {
        if (line.text.find(ArgumentsMaker::marker) != std::string::npos)
            board_.find("logged_argument", where, "it writes an argument that it was given into the log");
        if (line.is_error && is_of_the_fence(line.text)) board_.find("callback_threw", where, line.text);
    }
    if (output_.take().find(ArgumentsMaker::marker) != std::string::npos)
        board_.find("logged_argument", where,
                    "it writes an argument that it was given to its standard output, which stands in the host's log");
}

// ---- many threads

void Prober::try_concurrent(const TypePtr& type) {
    at(type->type_id, fmt::format("methods of one object called by {} threads at once", concurrent_threads));
    board_.blame("concurrent");
    ObjectPtr object = obtain(type);
    std::vector<const Method*> methods;
    for (const Method& method : type->methods) {
        if (type->find(method.name) == &method && !is_dangerous(place_of(*type, method)) &&
            !method.signature.takes_objects)
            methods.push_back(&method);
    }
    if (object == nullptr || methods.empty()) return;
    // Made before: who makes arguments may make objects.
    std::vector<std::pair<const Method*, Arguments>> calls;
    for (std::size_t i = 0; i < 50 * methods.size() && calls.size() < 2000; ++i) {
        const Method* const method = methods[i % methods.size()];
        Arguments arguments = maker_->typed(method->signature);
        if (arguments.objects.empty()) calls.emplace_back(method, std::move(arguments));
    }
    if (calls.empty()) return;
    const std::string place = type->type_id;
    at(place, fmt::format("methods of one object called by {} threads at once", concurrent_threads));
    std::atomic<int> running{concurrent_threads};
    std::atomic<bool> over{false};
    std::atomic<std::uint64_t> wrong{0};
    const auto run = [&](std::size_t at) {
        for (; !over; at += 7) {
            const auto& [method, arguments] = calls[at % calls.size()];
            auto started = stage_->run_here(object, *method, arguments);
            board_.count_call();
            board_.beat();
            if (!started) continue;
            if (!started->asked->wait_replied(0ms)) {
                started->call->cancel(Code::cancelled, "cancelled by the check");
            } else if (started->asked->take().error.code == Code::internal) {
                ++wrong;
            }
        }
        --running;
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < concurrent_threads; ++i) threads.emplace_back(run, static_cast<std::size_t>(i) * 13);
    const std::uint64_t enough = board_.calls() + concurrent_calls_min;
    const auto begin = Clock::now();
    std::this_thread::sleep_for(concurrent_for);
    while (board_.calls() < enough && Clock::now() - begin < concurrent_for_most) std::this_thread::sleep_for(10ms);
    over = true;
    const auto until = Clock::now() + options_.patience + 1s;
    while (running != 0 && Clock::now() < until) std::this_thread::sleep_for(1ms);
    if (running != 0) {
        board_.find("concurrent", place,
                    fmt::format("{} of {} threads that called its methods at once did not come back", running.load(),
                                concurrent_threads));
        leave_stuck();
    }
    for (std::thread& thread : threads) thread.join();
    if (wrong != 0)
        board_.find("concurrent", place,
                    fmt::format("called by many threads at once, it gave {} results that are none", wrong.load()));
    let_go(object);
}

// ---- the end

void Prober::stop() {
    if (!kept_alive_.empty()) {
        at("what was tried", "over");  // the next child has none of these objects
        leave_stuck();
    }
    at("stop() and unload()", "called");
    good_arguments_.clear();
    stage_->settle(options_.patience);
    const int with_pool = threads_before_ + 1;
    stage_->stop();
    int left = 0;
    for (int i = 0; i < 100; ++i) {
        left = threads() - with_pool - static_cast<int>(stage_->threads());
        if (left <= 0) return;
        std::this_thread::sleep_for(10ms);
    }
    find("unload", fmt::format("{} thread{} of the plugin still run{} afterwards", left, left == 1 ? "" : "s",
                               left == 1 ? "s" : ""));
}

}  // namespace soho::host::tool
