/* The note says one name, the table another. */
#include "table.h"

SOHO_NOTE("note_name", "1.0");

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    static const soho_plugin table = TABLE(SOHO_ABI, "table_name", load_nothing);
    (void)host_abi;
    return &table;
}
