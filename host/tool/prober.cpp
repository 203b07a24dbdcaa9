#include "host/tool/prober.hpp"

#include <soho/wire/handles.hpp>

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>

namespace soho::host::tool {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

constexpr milliseconds give_up_max = 1s * slowness;

constexpr int typed_calls = 20, random_calls = 10, cancelled_calls = 3;

}  // namespace

Prober::Prober(Board& board, std::string file, ProbeOptions options)
    : board_(board),
      file_(std::move(file)),
      options_(std::move(options)) {}

void Prober::at(std::string where, std::string_view doing) {
    where_ = std::move(where);
    board_.at(where_, doing);
    stop_in_time();
}

// One step may take very long, too.
void Prober::stop_in_time() {
    if (Clock::now() < options_.until + 2 * options_.patience) return;
    board_.find("time", "", fmt::format("it was over in the middle of {}", where_));
    board_.step(steps_end);
    leave_stuck();
}

// ---- the steps

std::vector<Prober::Step> Prober::plan() const {
    std::vector<Step> steps;
    for (const auto& type : plugin_->types()) {
        steps.push_back({Step::Kind::create, type, nullptr});
        for (const Method& method : type->methods) {
            if (type->find(method.name) == &method) steps.push_back({Step::Kind::method, type, &method});
        }
        steps.push_back({Step::Kind::churn, type, nullptr});
        if (type->state) steps.push_back({Step::Kind::state, type, nullptr});
        if (type->concurrent()) steps.push_back({Step::Kind::concurrent, type, nullptr});
    }
    return steps;
}

void Prober::run(std::uint32_t first) {
    at("load()", "loaded");
    const auto loaded = stage_->load(file_);
    if (!loaded) return board_.step(steps_end);
    plugin_ = *loaded;
    if (!options_.folder.empty() && ::chdir(options_.folder.c_str()) != 0)
        board_.note("what it writes stays where this was run: the folder for that cannot be entered");
    const auto steps = plan();
    for (std::uint32_t number = first; number < steps.size(); ++number) {
        board_.step(number);
        if (Clock::now() > options_.until) {
            board_.find("time", "", fmt::format("{} of {} steps were not tried", steps.size() - number, steps.size()));
            break;
        }
        maker_ = std::make_unique<ArgumentsMaker>(options_.seed * 0x9e3779b97f4a7c15 + number,
                                                  [this](const void* key) { return find_object(key); });
        run_step(steps[number]);
    }
    maker_.reset();
    board_.step(static_cast<std::uint32_t>(steps.size()));
    stop();
    board_.step(steps_end);
}

void Prober::run_step(const Step& step) {
    board_.blame("crash");
    switch (step.kind) {
        case Step::Kind::create: try_create(step.type); break;
        case Step::Kind::method: try_method(step.type, *step.method); break;
        case Step::Kind::churn: churn(step.type); break;
        case Step::Kind::state: try_state(step.type); break;
        case Step::Kind::concurrent: try_concurrent(step.type); break;
    }
    stage_->settle(options_.patience);
    const std::string place = step.method != nullptr ? place_of(*step.type, *step.method) : step.type->type_id;
    judge_completions(place);
    look_around(place);
}

// A thread of this process is in the plugin and does not come back: the next child goes on.
void Prober::leave_stuck() {
    board_.finish();
    ::_exit(0);
}

// ---- one call

Prober::Seen Prober::see(Result<Stage::Started> started, const Method* method, const Type& type) {
    board_.beat();
    board_.count_call();
    Seen seen;
    if (!started) {
        seen.refused = true;
        seen.outcome.error = started.error();
        return seen;
    }
    if (wait_for(*started, options_.patience + (type.blocking() ? 5 * options_.patience : 0ms))) {
        seen.outcome = started->asked->take();
        seen.took = started->asked->took();
        // It may go on behind its reply.
        if (method != nullptr && method->defers()) stage_->settle(options_.patience);
    } else if (started->call->deferred()) {
        see_waiting(*started, seen);
    } else {
        see_stuck(*started, method);
    }
    keep_if_its_end_is_dangerous(seen.outcome.object);
    judge(seen);
    return seen;
}

// For the reply; not for long where it is to come later. False: there is none.
bool Prober::wait_for(const Stage::Started& started, milliseconds patience) {
    const auto until = Clock::now() + patience;
    while (!started.asked->wait_replied(soon)) {
        board_.beat();
        if (started.call->deferred() || Clock::now() > until) return false;
    }
    return true;
}

