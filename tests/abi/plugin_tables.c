/* Every table that crosses between host and plugin, reached from one function: what abidw describes. */
#include <soho/abi.h>

SOHO_EXPORT void soho_plugin_tables(const soho_plugin* plugin, const soho_host* host, const soho_registrar* registrar,
                                    const soho_type* type, const soho_method* method, const soho_parameter* parameter,
                                    const soho_mapping* mapping, const soho_call* call, const soho_sink* sink,
                                    const soho_instance* instance, const soho_object* object, const soho_task* task,
                                    const soho_outcome* outcome, const soho_ref_call* ref_call, const soho_array* array,
                                    const soho_text* text, const soho_bytes* bytes, const soho_state* saving,
                                    const soho_state_type* saved_type, const soho_self_test* self_test) {
    (void)plugin, (void)host, (void)registrar, (void)type, (void)method, (void)parameter, (void)mapping, (void)call;
    (void)sink, (void)instance, (void)object, (void)task, (void)outcome, (void)ref_call, (void)array, (void)text;
    (void)bytes, (void)saving, (void)saved_type, (void)self_test;
}
