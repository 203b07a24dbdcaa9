/* An entry that gives nothing. */
#include "table.h"

SOHO_NOTE("null_table", "1.0");

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    (void)host_abi;
    return NULL;
}
