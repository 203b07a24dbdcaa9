/* A type that depends on what no host of this version knows. */
#include "table.h"

static const char class_key = 'u';
static const soho_type type = {.size = sizeof(soho_type),
                               .flags = 1u << 30,
                               .type_id = TEXT("FromTheFuture"),
                               .class_key = &class_key,
                               .class_name = TEXT("future"),
                               .create = create_static};

static int load(const soho_host* host, const soho_registrar* registrar, void** state) {
    (void)host;
    (void)state;
    return registrar->add_type(registrar, &type);
}

SOHO_NOTE("unknown_critical_flag", "1.0");

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    static const soho_plugin table = TABLE(SOHO_ABI, "unknown_critical_flag", load);
    (void)host_abi;
    return &table;
}
