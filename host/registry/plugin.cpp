#include "host/registry/plugin.hpp"

#include "host/registry/suggest.hpp"

#include <soho/wire/frame.hpp>
#include <soho/wire/message.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cstddef>
#include <cstring>

namespace soho::host {

namespace {

tl::unexpected<Error> bad(std::string why) { return refuse(Code::bad_arguments, std::move(why)); }

// What a plugin's functions do must not reach us as an exception, even if it was built without the SDK.
template <class Call>
Result<void> fenced(const char* function, Call call) {
    try {
        call();
        return {};
    } catch (const std::exception& failure) {
        return bad(fmt::format("its {}() threw: {}", function, failure.what()));
    } catch (...) {
        return bad(fmt::format("its {}() threw something that is no std::exception", function));
    }
}

}  // namespace

// What arrives while `load` runs.
class Plugin::Registration {
public:
    Registration() {
        table_ = {sizeof(soho_registrar), 0, this, &Registration::add_type, &Registration::publish,
                  &Registration::refuse};
    }

    const soho_registrar* table() const { return &table_; }
    const std::string& reason() const { return reason_; }
    std::vector<std::unique_ptr<PendingType>> take_types() { return std::move(types_); }

    const std::vector<PendingPublication>& publications() const { return publications_; }

private:
    static Registration& of(const soho_registrar* registrar) { return *static_cast<Registration*>(registrar->self); }

    int keep_reason(std::string why) {
        if (reason_.empty()) reason_ = std::move(why);
        return 1;
    }

    static int add_type(const soho_registrar* registrar, const soho_type* given) {
        Registration& self = of(registrar);
        auto type = copy_type(*given);
        if (!type) return self.keep_reason(type.error().text);
        const auto same = [&](const auto& other) { return other->type.local_id == (*type)->type.local_id; };
        if (std::any_of(self.types_.begin(), self.types_.end(), same)) {
            return self.keep_reason(fmt::format("typeid \"{}\" is registered twice", (*type)->type.local_id));
        }
        self.types_.push_back(*std::move(type));
        return 0;
    }

    static int publish(const soho_registrar* registrar, soho_text name, soho_text type_id, soho_bytes args) {
        Registration& self = of(registrar);
        if (const char* why = wire::name_mismatch(text_of(name)))
            return self.keep_reason(fmt::format("published name \"{}\": {}", text_of(name), why));
        std::string packed = args.size == 0
                                 ? std::string(1, '\x90')
                                 : std::string(data::as_text({args.data, static_cast<std::size_t>(args.size)}));
        const auto value = wire::check_value(data::as_bytes(packed), {});
        data::Token token;
        if (!value || !data::Reader(value->bytes).next(token) || token.kind != data::Kind::array) {
            return self.keep_reason(
                fmt::format("the arguments for published name \"{}\" are no MessagePack array", text_of(name)));
        }
        self.publications_.push_back({std::string(text_of(name)), std::string(text_of(type_id)), std::move(packed)});
        return 0;
    }

    static void refuse(const soho_registrar* registrar, soho_text reason) {
        of(registrar).keep_reason(std::string(text_of(reason)));
    }

