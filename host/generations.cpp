#include "host/generations.hpp"

#include "host/registry/compatibility.hpp"
#include "host/registry/digest.hpp"
#include "host/registry/suggest.hpp"
#include "host/session/provider.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <algorithm>
#include <filesystem>
#include <optional>

namespace soho::host {

namespace {

// Links in it are followed each time anew.
std::string absolute_path(const std::string& file) { return std::filesystem::absolute(file).string(); }

// Empty where it cannot be read.
std::string sha256_of_file(const std::string& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return {};
    auto digest = sha256_of(descriptor);
    ::close(descriptor);
    return digest ? *std::move(digest) : std::string();
}

// "2 objects: a reply is pending; 1 object: …"
std::string why_stayed(const Moves& moves) {
    std::vector<std::string> parts;
    for (const auto& [why, count] : moves.why)
        parts.push_back(count == 0 ? why : fmt::format("{} object{}: {}", count, count == 1 ? "" : "s", why));
    return fmt::format("{}", fmt::join(parts, "; "));
}

std::uint64_t us_since(std::int64_t since_ns) {
    return static_cast<std::uint64_t>((monotonic_now() - since_ns) / 1000);
}

}  // namespace

std::string about_source(std::string text, const PluginCopy& copy) {
    if (copy.file.empty()) return text;
    for (std::size_t at = 0; (at = text.find(copy.file, at)) != std::string::npos; at += copy.source.size())
        text.replace(at, copy.file.size(), copy.source);
    // "FILE: its worker refused it: FILE: …"
    const std::string again = fmt::format("{}: its worker refused it: {}: ", copy.source, copy.source);
    if (text.starts_with(again)) text.erase(again.size() - copy.source.size() - 2, copy.source.size() + 2);
    return text;
}

Generations::Generations(Server& server, Supervisor& supervisor, Log& log, std::string copies_folder)
    : server_(server),
      supervisor_(supervisor),
      log_(log),
      copies_(copies_folder.empty() ? default_copies_folder() : std::move(copies_folder)),
      loader_(server.services().timers, log, [this] { return settle(); }) {}

// ---- what there is

void Generations::loaded(Plugin& plugin, const std::string& file) {
    const Library& library = plugin.library();
    Generation first;
    first.number = 1;
    first.version = plugin.version();
    first.path = absolute_path(file);
    first.file = {library.source, {}, library.sha256, library.note};
    first.stamp = stamp_of(first.path);
    first.loaded_ns = monotonic_now();
    first.mapped_bytes = library.mapped_bytes;
    first.plugin = &plugin;
    const std::scoped_lock lock(mutex_);
    Line& line = lines_[plugin.name()];
    line.last_number = 1;
    line.generations = {std::move(first)};
}

PluginCopy Generations::copy_for_worker(const std::string& name, const std::string& file) {
    const std::scoped_lock lock(copies_mutex_);
    auto copied = copies_.make(file);
    if (copied) return *std::move(copied);
    log_.host.warn("the worker of plugin {} loads {} itself, and what that file is by then when it starts again: {}",
                   name, file, copied.error().text);
    std::error_code failure;
    PluginCopy itself;
    itself.source = std::filesystem::canonical(file, failure).string();
    itself.sha256 = sha256_of_file(itself.source);
    return itself;
}

void Generations::loaded_in_worker(const Plugin& plugin, const std::string& file, PluginCopy copy,
                                   const PluginOptions& configured, std::shared_ptr<WorkerProcess> worker,
                                   OrderFor order) {
    Generation first;
    first.number = 1;
    first.version = plugin.version();
    first.path = absolute_path(file);
    first.file = std::move(copy);
    first.stamp = stamp_of(first.path);
    first.loaded_ns = monotonic_now();
    first.worker = std::move(worker);
    const std::scoped_lock lock(mutex_);
    Line& line = lines_[plugin.name()];
    line.last_number = 1;
    line.configured = configured;
    line.order = std::move(order);
    line.generations = {std::move(first)};
}

PluginLife Generations::life_of(const std::string& plugin) const {
    constexpr std::string_view names[] = {"serving", "draining", "ended", "failed"};
    PluginLife life;
    const std::scoped_lock lock(mutex_);
    const auto line = lines_.find(plugin);
    if (line == lines_.end()) return life;
    life.reloads = line->second.reloads;
    life.last_failure = line->second.last_failure;
    life.isolated = line->second.order != nullptr;
    for (const Generation& each : line->second.generations) {
        GenerationReport report;
        report.number = each.number;
        report.state = names[static_cast<std::size_t>(each.state)];
        report.version = each.version;
        report.file = each.file.source;
        report.copy = each.file.file;
        report.sha256 = each.file.sha256;
        report.loaded_ns = each.loaded_ns;
        report.mapped_bytes = each.mapped_bytes;
        report.why = each.why;
        if (each.state == State::ended) report.why.clear();
        if (each.state == State::draining && each.plugin != nullptr && each.plugin->is_unused())
            report.why = "no object of it is left, but a timer or a task that it waits for";
        report.plugin = each.plugin;
        if (each.state != State::serving) report.link = each.provider;
        life.generations.push_back(std::move(report));
    }
    return life;
}

// ---- requests

void Generations::reload(PluginReload what, std::function<void(PluginReloaded)> done) {
    const auto refuse = [plugin = what.plugin, done](const Error& error) {
        done(PluginReloaded::failed(plugin, error));
    };
    loader_.post({[this, what = std::move(what), done = std::move(done)] { done(reload_now(what)); }, refuse});
}

void Generations::reload_changed(std::function<void(std::vector<PluginReloaded>)> done) {
    if (loader_.is_stopping()) return done({});
    std::vector<PluginReload> changed;
    {
        const std::scoped_lock lock(mutex_);
        for (const auto& [name, line] : lines_) {
            const auto serving = std::find_if(line.generations.begin(), line.generations.end(),
                                              [](const Generation& each) { return each.state == State::serving; });
            if (serving == line.generations.end()) continue;
            const FileStamp stamp = stamp_of(serving->path);
            if (stamp == FileStamp()) {
                log_.host.warn("plugin {} is as it was: {} has gone", name, serving->path);
            } else if (stamp == line.refused_stamp) {
                log_.host.warn("plugin {} is as it was: {}", name, line.last_failure);
            } else if (stamp != serving->stamp) {
                changed.push_back({name});
            }
        }
    }
    if (changed.empty()) return done({});
    const auto refuse = [this, changed, done](const Error& error) {
        std::vector<PluginReloaded> refused;
        for (const PluginReload& each : changed) {
            log_.host.error("plugin {} was not reloaded, and serves on: {}", each.plugin, error.text);
            refused.push_back(PluginReloaded::failed(each.plugin, error));
        }
        done(std::move(refused));
    };
    const auto run = [this, changed, done] {
        std::vector<PluginReloaded> reloaded;
        for (const PluginReload& each : changed) reloaded.push_back(reload_now(each));
        std::erase_if(reloaded, [](const PluginReloaded& each) { return each.status == "unchanged"; });
        done(std::move(reloaded));
    };
    loader_.post({run, refuse});
}

// ---- one reload

PluginReloaded Generations::reload_now(const PluginReload& what) {
    const std::int64_t began_ns = monotonic_now();
    Attempt attempt;
    attempt.what = what;
    Result<PluginReloaded> reloaded;
    try {
        reloaded = loader_.is_stopping() ? tl::unexpected<Error>(is_shutting_down()) : try_reload(attempt);
    } catch (const std::bad_alloc&) {
        reloaded = refuse(Code::overloaded, "there is no memory to reload it");
    } catch (const std::exception& failure) {  // the file system's, among others
        reloaded = refuse(Code::internal, failure.what());
    }
    spdlog::logger& log = log_.host;
    if (!reloaded) {
        log.error("plugin {} was not reloaded{}: {}", what.plugin, attempt.before != nullptr ? ", and serves on" : "",
                  reloaded.error().text);
        const std::scoped_lock lock(mutex_);
        if (const auto line = lines_.find(what.plugin); line != lines_.end()) {
            line->second.last_failure = reloaded.error().text;
            if (attempt.is_judged) line->second.refused_stamp = attempt.stamp;
        }
        return PluginReloaded::failed(what.plugin, reloaded.error());
    }
    reloaded->took_us = us_since(began_ns);
    if (reloaded->status != "reloaded") return *std::move(reloaded);
    log.info(
        "plugin {} {} took the place of {} in {:.1f} ms: generation {}, from {}{}{}", what.plugin, reloaded->version,
        reloaded->before, static_cast<double>(reloaded->took_us) / 1000, reloaded->generation, attempt.copy.source,
        reloaded->objects_moved != 0 ? fmt::format("; {} objects moved", reloaded->objects_moved) : std::string(),
        reloaded->objects_left != 0 ? fmt::format("; {} objects stay on generation {}{}{}{}", reloaded->objects_left,
                                                  attempt.serving.number, reloaded->why_left.empty() ? "" : " (",
                                                  reloaded->why_left, reloaded->why_left.empty() ? "" : ")")
                                    : std::string());
    return *std::move(reloaded);
}

// Whose place it takes, and from which file.
Result<void> Generations::find(Attempt& attempt) {
    const std::string& name = attempt.what.plugin;
    const auto snapshot = server_.registry().snapshot();
    std::vector<std::string_view> known;
    for (Plugin* plugin : snapshot->plugins) {
        known.push_back(plugin->name());
        if (plugin->name() == name) attempt.before = plugin;
    }
    if (attempt.before == nullptr)
        return refuse(Code::no_object, fmt::format("no plugin \"{}\" is loaded{}", name, suggestion(name, known)));
    const std::scoped_lock lock(mutex_);
    const auto line = lines_.find(name);
    if (line == lines_.end())
        return refuse(Code::bad_arguments, fmt::format("\"{}\" is no plugin of this host's, but provided by {}", name,
                                                       attempt.before->file()));
    const auto& all = line->second.generations;
    attempt.serving =
        *std::find_if(all.begin(), all.end(), [](const Generation& each) { return each.state == State::serving; });
    if (attempt.what.file.empty()) attempt.what.file = attempt.serving.path;
    return {};
}

Result<void> Generations::check_room(const Attempt& attempt) const {
    const std::uint64_t max = server_.services().limits().plugin_generations_max;
    const std::scoped_lock lock(mutex_);
    const Line& line = lines_.find(attempt.what.plugin)->second;
    const std::uint64_t there = line.generations.size();
    if (there < max) return {};
    if (line.order != nullptr)
        return refuse(Code::limit,
                      fmt::format("{} worker processes of plugin {} are there (plugin_generations), as objects of "
                                  "theirs are held: release those (soho plugin list says who holds them)",
                                  there, attempt.what.plugin));
    std::uint64_t bytes = 0;
    for (const Generation& each : line.generations) bytes += each.mapped_bytes;
    return refuse(Code::limit,
                  fmt::format("{} generations of plugin {} are in memory, {:.1f} MiB (plugin_generations), where "
                              "code is never unmapped: restart the host, raise the limit, or have the plugin in "
                              "a worker, whose memory goes with it (isolation = \"worker\")",
                              there, attempt.what.plugin, static_cast<double>(bytes) / (1 << 20)));
}

Result<PluginReloaded> Generations::try_reload(Attempt& attempt) {
    if (auto found = find(attempt); !found) return tl::unexpected<Error>(found.error());
    const std::string name = attempt.what.plugin;
    attempt.stamp = stamp_of(attempt.what.file);
    auto copied = [&] {
        const std::scoped_lock lock(copies_mutex_);
        return copies_.make(attempt.what.file);
    }();
    if (!copied) return tl::unexpected<Error>(copied.error());
    attempt.copy = *std::move(copied);
    const auto refused = [&](const Error& error) -> tl::unexpected<Error> {
        PluginCopies::remove(attempt.copy);
        return tl::unexpected<Error>(error);
    };
    if (attempt.copy.note.name != name)
        return refused(Error(Code::bad_arguments, fmt::format("{} is the plugin \"{}\", not \"{}\"",
                                                              attempt.copy.source, attempt.copy.note.name, name)));
    PluginReloaded reloaded{name, "reloaded"};
    reloaded.before = reloaded.version = attempt.before->version();
    reloaded.generation = attempt.serving.number;
    if (attempt.copy.sha256 == attempt.serving.file.sha256 && !attempt.what.force) {
        PluginCopies::remove(attempt.copy);
        if (attempt.serving.worker != nullptr) supervisor_.wake(name);
        const std::scoped_lock lock(mutex_);
        for (Generation& each : lines_.find(name)->second.generations) {
            if (each.state == State::serving && each.path == absolute_path(attempt.what.file))
                each.stamp = attempt.stamp;
        }
        reloaded.status = "unchanged";
        return reloaded;
    }
    if (auto room = check_room(attempt); !room) return refused(room.error());
    attempt.is_judged = true;
    const bool isolated = attempt.serving.worker != nullptr;
    auto added = isolated ? load_in_worker(attempt) : load_here(attempt);
    if (!added) return tl::unexpected<Error>(added.error());

    publish_new(**added);
    reloaded.version = (*added)->version();
    reloaded.objects_moved = attempt.moves.moved;
    reloaded.why_left = isolated ? "objects of a plugin in a worker do not move" : why_stayed(attempt.moves);
    reloaded.longest_pause_us = static_cast<std::uint64_t>(attempt.moves.longest_ns / 1000);
    const std::scoped_lock lock(mutex_);
    Line& line = lines_.find(name)->second;
    reloaded.generation = line.last_number;
    const auto before = std::find_if(line.generations.begin(), line.generations.end(),
                                     [&](const Generation& each) { return each.number == attempt.serving.number; });
    for (const ObjectPtr& object : server_.services().objects.all()) {
        const bool there = isolated ? before->provider != nullptr && before->provider->has(*object)
                                    : object->type().plugin == attempt.before;
        reloaded.objects_left += there;
    }
    if (reloaded.objects_left == 0) reloaded.why_left.clear();
    return reloaded;
}

Generations::Generation Generations::made(const Attempt& attempt) const {
    Generation made;
    made.path = absolute_path(attempt.what.file);
    made.file = attempt.copy;
    made.stamp = attempt.stamp;
    made.version = attempt.copy.note.version;
    made.loaded_ns = monotonic_now();
    return made;
}

Result<void> Generations::approve(const Attempt& attempt, const Plugin& added) const {
    const auto different = incompatibilities(*attempt.before, added);
    if (different.empty() || attempt.what.force) return {};
    return refuse(
        Code::bad_arguments,
        fmt::format("{}: clients of version {} may fail with it: {}; reload it with --force all the same, or keep "
                    "what they call",
                    attempt.copy.source, attempt.before->version(), fmt::join(different, "; ")));
}

Result<Plugin*> Generations::load_here(Attempt& attempt) {
    // A crash report can name a plugin that is there.
    const ActivityMark mark(nullptr, *attempt.before, "the load of its next version");
    std::optional<Loader::Step> step(std::in_place, loader_, attempt.what.plugin, "opening of its file");
    auto library = open_library(attempt.copy);
    step.reset();
    if (!library) {
        PluginCopies::remove(attempt.copy);
        return tl::unexpected<Error>(library.error());
    }
    Generation next = made(attempt);
    next.mapped_bytes = library->mapped_bytes;
    auto added = replace_here(attempt, *std::move(library));
    if (added) warn_of_unread_settings(**added, log_);
    const std::scoped_lock lock(mutex_);
    Line& line = lines_.find(attempt.what.plugin)->second;
    next.number = ++line.last_number;
    if (!added) {
        next.state = State::failed;
        next.why = added.error().text;
        line.generations.push_back(std::move(next));
        return added;
    }
    for (Generation& each : line.generations) {
        if (const auto left = attempt.still_left.find(each.plugin); left != attempt.still_left.end())
            each.why = left->second;
        if (each.state != State::serving) continue;
        each.state = State::draining;
        each.why = why_stayed(attempt.moves);
    }
    next.plugin = *added;
    next.moved = attempt.moves.moved;
    line.generations.push_back(std::move(next));
    line.last_failure.clear();
    ++line.reloads;
    return added;
}

namespace {

// Objects of a plugin are being moved for as long as this lives.
class Moving {
public:
    explicit Moving(Plugin& plugin) : plugin_(plugin) { plugin_.set_moving(true); }
    Moving(const Moving&) = delete;
    Moving& operator=(const Moving&) = delete;
    ~Moving() { plugin_.set_moving(false); }

private:
    Plugin& plugin_;
};

}  // namespace

// In the order that matters: creates wait before the new types are there, and until all that can move has, so that what the old version
// shares with everybody is loaded before anybody gets it of the new one.
Result<Plugin*> Generations::replace_here(Attempt& attempt, Library library) {
    Services& services = server_.services();
    Plugin& before = *attempt.before;
    std::optional<Moving> moving;
    std::optional<CreatesPaused> paused;
    std::int64_t until_ns = 0;
    constexpr std::string_view end_of_refused = "the end of the version that was refused";
    std::optional<Loader::Step> step(std::in_place, loader_, attempt.what.plugin, "its load()");
    const auto approved = [&](Plugin& added) -> Result<void> {
        step.emplace(loader_, attempt.what.plugin, end_of_refused);
        if (auto fits = approve(attempt, added); !fits) return fits;
        step.emplace(loader_, attempt.what.plugin, "its self-test");
        auto tested = added.self_test();
        step.emplace(loader_, attempt.what.plugin, end_of_refused);
        if (!tested)
            return refuse(tested.error().code, fmt::format("{}: {}", attempt.copy.source, tested.error().text));
        services.objects.inherit_turns(before, added, *services.home);
        const std::uint64_t move_ms = services.limits().plugin_move_ms;
        if (move_ms == 0) return {};
        if (const auto why = why_none_moves(before, added)) {
            attempt.moves.why[why->empty() ? "none of its types offers state" : *why] = 0;
            return {};
        }
        until_ns = monotonic_now() + static_cast<std::int64_t>(move_ms) * 1'000'000;
        step.emplace(loader_, attempt.what.plugin, end_of_refused, until_ns);
        moving.emplace(before);
        paused.emplace(services.objects, before, *services.home, until_ns);
        return {};
    };
    auto added = server_.registry().replace(before, std::move(library), approved);
    step.reset();
    if (added && paused && *paused) {
        step.emplace(loader_, attempt.what.plugin, "a load or save of an object's state", until_ns);
        const StateLimits limits{services.limits().frame_bytes_max, services.limits().depth_max};
        attempt.moves = move_objects(services.objects, before, **added, limits, until_ns);
        for (Plugin* const older : draining(attempt)) {
            if (older->pending_creates.load(std::memory_order_acquire) != 0) {  // none begins any more
                attempt.still_left[older] = "what a pending create of it gives may be there already";
                continue;
            }
            const Moving moving_older(*older);
            const Moves moves = move_objects(services.objects, *older, **added, limits, until_ns);
            attempt.moves.moved += moves.moved;
            attempt.moves.longest_ns = std::max(attempt.moves.longest_ns, moves.longest_ns);
            attempt.still_left[older] = why_stayed(moves);
        }
    } else if (added && paused) {
        attempt.moves.why["creates of it took too long to be waited for (plugin_move_ms)"] = 0;
    }
    return added;
}

// What could not move before, of versions that others have replaced.
std::vector<Plugin*> Generations::draining(const Attempt& attempt) const {
    std::vector<Plugin*> plugins;
    const std::scoped_lock lock(mutex_);
    for (const Generation& each : lines_.find(attempt.what.plugin)->second.generations) {
        if (each.state == State::draining && each.plugin != nullptr) plugins.push_back(each.plugin);
    }
    return plugins;
}

Result<Plugin*> Generations::load_in_worker(const Attempt& attempt) {
    const std::string& name = attempt.what.plugin;
    PluginOptions configured;
    OrderOf order;
    {
        const std::scoped_lock lock(mutex_);
        const Line& line = lines_.find(name)->second;
        configured = line.configured;
        order = [order_for = line.order, copy = attempt.copy] { return order_for(copy.file, copy.source, true); };
    }
    auto started = supervisor_.add(name, attempt.copy.source, configured.worker, configured.confinement, order, true);
    if (!started) {
        Error error = started.error();
        error.text = about_source(std::move(error.text), attempt.copy);
        PluginCopies::remove(attempt.copy);
        return tl::unexpected<Error>(std::move(error));
    }
    Plugin& added = started->provider->offer().plugin();
    const auto refused = [&](const Error& error) -> tl::unexpected<Error> {
        started->worker->retire();
        PluginCopies::remove(attempt.copy);
        return tl::unexpected<Error>(error);
    };
    if (auto fits = approve(attempt, added); !fits) return refused(fits.error());
    started->worker->take_place();
    auto before = server_.services().offers->replace(*started->provider, server_.registry());
    if (!before) return refused(before.error());
    Generation next = made(attempt);
    next.worker = started->worker;
    const std::scoped_lock lock(mutex_);
    Line& line = lines_.find(name)->second;
    next.number = ++line.last_number;
    for (Generation& each : line.generations) {
        if (each.state != State::serving) continue;
        each.state = State::draining;
        each.provider = *before;
        each.worker->be_replaced();
    }
    line.generations.push_back(std::move(next));
    line.last_failure.clear();
    ++line.reloads;
    return &added;
}

// Names that stand for something already keep it.
void Generations::publish_new(const Plugin& added) {
    for (const auto& publication : added.publications()) {
        if (server_.is_published(publication.name)) continue;
        static_cast<void>(
            server_.publish(publication.type, publication.name, publication.args, "plugin:" + added.name()));
    }
}

// ---- the end of those before

// True: it has come to its end. Runs the plugin's code.
bool Generations::settle(Generation& generation) {
    if (generation.worker != nullptr) {
        const auto& provider = generation.provider;
        const bool died = provider != nullptr && provider->has_gone();
        // What is retired is not missed: one that dies must have said what was lost.
        if (died && !generation.worker->has_ended()) return false;
        const bool idles = provider != nullptr && !died;
        if (idles && !server_.services().offers->retire_if_idle(*provider)) return false;
        generation.worker->retire();
        // What died may have left a core dump, to be looked at with its code.
        if (idles) PluginCopies::remove(generation.file);
        return true;
    }
    Plugin& plugin = *generation.plugin;
    if (!plugin.is_unused()) return false;
    const Loader::Step ending(loader_, plugin.name(), fmt::format("the end of generation {}", generation.number));
    plugin.stop();
    cancel_timers(server_.services(), plugin);
    // What its threads began before they ended may be there still.
    if (plugin.has_users() || !plugin.is_unused()) return false;
    plugin.retire();
    return true;
}

// True: there is more that may come to its end.
bool Generations::settle() {
    std::vector<std::pair<std::string, Generation>> draining;
    {
        const std::scoped_lock lock(mutex_);
        for (const auto& [name, line] : lines_) {
            for (const Generation& each : line.generations) {
                if (each.state == State::draining) draining.emplace_back(name, each);
            }
        }
    }
    std::size_t left = draining.size();
    for (auto& [name, generation] : draining) {
        if (!settle(generation)) continue;
        --left;
        log_.host.info("generation {} of plugin {} ({}) has ended: nothing of it is used any more", generation.number,
                       name, generation.version);
        const std::scoped_lock lock(mutex_);
        auto& all = lines_.find(name)->second.generations;
        const auto ended =
            std::find_if(all.begin(), all.end(),
                         [&, number = generation.number](const Generation& each) { return each.number == number; });
        // A worker's memory has gone with it.
        if (ended->worker != nullptr) {
            all.erase(ended);
        } else {
            ended->state = State::ended;
        }
    }
    return left != 0;
}

}  // namespace soho::host
