#pragma once
// How often this program asked for memory: malloc and its kin, and so operator new, in all threads, our code's and plugins'.

#include <cstdint>

namespace soho::test {

// Grows with every request for memory.
std::uint64_t allocations();

}  // namespace soho::test