    soho_registrar table_;
    std::vector<std::unique_ptr<PendingType>> types_;
    std::vector<PendingPublication> publications_;
    std::string reason_;
};

Plugin::Plugin(Library library, PluginOptions options, const HostTable& host, std::uint64_t generation)
    : library_(std::move(library)),
      options_(std::move(options)),
      table_(host.functions),
      services_(host.services),
      generation_(generation) {
    table_.self = this;
}

Result<Plugin*> Plugin::load(Library library, const PluginOptions& options, const HostTable& host,
                             std::uint64_t generation, std::vector<std::unique_ptr<Plugin>>& kept) {
    kept.emplace_back(new Plugin(std::move(library), options, host, generation));
    Plugin& plugin = *kept.back();
    auto loaded = plugin.enter();
    if (loaded) loaded = plugin.run_load();
    if (!loaded) {
        plugin.discard();
        return bad(fmt::format("{}: {}", plugin.file(), loaded.error().text));
    }
    return &plugin;
}

Result<void> Plugin::enter() {
    const soho_plugin* table = nullptr;
    if (auto done = fenced("soho_plugin_entry", [&] { table = library_.entry(SOHO_ABI); }); !done) return done;
    if (table == nullptr)
        return bad(fmt::format("its soho_plugin_entry() has no table for ABI {}, which this host speaks: rebuild it",
                               SOHO_ABI));
    if (table->size < offsetof(soho_plugin, stop))
        return bad(fmt::format("its table says its size is {} bytes, ABI {} has {}", table->size, SOHO_ABI,
                               sizeof(soho_plugin)));
    std::memcpy(&functions_, table, std::min<std::size_t>(table->size, sizeof functions_));
    if (functions_.abi != SOHO_ABI) {
        return bad(fmt::format("its table is for ABI {}, this host speaks ABI {}: rebuild it with an SDK for ABI {}",
                               functions_.abi, SOHO_ABI, SOHO_ABI));
    }
    const auto check_text = [](const char* field, std::string_view table_says,
                               const std::string& note_says) -> Result<void> {
        if (table_says == note_says) return {};
        return bad(
            fmt::format("its table says {} \"{}\", its note \"{}\": give both the same", field, table_says, note_says));
    };
    if (auto same = check_text("name", text_of(functions_.name), library_.note.name); !same) return same;
    if (auto same = check_text("version", text_of(functions_.version), library_.note.version); !same) return same;
    if (const char* why = wire::name_mismatch(name())) return bad(fmt::format("its name \"{}\": {}", name(), why));
    if (functions_.load == nullptr) return bad("its table has no load()");
    return {};
}

Result<void> Plugin::run_load() {
    Registration registration;
    int status = 0;
    if (auto done = fenced("load", [&] { status = functions_.load(&table_, registration.table(), &state_); }); !done)
        return done;
    loaded_ = status == 0;
    if (!registration.reason().empty()) return bad(registration.reason());
    if (status != 0) return bad(fmt::format("its load() returned {} without a reason", status));
    return adopt(registration);
}

Result<std::unique_ptr<Plugin>> Plugin::provide(Note note, std::string source,
                                                std::vector<std::unique_ptr<PendingType>> types, const HostTable& host,
                                                std::uint64_t generation,
                                                const std::vector<PendingPublication>& publications) {
    if (const char* why = wire::name_mismatch(note.name))
        return bad(fmt::format("the provider's name \"{}\": {}", note.name, why));
    for (std::size_t i = 0; i < types.size(); ++i) {
        const auto same = [&](const auto& other) { return other->type.local_id == types[i]->type.local_id; };
        if (std::any_of(types.begin(), types.begin() + static_cast<std::ptrdiff_t>(i), same))
            return bad(fmt::format("typeid \"{}\" is offered twice", types[i]->type.local_id));
    }
    std::unique_ptr<Plugin> plugin(
        new Plugin({source, std::move(source), {}, std::move(note)}, PluginOptions(), host, generation));
    if (auto adopted = plugin->adopt(std::move(types)); !adopted) return tl::unexpected<Error>(adopted.error());
    if (auto adopted = plugin->adopt(publications); !adopted) return tl::unexpected<Error>(adopted.error());
    return plugin;
}

Result<void> Plugin::adopt(std::vector<std::unique_ptr<PendingType>> pending) {
    for (const auto& type : pending) {
        type->type.plugin = this;
        type->type.generation = generation_;
        type->type.type_id = options_.prefix + type->type.local_id;
    }
    auto types = link_types(std::move(pending));
    if (!types) return tl::unexpected<Error>(types.error());
    types_ = *std::move(types);
    return {};
}

Result<void> Plugin::adopt(Registration& registration) {
    auto types = registration.take_types();
    if (auto added = add_state(types); !added) return added;
    if (auto adopted = adopt(std::move(types)); !adopted) return adopted;
    return adopt(registration.publications());
}

Result<void> Plugin::add_state(const std::vector<std::unique_ptr<PendingType>>& types) {
    if (functions_.get_extension == nullptr) return {};
    const void* table = nullptr;
    if (auto done = fenced("get_extension", [&] { table = functions_.get_extension(state_, to_abi(SOHO_STATE)); });
        !done)
        return done;
    return table == nullptr ? Result<void>() : host::add_state(*static_cast<const soho_state*>(table), types);
}

Result<void> Plugin::adopt(const std::vector<PendingPublication>& publications) {
    for (const auto& publication : publications) {
        TypePtr type = find_local(publication.type_id);
        if (type == nullptr || type->create == nullptr) {
            std::vector<std::string_view> known;
            for (const auto& t : types_) known.push_back(t->local_id);
            return bad(fmt::format("it publishes \"{}\" as a \"{}\", {}{}", publication.name, publication.type_id,
                                   type == nullptr ? "which it does not register" : "which has no callable",
                                   type == nullptr ? suggestion(publication.type_id, known) : std::string()));
        }
        publications_.push_back({publication.name, type, publication.args});
    }
    return {};
}

TypePtr Plugin::find_local(std::string_view local_id) const {
    for (const auto& type : types_) {
        if (type->local_id == local_id) return type;
    }
    return nullptr;
}

Result<void> Plugin::self_test() {
    if (functions_.get_extension == nullptr) return {};
    const soho_self_test* test = nullptr;
    auto done = fenced("get_extension", [&] {
        test = static_cast<const soho_self_test*>(functions_.get_extension(state_, to_abi(SOHO_SELF_TEST)));
    });
    if (!done || test == nullptr) return done;
    if (test->size < offsetof(soho_self_test, run) + sizeof test->run || test->run == nullptr)
        return bad(fmt::format("what it offers as {} has no run()", SOHO_SELF_TEST));
    std::string reason;
    const auto keep = [](void* context, soho_text why) { *static_cast<std::string*>(context) = text_of(why); };
    int status = 0;
    done = fenced("self_test", [&] { status = test->run(state_, &reason, keep); });
    if (!done || status == 0) return done;
    return bad(fmt::format("its self-test failed: {}", reason.empty() ? "it does not say why" : reason));
}

namespace {

// What others did before they let go of it has happened once this has returned: to look at the count is not enough for that.
template <class T>
void see_what_others_did(std::shared_ptr<T> counted) {
    counted.reset();
}

}  // namespace

bool Plugin::is_unused() const {
    if (types_.empty()) return true;
    // They share one block.
    if (types_.front().use_count() != static_cast<long>(types_.size() + publications_.size())) return false;
    see_what_others_did(types_.front());
    return true;
}

bool Plugin::has_users() const {
    if (in_use_.use_count() > 1) return true;
    see_what_others_did(in_use_);
    return false;
}

void Plugin::stop() {
    if (std::exchange(stopped_, true)) return;
    if (functions_.stop != nullptr) static_cast<void>(fenced("stop", [&] { functions_.stop(state_); }));
}

void Plugin::unload() {
    publications_.clear();
    types_.clear();
    retire();
}

void Plugin::retire() {
    const bool due = is_provided() || std::exchange(loaded_, false);
    if (due && functions_.unload != nullptr) static_cast<void>(fenced("unload", [&] { functions_.unload(state_); }));
}

TypePtr current(const TypePtr& type) {
    TypePtr now = type;
    while (now != nullptr && now->plugin->successor() != nullptr)
        now = now->plugin->successor()->find_local(now->local_id);
    return now;
}

void Plugin::discard() {
    if (!loaded_) return;
    stop();
    retire();
}

}  // namespace soho::host
