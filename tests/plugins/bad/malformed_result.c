/* Loads well. Its methods give back what is not one MessagePack value; ABI rules are broken in other ways, too. */
#include "table.h"

#include <string.h>

static const soho_host* host;
static const char class_key = 'm';

static uint32_t give(const soho_call* call, const void* bytes, size_t size) {
    soho_sink* sink = call->result;
    if ((size_t)(sink->end - sink->cursor) < size && sink->grow(sink, size) != 0) return SOHO_FAILED;
    memcpy(sink->cursor, bytes, size);
    sink->cursor += size;
    return SOHO_DONE;
}

#define METHOD(name, ...)                                                    \
    static uint32_t name(void* context, void* self, const soho_call* call) { \
        (void)context;                                                       \
        (void)self;                                                          \
        (void)call;                                                          \
        __VA_ARGS__                                                          \
    }

METHOD(never_used_byte, return give(call, "\xc1", 1);)
METHOD(cut_short, return give(call, "\x93\x01\x02", 3);)
METHOD(cut_string, return give(call,
                               "\xd9\x20"
                               "abc",
                               5);)
METHOD(two_values, return give(call, "\x01\x02", 2);)
METHOD(huge_array, return give(call, "\xdd\xff\xff\xff\xff", 5);)
METHOD(huge_map, return give(call, "\xdf\x7f\xff\xff\xff", 5);)
METHOD(nothing, return SOHO_DONE;)
METHOD(bad_handle, return give(call, "\xd5\x53\x01\x02", 4);)
METHOD(unknown_handle, return give(call, "\xc7\x05\x53\x92\xcd\x30\x39\xa0", 8);)
METHOD(deep, {
    uint8_t bytes[5000];
    memset(bytes, 0x91, sizeof bytes);
    return give(call, bytes, sizeof bytes);
})
METHOD(too_large, {
    const uint8_t header[] = {0xc6, 0x7f, 0xff, 0xff, 0xff};
    static const uint8_t zeros[65536];
    if (give(call, header, sizeof header) != SOHO_DONE) return SOHO_FAILED;
    for (int i = 0; i < 32768; ++i) {
        if (give(call, zeros, sizeof zeros) != SOHO_DONE) return SOHO_FAILED;
    }
    return SOHO_DONE;
})
METHOD(failed_without_reason, return SOHO_FAILED;)
METHOD(pending_without_defer, return SOHO_PENDING;)
METHOD(unknown_status, return 77;)
METHOD(unknown_code, {
    const soho_text type = TEXT("Odd");
    const soho_text text = TEXT("a code that nobody knows");
    const soho_bytes data = {(const uint8_t*)"\xc1", 1};
    host->fail(call, 4711, type, text, data);
    return SOHO_FAILED;
})
METHOD(error_not_utf8, {
    const soho_text type = TEXT(
        "Bad\xff"
        "Name");
    const soho_text text = TEXT("\xff\xfe\n\x1b[31m");
    const soho_bytes data = {NULL, 0};
    host->fail(call, SOHO_RAISED, type, text, data);
    return SOHO_FAILED;
})
METHOD(good, return give(call, "\x2a", 1);)

#define ENTRY(name) \
    { sizeof(soho_method), 0, TEXT(#name), TEXT(""), TEXT("any"), {NULL, 0, 0}, NULL, name }
static const soho_method methods[] = {ENTRY(never_used_byte),
                                      ENTRY(cut_short),
                                      ENTRY(cut_string),
                                      ENTRY(two_values),
                                      ENTRY(huge_array),
                                      ENTRY(huge_map),
                                      ENTRY(nothing),
                                      ENTRY(bad_handle),
                                      ENTRY(unknown_handle),
                                      ENTRY(deep),
                                      ENTRY(too_large),
                                      ENTRY(failed_without_reason),
                                      ENTRY(pending_without_defer),
                                      ENTRY(unknown_status),
                                      ENTRY(unknown_code),
                                      ENTRY(error_not_utf8),
                                      ENTRY(good)};

static const soho_type type = {.size = sizeof(soho_type),
                               .type_id = TEXT("Malformed"),
                               .class_key = &class_key,
                               .class_name = TEXT("malformed"),
                               .methods = {methods, sizeof methods / sizeof *methods, sizeof(soho_method)},
                               .create = create_static};

static int load(const soho_host* given, const soho_registrar* registrar, void** state) {
    (void)state;
    host = given;
    return registrar->add_type(registrar, &type);
}

SOHO_NOTE("malformed_result", "1.0");

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    static const soho_plugin table = TABLE(SOHO_ABI, "malformed_result", load);
    (void)host_abi;
    return &table;
}
