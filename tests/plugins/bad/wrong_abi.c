/* Built for an ABI of the far future; note and table agree on it. */
#include <soho/abi.h>
#undef SOHO_ABI
#define SOHO_ABI 99u
#include "table.h"

SOHO_NOTE("wrong_abi", "1.0");

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    static const soho_plugin table = TABLE(99, "wrong_abi", load_nothing);
    (void)host_abi;
    return &table;
}
