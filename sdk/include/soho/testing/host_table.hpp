#pragma once
// The rest of the table that a plugin gets: references, tasks for later, calls on other objects, and the plugin as a whole.

#include <soho/testing/call_state.hpp>

namespace soho::testing::detail {

inline Core& core_of(const soho_host* host) { return *static_cast<Core*>(host->self); }

inline void fill_references(soho_host& table) {
    table.ref_retain = [](const soho_host* host, std::uint64_t id, std::uint64_t holder) {
        Core& core = core_of(host);
        ObjectPtr object = core.find(id);
        if (object == nullptr) return 1;
        const std::lock_guard lock(core.mutex);
        auto& [held, count] = core.references[{id, holder}];
        held = std::move(object);
        ++count;
        return 0;
    };
    table.ref_release = [](const soho_host* host, std::uint64_t id, std::uint64_t holder) {
        Core& core = core_of(host);
        ObjectPtr last;
        const std::lock_guard lock(core.mutex);
        const auto found = core.references.find({id, holder});
        if (found == core.references.end() || --found->second.second != 0) return;
        last = std::move(found->second.first);
        core.references.erase(found);
        // The running function may just have written a handle of it into its result.
        if (core.on_thread() && !core.running.empty()) core.running.back()->keep(std::move(last));
    };
    table.object_new = [](const soho_host* host, soho_text type_id, const soho_instance* instance,
                          std::uint64_t holder) -> std::uint64_t {
        Core& core = core_of(host);
        const Type* const type = core.find_type(text_of(type_id));
        if (type == nullptr || instance->self == nullptr) {
            core.give_back(nullptr, *instance);
            return 0;
        }
        const ObjectPtr object = core.adopt(*type, *instance);
        host->ref_retain(host, object->id, holder);
        return object->id;
    };
    table.object_type = [](const soho_host* host, std::uint64_t id) {
        const ObjectPtr object = core_of(host).find(id);
        return object != nullptr ? sdk::detail::to_abi(object->type->type_id) : soho_text{};
    };
    table.charge = [](const soho_host* host, std::uint64_t id, std::int64_t bytes) -> std::uint32_t {
        Core& core = core_of(host);
        const ObjectPtr object = core.find(id);
        if (object == nullptr) return SOHO_NO_OBJECT;
        const std::lock_guard lock(core.mutex);
        if (bytes > 0 && bytes > core.object_bytes_max - object->bytes) return SOHO_LIMIT;
        object->bytes = std::max<std::int64_t>(0, object->bytes + bytes);
        return SOHO_OK;
    };
}

inline std::uint64_t add_waiting(std::map<std::uint64_t, Waiting>& all, Core& core, Waiting waiting, std::uint64_t id,
                                 const soho_task& task) {
    waiting.task = std::make_shared<Task>(task);
    waiting.in_turn = id != 0;
    if (id != 0) waiting.object = core.find(id);
    const std::lock_guard lock(core.mutex);
    all.emplace(++core.last_number, std::move(waiting));
    return core.last_number;
}
inline void cancel_waiting(std::map<std::uint64_t, Waiting>& all, Core& core, std::uint64_t number) {
    std::map<std::uint64_t, Waiting>::node_type ended;  // its task is disposed of after the lock
    const std::lock_guard lock(core.mutex);
    ended = all.extract(number);
    if (!ended.empty()) *ended.mapped().cancelled = true;  // also where it is queued already
}

inline void fill_tasks(soho_host& table) {
    table.post_to_turn = [](const soho_host* host, std::uint64_t id, const soho_task* given) {
        Core& core = core_of(host);
        Task task(*given);
        ObjectPtr object = id != 0 ? core.find(id) : nullptr;
        if (id != 0 && object == nullptr) return 1;
        const void* const turn = object != nullptr ? object->turn : nullptr;
        core.post_task(turn, std::move(object), std::move(task));
        return 0;
    };
    table.timer_start = [](const soho_host* host, std::uint64_t id, std::int64_t delay_ns, std::int64_t period_ns,
                           const soho_task* task) {
        Core& core = core_of(host);
        Waiting timer;
        timer.due_ns = core.now_ns + std::max<std::int64_t>(0, delay_ns);
        timer.period_ns = period_ns;
        return add_waiting(core.timers, core, std::move(timer), id, *task);
    };
    table.timer_cancel = [](const soho_host* host, std::uint64_t number) {
        cancel_waiting(core_of(host).timers, core_of(host), number);
    };
    table.on_session_end = [](const soho_host* host, std::uint64_t session, std::uint64_t id,
                              const soho_task* task) -> std::uint64_t {
        Core& core = core_of(host);
        Waiting end;
        end.session = session;
        const std::lock_guard lock(core.mutex);
        const std::uint64_t number = add_waiting(core.session_ends, core, std::move(end), id, *task);
        const auto found = core.sessions.find(session);
        if (found == core.sessions.end() || found->second->ended) core.post_waiting(core.session_ends.at(number));
        return number;
    };
    table.session_end_cancel = [](const soho_host* host, std::uint64_t number) {
        cancel_waiting(core_of(host).session_ends, core_of(host), number);
    };
}

// ---- calls on other objects

using Done = void (*)(void*, const soho_outcome*);

inline void tell(Done done, void* context, Outcome& outcome) {
    using sdk::detail::to_abi;
    soho_outcome told{};
    told.size = sizeof told;
    data::Buffer result, error_data;
    if (outcome.object != nullptr) {
        const data::Buffer body = data::encoded(std::tuple(outcome.object->id, outcome.object->type->type_id));
        data::Writer<data::Buffer>(result).extension(handle_extension, body.bytes());
    } else {
        result = std::move(outcome.value);
    }
    told.result = to_abi(result.bytes());
    if (outcome.error) {
        told.code = outcome.error->code();
        told.type = to_abi(outcome.error->type());
        told.text = to_abi(outcome.error->text());
        if (!outcome.error->data().is_nil()) error_data = data::encoded(outcome.error->data());
        told.data = to_abi(error_data.bytes());
    }
    done(context, &told);
}

// On behalf of which call, if any.
inline CallState* parent_of(const soho_ref_call& given) {
    if (given.call != nullptr) return &CallState::of(given.call);
    return given.pending != nullptr ? &CallState::of(given.pending) : nullptr;
}

inline std::string chain_text(Core& core, const std::vector<std::uint64_t>& chain, const HostedObject& next) {
    std::string text;
    for (const std::uint64_t id : chain) {
        const ObjectPtr object = core.find(id);
        text += "#" + std::to_string(id) + " (" + (object != nullptr ? object->type->type_id : "gone") + ") -> ";
    }
    return text + "#" + std::to_string(next.id) + " (" + next.type->type_id + ")";
}

inline void check_wait(Core& core, const soho_ref_call& given, const CallState& call) {
    if (given.call == nullptr || (given.flags & SOHO_REF_CALL_WAITS) == 0) return;
    const CallState& parent = CallState::of(given.call);
    const bool may_block =
        parent.method != nullptr ? parent.method->blocking() : (parent.type.flags & SOHO_TYPE_BLOCKING) != 0;
    if (!may_block)
        throw CallError(SOHO_INTERNAL,
                        parent.callee().text() + " waits for another object's method, but is not declared blocking");
    const auto& held = core.held_turns;
    const auto is_held = [&](const ObjectPtr& object) {
        return object->turn != nullptr && std::find(held.begin(), held.end(), object->turn) != held.end();
    };
    if (is_held(call.target) || std::any_of(call.objects.begin(), call.objects.end(), is_held))
        throw CallError(SOHO_UNAVAILABLE, "this wait could never end, as the calls that wait have the turn it needs: " +
                                              chain_text(core, call.context.chain, *call.target));
}

inline std::shared_ptr<CallState> prepare(Core& core, const soho_ref_call& given) {
    const ObjectPtr target = core.find(given.object);
    if (target == nullptr) throw core.no_object(given.object);
    const Method* const method = target->type->find(text_of(given.method));
    if (method == nullptr) throw target->type->no_method(text_of(given.method));
    auto call = std::make_shared<CallState>(core.shared_from_this(), *target->type, method, target);
    if (const CallState* parent = parent_of(given)) {
        call->context = parent->context;
        if (parent->target != nullptr) call->context.chain.push_back(parent->target->id);
    }
    call->context.session = 0;
    call->context.oneway = false;
    call->context.principal = "plugin:" + core.name;
    if (call->context.chain.size() > 32)
        throw CallError(SOHO_LIMIT, "calls of objects on objects, one inside the other, " +
                                        std::to_string(call->context.chain.size()) +
                                        " deep (chain): " + chain_text(core, call->context.chain, *target));
    if (given.timeout_ns > 0) {
        const std::int64_t due = core.now_ns + given.timeout_ns;
        auto& deadline = call->context.deadline_ns;
        deadline = deadline == 0 ? due : std::min(deadline, due);
    }
    call->set_arguments(sdk::detail::from_abi(given.args), sdk::detail::from_abi(given.kwargs), [&](std::uint64_t id) {
        ObjectPtr object = core.find(id);
        if (object == nullptr) throw core.no_object(id);
        return object;
    });
    check_wait(core, given, *call);
    return call;
}

// The plugin's function waits on the host's thread. Another one is the host's thread meanwhile.
inline void run_while_waiting(Core& core, const std::shared_ptr<CallState>& call, Done done, void* context) {
    const auto serve = [&core, call, done, context] {
        const std::thread::id before = core.driver.exchange(std::this_thread::get_id());
        call->run();
        if (!core.run_until([&] { return call->answered(); }))
            call->stop(CallError(SOHO_DEADLINE, call->callee().text() + " has not replied while another method waits"));
        core.driver = before;
        tell(done, context, call->outcome());
    };
    const std::lock_guard lock(core.mutex);
    core.waiting_threads.emplace_back(serve);
}

inline void start_ref_call(Core& core, const soho_ref_call& given) {
    const Done done = given.done;
    void* const context = given.context;
    const auto tell_later = [&core, done, context](const std::shared_ptr<Outcome>& outcome) {
        core.post(nullptr, [done, context, outcome] { tell(done, context, *outcome); });
    };
    std::shared_ptr<CallState> call;
    try {
        call = prepare(core, given);
    } catch (const CallError& error) {
        const auto refused = std::make_shared<Outcome>();
        refused->error = error;
        // One that waits has its thread, so it must be told from another.
        if ((given.flags & SOHO_REF_CALL_WAITS) == 0 || !core.on_thread()) return tell_later(refused);
        const std::lock_guard lock(core.mutex);
        core.waiting_threads.emplace_back([done, context, refused] { tell(done, context, *refused); });
        return;
    }
    const std::lock_guard lock(core.mutex);
    if (call->context.deadline_ns != 0) core.deadlines.push_back(call);
    if ((given.flags & SOHO_REF_CALL_WAITS) != 0 && core.on_thread())
        return run_while_waiting(core, call, done, context);
    call->then = [tell_later](const std::shared_ptr<CallState>& ended) {
        tell_later(std::make_shared<Outcome>(std::move(ended->outcome())));
    };
    core.post(call->target->turn, [call] { call->run(); });
}

// ---- the plugin as a whole

inline void fill_the_rest(soho_host& table) {
    table.ref_call = [](const soho_host* host, const soho_ref_call* call) { start_ref_call(core_of(host), *call); };
    table.log = [](const soho_host* host, std::uint32_t level, soho_text line) {
        Core& core = core_of(host);
        const std::lock_guard lock(core.mutex);
        core.log.push_back({static_cast<LogLevel>(std::min<std::uint32_t>(level, SOHO_LOG_ERROR)), text_of(line)});
    };
    table.settings = [](const soho_host* host) { return sdk::detail::to_abi(core_of(host).settings.bytes()); };
    table.publish = [](const soho_host* host, soho_text name, std::uint64_t id) -> std::uint32_t {
        Core& core = core_of(host);
        ObjectPtr object = core.find(id);
        if (object == nullptr) return SOHO_NO_OBJECT;
        if (name_mismatch(text_of(name)) != nullptr) return SOHO_BAD_ARGUMENTS;
        const std::lock_guard lock(core.mutex);
        return core.names.emplace(text_of(name), std::move(object)).second ? SOHO_OK : SOHO_EXISTS;
    };
    table.unpublish = [](const soho_host* host, soho_text name) -> std::uint32_t {
        Core& core = core_of(host);
        std::map<std::string, ObjectPtr, std::less<>>::node_type gone;
        const std::lock_guard lock(core.mutex);
        gone = core.names.extract(text_of(name));
        return gone.empty() ? SOHO_NO_OBJECT : SOHO_OK;
    };
    table.get_extension = [](const soho_host*, soho_text) -> const void* { return nullptr; };
}

inline void fill_table(Core& core) {
    core.table.size = sizeof core.table;
    core.table.abi = SOHO_ABI;
    core.table.self = &core;
    core.table.version = sdk::detail::to_abi(std::string_view("soho " SOHO_SDK_VERSION " (test)"));
    CallState::fill(core.table);
    fill_references(core.table);
    fill_tasks(core.table);
    fill_the_rest(core.table);
}

}  // namespace soho::testing::detail
