#pragma once
// Tries everything that a plugin offers, step by step, in a child process. The steps are the same in each child, so that one can go
// on where another one died.

#include "host/tool/arguments_maker.hpp"
#include "host/tool/child.hpp"
#include "host/tool/sanitized.hpp"
#include "host/tool/witnesses.hpp"

#include <map>
#include <optional>
#include <set>

namespace soho::host::tool {

inline constexpr int slowness = is_sanitized ? 10 : 1;
inline constexpr std::chrono::milliseconds too_long{50 * slowness};  // what a host calls stuck (stuck_ms)

// How findings name what they are about.
inline std::string place_of(const Type& type) { return type.type_id + "()"; }
inline std::string place_of(const Type& type, const Method& method) { return type.type_id + "." + method.name; }
inline std::string place_of_state(const Type& type) { return type.type_id + "'s state"; }
inline std::string place_of_end(const Type& type) { return type.type_id + "'s destructor"; }

struct ProbeOptions {
    std::uint64_t seed = 1;
    std::chrono::milliseconds patience{2000};          // a call that has not returned by then hangs
    std::chrono::steady_clock::time_point until{};     // no further step begins after this
    std::map<std::string, std::string> create_args{};  // by typeid: a MessagePack array
    std::set<std::string> dangerous{};                 // what made earlier children die: "Pair.set_x", "Pair()"
    std::set<std::string> given_up{};                  // typeids whose further methods are not tried
    std::string folder{};                              // where it stands while it is tried; empty: where it was started
};

class Prober {
public:
    Prober(Board& board, std::string file, ProbeOptions options);
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;

    // Loads the plugin and runs the steps from that one on; [the child]. Ends the process early where a thread is stuck in the plugin,
    // with the board at the step behind that. The board's step is steps_end when all is done.
    void run(std::uint32_t first);

    static constexpr std::uint32_t steps_end = UINT32_MAX;

private:
    struct Step {
        enum class Kind : std::uint8_t { create, method, churn, state, concurrent } kind;
        TypePtr type;
        const Method* method = nullptr;
    };
    // How one call went.
    struct Seen {
        bool refused = false;  // by the host, before the plugin saw it
        bool waited = false;   // it was to reply later, and did not soon
        bool kept = false;     // … nor was it given up when it was cancelled
        Outcome outcome{};
        std::chrono::nanoseconds took{};
        bool ok() const { return !refused && !waited && outcome.ok(); }
    };

    std::vector<Step> plan() const;
    void run_step(const Step& step);
    [[noreturn]] void leave_stuck();
    void find(std::string_view check, std::string_view what) { board_.find(check, where_, what); }
    void at(std::string where, std::string_view doing);

    Seen see(Result<Stage::Started> started, const Method* method, const Type& type);
    static constexpr std::chrono::milliseconds soon{20};  // a reply that comes later than this is waited for no longer
    bool wait_for(const Stage::Started& started, std::chrono::milliseconds patience);
    void see_waiting(const Stage::Started& started, Seen& seen);
    [[noreturn]] void see_stuck(const Stage::Started& started, const Method* method);
    void judge(const Seen& seen);
    void judge_completions(const std::string& where);
    void judge_handles(const data::Buffer& value);
    void stop_in_time();
    void call_something(const ObjectPtr& object);
    Seen call(const ObjectPtr& object, const Method& method, const Arguments& arguments, std::string_view how);
    Seen create(const TypePtr& type, const Arguments& arguments);

    Arguments arguments_for(const Type& type, int attempt);
    ObjectPtr obtain(const TypePtr& type, int depth = 0);
    ObjectPtr obtain_from_method(const TypePtr& type, int depth);
    ObjectPtr find_object(const void* class_key);
    void let_go(ObjectPtr& object);
    void keep_if_its_end_is_dangerous(const ObjectPtr& object);

    void try_create(const TypePtr& type);
    void try_method(const TypePtr& type, const Method& method);
    void try_typed(const TypePtr& type, const Method& method);
    void try_other_arguments(const TypePtr& type, const Method& method);
    void try_cancelling(const TypePtr& type, const Method& method);
    void confirm_blocking(const TypePtr& type, const Method* method, const Arguments& arguments);
    std::optional<Arguments> arguments_to_use_up(const ObjectPtr& object, const Method& method);
    void try_using_up(const TypePtr& type, const Method& method);
    void churn(const TypePtr& type);
    bool time_destructor(const TypePtr& type);
    void try_concurrent(const TypePtr& type);
    void try_state(const TypePtr& type);
    Result<SavedState> save(const ObjectPtr& object);
    Result<ObjectPtr> load(const TypePtr& type, const SavedState& state, std::uint64_t id);
    bool try_round_trip(const ObjectPtr& object);
    void try_broken_state(const TypePtr& type, const SavedState& state);
    void look_around(const std::string& where);
    void look_at_words(const std::string& where);
    void stop();

    bool is_dangerous(const std::string& where) const { return options_.dangerous.contains(where); }
    bool is_taken_as_argument(const Type& type) const;

    Board& board_;
    const std::string file_;
    const ProbeOptions options_;
    const std::shared_ptr<LineKeeper> lines_ = std::make_shared<LineKeeper>();
    GuardDescriptor guard_;
    OutputWatch output_;
    int threads_before_ = threads();
    std::unique_ptr<Stage> stage_ = std::make_unique<Stage>(lines_);
    Plugin* plugin_ = nullptr;
    std::unique_ptr<ArgumentsMaker> maker_;
    std::string where_;
    std::set<const Type*> unobtainable_;
    std::map<const Type*, std::string> why_unobtainable_;
    std::map<const Type*, Arguments> good_arguments_;
    std::set<const Type*> obtaining_;
    std::vector<ObjectPtr> kept_alive_;  // as their destructor is dangerous
    std::uint64_t completed_twice_ = 0;
    int finding_objects_ = 0;
};

}  // namespace soho::host::tool
