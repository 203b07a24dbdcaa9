/* An entry, and no note. */
#include "table.h"

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    static const soho_plugin table = TABLE(SOHO_ABI, "no_note", load_nothing);
    (void)host_abi;
    return &table;
}
