#pragma once
// Memory that is kept for the day when there is no other. The first small request that finds none has it freed and succeeds; from
// then on new calls are refused, until there is as much again. So what the host needs to end what runs, to answer and to give
// things back is there, and only large requests (std::bad_alloc, as ever) have to be expected to fail.

#include <cstddef>
#include <cstdint>

namespace soho::host::spare_memory {

// Begins to keep it, if it can be had; otherwise it counts as given. Once, before there are threads.
void keep();

// Whether it has been given, and new work must wait. False before keep(). [any thread]
bool is_given();

// Keeps it again if there is that much, and as much beside it. [one thread]
void regain();

// How often it was given. [any thread]
std::uint64_t times_given();

}  // namespace soho::host::spare_memory
