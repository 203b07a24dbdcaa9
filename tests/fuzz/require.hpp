#pragma once
// What must hold for every input; assert() is gone from optimized builds.

#include <cstdio>
#include <cstdlib>

#define SOHO_REQUIRE(condition)                                                                 \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                       \
        }                                                                                       \
    } while (false)
