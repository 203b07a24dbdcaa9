#pragma once
// What an object is made of, taken out of it and put into a new one: the hooks of the plugin's table soho.state/1. Nothing here
// replaces one object by another: that is for whoever moves them.

#include "host/object/object_table.hpp"

#include <soho/data/writer.hpp>

namespace soho::host {

struct SavedState {
    std::uint32_t version = 0;
    data::Buffer bytes;              // one MessagePack value, checked; its handles are extensions with their typeids
    std::vector<ObjectPtr> objects;  // those handles' objects, kept alive for as long as this is
};

struct StateLimits {
    std::size_t bytes_max = 16u << 20;
    std::size_t depth_max = 64;
};

// Runs the `save` of the object's type, which offers state, on this thread. The caller sees to it that nothing of the object runs
// meanwhile, no reply of it is pending, and nothing of it begins until it has been replaced or is to stay as it is. Fails with a
// sentence that names the object. `activity`: the thread's, null on the pool.
Result<SavedState> save_state(ObjectTable& objects, const Object& object, const StateLimits& limits,
                              Activity* activity);

// Runs the `load` of `type`, which offers state, on this thread, one at a time for each type that is not concurrent, with what a type of the same typeid wrote. `id`: that of the object it
// is to be; 0: not known. The instance's owner is the caller's, to be given back in the turn of what becomes of it, or here at once.
Result<soho_instance> load_state(const Type& type, const SavedState& state, std::uint64_t id, Activity* activity);

}  // namespace soho::host
