#pragma once
// A host for tests of the SDK: it takes what a plugin registers and calls it, with no library, thread or socket. Everything
// that crosses the border is recorded. Single-threaded but for pending replies, whose outcome any thread may bring.

#include <soho/plugin.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace soho::test {

// How a call ended.
struct Ended {
    std::uint32_t status = SOHO_DONE;  // what invoke or create returned
    std::uint32_t code = SOHO_OK;
    std::string type, text;
    Value data, value;
    bool has_object = false;
    soho_instance object{};

    bool ok() const { return code == SOHO_OK; }
};

}  // namespace soho::test

// What a plugin holds while it owes a reply.
struct soho_pending {
    std::mutex mutex;
    std::condition_variable changed;
    soho::test::Ended ended;
    bool completed = false, released = false, gone = false;
    unsigned late = 0;
    std::vector<soho_task> on_cancel, on_discarded;

    soho_pending() = default;
    soho_pending(const soho_pending&) = delete;
    soho_pending& operator=(const soho_pending&) = delete;
    ~soho_pending() {
        for (const auto* tasks : {&on_cancel, &on_discarded}) {
            for (const soho_task& task : *tasks) task.dispose(task.context);
        }
    }
};

namespace soho::test {

class FakeHost {
public:
    struct Type {
        std::uint32_t flags = 0, version_major = 0, version_minor = 0;
        std::string proxytype, doc, class_name;
        const void* class_key = nullptr;
        void* context = nullptr;
        std::uint32_t (*create)(void*, const soho_call*, soho_instance*) = nullptr;
        struct Parameter {
            std::uint32_t flags = 0;
            std::string name, type, doc, default_value;
            const void* class_key = nullptr;
        };
        struct Method {
            std::uint32_t flags = 0;
            std::string doc, returns;
            std::vector<Parameter> parameters;
            void* context = nullptr;
            std::uint32_t (*invoke)(void*, void*, const soho_call*) = nullptr;
        };
        std::map<std::string, Method> methods;
        std::vector<std::string> exposed;
        std::map<std::string, std::pair<std::string, std::uint32_t>> mappings;
        std::vector<Parameter> parameters;
    };
    // An object as a plugin gave it.
    struct Object {
        std::string type_id;
        soho_instance instance{};
    };

    FakeHost() {
        table_.size = sizeof table_;
        table_.abi = SOHO_ABI;
        table_.self = this;
        table_.version = sdk::detail::to_abi("0.0.0-fake");
        fill_call_functions();
        fill_pending_functions();
        fill_other_functions();
        registrar_.size = sizeof registrar_;
        registrar_.self = this;
        registrar_.add_type = [](const soho_registrar* r, const soho_type* type) {
            return static_cast<FakeHost*>(r->self)->add_type(*type);
        };
        registrar_.publish = [](const soho_registrar* r, soho_text name, soho_text type_id, soho_bytes arguments) {
            static_cast<FakeHost*>(r->self)->published[text(name)] = {text(type_id), value_of(arguments)};
            return 0;
        };
        registrar_.refuse = [](const soho_registrar* r, soho_text why) {
            static_cast<FakeHost*>(r->self)->refusal = text(why);
        };
    }
    FakeHost(const FakeHost&) = delete;
    FakeHost& operator=(const FakeHost&) = delete;
    ~FakeHost() {
        unload();
        for (const soho_task& task : on_discarded) task.dispose(task.context);
        for (const auto& [number, task] : tasks) task.dispose(task.context);
    }

    // Runs a plugin's body. False if it was refused; `refusal` says why.
    template <void (*body)(Plugin&)>
    bool load() {
        return sdk::detail::load<body>(&table_, &registrar_, &state_) == 0;
    }
    void unload() {
        while (!objects.empty()) release(objects.begin()->first);
        if (state_ != nullptr) sdk::detail::unload(std::exchange(state_, nullptr));
    }
    void stop() { sdk::detail::stop(state_); }

