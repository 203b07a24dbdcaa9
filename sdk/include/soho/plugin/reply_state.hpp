#pragma once
// What stands behind a Reply<T>. While the method that got it still runs, everything is kept here; if the reply was
// completed by the time the method returns, the call ends at once, like any other. Only else it becomes a pending one.

#include <soho/plugin/results.hpp>

#include <mutex>
#include <optional>
#include <variant>

namespace soho {
inline namespace sdk {
namespace detail {

// A result as MessagePack. Small ones take no memory.
class ResultBytes {
public:
    std::uint8_t* reserve(std::size_t more) {
        if (!spilled_ && size_ + more <= sizeof small_) return small_ + size_;
        if (!spilled_) large_.append({small_, size_});
        spilled_ = true;
        return large_.reserve(more);
    }
    void commit(std::uint8_t* end) {
        if (spilled_) {
            large_.commit(end);
        } else {
            size_ = static_cast<std::size_t>(end - small_);
        }
    }
    data::Bytes bytes() const { return spilled_ ? large_.bytes() : data::Bytes{small_, size_}; }

private:
    std::uint8_t small_[48];
    std::size_t size_ = 0;
    bool spilled_ = false;
    data::Buffer large_;
};

using ReplyOutcome = std::variant<ResultBytes, soho_instance, Error>;

// All functions from any thread, but those that say otherwise.
class ReplyState {
public:
    // `out`: where create wants its instance; NULL for methods.
    ReplyState(PluginState& plugin, const soho_call& call, soho_instance* out)
        : plugin_(plugin),
          host_(*plugin.host),
          call_(&call),
          out_(out),
          flags_(call.flags) {}
    ReplyState(const ReplyState&) = delete;
    ReplyState& operator=(const ReplyState&) = delete;
    ~ReplyState() {
        dispose(on_cancel_);
        dispose(on_discarded_);
        if (outcome_) let_go(*outcome_);
    }

    PluginState& plugin() const { return plugin_; }
    bool is_create() const { return out_ != nullptr; }
    std::uint32_t call_flags() const { return flags_; }

    // True if this completed the call.
    bool complete(ReplyOutcome outcome) {
        std::unique_lock lock(mutex_);
        const bool first = !std::exchange(completed_, true);
        if (stage_ == Stage::pending) {
            lock.unlock();
            return pass_on(outcome);
        }
        if (stage_ == Stage::in_call && first) {
            outcome_.emplace(std::move(outcome));
            return true;
        }
        if (stage_ == Stage::in_call) ++late_;
        const bool over = stage_ == Stage::over;
        lock.unlock();
        let_go(outcome);
        if (over) host_.log(&host_, SOHO_LOG_WARNING, to_abi("a reply was completed twice; the second was ignored"));
        return false;
    }

    void set_on_cancel(soho_task task) { set(on_cancel_, host_.pending_on_cancel, task); }
    void set_on_discarded(soho_task task) { set(on_discarded_, host_.pending_on_discarded, task); }

    // Completed or dropped: a cancellation that was on its way has come too late.
    bool settled() {
        const std::lock_guard lock(mutex_);
        return completed_ || dropped_;
    }

    bool caller_gone() {
        const std::lock_guard lock(mutex_);
        if (call_ != nullptr) return host_.caller_gone(call_) != 0;
        return pending_ == nullptr || host_.pending_caller_gone(pending_) != 0;
    }

    // Fills in on whose behalf a call to another object is made, and makes it.
    void ref_call(soho_ref_call& call) {
        const std::lock_guard lock(mutex_);  // the reply may not end meanwhile; `done` never runs inside ref_call
        call.call = call_;
        call.pending = call_ == nullptr ? pending_ : nullptr;
        host_.ref_call(&host_, &call);
    }

    // The Reply is gone.
    void drop() {
        std::unique_lock lock(mutex_);
        dropped_ = true;
        if (stage_ != Stage::pending) return;
        stage_ = Stage::over;
        soho_pending* pending = std::exchange(pending_, nullptr);
        lock.unlock();
        host_.pending_release(pending);
    }

    // The method has returned: what invoke or create returns. On the thread that runs the call.
    std::uint32_t leave() {
        std::unique_lock lock(mutex_);
        const soho_call& call = *call_;
        if (completed_ && late_ == 0) {
            stage_ = Stage::over;
            call_ = nullptr;
            lock.unlock();
            return finish_now(call);
        }
        pending_ = host_.defer(&call);
        call_ = nullptr;
        if (pending_ == nullptr) {
            stage_ = Stage::over;
            lock.unlock();
            forget_tasks();
            fail(host_, call, Error::with_code(SOHO_INTERNAL, "the host lets this call's reply not come later"));
            return SOHO_FAILED;
        }
        // Until all is handed over the stage stays in_call, so that nothing overtakes it.
        while (on_cancel_ || on_discarded_ || outcome_ || late_ != 0) hand_over(lock);
        stage_ = dropped_ ? Stage::over : Stage::pending;
        soho_pending* released = dropped_ ? std::exchange(pending_, nullptr) : nullptr;
        lock.unlock();
        if (released != nullptr) host_.pending_release(released);
        return SOHO_PENDING;
    }

    // The method threw. Inside the catch block, on the thread that runs the call.
    std::uint32_t leave_with_exception() noexcept {
        std::unique_lock lock(mutex_);
        if (completed_) {
            lock.unlock();
            log_current(host_, "a method that had completed its reply");
            return leave();
        }
        const soho_call& call = *call_;
        stage_ = Stage::over;
        call_ = nullptr;
        lock.unlock();
        forget_tasks();
        return fail_with_current(host_, call);
    }

private:
    enum class Stage { in_call, pending, over };
    using SetTask = void (*)(soho_pending*, const soho_task*);

    static void dispose(std::optional<soho_task>& task) {
        if (const auto ended = std::exchange(task, std::nullopt)) ended->dispose(ended->context);
    }
    // Once it is over: a task may hold this very state.
    void forget_tasks() {
        dispose(on_cancel_);
        dispose(on_discarded_);
    }
    static void let_go(ReplyOutcome& outcome) {
        if (const auto* instance = std::get_if<soho_instance>(&outcome)) instance->release(instance->owner);
    }

    void set(std::optional<soho_task>& kept, SetTask pass, soho_task task) {
        std::unique_lock lock(mutex_);
        if (stage_ == Stage::in_call) {
            std::optional<soho_task> replaced = std::exchange(kept, task);
            lock.unlock();
            return dispose(replaced);
        }
        soho_pending* pending = pending_;
        lock.unlock();
        if (pending != nullptr) return pass(pending, &task);
        task.dispose(task.context);
    }

    bool pass_on(ReplyOutcome& outcome) {
        if (const auto* error = std::get_if<Error>(&outcome)) {
            return host_.pending_fail(pending_, error->code(), to_abi(error->type()), to_abi(error->text()),
                                      error->abi_data()) != SOHO_COMPLETED;
        }
        if (const auto* instance = std::get_if<soho_instance>(&outcome)) {
            return host_.pending_complete_object(pending_, instance) != SOHO_COMPLETED;
        }
        return host_.pending_complete(pending_, to_abi(std::get<ResultBytes>(outcome).bytes())) != SOHO_COMPLETED;
    }

    // One step of turning into a pending reply; the lock is released around what calls the host.
    void hand_over(std::unique_lock<std::mutex>& lock) {
        const auto on_cancel = std::exchange(on_cancel_, std::nullopt);
        const auto on_discarded = std::exchange(on_discarded_, std::nullopt);
        auto outcome = std::exchange(outcome_, std::nullopt);
        const unsigned late = std::exchange(late_, 0u);
        lock.unlock();
        if (on_discarded) host_.pending_on_discarded(pending_, &*on_discarded);
        if (on_cancel) host_.pending_on_cancel(pending_, &*on_cancel);
        if (outcome) pass_on(*outcome);
        constexpr std::uint8_t nil[] = {0xc0};
        for (unsigned i = 0; i != late; ++i) host_.pending_complete(pending_, to_abi(data::Bytes(nil)));
        lock.lock();
    }

    // Nobody else can touch the outcome any more.
    std::uint32_t finish_now(const soho_call& call) {
        if (on_discarded_) {
            host_.on_discarded(&call, &*on_discarded_);
            on_discarded_.reset();
        }
        dispose(on_cancel_);
        ReplyOutcome outcome = std::move(*std::exchange(outcome_, std::nullopt));
        if (const auto* error = std::get_if<Error>(&outcome)) {
            fail(host_, call, *error);
            return SOHO_FAILED;
        }
        if (const auto* instance = std::get_if<soho_instance>(&outcome)) {
            if (out_ != nullptr) {
                *out_ = *instance;
            } else {
                host_.result_object(&call, instance);
            }
            return SOHO_DONE;
        }
        try {
            SinkOut sink(*call.result);
            data::Writer<SinkOut>(sink).raw(std::get<ResultBytes>(outcome).bytes());
            return SOHO_DONE;
        } catch (...) {
            return fail_with_current(host_, call);
        }
    }

    PluginState& plugin_;
    const soho_host& host_;

    std::mutex mutex_;
    Stage stage_ = Stage::in_call;
    const soho_call* call_;            // while the method runs
    soho_pending* pending_ = nullptr;  // from then on
    soho_instance* out_;
    const std::uint32_t flags_;
    bool completed_ = false, dropped_ = false;
    unsigned late_ = 0;  // completions after the first, not yet passed on to the host, which counts them
    std::optional<ReplyOutcome> outcome_;
    std::optional<soho_task> on_cancel_, on_discarded_;
};

}  // namespace detail
}  // namespace sdk
}  // namespace soho
