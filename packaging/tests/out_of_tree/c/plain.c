/* Exports the entry and offers nothing: what is tested is that C can be built and linked so. */
#include <soho/abi.h>
#include <stddef.h>

SOHO_NOTE("plain", "1.0");

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    (void)host_abi;
    return NULL;
}
