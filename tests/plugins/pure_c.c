/* A plugin in C, with nothing but the ABI: a counter. ABI.md shows it. */
#include <soho/abi.h>

#include <stdlib.h>
#include <string.h>

#define TEXT(literal) \
    { (literal), sizeof(literal) - 1 }

struct counter {
    int64_t value;
};

static const soho_host* host;      /* one library, one host: set once, by load */
static const char class_key = 'c'; /* its address stands for the class */

/* ---- the little MessagePack that a counter needs ---- */

/* Reads an integer at *at; returns 0, or 1 where there is none. */
static int read_integer(const uint8_t** at, const uint8_t* end, int64_t* out) {
    if (*at == end) return 1;
    const uint8_t first = *(*at)++;
    if (first <= 0x7f || first >= 0xe0) {
        *out = (int8_t)first;
        return 0;
    }
    if (first < 0xcc || first > 0xd3) return 1;
    const int width = 1 << ((first - 0xcc) % 4); /* bytes */
    if (end - *at < width) return 1;
    uint64_t value = first >= 0xd0 && (**at & 0x80) ? UINT64_MAX : 0;
    for (int i = 0; i < width; ++i) value = value << 8 | *(*at)++;
    if (first == 0xcf && value > INT64_MAX) return 1;
    *out = (int64_t)value;
    return 0;
}

static int fail(const soho_call* call, soho_text type, soho_text text) {
    const soho_bytes no_data = {NULL, 0};
    host->fail(call, SOHO_RAISED, type, text, no_data);
    return 1;
}

/* The integer behind the first `skipped` bytes of the arguments. */
static int integer_behind(const soho_call* call, int skipped, int64_t* out) {
    const soho_text type = TEXT("TypeError"), text = TEXT("expected an integer of 64 bits");
    const uint8_t* at = call->args.data + skipped;
    return read_integer(&at, call->args.data + call->args.size, out) == 0 ? 0 : fail(call, type, text);
}

/* The first argument, which is an integer. The host has checked how many there are. */
static int integer_argument(const soho_call* call, int64_t* out) {
    return integer_behind(call, 1, out); /* fewer than 16 arguments: the array's header is one byte */
}

static uint32_t give_integer(const soho_call* call, int64_t value) {
    soho_sink* sink = call->result;
    if (sink->end - sink->cursor < 9 && sink->grow(sink, 9) != 0) return SOHO_FAILED;
    *sink->cursor++ = 0xd3;
    for (int shift = 56; shift >= 0; shift -= 8) *sink->cursor++ = (uint8_t)((uint64_t)value >> shift);
    return SOHO_DONE;
}

/* ---- methods ---- */

static uint32_t add(void* context, void* self, const soho_call* call) {
    (void)context;
    struct counter* counter = self;
    int64_t n;
    if (integer_argument(call, &n) != 0) return SOHO_FAILED;
    counter->value = (int64_t)((uint64_t)counter->value + (uint64_t)n);
    return give_integer(call, counter->value);
}

static uint32_t get(void* context, void* self, const soho_call* call) {
    (void)context;
    return give_integer(call, ((struct counter*)self)->value);
}

static uint32_t make(int64_t value, soho_instance* out) {
    struct counter* counter = malloc(sizeof *counter);
    if (counter == NULL) return SOHO_FAILED;
    counter->value = value;
    out->self = counter;
    out->identity = counter;
    out->owner = counter;
    out->release = free;
    return SOHO_DONE;
}

static uint32_t create(void* context, const soho_call* call, soho_instance* out) {
    (void)context;
    int64_t start;
    if (integer_argument(call, &start) != 0) return SOHO_FAILED;
    return make(start, out);
}

/* ---- state: a counter is saved as its value, so `get` writes it ---- */

static uint32_t load_counter(void* context, const soho_call* call, uint32_t version, soho_instance* out) {
    (void)context;
    const soho_text type = TEXT("ValueError"), text = TEXT("state of version 1 is loaded, and no other");
    int64_t value;
    if (version != 1) return (void)fail(call, type, text), SOHO_FAILED;
    if (integer_behind(call, 0, &value) != 0) return SOHO_FAILED; /* the state itself, not an array of arguments */
    return make(value, out);
}

static const soho_state_type saved_types[] = {
    {sizeof(soho_state_type), 0, TEXT("CCounter"), 1, 0, NULL, get, load_counter}};
static const soho_state saved = {sizeof(soho_state), 0, {saved_types, 1, sizeof(soho_state_type)}};

static const void* get_extension(void* state, soho_text id) {
    (void)state;
    return id.size == strlen(SOHO_STATE) && memcmp(id.data, SOHO_STATE, id.size) == 0 ? &saved : NULL;
}

/* ---- registration ---- */

static const uint8_t zero[] = {0x00};
static const uint8_t one[] = {0x01};

static const soho_parameter create_parameters[] = {
    {sizeof(soho_parameter), SOHO_PARAMETER_OPTIONAL, TEXT("start"), TEXT("int64"), TEXT(""), {zero, 1}, NULL}};
static const soho_parameter add_parameters[] = {
    {sizeof(soho_parameter), SOHO_PARAMETER_OPTIONAL, TEXT("n"), TEXT("int64"), TEXT("how many"), {one, 1}, NULL}};

static const soho_method methods[] = {
    {sizeof(soho_method),
     0,
     TEXT("add"),
     TEXT("Adds n and returns the sum."),
     TEXT("int64"),
     {add_parameters, 1, sizeof(soho_parameter)},
     NULL,
     add},
    {sizeof(soho_method), SOHO_METHOD_READONLY, TEXT("get"), TEXT("The sum."), TEXT("int64"), {NULL, 0, 0}, NULL, get}};

static const soho_type counter_type = {.size = sizeof(soho_type),
                                       .type_id = TEXT("CCounter"),
                                       .doc = TEXT("A counter, in C."),
                                       .version_major = 1,
                                       .class_key = &class_key,
                                       .class_name = TEXT("counter"),
                                       .methods = {methods, sizeof methods / sizeof *methods, sizeof(soho_method)},
                                       .parameters = {create_parameters, 1, sizeof(soho_parameter)},
                                       .create = create};

static int load(const soho_host* given, const soho_registrar* registrar, void** state) {
    (void)state;
    host = given;
    return registrar->add_type(registrar, &counter_type);
}

SOHO_NOTE("pure_c", "1.0");

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    static const soho_plugin table = {sizeof(soho_plugin),    SOHO_ABI, TEXT("pure_c"), TEXT("1.0"),
                                      TEXT(SOHO_SDK_VERSION), load,     NULL,           NULL,
                                      get_extension};
    (void)host_abi;
    return &table;
}
