#pragma once
// All types the host offers, as an immutable snapshot that is swapped whole. Who looks at one keeps it for as long as it
// looks; objects keep their own type.

#include "host/registry/plugin.hpp"

#include <functional>
#include <map>
#include <mutex>

namespace soho::host {

struct RefusedPlugin {
    std::string file;
    std::string reason;
};

struct Snapshot {
    std::uint64_t generation = 0;
    std::map<std::string, TypePtr, std::less<>> types;
    std::vector<Plugin*> plugins;  // in load order
    std::vector<RefusedPlugin> refused;

    const TypePtr* find(std::string_view type_id) const;
    // The sentence for a typeid that nothing has; what it suggests instead is one of those that `may_know` tells of.
    Error no_type(std::string_view type_id, const std::function<bool(const Type&)>& may_know = {}) const;
};

// Thread-safe.
class Registry {
public:
    explicit Registry(HostTable host) : host_(host) {}

    std::shared_ptr<const Snapshot> snapshot() const;

    // Loads one plugin and swaps in a snapshot with its types; or with the reason why not, which is also the failure.
    Result<Plugin*> load(const std::string& path, const PluginOptions& options = {});
    // The same for a library that is open.
    Result<Plugin*> load(Library library, const PluginOptions& options = {});

    // Loads a library as what takes the place of `before`: has it register, asks `approve`, and then has its types created, and those of
    // `before` no more, in one snapshot. If it fails, nothing has changed. No lock is held while the plugin's code runs; one at a time.
    using Approval = std::function<Result<void>(Plugin& added)>;
    Result<Plugin*> replace(Plugin& before, Library library, const Approval& approve);
    // The same for types that a provider stands behind.
    Result<void> replace(Plugin& before, Plugin& added);
    // The host ends: nothing is replaced any more. All that are loaded, in that order, those that were replaced as well.
    std::vector<Plugin*> close();

    // Types that a provider stands behind: kept, but for nobody to see until they are entered. Who took them away may enter them again.
    Result<Plugin*> provide(Note note, std::string source, std::vector<std::unique_ptr<PendingType>> types,
                            const std::vector<Plugin::PendingPublication>& publications = {});
    // A plugin file that was refused elsewhere, for whoever asks.
    void refused(const std::string& file, const Error& why);
    Result<void> enter(Plugin& plugin);
    void withdraw(const Plugin& plugin);

    // Makes another snapshot from the current one and swaps it in.
    void change(const std::function<void(Snapshot&)>& edit);

private:
    void swap_in(const std::function<void(Snapshot&)>& edit);
    Result<Plugin*> try_load(Library library, const PluginOptions& options);
    Result<void> check_free(const Plugin& added, const Plugin* instead_of = nullptr) const;
    Result<void> take_place(Plugin& before, Plugin& added);
    void record(const std::string& file, const Result<Plugin*>& loaded);
    void number_callees(const Plugin& plugin, const Plugin* like = nullptr);

    HostTable host_;
    std::mutex changing_;  // by who makes the next snapshot
    bool closed_ = false;
    std::uint64_t loads_ = 0;
    std::uint32_t callees_ = 0;
    std::vector<std::unique_ptr<Plugin>> plugins_;  // never shrinks: a loaded library stays
    mutable std::mutex mutex_;
    std::shared_ptr<const Snapshot> current_ = std::make_shared<Snapshot>();
};

// The plugin files of a folder (*.so), by name. Fails if the folder cannot be read or others can write to it.
Result<std::vector<std::string>> plugin_files(const std::string& folder);

}  // namespace soho::host
