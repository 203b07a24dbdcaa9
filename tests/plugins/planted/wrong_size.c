/* The table says a size that is not that of its SDK. */
#include "../bad/table.h"

SOHO_NOTE("wrong_size", "1.0");

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    static soho_plugin table = TABLE(SOHO_ABI, "wrong_size", load_nothing);
    (void)host_abi;
    table.size = sizeof table - 8;
    return &table;
}
