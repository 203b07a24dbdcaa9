#pragma once
// Callables as the ABI's tasks.

#include <soho/plugin/error.hpp>

#include <utility>

namespace soho {
inline namespace sdk {
namespace detail {

template <class F>
struct TaskBody {
    const soho_host* host;
    const char* what;
    F function;

    static void run(void* context) noexcept {
        auto& task = *static_cast<TaskBody*>(context);
        try {
            task.function();
        } catch (...) {
            log_current(*task.host, task.what);
        }
    }
    static void dispose(void* context) noexcept { delete static_cast<TaskBody*>(context); }
};

// `what` says in the log what threw, and must stay. Whoever gets the task must see to its disposal.
template <class F>
soho_task make_task(const soho_host* host, const char* what, F function) {
    auto* body = new TaskBody<F>{host, what, std::move(function)};
    return {sizeof(soho_task), 0, body, &TaskBody<F>::run, &TaskBody<F>::dispose};
}

}  // namespace detail
}  // namespace sdk
}  // namespace soho
