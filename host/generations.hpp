#pragma once
// The generations of each plugin: one serves, and those before it stay until nothing of them is used any more. A reload loads the next one
// beside them, from a private copy of its file, and if it registers, passes its self-test and fits, has objects made by it from then on.
// In the host's process a generation's code stays mapped for good; a worker's ends with its process.

#include "host/loader.hpp"
#include "host/object/moves.hpp"
#include "host/options.hpp"
#include "host/registry/plugin_copies.hpp"
#include "host/server/server.hpp"
#include "host/worker/worker_process.hpp"

#include <deque>

namespace soho::host {

// What a worker is told, each time that it starts (host/worker/order.hpp), for a file that is a copy of that source.
using OrderFor = std::function<std::string(const std::string& file, const std::string& source, bool self_test)>;

// What a worker says of the copy that it was told to load, said of its source.
std::string about_source(std::string text, const PluginCopy& copy);

// The loader runs what plugins do meanwhile: one reload at a time. Thread-safe.
class Generations {
public:
    Generations(Server& server, Supervisor& supervisor, Log& log, std::string copies_folder);
    Generations(const Generations&) = delete;
    Generations& operator=(const Generations&) = delete;

    // What was loaded when the host started.
    void loaded(Plugin& plugin, const std::string& file);
    // For a worker that starts with the host: what it loads is not what its file may be when it starts again. Without a copy where
    // none can be made, which the log says.
    PluginCopy copy_for_worker(const std::string& name, const std::string& file);
    void loaded_in_worker(const Plugin& plugin, const std::string& file, PluginCopy copy,
                          const PluginOptions& configured, std::shared_ptr<WorkerProcess> worker, OrderFor order);

    void reload(PluginReload what, std::function<void(PluginReloaded)> done);
    // Those whose files are not what they were.
    void reload_changed(std::function<void(std::vector<PluginReloaded>)> done);
    PluginLife life_of(const std::string& plugin) const;
    // The host ends: nothing is reloaded any more. False if a plugin's code does not come to an end.
    bool stop() { return loader_.stop(); }

private:
    enum class State : std::uint8_t { serving, draining, ended, failed };
    struct Generation {
        std::uint64_t number = 0;
        State state = State::serving;
        std::string version;
        std::string path;  // as it was given: what a link leads to may change
        PluginCopy file;   // without a copy, for the first in the host's process
        FileStamp stamp;   // of what it was made from
        std::int64_t loaded_ns = 0;
        std::string why{};
        std::uint64_t mapped_bytes = 0;
        std::uint64_t moved = 0;  // objects, to it
        // In the host's process.
        Plugin* plugin = nullptr;
        // In one of its own; the provider is that of one that was replaced.
        std::shared_ptr<WorkerProcess> worker{};
        std::shared_ptr<Provider> provider{};
    };
    struct Line {
        std::deque<Generation> generations;
        std::uint64_t last_number = 0, reloads = 0;
        std::string last_failure{};
        FileStamp refused_stamp{};  // of the file that was refused last
        // Of one in a worker.
        PluginOptions configured{};
        OrderFor order{};
    };
    // What one reload has found so far.
    struct Attempt {
        PluginReload what;
        Plugin* before = nullptr;
        Generation serving;  // before
        PluginCopy copy{};
        FileStamp stamp{};
        bool is_judged = false;  // what is wrong is wrong with the file
        Moves moves{};
        std::map<const Plugin*, std::string> still_left{};  // of earlier versions, and why
    };

    PluginReloaded reload_now(const PluginReload& what);
    Result<PluginReloaded> try_reload(Attempt& attempt);
    Result<void> find(Attempt& attempt);
    Result<void> check_room(const Attempt& attempt) const;
    Result<void> approve(const Attempt& attempt, const Plugin& added) const;
    Result<Plugin*> load_here(Attempt& attempt);
    Result<Plugin*> replace_here(Attempt& attempt, Library library);
    std::vector<Plugin*> draining(const Attempt& attempt) const;
    Result<Plugin*> load_in_worker(const Attempt& attempt);
    Generation made(const Attempt& attempt) const;
    void publish_new(const Plugin& added);
    bool settle();
    bool settle(Generation& generation);

    Server& server_;
    Supervisor& supervisor_;
    Log& log_;
    std::mutex copies_mutex_;
    PluginCopies copies_;
    mutable std::mutex mutex_;
    std::map<std::string, Line, std::less<>> lines_;
    Loader loader_;
};

}  // namespace soho::host
