#pragma once
// A plugin: its library, the table it was given, and the types it registered.

#include "host/registry/library.hpp"
#include "host/registry/quota.hpp"
#include "host/registry/type.hpp"

#include <optional>

namespace soho::host {

// What load_plugin puts into each plugin's soho_host; written by the floors above. `services` is theirs, too.
struct HostTable {
    soho_host functions{};
    void* services = nullptr;
};

// What a plugin's worker process may use; 0: as much as the host.
struct WorkerLimits {
    std::uint64_t memory_bytes = 0;  // of its own: RLIMIT_DATA
    std::uint64_t cpu_s = 0;         // of processor time, in all: RLIMIT_CPU
    std::uint64_t files = 0;         // descriptors: RLIMIT_NOFILE
    std::uint64_t processes = 0;     // and threads, of its user in all: RLIMIT_NPROC
};

using Paths = std::vector<std::string>;

// What a plugin's worker process may ask of the system (host/worker/confinement.hpp). One list of paths alone: the other is empty.
struct Confinement {
    std::string syscalls = "all";                  // the name of a preset
    std::optional<Paths> read_paths, write_paths;  // neither: all that its user may

    bool confines_paths() const { return read_paths || write_paths; }
    bool confines() const { return syscalls != "all" || confines_paths(); }
    bool has_network() const { return syscalls == "all" || syscalls == "network"; }
};

// From the config.
struct PluginOptions {
    std::string settings = std::string(1, '\x80');  // a MessagePack map
    std::string prefix;                             // of its typeids, such as "acme."
    std::string isolation = "none";                 // or "worker": in a process of its own
    WorkerLimits worker;
    Confinement confinement;
};

class Plugin {
public:
    // `name` is published with what a new object of `type` gives, created with `args` (a MessagePack array).
    struct Publication {
        std::string name;
        TypePtr type;
        std::string args;
    };

    // The same while its type is not known yet.
    struct PendingPublication {
        std::string name, type_id, args;
    };

    // Has an open library register; its types get that generation. Never throws; fails with the sentence that refuses the plugin.
    // It goes to `kept` in either case: its code is in the process, and perhaps a thread that its `load` started.
    static Result<Plugin*> load(Library library, const PluginOptions& options, const HostTable& host,
                                std::uint64_t generation, std::vector<std::unique_ptr<Plugin>>& kept);

    // One that no file stands behind, but a provider, `source`: its types' functions are the caller's.
    static Result<std::unique_ptr<Plugin>> provide(Note note, std::string source,
                                                   std::vector<std::unique_ptr<PendingType>> types,
                                                   const HostTable& host, std::uint64_t generation,
                                                   const std::vector<PendingPublication>& publications = {});

    Plugin(const Plugin&) = delete;
    Plugin& operator=(const Plugin&) = delete;

    const std::string& name() const { return library_.note.name; }
    const std::string& version() const { return library_.note.version; }
    const std::string& file() const { return library_.source; }  // or who provides it
    const Library& library() const { return library_; }
    const PluginOptions& options() const { return options_; }
    // Its objects live elsewhere.
    bool is_provided() const { return library_.entry == nullptr; }
    // For the plugin.
    const std::string& read_settings() {
        has_read_settings_.store(true, std::memory_order_relaxed);
        return options_.settings;
    }
    // It was given some, and has not asked for them.
    bool ignores_settings() const {
        return options_.settings != PluginOptions().settings && !has_read_settings_.load(std::memory_order_relaxed);
    }
    const std::vector<TypePtr>& types() const { return types_; }
    const std::vector<Publication>& publications() const { return publications_; }
    void* services() const { return services_; }
    const soho_host& table() const { return table_; }
    // Bytes that it charged to all its objects.
    Quota bytes;
    // Creates whose replies are pending, but for those of concurrent types: what they give may be there already.
    std::atomic<std::uint32_t> pending_creates{0};
    // The type that the plugin calls so; without its prefix.
    TypePtr find_local(std::string_view local_id) const;

    // What it offers under "soho.self_test/1"; fails with the plugin's sentence. [loader]
    Result<void> self_test();
    // As the ABI says, [loader]; a second time they do nothing.
    void stop();
    void unload();
    // The same for one that another has taken the place of: what described its types stays, as caches know it by address.
    void retire();
    // The one that has taken its place: creates that are still to begin are for that.
    Plugin* successor() const { return successor_.load(std::memory_order_acquire); }
    void set_successor(Plugin* plugin) { successor_.store(plugin, std::memory_order_release); }
    // Its objects are being moved to the one that takes its place.
    bool is_moving() const { return is_moving_.load(std::memory_order_acquire); }
    void set_moving(bool moving) { is_moving_.store(moving, std::memory_order_release); }
    // Whether nobody but itself has a type of it: no object, no call, no snapshot that somebody looks at.
    bool is_unused() const;
    // Whoever may run its code by other ways than its types (a timer, a task) keeps one of these.
    std::shared_ptr<const void> use() const { return in_use_; }
    bool has_users() const;
    // It was there for everybody: the numbers that its calls are counted by (Method::number) stay. The registry's.
    bool has_served = false;
    // That it was loaded, and may have threads: stop() is due.
    bool is_loaded() const { return loaded_; }
    // Both at once, for a plugin that is refused after its load() was content. Nothing ran yet but that.
    void discard();

    // The plugin behind the `host` that a table function got.
    static Plugin& of(const soho_host* host) { return *static_cast<Plugin*>(host->self); }

private:
    class Registration;

    Plugin(Library library, PluginOptions options, const HostTable& host, std::uint64_t generation);
    Result<void> enter();
    Result<void> run_load();
    Result<void> adopt(Registration& registration);
    Result<void> add_state(const std::vector<std::unique_ptr<PendingType>>& types);
    Result<void> adopt(std::vector<std::unique_ptr<PendingType>> types);
    Result<void> adopt(const std::vector<PendingPublication>& publications);

    Library library_;
    PluginOptions options_;
    soho_host table_;
    void* services_;
    std::uint64_t generation_;
    soho_plugin functions_{};
    void* state_ = nullptr;
    bool loaded_ = false;  // its load() returned 0, so its state is to be unloaded
    bool stopped_ = false;
    std::atomic<bool> has_read_settings_{false};
    std::atomic<Plugin*> successor_{nullptr};
    std::atomic<bool> is_moving_{false};
    const std::shared_ptr<const void> in_use_ = std::make_shared<int>();
    std::vector<TypePtr> types_;
    std::vector<Publication> publications_;
};

// What an object of that type is made by now: another one where its plugin was reloaded meanwhile. Null if that has no such type.
TypePtr current(const TypePtr& type);

}  // namespace soho::host