    // Creates an object and keeps it; its id, or 0 with `last` saying why.
    template <class... A>
    std::uint64_t create(const std::string& type_id, const A&... arguments) {
        set_arguments(arguments...);
        last = create_with(type_id, nullptr);
        return last.has_object ? keep(type_id, last.object) : 0;
    }
    Ended create_with(const std::string& type_id, void* source) {
        Type& type = types.at(type_id);
        return run(0, 0, source,
                   [&](const soho_call& call, soho_instance& out) { return type.create(type.context, &call, &out); });
    }
    // Calls a method of a kept object.
    template <class... A>
    Ended call(std::uint64_t id, const std::string& method, const A&... arguments) {
        set_arguments(arguments...);
        return call_with_arguments(id, method);
    }
    // … with `args` and `kwargs` as they are set.
    Ended call_with_arguments(std::uint64_t id, const std::string& method) {
        const Object& object = objects.at(id);
        const Type& type = types.at(object.type_id);
        const Type::Method& called = type.methods.at(method);
        std::uint32_t flags = call_flags;
        if (const auto mapping = type.mappings.find(method); mapping != type.mappings.end()) {
            flags |=
                (mapping->second.second & SOHO_MAPPING_SOURCE) != 0 ? SOHO_CALL_WANTS_SOURCE : SOHO_CALL_WANTS_OBJECT;
        }
        return run(id, flags, nullptr, [&](const soho_call& call, soho_instance&) {
            return called.invoke(called.context, object.instance.self, &call);
        });
    }
    std::uint64_t keep(const std::string& type_id, const soho_instance& instance) {
        objects[++last_id] = {type_id, instance};
        return last_id;
    }
    void release(std::uint64_t id) {
        const auto found = objects.find(id);
        const soho_instance instance = found->second.instance;
        objects.erase(found);
        instance.release(instance.owner);
    }
    // A handle, for arguments.
    Value handle(std::uint64_t id) const {
        const auto body = data::encoded(std::tuple(id, objects.at(id).type_id));
        return Value::Extension{0x53, std::string(body.text()), nullptr};
    }

    template <class... A>
    void set_arguments(const A&... arguments) {
        args.clear();
        data::Writer<data::Buffer> out(args);
        data::encode_array(out, arguments...);
        kwargs.clear();
    }

    // Every pending reply so far, in order; kept until the end.
    soho_pending& pending(std::size_t index) { return *pendings.at(index); }
    // The caller of a pending reply goes: what was set for that runs.
    static void cancel(soho_pending& pending) {
        pending.gone = true;
        run_all(pending.on_cancel);
    }
    static void discard(soho_pending& pending) { run_all(pending.on_discarded); }

    const soho_host* table() const { return &table_; }
    sdk::detail::PluginState& state() { return *static_cast<sdk::detail::PluginState*>(state_); }

    std::map<std::string, Type> types;
    std::map<std::string, std::pair<std::string, Value>> published;
    std::string refusal;
    std::map<std::uint64_t, Object> objects;
    std::uint64_t last_id = 100;
    Ended last;

    data::Buffer args, kwargs;
    std::uint32_t call_flags = 0;
    std::uint64_t session = 7;
    std::string owner, principal = "uid:1000";
    bool caller_gone = false;
    std::size_t result_bytes_max = 1 << 20;
    std::size_t first_room = 8;  // small, so that results make it grow

    std::vector<std::unique_ptr<soho_pending>> pendings;
    std::vector<soho_task> on_discarded;  // of calls that ended at once
    std::vector<std::string> log;
    std::map<std::pair<std::uint64_t, std::uint64_t>, int> references;  // (id, holder)
    std::map<std::uint64_t, soho_task> tasks;                           // timers, session ends, posted
    std::vector<std::uint64_t> cancelled;
    std::map<std::uint64_t, std::int64_t> charged;
    std::int64_t charge_max = 1000;
    Value settings = Value::Map{};
    struct RefCall {
        std::uint32_t flags;
        std::uint64_t object;
        std::string method;
        Value args;
        bool for_call, for_pending;
        void* context;
        void (*done)(void*, const soho_outcome*);
    };
    std::vector<RefCall> ref_calls;
    std::function<void(const RefCall&)> on_ref_call;

