/* What the bad plugins in C have in common. */
#pragma once

#include <soho/abi.h>

#include <stddef.h>

#define TEXT(literal) \
    { (literal), sizeof(literal) - 1 }

/* A plugin's table. */
#define TABLE(abi, name, load) \
    { sizeof(soho_plugin), (abi), TEXT(name), TEXT("1.0"), TEXT(SOHO_SDK_VERSION), (load), NULL, NULL, NULL }

/* A `load` that registers nothing. */
static inline int load_nothing(const soho_host* host, const soho_registrar* registrar, void** state) {
    (void)host;
    (void)registrar;
    (void)state;
    return 0;
}

/* A `create` that gives one static object. */
static inline void keep(void* owner) { (void)owner; }
static inline uint32_t create_static(void* context, const soho_call* call, soho_instance* out) {
    static char object;
    (void)context;
    (void)call;
    out->self = &object;
    out->identity = &object;
    out->owner = &object;
    out->release = keep;
    return SOHO_DONE;
}
