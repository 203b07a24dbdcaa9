/* Says that it takes an integer, and takes whatever comes. */
#include "../bad/table.h"

static const char class_key = 'u';

static uint32_t add(void* context, void* self, const soho_call* call) {
    (void)context;
    (void)self;
    if (call->result->end == call->result->cursor && call->result->grow(call->result, 1) != 0) return SOHO_FAILED;
    *call->result->cursor++ = 0x2a;
    return SOHO_DONE;
}

static const soho_parameter parameters[] = {{.size = sizeof(soho_parameter), .name = TEXT("n"), .type = TEXT("int64")}};
static const soho_method methods[] = {{.size = sizeof(soho_method),
                                       .name = TEXT("add"),
                                       .returns = TEXT("int64"),
                                       .parameters = {parameters, 1, sizeof(soho_parameter)},
                                       .invoke = add}};
static const soho_type type = {.size = sizeof(soho_type),
                               .type_id = TEXT("Unchecked"),
                               .class_key = &class_key,
                               .class_name = TEXT("unchecked"),
                               .methods = {methods, 1, sizeof(soho_method)},
                               .create = create_static};

static int load(const soho_host* host, const soho_registrar* registrar, void** state) {
    (void)host;
    (void)state;
    return registrar->add_type(registrar, &type);
}

SOHO_NOTE("unchecked", "1.0");

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    static const soho_plugin table = TABLE(SOHO_ABI, "unchecked", load);
    (void)host_abi;
    return &table;
}
