#include "host/registry/registry.hpp"

#include "host/registry/suggest.hpp"
#include "host/registry/trust.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <filesystem>
#include <utility>

namespace soho::host {

const TypePtr* Snapshot::find(std::string_view type_id) const {
    const auto found = types.find(type_id);
    return found == types.end() ? nullptr : &found->second;
}

Error Snapshot::no_type(std::string_view type_id, const std::function<bool(const Type&)>& may_know) const {
    std::vector<std::string_view> known;
    for (const auto& [name, type] : types) {
        if (!may_know || may_know(*type)) known.push_back(name);
    }
    return Error(Code::no_type, fmt::format("no type \"{}\"{}", type_id, suggestion(type_id, known)));
}

std::shared_ptr<const Snapshot> Registry::snapshot() const {
    const std::scoped_lock lock(mutex_);
    return current_;
}

void Registry::change(const std::function<void(Snapshot&)>& edit) {
    const std::scoped_lock changing(changing_);
    swap_in(edit);
}

// With changing_ held.
void Registry::swap_in(const std::function<void(Snapshot&)>& edit) {
    auto next = std::make_shared<Snapshot>(*snapshot());
    ++next->generation;
    edit(*next);
    const std::scoped_lock lock(mutex_);
    current_ = std::move(next);
}

void Registry::refused(const std::string& file, const Error& why) {
    const std::scoped_lock changing(changing_);
    record(file, tl::unexpected<Error>(why));
}

Result<Plugin*> Registry::provide(Note note, std::string source, std::vector<std::unique_ptr<PendingType>> types,
                                  const std::vector<Plugin::PendingPublication>& publications) {
    const std::scoped_lock changing(changing_);
    auto provided =
        Plugin::provide(std::move(note), std::move(source), std::move(types), host_, ++loads_, publications);
    if (!provided) return tl::unexpected<Error>(provided.error());
    number_callees(**provided);
    return plugins_.emplace_back(*std::move(provided)).get();
}

Result<void> Registry::enter(Plugin& plugin) {
    const std::scoped_lock changing(changing_);
    if (auto free = check_free(plugin); !free) return free;
    plugin.set_successor(nullptr);
    plugin.has_served = true;
    swap_in([&](Snapshot& next) {
        next.plugins.push_back(&plugin);
        for (const auto& type : plugin.types()) next.types.emplace(type->type_id, type);
    });
    return {};
}

void Registry::withdraw(const Plugin& plugin) {
    const std::scoped_lock changing(changing_);
    swap_in([&](Snapshot& next) {
        std::erase(next.plugins, &plugin);
        std::erase_if(next.types, [&](const auto& entry) { return entry.second->plugin == &plugin; });
    });
}

Result<Plugin*> Registry::load(const std::string& path, const PluginOptions& options) {
    auto library = open_library(path);
    if (library) return load(*std::move(library), options);
    refused(path, library.error());
    return tl::unexpected<Error>(library.error());
}

Result<Plugin*> Registry::load(Library library, const PluginOptions& options) {
    const std::scoped_lock changing(changing_);
    const std::string file = library.file;
    const auto loaded = try_load(std::move(library), options);
    record(file, loaded);
    return loaded;
}

// Before anybody can call them. What `like` has, too, goes on under the numbers that it has there: its calls are counted on.
void Registry::number_callees(const Plugin& plugin, const Plugin* like) {
    for (const auto& type : plugin.types()) {
        const TypePtr known = like != nullptr ? like->find_local(type->local_id) : nullptr;
        type->create_number = known != nullptr ? known->create_number : callees_++;
        for (const Method& method : type->methods) {
            const Method* const same = known != nullptr ? known->find_registered(method.name) : nullptr;
            method.number = same != nullptr ? same->number : callees_++;
        }
    }
}

Result<Plugin*> Registry::replace(Plugin& before, Library library, const Approval& approve) {
    std::uint64_t generation = 0;
    {
        const std::scoped_lock changing(changing_);
        generation = ++loads_;
    }
    std::vector<std::unique_ptr<Plugin>> kept;
    auto loaded = Plugin::load(std::move(library), before.options(), host_, generation, kept);
    if (loaded) {
        if (auto approved = approve(**loaded); !approved) loaded = tl::unexpected<Error>(approved.error());
    }
    Plugin& added = *kept.front();
    {
        const std::scoped_lock changing(changing_);
        plugins_.push_back(std::move(kept.front()));
        if (loaded) {
            if (auto taken = take_place(before, added); !taken) loaded = tl::unexpected<Error>(taken.error());
        }
    }
    if (!loaded) added.discard();
    return loaded;
}

Result<void> Registry::replace(Plugin& before, Plugin& added) {
    const std::scoped_lock changing(changing_);
    return take_place(before, added);
}

// With changing_ held.
Result<void> Registry::take_place(Plugin& before, Plugin& added) {
    if (closed_) return refuse(Code::not_started, "the host is shutting down");
    if (auto free = check_free(added, &before); !free) return free;
    // Unless it is an offer that is there again, and has objects that are called.
    if (!std::exchange(added.has_served, true)) number_callees(added, &before);
    added.set_successor(nullptr);
    before.set_successor(&added);
    swap_in([&](Snapshot& next) {
        const auto at = std::find(next.plugins.begin(), next.plugins.end(), &before);
        at != next.plugins.end() ? void(*at = &added) : next.plugins.push_back(&added);
        std::erase_if(next.types, [&](const auto& entry) { return entry.second->plugin == &before; });
        for (const auto& type : added.types()) next.types.emplace(type->type_id, type);
    });
    return {};
}

std::vector<Plugin*> Registry::close() {
    const std::scoped_lock changing(changing_);
    closed_ = true;
    std::vector<Plugin*> loaded;
    for (const auto& plugin : plugins_) {
        if (plugin->is_loaded()) loaded.push_back(plugin.get());
    }
    return loaded;
}

void Registry::record(const std::string& file, const Result<Plugin*>& loaded) {
    if (loaded) {
        number_callees(**loaded);
        (*loaded)->has_served = true;
    }
    swap_in([&](Snapshot& next) {
        if (!loaded) {
            next.refused.push_back({file, loaded.error().text});
            return;
        }
        next.plugins.push_back(*loaded);
        for (const auto& type : (*loaded)->types()) next.types.emplace(type->type_id, type);
    });
}

Result<Plugin*> Registry::try_load(Library library, const PluginOptions& options) {
    auto loaded = Plugin::load(std::move(library), options, host_, ++loads_, plugins_);
    if (!loaded) return loaded;
    Plugin& added = **loaded;

    if (auto free = check_free(added); !free) {
        added.discard();
        return refuse(free.error().code, fmt::format("{}: {}", added.file(), free.error().text));
    }
    return &added;
}

Result<void> Registry::check_free(const Plugin& added, const Plugin* instead_of) const {
    const auto current = snapshot();
    for (const Plugin* other : current->plugins) {
        if (other != instead_of && other->name() == added.name() && added.is_provided())
            return refuse(Code::exists,
                          fmt::format("a plugin or provider named \"{}\" is there already, from {}: offer "
                                      "under another name",
                                      added.name(), other->file()));
        if (other != instead_of && other->name() == added.name())
            return refuse(Code::exists, fmt::format("a plugin named \"{}\" is loaded already, from {}: rename one",
                                                    added.name(), other->file()));
    }
    for (const auto& type : added.types()) {
        if (const TypePtr* taken = current->find(type->type_id); taken != nullptr && (*taken)->plugin != instead_of) {
            return refuse(Code::exists, fmt::format("typeid \"{}\" is taken by plugin {} ({}): rename it, or give one "
                                                    "of them a prefix in the config",
                                                    type->type_id, (*taken)->plugin->name(), (*taken)->plugin->file()));
        }
    }
    return {};
}

Result<std::vector<std::string>> plugin_files(const std::string& folder) {
    std::error_code failure;
    const auto canonical = std::filesystem::canonical(folder, failure);
    std::filesystem::directory_iterator entries(failure ? std::filesystem::path(folder) : canonical, failure);
    if (failure) return refuse(Code::bad_arguments, fmt::format("plugin folder {}: {}", folder, failure.message()));
    if (auto trusted = check_trusted_folder(canonical.string()); !trusted)
        return tl::unexpected<Error>(trusted.error());
    std::vector<std::string> files;
    for (const auto& entry : entries) {
        if (entry.path().extension() == ".so") files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace soho::host
