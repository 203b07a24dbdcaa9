/* The note says one ABI, the table another. */
#include "table.h"

SOHO_NOTE("wrong_table_abi", "1.0");

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    static const soho_plugin table = TABLE(99, "wrong_table_abi", load_nothing);
    (void)host_abi;
    return &table;
}