// Nobody waits for it any more: the plugin is to give it up.
void Prober::see_waiting(const Stage::Started& started, Seen& seen) {
    seen.waited = true;
    board_.doing("its caller cancelled");
    started.call->cancel(Code::cancelled, "cancelled by the check");
    if (!stage_->settle(options_.patience)) {
        find("hang", "what on_cancel() runs does not return");
        leave_stuck();
    }
    if (started.asked->wait_finished(give_up_max)) return;
    seen.kept = true;
    find("kept_reply",
         fmt::format("its caller has cancelled, and {} s later the reply is still kept", give_up_max / 1s));
}

void Prober::see_stuck(const Stage::Started& started, const Method* method) {
    const bool on_pool = method != nullptr && method->blocks();
    started.call->cancel(Code::cancelled, "cancelled by the check");
    const double waited = std::chrono::duration<double>(options_.patience).count();
    if (!on_pool) {
        find("hang", fmt::format("{} and did not return within {:.1f} s", board_.doing(), waited));
    } else if (!started.asked->wait_finished(options_.patience)) {
        find("deaf", fmt::format("{}, it did not return within {:.1f} s, nor when its caller had gone", board_.doing(),
                                 waited));
    }
    leave_stuck();
}

void Prober::judge(const Seen& seen) {
    const Error& error = seen.outcome.error;
    if (error.code == Code::internal) find("result", error.text);
    if (seen.outcome.may_hold_handles) judge_handles(seen.outcome.value);
    if (error.code == Code::failed && error.type == "Dropped") find("dropped_reply", error.text);
    judge_completions(where_);
}

void Prober::judge_completions(const std::string& where) {
    const std::uint64_t twice = stage_->objects().completed_twice;
    if (std::exchange(completed_twice_, twice) != twice)
        board_.find("completed_twice", where, "a reply that it had completed was completed again");
}

void Prober::judge_handles(const data::Buffer& value) {
    const auto sound = wire::visit_handles(value.bytes(), [&](wire::Handle& handle) -> Result<void> {
        if (stage_->objects().find(handle.id) != nullptr) return {};
        return refuse(Code::no_object, fmt::format("a handle of object #{}, which there is not", handle.id));
    });
    if (!sound) find("result", fmt::format("in its result there is {}", sound.error().text));
}

Prober::Seen Prober::call(const ObjectPtr& object, const Method& method, const Arguments& arguments,
                          std::string_view how) {
    at(place_of(object->type(), method), fmt::format("called with {}{}", how, text_of(arguments)));
    return see(stage_->start(object, method, arguments), &method, object->type());
}

Prober::Seen Prober::create(const TypePtr& type, const Arguments& arguments) {
    const std::string before = where_;
    at(place_of(*type), fmt::format("called with {}", text_of(arguments)));
    Seen seen = see(stage_->start_create(type, arguments), nullptr, *type);
    where_ = before;
    return seen;
}

// ---- creating

void Prober::try_create(const TypePtr& type) {
    at(place_of(*type), "looked at");
    if (is_dangerous(place_of(*type))) return;
    if (type->exposed.empty() && !is_taken_as_argument(*type))
        board_.find("unusable", type->type_id, "it exposes no method, and nothing takes it as an argument");
    ObjectPtr object = obtain(type);
    if (object == nullptr) {
        const auto why = why_unobtainable_.find(type.get());
        board_.find("uncreated", type->type_id,
                    why != why_unobtainable_.end()
                        ? fmt::format("its callable refuses whatever it is given; at last: {}", why->second)
                        : "it cannot be created by name, and no method gave one");
        return;
    }
    let_go(object);
    if (!type->creatable()) return;
    const Signature& signature = type->signature;
    const std::size_t count = signature.parameters.size();
    std::vector<Arguments> all;
    for (int i = 0; i < random_calls; ++i) all.push_back(maker_->random(count));
    for (const std::size_t wrong : {count + 1, count == 0 ? 0 : count - 1}) all.push_back(maker_->random(wrong));
    for (std::size_t i = 0; i < count; ++i) {
        if (auto wrong = maker_->wrong(signature, i)) all.push_back(*std::move(wrong));
    }
    for (const Arguments& arguments : all) {
        at(place_of(*type), "");
        Seen seen = create(type, arguments);
        seen.outcome.object.reset();
        stage_->settle(options_.patience);  // until it has gone
        if (seen.took >= too_long && !type->blocking()) confirm_blocking(type, nullptr, arguments);
    }
    for (int i = 0; i < cancelled_calls && !is_dangerous(place_of_end(*type)); ++i) {
        const Arguments arguments = maker_->typed(signature);
        at(place_of(*type), fmt::format("called with {} and cancelled", text_of(arguments)));
        if (auto started = stage_->start_create(type, arguments)) {
            started->call->cancel(Code::cancelled, "cancelled by the check");
            if (!started->asked->wait_finished(options_.patience)) see_stuck(*started, nullptr);
            stage_->settle(options_.patience);
        }
    }
}

