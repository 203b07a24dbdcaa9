/* A note, and no entry. */
#include "table.h"

SOHO_NOTE("missing_entry", "1.0");

const char* missing_entry_has_no_entry(void);
const char* missing_entry_has_no_entry(void) { return (const char*)&soho_note; }
