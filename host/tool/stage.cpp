#include "host/tool/stage.hpp"

#include "host/session/provider.hpp"

#include <algorithm>
#include <future>

namespace soho::host::tool {

// ---- the loop

Loop::Loop(Timers& timers) : timers_(timers) {
    timers_.set_wake([this] {
        const std::scoped_lock lock(mutex_);
        woken_ = true;
        changed_.notify_one();
    });
    thread_ = std::thread([this] { run(); });
}

Loop::~Loop() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
        changed_.notify_one();
    }
    thread_.join();
}

void Loop::post(Work work) {
    const std::scoped_lock lock(mutex_);
    works_.push_back(std::move(work));
    changed_.notify_one();
}

void Loop::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (!works_.empty()) {
            Work work = std::move(works_.front());
            works_.pop_front();
            lock.unlock();
            work();
            work = nullptr;
            lock.lock();
            continue;
        }
        woken_ = false;
        lock.unlock();
        const auto next = timers_.run_due(monotonic_now());
        lock.lock();
        const std::int64_t wait_ns =
            std::clamp<std::int64_t>(next ? *next - monotonic_now() : INT64_MAX, 0, 1'000'000'000);
        changed_.wait_for(lock, std::chrono::nanoseconds(wait_ns),
                          [this] { return woken_ || stopping_ || !works_.empty(); });
    }
}

// ---- what was asked for

void Asked::replied(Call&, Outcome outcome) noexcept {
    const std::scoped_lock lock(mutex_);
    ended_ = Clock::now();
    outcome_ = std::move(outcome);
    replied_ = true;
    changed_.notify_all();
}

void Asked::finished(Call&) noexcept {
    const std::scoped_lock lock(mutex_);
    finished_ = true;
    changed_.notify_all();
}

bool Asked::wait_replied(std::chrono::milliseconds most) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, most, [this] { return replied_; });
}

bool Asked::wait_finished(std::chrono::milliseconds most) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, most, [this] { return finished_; });
}

// ---- what is no call

namespace {

class Piece final : public TurnTask {
public:
    Piece(std::shared_ptr<Turn> turn, bool blocks, std::function<void(Activity*)> work)
        : turn_(std::move(turn)),
          work_(std::move(work)) {
        if (turn_ != nullptr) turns = {turn_.get()};
        on_pool = blocks;
    }
    void run(Activity* activity) noexcept override {
        work_(activity);
        done.set_value();
    }

    std::promise<void> done;

private:
    std::shared_ptr<Turn> turn_;
    std::function<void(Activity*)> work_;
};

}  // namespace

bool Stage::run_in_turn(const Type& type, const std::shared_ptr<Turn>& turn, std::function<void(Activity*)> work,
                        std::chrono::milliseconds most) {
    const auto piece = std::make_shared<Piece>(turn, type.blocking(), std::move(work));
    auto done = piece->done.get_future();
    if (turn != nullptr) {
        Turn::submit(piece);
    } else {
        loop_.post([this, piece] { piece->run(loop_.activity()); });
    }
    return done.wait_for(most) == std::future_status::ready;
}

// ---- the stage

Stage::Stage(spdlog::sink_ptr log) : log_(std::move(log)) {
    services_.plugin_timers = make_plugin_timers();
    services_.offers = std::make_shared<Offers>();
    services_.home = &loop_;
    session_ = sessions_.open({"check", rights_all}, "soho plugin check", allowances_.of("", "check"));
}

Result<Plugin*> Stage::load(const std::string& file) { return registry_.load(file); }

void Stage::stop() {
    names_.clear();
    sessions_.leave(session_, loop_);
    objects_.draining = true;
    for (Plugin* plugin : registry_.snapshot()->plugins) plugin->stop();
    settle(std::chrono::seconds(1));
    for (Plugin* plugin : registry_.snapshot()->plugins) plugin->unload();
}

std::shared_ptr<Call> Stage::new_call(std::shared_ptr<Completion> completion) {
    CallContext context;
    context.session = context.origin_session = session_->id();
    context.principal = "check";
    return std::make_shared<Call>(objects_, pool_, loop_, std::move(completion), context, Call::Limits{});
}

Result<Stage::Started> Stage::prepare(const ObjectPtr& target, const Method& method, const Arguments& arguments) {
    const Callee callee{target->type(), &method};
    data::Buffer scratch;
    const auto bound = bind_arguments(callee, data::as_bytes(arguments.args), {}, scratch);
    if (!bound) return tl::unexpected<Error>(bound.error());
    auto objects = arguments.objects;
    sort_objects(objects);
    auto turns = argument_turns(callee, bound->args, objects);
    if (!turns) return tl::unexpected<Error>(turns.error());
    const auto asked = std::make_shared<Asked>();
    const auto call = new_call(asked);
    call->set_method(target, method, *bound, std::move(objects), *std::move(turns));
    return Started{call, asked};
}

Result<Stage::Started> Stage::start(const ObjectPtr& target, const Method& method, const Arguments& arguments) {
    auto started = prepare(target, method, arguments);
    if (started) started->call->submit();
    return started;
}

Result<Stage::Started> Stage::run_here(const ObjectPtr& target, const Method& method, const Arguments& arguments) {
    auto started = prepare(target, method, arguments);
    if (started) started->call->run(nullptr);
    return started;
}

Result<Stage::Started> Stage::start_create(const TypePtr& type, const Arguments& arguments) {
    data::Buffer scratch;
    const auto bound = bind_arguments({*type}, data::as_bytes(arguments.args), {}, scratch);
    if (!bound) return tl::unexpected<Error>(bound.error());
    auto objects = arguments.objects;
    sort_objects(objects);
    auto turns = argument_turns({*type}, bound->args, objects);
    if (!turns) return tl::unexpected<Error>(turns.error());
    const auto asked = std::make_shared<Asked>();
    const auto call = new_call(asked);
    call->set_create(type, *bound, std::move(objects));
    call->submit();
    return Started{call, asked};
}

bool Stage::settle(std::chrono::milliseconds most) {
    const auto passed = std::make_shared<std::promise<void>>();
    loop_.post([passed] { passed->set_value(); });
    return passed->get_future().wait_for(most) == std::future_status::ready;
}

}  // namespace soho::host::tool
