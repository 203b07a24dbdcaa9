/* Needs a function that nobody has. */
#include "table.h"

SOHO_NOTE("undefined_symbol", "1.0");

int soho_test_function_that_nobody_has(void);

static int load(const soho_host* host, const soho_registrar* registrar, void** state) {
    (void)host;
    (void)registrar;
    (void)state;
    return soho_test_function_that_nobody_has();
}

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    static const soho_plugin table = TABLE(SOHO_ABI, "undefined_symbol", load);
    (void)host_abi;
    return &table;
}
