// The part of Prober that saves objects and loads them again, as a reload of the plugin does.
#include "host/tool/prober.hpp"

#include <soho/data/value.hpp>

#include <fmt/format.h>
#include <algorithm>

namespace soho::host::tool {

namespace {

constexpr int round_trips = 12, changes_before_each = 4, broken_states = 20;
constexpr std::size_t shown_max = 100;

// The next value, with the pairs of maps in an order of their own: theirs means nothing.
void append_canonical(data::Reader& in, std::string& out) {
    const std::uint8_t* const from = in.rest().data();
    data::Token token;
    in.next(token);  // the value was checked
    out += data::as_text({from, in.rest().data()});
    const bool is_map = token.kind == data::Kind::map;
    if (!is_map && token.kind != data::Kind::array) return;
    std::vector<std::string> elements(token.size);
    for (std::string& element : elements) {
        append_canonical(in, element);
        if (is_map) append_canonical(in, element);
    }
    if (is_map) std::sort(elements.begin(), elements.end());
    for (const std::string& element : elements) out += element;
}

bool same(const SavedState& a, const SavedState& b) {
    const auto canonical = [](const SavedState& state) {
        std::string text;
        data::Reader in(state.bytes.bytes());
        append_canonical(in, text);
        return text;
    };
    return a.version == b.version && canonical(a) == canonical(b);
}

// For a sentence; of two that differ, from a little before the place where they do.
std::string shown(const SavedState& state, const SavedState& other) {
    const auto text_of_state = [](const SavedState& one) { return data::decode<Value>(one.bytes.bytes()).to_text(); };
    const std::string text = text_of_state(state), than = text_of_state(other);
    const auto differs = std::mismatch(text.begin(), text.end(), than.begin(), than.end()).first;
    const auto at = static_cast<std::size_t>(differs - text.begin());
    const std::size_t from = text.size() <= shown_max || at < shown_max / 2 ? 0 : at - shown_max / 2;
    const std::string part = text.substr(from, shown_max);
    return (from != 0 ? "…" : "") + part + (from + part.size() != text.size() ? "…" : "");
}

}  // namespace

Result<SavedState> Prober::save(const ObjectPtr& object) {
    board_.beat();
    Result<SavedState> saved = refuse(Code::internal, "");
    const auto run = [&](Activity* activity) { saved = save_state(stage_->objects(), *object, {}, activity); };
    if (stage_->run_in_turn(object->type(), object->turn_ptr(), run, options_.patience)) return saved;
    find("hang", fmt::format("its save did not return within {} ms", options_.patience.count()));
    leave_stuck();
}

Result<ObjectPtr> Prober::load(const TypePtr& type, const SavedState& state, std::uint64_t id) {
    board_.beat();
    Result<soho_instance> made = refuse(Code::internal, "");
    const auto run = [&](Activity* activity) { made = load_state(*type, state, id, activity); };
    if (!stage_->run_in_turn(*type, stage_->factory_turn(*type), run, options_.patience)) {
        find("hang", fmt::format("its load did not return within {} ms", options_.patience.count()));
        leave_stuck();
    }
    if (!made) return tl::unexpected<Error>(made.error());
    auto adopted = stage_->adopt(type, *made);
    if (adopted) keep_if_its_end_is_dangerous(*adopted);
    return adopted;
}

// Objects that are as they were made, and such as some methods were called on.
void Prober::try_state(const TypePtr& type) {
    at(place_of_state(*type), "looked at");
    if (is_dangerous(where_)) return;
    std::optional<SavedState> state;
    for (int i = 0; i < round_trips; ++i) {
        ObjectPtr object = obtain(type);
        if (object == nullptr) return;
        for (int change = 0; change < i % 3 * changes_before_each; ++change) {
            call_something(object);
            at(place_of_state(*type), "");
        }
        stage_->settle(options_.patience);
        if (object->calls != 0) continue;  // a reply is pending: a host would leave it where it is
        board_.doing("saved and loaded");
        if (!try_round_trip(object)) return;
        if (auto saved = save(object)) state = *std::move(saved);
        let_go(object);
    }
    if (state) try_broken_state(type, *state);
}

// False: something was found.
bool Prober::try_round_trip(const ObjectPtr& object) {
    const auto fail = [&](const std::string& what) {
        find("state", what);
        return false;
    };
    const auto saved = save(object), again = save(object);
    if (!saved) return fail(saved.error().text);
    if (!again) return fail(fmt::format("saved a second time, {}", again.error().text));
    if (!same(*saved, *again))
        return fail(fmt::format("saved twice, its state is first {} and then {}", shown(*saved, *again),
                                shown(*again, *saved)));
    ObjectPtr other;
    if (auto loaded = load(object->type_ptr(), *saved, object->id())) {
        other = *std::move(loaded);
    } else {
        return fail(fmt::format("{}; the state was {}", loaded.error().text, shown(*saved, *saved)));
    }
    const auto back = save(other);
    if (!back) return fail(fmt::format("loaded and saved again, {}", back.error().text));
    if (!same(*saved, *back))
        return fail(fmt::format("its state is {}, and that of what is made of it {}", shown(*saved, *back),
                                shown(*back, *saved)));
    const auto after = save(object);
    if (after && other->identity() != object->identity() && !same(*saved, *after))
        return fail(fmt::format("loading its state has changed it from {} to {}", shown(*saved, *after),
                                shown(*after, *saved)));
    for (int i = 0; i < changes_before_each; ++i) call_something(other);
    at(place_of_state(object->type()), "after what was made of it was used");
    let_go(other);
    return true;
}

// What no version of the plugin wrote, or one that there is not yet: refused or taken, but nothing worse.
void Prober::try_broken_state(const TypePtr& type, const SavedState& state) {
    for (int i = 0; i < broken_states; ++i) {
        SavedState broken;
        broken.version = i % 4 == 3 ? state.version + 1000 : state.version;
        if (i % 4 == 2) {
            broken.bytes.append(state.bytes.bytes());
        } else {
            const Arguments arguments = maker_->random(1);
            broken.objects = arguments.objects;
            broken.bytes.append(
                data::as_bytes(arguments.args).subspan(i % 4 == 0 ? 1 : 0));  // a value, or an array of it
        }
        at(place_of_state(*type), fmt::format("loaded from {}, version {}", shown(broken, broken), broken.version));
        auto loaded = load(type, broken, 0);
        if (!loaded && loaded.error().code == Code::internal) find("state", loaded.error().text);
        if (loaded) let_go(*loaded);
    }
}

}  // namespace soho::host::tool