    static void run_all(std::vector<soho_task>& tasks) {
        for (soho_task& task : std::exchange(tasks, {})) {
            if (task.run != nullptr) task.run(task.context);
            task.dispose(task.context);
        }
    }
    void run_task(std::uint64_t number) {
        const soho_task task = tasks.at(number);
        tasks.erase(number);
        task.run(task.context);
        task.dispose(task.context);
    }

private:
    static std::string text(soho_text text) { return std::string(sdk::detail::from_abi(text)); }
    static Value value_of(soho_bytes bytes) {
        return bytes.size == 0 ? Value() : data::decode<Value>(sdk::detail::from_abi(bytes));
    }
    static FakeHost& of(const soho_host* host) { return *static_cast<FakeHost*>(host->self); }
    static FakeHost& of(const soho_call* call) { return *static_cast<FakeHost*>(call->host_data); }

    template <class T>
    static const T& at(const soho_array& array, std::uint32_t index) {
        return *reinterpret_cast<const T*>(static_cast<const char*>(array.items) + std::size_t{index} * array.stride);
    }
    static std::vector<Type::Parameter> parameters_of(const soho_array& array) {
        std::vector<Type::Parameter> parameters;
        for (std::uint32_t i = 0; i != array.count; ++i) {
            const auto& p = at<soho_parameter>(array, i);
            parameters.push_back({p.flags, text(p.name), text(p.type), text(p.doc),
                                  std::string(data::as_text(sdk::detail::from_abi(p.default_value))), p.class_key});
        }
        return parameters;
    }
    int add_type(const soho_type& given) {
        if (types.contains(text(given.type_id))) {
            refusal = "duplicate " + text(given.type_id);
            return 1;
        }
        Type& type = types[text(given.type_id)];
        type.flags = given.flags;
        type.version_major = given.version_major;
        type.version_minor = given.version_minor;
        type.proxytype = text(given.proxytype);
        type.doc = text(given.doc);
        type.class_name = text(given.class_name);
        type.class_key = given.class_key;
        type.context = given.context;
        type.create = given.create;
        type.parameters = parameters_of(given.parameters);
        for (std::uint32_t i = 0; i != given.methods.count; ++i) {
            const auto& m = at<soho_method>(given.methods, i);
            type.methods[text(m.name)] = {m.flags,   text(m.doc), text(m.returns), parameters_of(m.parameters),
                                          m.context, m.invoke};
        }
        for (std::uint32_t i = 0; i != given.exposed.count; ++i) {
            type.exposed.push_back(text(at<soho_text>(given.exposed, i)));
        }
        for (std::uint32_t i = 0; i != given.method_to_typeid.count; ++i) {
            const auto& mapping = at<soho_mapping>(given.method_to_typeid, i);
            type.mappings[text(mapping.method)] = {text(mapping.type_id), mapping.flags};
        }
        return 0;
    }

    template <class F>
    Ended run(std::uint64_t id, std::uint32_t flags, void* source, F function) {
        struct Sink {
            soho_sink table;
            FakeHost* host;
            std::vector<std::uint8_t> room;
        } sink{{}, this, std::vector<std::uint8_t>(first_room)};
        sink.table = {sizeof(soho_sink), 0, sink.room.data(), sink.room.data() + sink.room.size(),
                      [](soho_sink* table, std::uint64_t more) {
                          auto& self = *reinterpret_cast<Sink*>(table);
                          const auto used = static_cast<std::size_t>(table->cursor - self.room.data());
                          if (used + more > self.host->result_bytes_max) return 1;
                          self.room.resize(used + static_cast<std::size_t>(more));
                          table->cursor = self.room.data() + used;
                          table->end = self.room.data() + self.room.size();
                          return 0;
                      }};
        current_ = {};
        soho_call call{};
        call.size = sizeof call;
        call.flags = flags;
        call.args = sdk::detail::to_abi(args.bytes());
        call.kwargs = sdk::detail::to_abi(kwargs.bytes());
        call.result = &sink.table;
        call.object = id;
        call.session = call.origin_session = session;
        call.owner = sdk::detail::to_abi(owner);
        call.principal = sdk::detail::to_abi(principal);
        call.source = source;
        call.host_data = this;
        soho_instance out{};
        const std::uint32_t status = function(call, out);
        Ended ended = std::move(current_);
        ended.status = status;
        if (status == SOHO_FAILED && ended.code == SOHO_OK) ended.code = SOHO_INTERNAL;
        if (status == SOHO_DONE && id == 0) {
            ended.has_object = true;
            ended.object = out;
        }
        const data::Bytes written(sink.room.data(), sink.table.cursor);
        if (status == SOHO_DONE && !ended.has_object) ended.value = data::decode<Value>(written);
        return ended;
    }