// ---- calling

void Prober::try_method(const TypePtr& type, const Method& method) {
    if (is_dangerous(place_of(*type, method)) || options_.given_up.contains(type->type_id)) return;
    at(place_of(*type, method), "looked at");
    if (ObjectPtr object = obtain(type); object == nullptr) return;
    try_typed(type, method);
    try_other_arguments(type, method);
    if (method.defers() || method.blocks()) try_cancelling(type, method);
    try_using_up(type, method);
}

void Prober::try_typed(const TypePtr& type, const Method& method) {
    ObjectPtr object;
    for (int i = 0; i < typed_calls; ++i) {
        if (object == nullptr) object = obtain(type);
        if (object == nullptr) return;
        // The same whatever was drawn up to here: how often that was may depend on how fast the machine is.
        maker_->begin(static_cast<std::uint64_t>(i));
        const Arguments arguments = i == 0 ? maker_->telling(method.signature) : maker_->typed(method.signature);
        if (arguments.objects.empty()) board_.count_arguments(place_of(*type, method), arguments.args);
        const Seen seen = call(object, method, arguments, "");
        if (seen.kept) return;  // and so the object, for ever
        if (seen.took >= too_long && !method.blocks() && !method.defers()) confirm_blocking(type, &method, arguments);
        look_at_words(place_of(*type, method));
        if (i % 5 == 4) let_go(object);
    }
    let_go(object);
}

// Three times in a row: once may be the machine's fault.
void Prober::confirm_blocking(const TypePtr& type, const Method* method, const Arguments& arguments) {
    auto least = std::chrono::nanoseconds::max();
    for (int i = 0; i < 2; ++i) {
        ObjectPtr object = method != nullptr ? obtain(type) : nullptr;
        if (method != nullptr && object == nullptr) return;
        stage_->settle(options_.patience);
        const Seen seen = method != nullptr ? call(object, *method, arguments, "") : create(type, arguments);
        if (seen.took < too_long) return;
        least = std::min(least, seen.took);
    }
    find("blocks", fmt::format("with {} it takes {} ms each time, in which nobody else on that reactor is served",
                               text_of(arguments), std::chrono::duration_cast<milliseconds>(least).count()));
}

void Prober::try_other_arguments(const TypePtr& type, const Method& method) {
    const Signature& signature = method.signature;
    const std::size_t count = signature.parameters.size();
    ObjectPtr object = obtain(type);
    if (object == nullptr) return;
    for (std::size_t i = 0; i < count; ++i) {
        auto arguments = maker_->wrong(signature, i);
        if (!arguments) continue;
        const Parameter& parameter = signature.parameters[i];
        if (const Seen seen = call(object, method, *arguments, "a wrong type: "); seen.ok()) {
            find("unchecked_argument",
                 fmt::format("argument \"{}\" is declared as {}, and {} was taken without a complaint", parameter.name,
                             parameter.type, text_of(*arguments)));
        } else if (seen.kept) {
            return;
        }
    }
    for (int i = 0; i < random_calls && count != 0; ++i) {
        if (call(object, method, maker_->random(count), "").kept) return;
        if (i % 4 == 3) let_go(object);
        if (object == nullptr) object = obtain(type);
        if (object == nullptr) return;
    }
    for (const std::size_t wrong : {count + 1, count == 0 ? count + 2 : count - 1}) {
        if (call(object, method, maker_->random(wrong), "a wrong number of arguments: ").kept) return;
    }
    look_at_words(place_of(*type, method));
    let_go(object);
}

void Prober::try_cancelling(const TypePtr& type, const Method& method) {
    for (int i = 0; i < 2 * cancelled_calls; ++i) {
        ObjectPtr object = obtain(type);
        if (object == nullptr) return;
        const Arguments arguments = maker_->typed(method.signature);
        const bool cancels = i % 2 == 0;
        at(place_of(*type, method),
           fmt::format("called with {}, and its caller {}", text_of(arguments), cancels ? "cancelled" : "went"));
        auto started = stage_->start(object, method, arguments);
        if (!started) continue;
        board_.count_call();
        if (i >= 2) std::this_thread::sleep_for(1ms);  // it may have begun, or not
        cancels ? started->call->cancel(Code::cancelled, "cancelled by the check") : started->call->abandon();
        if (started->asked->wait_finished(give_up_max)) {
            let_go(object);
            continue;
        }
        if (!started->call->deferred()) see_stuck(*started, &method);
        find("kept_reply", "its caller has gone, and the reply is still kept");
        return;
    }
}

}  // namespace soho::host::tool
