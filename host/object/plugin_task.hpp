#pragma once
// A soho_task that a plugin handed over: run at most once, disposed of exactly once.

#include <soho/abi.h>

#include <memory>
#include <utility>

namespace soho::host {

class PluginTask {
public:
    PluginTask() = default;
    // `user` is kept as long: where nothing else does, it says that the plugin's code is still needed (Plugin::use).
    explicit PluginTask(const soho_task& task, std::shared_ptr<const void> user = {})
        : context_(task.context),
          run_(task.run),
          dispose_(task.dispose),
          user_(std::move(user)) {}
    PluginTask(PluginTask&& other) noexcept { swap(other); }
    PluginTask& operator=(PluginTask&& other) noexcept {
        swap(other);
        return *this;
    }
    ~PluginTask() {
        if (dispose_ != nullptr) dispose_(context_);
    }

    explicit operator bool() const { return run_ != nullptr; }
    // May be called again: timers repeat.
    void run() const {
        if (run_ != nullptr) run_(context_);
    }

private:
    void swap(PluginTask& other) noexcept {
        std::swap(context_, other.context_);
        std::swap(run_, other.run_);
        std::swap(dispose_, other.dispose_);
        std::swap(user_, other.user_);
    }

    void* context_ = nullptr;
    void (*run_)(void*) = nullptr;
    void (*dispose_)(void*) = nullptr;
    std::shared_ptr<const void> user_;
};

}  // namespace soho::host