    void fill_call_functions() {
        table_.fail = [](const soho_call* call, std::uint32_t code, soho_text type, soho_text why, soho_bytes bytes) {
            Ended& ended = of(call).current_;
            ended.code = code == 0 ? static_cast<std::uint32_t>(SOHO_RAISED) : code;
            ended.type = text(type);
            ended.text = text(why);
            ended.data = value_of(bytes);
        };
        table_.object_argument = [](const soho_call* call, std::uint64_t id, const void* key, soho_object* out) {
            FakeHost& self = of(call);
            const auto found = self.objects.find(id);
            if (found == self.objects.end() || self.types.at(found->second.type_id).class_key != key) return 1;
            out->self = found->second.instance.self;
            out->owner = found->second.instance.owner;
            return 0;
        };
        table_.result_object = [](const soho_call* call, const soho_instance* instance) {
            of(call).current_.has_object = true;
            of(call).current_.object = *instance;
        };
        table_.caller_gone = [](const soho_call* call) { return of(call).caller_gone ? 1 : 0; };
        table_.on_discarded = [](const soho_call* call, const soho_task* task) {
            of(call).on_discarded.push_back(*task);
        };
        table_.defer = [](const soho_call* call) -> soho_pending* {
            return of(call).pendings.emplace_back(std::make_unique<soho_pending>()).get();
        };
    }

    template <class F>
    static std::uint32_t end(soho_pending* pending, F set) {
        const std::lock_guard lock(pending->mutex);
        if (pending->completed) {
            ++pending->late;
            return SOHO_COMPLETED;
        }
        pending->completed = true;
        set(pending->ended);
        pending->changed.notify_all();
        return pending->gone ? SOHO_DISCARDED : SOHO_ACCEPTED;
    }
    static void replace(std::vector<soho_task>& tasks, const soho_task& task) {
        for (const soho_task& old : tasks) old.dispose(old.context);
        tasks.assign(1, task);
    }
    static void dispose_all(std::vector<soho_task>& tasks) {
        for (const soho_task& task : std::exchange(tasks, {})) task.dispose(task.context);
    }
    void fill_pending_functions() {
        table_.pending_complete = [](soho_pending* pending, soho_bytes result) {
            return end(pending, [&](Ended& ended) { ended.value = value_of(result); });
        };
        table_.pending_complete_object = [](soho_pending* pending, const soho_instance* instance) {
            const auto code = end(pending, [&](Ended& ended) {
                ended.has_object = true;
                ended.object = *instance;
            });
            if (code == SOHO_COMPLETED) instance->release(instance->owner);
            return code;
        };
        table_.pending_fail = [](soho_pending* pending, std::uint32_t code, soho_text type, soho_text why, soho_bytes) {
            return end(pending, [&](Ended& ended) {
                ended.code = code;
                ended.type = text(type);
                ended.text = text(why);
            });
        };
        table_.pending_on_cancel = [](soho_pending* pending, const soho_task* task) {
            replace(pending->on_cancel, *task);
            if (pending->gone) run_all(pending->on_cancel);
        };
        table_.pending_on_discarded = [](soho_pending* pending, const soho_task* task) {
            replace(pending->on_discarded, *task);
        };
        table_.pending_caller_gone = [](soho_pending* pending) { return pending->gone ? 1 : 0; };
        table_.pending_release = [](soho_pending* pending) {
            const std::lock_guard lock(pending->mutex);
            if (!pending->completed) {
                pending->ended.code = SOHO_INTERNAL;
                pending->ended.text = "dropped";
            }
            dispose_all(pending->on_cancel);
            pending->released = true;
            pending->changed.notify_all();
        };
    }

