/* A plugin that knows only the prefix, in C: one object for all, with one method. */
#include <soho/abi.h>
#include <stddef.h>

#define TEXT(literal) \
    { (literal), sizeof(literal) - 1 }

static const char class_key = 'p'; /* its address stands for the class */
static int answer = 42;

static uint32_t get(void* context, void* self, const soho_call* call) {
    (void)context;
    soho_sink* const sink = call->result;
    if (sink->end == sink->cursor && sink->grow(sink, 1) != 0) return SOHO_FAILED;
    *sink->cursor++ = (uint8_t) * (int*)self; /* below 128, MessagePack has the number as it is */
    return SOHO_DONE;
}

static void release_nothing(void* owner) { (void)owner; }

static uint32_t create(void* context, const soho_call* call, soho_instance* out) {
    (void)context;
    (void)call;
    out->self = &answer;
    out->identity = &answer;
    out->owner = &answer;
    out->release = release_nothing;
    return SOHO_DONE;
}

static const soho_method methods[] = {
    {.size = sizeof(soho_method), .name = TEXT("get"), .returns = TEXT("int64"), .invoke = get}};
static const soho_type type = {.size = sizeof(soho_type),
                               .type_id = TEXT("Plain"),
                               .class_key = &class_key,
                               .class_name = TEXT("plain"),
                               .methods = {methods, 1, sizeof(soho_method)},
                               .create = create};

static int load(const soho_host* host, const soho_registrar* registrar, void** state) {
    (void)host;
    (void)state;
    return registrar->add_type(registrar, &type);
}

static void stop(void* state) { (void)state; }

SOHO_NOTE("plain", "1.0");

SOHO_EXPORT const soho_plugin* soho_plugin_entry(uint32_t host_abi) {
    static const soho_plugin plugin = {.size = sizeof(soho_plugin),
                                       .abi = SOHO_ABI,
                                       .name = TEXT("plain"),
                                       .version = TEXT("1.0"),
                                       .sdk_version = TEXT(SOHO_SDK_VERSION),
                                       .load = load,
                                       .stop = stop};
    return host_abi == SOHO_ABI ? &plugin : NULL;
}
