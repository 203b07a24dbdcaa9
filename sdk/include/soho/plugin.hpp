#pragma once
// The one include of a plugin. plugins/pair/pair.cpp is the tutorial; plugin/*.hpp has one idea per file:
//
//     entry.hpp         SOHO_PLUGIN
//     builder.hpp       Plugin, Methods<T>, Type<T>: registration
//     parameters.hpp    what methods and callables may take, "x"_a
//     results.hpp       what they may return
//     state.hpp         saving and loading objects, so that they survive a reload
//     call.hpp          Call: who calls; Args: all further arguments
//     reply.hpp         Reply<T>: results that come later
//     error.hpp         Error, and what becomes of other exceptions
//     host.hpp          Host: log, settings, timers, publish, make_object …
//     object_ref.hpp    ObjectRef: any hosted object; ref_call.hpp: calls to it
//
// Values travel by soho/data: scalars.hpp, containers.hpp, structs.hpp (msgpack-cxx's adaptors) and value.hpp (soho::Value).

#include <soho/data/structs.hpp>
#include <soho/plugin/entry.hpp>
#include <soho/plugin/ref_call.hpp>