    std::uint64_t add_task(const soho_task& task) {
        tasks[++last_number_] = task;
        return last_number_;
    }
    void cancel_task(std::uint64_t number) {
        cancelled.push_back(number);
        const auto found = tasks.find(number);
        if (found == tasks.end()) return;
        found->second.dispose(found->second.context);
        tasks.erase(found);
    }
    void fill_other_functions() {
        table_.ref_retain = [](const soho_host* host, std::uint64_t id, std::uint64_t holder) {
            if (!of(host).objects.contains(id)) return 1;
            ++of(host).references[{id, holder}];
            return 0;
        };
        table_.ref_release = [](const soho_host* host, std::uint64_t id, std::uint64_t holder) {
            FakeHost& self = of(host);
            if (--self.references[{id, holder}] == 0) self.references.erase({id, holder});
        };
        table_.object_new = [](const soho_host* host, soho_text type_id, const soho_instance* instance,
                               std::uint64_t holder) {
            const std::uint64_t id = of(host).keep(text(type_id), *instance);
            ++of(host).references[{id, holder}];
            return id;
        };
        table_.ref_call = [](const soho_host* host, const soho_ref_call* call) {
            of(host).ref_calls.push_back({call->flags, call->object, text(call->method), value_of(call->args),
                                          call->call != nullptr, call->pending != nullptr, call->context, call->done});
            if (of(host).on_ref_call) of(host).on_ref_call(of(host).ref_calls.back());
        };
        table_.post_to_turn = [](const soho_host* host, std::uint64_t id, const soho_task* task) {
            if (id != 0 && !of(host).objects.contains(id)) {
                task->dispose(task->context);
                return 1;
            }
            of(host).add_task(*task);
            return 0;
        };
        table_.timer_start = [](const soho_host* host, std::uint64_t, std::int64_t, std::int64_t,
                                const soho_task* task) { return of(host).add_task(*task); };
        table_.timer_cancel = [](const soho_host* host, std::uint64_t number) { of(host).cancel_task(number); };
        table_.on_session_end = [](const soho_host* host, std::uint64_t, std::uint64_t, const soho_task* task) {
            return of(host).add_task(*task);
        };
        table_.session_end_cancel = [](const soho_host* host, std::uint64_t number) { of(host).cancel_task(number); };
        table_.charge = [](const soho_host* host, std::uint64_t id, std::int64_t bytes) -> std::uint32_t {
            if (of(host).charged[id] + bytes > of(host).charge_max) return SOHO_LIMIT;
            of(host).charged[id] += bytes;
            return SOHO_OK;
        };
        table_.log = [](const soho_host* host, std::uint32_t, soho_text line) { of(host).log.push_back(text(line)); };
        table_.settings = [](const soho_host* host) {
            of(host).settings_bytes_ = data::encoded(of(host).settings);
            return sdk::detail::to_abi(of(host).settings_bytes_.bytes());
        };
        table_.publish = [](const soho_host* host, soho_text name, std::uint64_t) -> std::uint32_t {
            if (of(host).published.contains(text(name))) return SOHO_EXISTS;
            of(host).published[text(name)] = {};
            return SOHO_OK;
        };
        table_.unpublish = [](const soho_host* host, soho_text name) -> std::uint32_t {
            return of(host).published.erase(text(name)) == 1 ? SOHO_OK : SOHO_BAD_ARGUMENTS;
        };
        table_.get_extension = [](const soho_host*, soho_text) -> const void* { return nullptr; };
    }

    soho_host table_{};
    soho_registrar registrar_{};
    void* state_ = nullptr;
    Ended current_;
    std::uint64_t last_number_ = 0;
    data::Buffer settings_bytes_;
};

}  // namespace soho::test
