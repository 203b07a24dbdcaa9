/* Built without the version script: a function of its own is exported, and a variable that all plugins share. */
#include "../bad/table.h"

SOHO_NOTE("exports_more", "1.0");

int exports_more_helper(void);
__attribute__((visibility("default"))) int exports_more_helper(void) { return 1; }

__asm__(
    ".data\n.globl exports_more_shared\n.type exports_more_shared, @gnu_unique_object\n"
    ".size exports_more_shared, 4\nexports_more_shared:\n.long 7\n.text\n");

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    static const soho_plugin table = TABLE(SOHO_ABI, "exports_more", load_nothing);
    (void)host_abi;
    return &table;
}
