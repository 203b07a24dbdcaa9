/* soho plugin ABI, major version 1: everything that a host and a plugin share.
 *
 * C11 and C++11 or newer. A plugin exports one function, soho_plugin_entry(), and carries one ELF note (SOHO_NOTE). Host
 * and plugin give each other tables of functions; nothing else crosses. sdk/ABI.md explains the rules at length:
 *
 *  - Every struct begins with its own size. Fields are only ever appended: read a field only if `size` covers it.
 *    Arrays carry count and stride, so that their elements can grow, too.
 *  - Text is UTF-8, pointer and length, without a terminating zero. Data is MessagePack.
 *  - What a pointer refers to is borrowed for the call, unless its comment says otherwise. Nothing is freed by the
 *    side that did not allocate it. Nothing may throw across this border.
 *  - In flag words the upper 16 bits are critical: an unknown one there refuses the type. Other unknown bits are ignored.
 *  - Times are nanoseconds of CLOCK_MONOTONIC.
 *  - Each function closes with who may call it, and where:
 *      [loader]      the thread that loads plugins, inside `load`
 *      [in turn]     wherever the host calls the plugin for an object: one at a time per object, unless its type is
 *                    concurrent or both calls are readonly in a shared_reads type
 *      [in call]     only while that call's function has not returned
 *      [any thread]  any thread, at any time between `load` and the return of `stop`
 */
#ifndef SOHO_ABI_H
#define SOHO_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SOHO_ABI 1u
#define SOHO_SDK_VERSION "0.1.0"

typedef struct soho_text {
    const char* data;
    uint64_t size;
} soho_text;

typedef struct soho_bytes {
    const uint8_t* data;
    uint64_t size;
} soho_bytes;

/* `count` elements, `stride` bytes apart. */
typedef struct soho_array {
    const void* items;
    uint32_t count;
    uint32_t stride;
} soho_array;

/* ---- codes and status ------------------------------------------------------------------------------------------ */

/* Why a request was refused or failed; the same numbers travel on the wire (PROTOCOL.md). */
enum {
    SOHO_OK = 0,
    SOHO_PROTOCOL = 1,
    SOHO_NO_OBJECT = 2,
    SOHO_NO_METHOD = 3,
    SOHO_BAD_ARGUMENTS = 4,
    SOHO_DENIED = 5,
    SOHO_UNAUTHENTICATED = 6,
    SOHO_DEADLINE = 7,
    SOHO_CANCELLED = 8,
    SOHO_OVERLOADED = 9,
    SOHO_LIMIT = 10,
    SOHO_UNAVAILABLE = 11,
    SOHO_MOVED = 12,
    SOHO_FENCED = 13,
    SOHO_NOT_STARTED = 14,
    SOHO_INTERNAL = 15,
    SOHO_RAISED = 16, /* the method raised an error of its own: "failed" on the wire */
    SOHO_EXISTS = 17,
    SOHO_NO_TYPE = 18
};

/* What invoke and create return. */
enum {
    SOHO_DONE = 0,   /* the result is in the sink, or was handed over with result_object */
    SOHO_FAILED = 1, /* fail() was called; without it the caller gets SOHO_INTERNAL */
    SOHO_PENDING = 2 /* defer() was called; the reply comes later */
};

/* What the pending_* functions return. */
enum {
    SOHO_ACCEPTED = 0,  /* this completed the call */
    SOHO_COMPLETED = 1, /* it was completed before: ignored and counted */
    SOHO_DISCARDED = 2  /* the caller has gone, cancelled, or run out of time: on_discarded will run */
};

enum { SOHO_LOG_DEBUG = 0, SOHO_LOG_INFO = 1, SOHO_LOG_WARNING = 2, SOHO_LOG_ERROR = 3 };

/* ---- results --------------------------------------------------------------------------------------------------- */

/* Where a result is written: put MessagePack at `cursor`, never past `end`, and move `cursor` behind it. */
typedef struct soho_sink {
    uint32_t size;
    uint32_t reserved;
    uint8_t* cursor;
    uint8_t* end;
    /* Makes end - cursor at least `more` bytes; what was written stays, at a new place. Returns 0, or 1 where the
     * result would pass the host's limit: return SOHO_FAILED then. [in call] */
    int (*grow)(struct soho_sink* sink, uint64_t more);
} soho_sink;

/* An object that a plugin gives to the host. */
typedef struct soho_instance {
    uint32_t size;
    uint32_t flags;
    void* self;           /* what `invoke` gets back */
    const void* identity; /* the most-derived object's address: equal identities are one object, with one turn */
    void* owner;          /* keeps it alive; the host keeps the owner until it lets go */
    void (*release)(void* owner); /* called once for each owner handed over [in turn] */
} soho_instance;

/* An object argument, as the plugin that made it gave it to the host. */
typedef struct soho_object {
    uint32_t size;
    uint32_t reserved;
    void* self;
    void* owner; /* borrowed */
} soho_object;

/* ---- calls ----------------------------------------------------------------------------------------------------- */

enum {
    SOHO_CALL_ONEWAY = 1u << 0,       /* nobody waits for the result */
    SOHO_CALL_WANTS_OBJECT = 1u << 1, /* method_to_typeid: hand the result over with result_object */
    SOHO_CALL_WANTS_SOURCE = 1u << 2  /* the mapped typeid's callable takes the result: hand over that source with
                                         result_object, or write a value, which becomes the callable's argument */
};

typedef struct soho_pending soho_pending; /* a reply still owed; the host's */

/* One call, or one `create`. Valid until the function returns; after defer() nothing here may be touched. */
typedef struct soho_call {
    uint32_t size;
    uint32_t flags;          /* SOHO_CALL_* */
    soho_bytes args;         /* a MessagePack array: every described parameter in order, defaults and keywords already
                              filled in, then what a variadic method got in addition. Handles are ext 0x53. */
    soho_bytes kwargs;       /* a MessagePack map of further keywords, for SOHO_PARAMETER_KWARGS; else size 0 */
    soho_sink* result;       /* MessagePack. In handles the typeid may be empty: the host fills it in */
    uint64_t object;         /* the target's id; 0 in create */
    uint64_t session;        /* who calls: a client's session, or 0 for a plugin's own call */
    uint64_t origin_session; /* the session at the head of the chain */
    soho_text owner;         /* options.owner of the origin: tells threads of one session apart */
    soho_text principal;
    soho_text trace;
    int64_t deadline_ns;   /* 0: none */
    const uint64_t* chain; /* ids of the objects whose calls led here, first caller first */
    uint32_t chain_size;
    uint32_t reserved;
    void* source;    /* create for SOHO_CALL_WANTS_SOURCE: `self` of the instance handed over; else NULL */
    void* host_data; /* the host's own */
} soho_call;

/* A piece of work for the host to run later. `run` may be NULL. Whatever happens, `dispose` is called exactly once and
 * last: after `run`, or without it where the work was cancelled. */
typedef struct soho_task {
    uint32_t size;
    uint32_t reserved;
    void* context;
    void (*run)(void* context);
    void (*dispose)(void* context);
} soho_task;

/* How a call made with ref_call ended. */
typedef struct soho_outcome {
    uint32_t size;
    uint32_t code;     /* SOHO_OK or why not */
    soho_bytes result; /* MessagePack, handles as ext 0x53; borrowed */
    soho_text type;    /* of an error: its type name, such as KeyError */
    soho_text text;
    soho_bytes data; /* of an error: MessagePack without handles, or empty */
} soho_outcome;

enum {
    SOHO_REF_CALL_WAITS = 1u << 0 /* the caller keeps its turn and waits: refused at once if that could never end */
};

/* A call on another hosted object, with the caller's session, owner, chain and deadline. */
typedef struct soho_ref_call {
    uint32_t size;
    uint32_t flags;        /* SOHO_REF_CALL_* */
    const soho_call* call; /* on whose behalf: a running call … */
    soho_pending* pending; /* … or a pending one; both NULL: the plugin's own */
    uint64_t object;
    soho_text method;
    soho_bytes args;    /* a MessagePack array */
    soho_bytes kwargs;  /* a MessagePack map, or size 0 */
    int64_t timeout_ns; /* 0: the parent's deadline */
    void* context;
    void (*done)(void* context, const soho_outcome* outcome); /* exactly once, on a thread of the host, never inside
                                                                 ref_call, in no turn; must not block */
} soho_ref_call;

/* ---- the host's table ------------------------------------------------------------------------------------------ */

/* One for each plugin; valid from `load` until the process ends. */
typedef struct soho_host {
    uint32_t size;
    uint32_t abi;
    void* self;
    soho_text version; /* the host's own */

    /* -- during a call -- */
    /* Says why the call fails; return SOHO_FAILED then. `code` 0 means SOHO_RAISED. `data` is MessagePack or empty;
     * where it holds handles, it is left out. [in call] */
    void (*fail)(const soho_call* call, uint32_t code, soho_text type, soho_text text, soho_bytes data);
    /* Lends the object behind a handle in the arguments, for the call. Returns 0, or 1 where it is not an object of
     * this plugin and class (a parameter declared with a class key is checked before the call). [in call] */
    int (*object_argument)(const soho_call* call, uint64_t id, const void* class_key, soho_object* out);
    /* Hands over the result of a method mapped to a typeid; a method that has no object to give writes nil instead. Takes the
     * owner in every case. [in call] */
    void (*result_object)(const soho_call* call, const soho_instance* instance);
    /* Whether nobody waits for the result any more: cancelled, past its deadline, or the caller has gone.
     * [in call, from any thread] */
    int (*caller_gone)(const soho_call* call);
    /* `task` runs in the object's turn if the result is not delivered, that is, if not all bytes of the reply reached
     * the kernel. Takes the task. [in call] */
    void (*on_discarded)(const soho_call* call, const soho_task* task);
    /* Makes the reply come later; return SOHO_PENDING then. Once per call, in methods flagged SOHO_METHOD_DEFERS and in
     * create; NULL elsewhere. The handle must end in pending_release. [in call] */
    soho_pending* (*defer)(const soho_call* call);

    /* -- pending replies -- */
    uint32_t (*pending_complete)(soho_pending* pending, soho_bytes result); /* [any thread] */
    /* Takes the owner, whatever it returns. [any thread] */
    uint32_t (*pending_complete_object)(soho_pending* pending, const soho_instance* instance);
    uint32_t (*pending_fail)(soho_pending* pending, uint32_t code, soho_text type, soho_text text,
                             soho_bytes data); /* [any thread] */
    /* `task` runs, in the object's turn, when the caller cancels, has gone, or runs out of time; at once if that was
     * so already; never after completion. A second one replaces the first. Takes the task. [any thread] */
    void (*pending_on_cancel)(soho_pending* pending, const soho_task* task);
    /* As on_discarded. [any thread, before completion] */
    void (*pending_on_discarded)(soho_pending* pending, const soho_task* task);
    int (*pending_caller_gone)(soho_pending* pending); /* [any thread] */
    /* Gives the handle back; if the call was not completed, it fails with a sentence that says so. [any thread] */
    void (*pending_release)(soho_pending* pending);

    /* -- objects -- */
    /* Keeps object `id` alive on behalf of object `holder` (0: the plugin). Returns 0, or 1 where there is none.
     * Each retain is undone by one release with the same holder. [any thread] */
    int (*ref_retain)(const struct soho_host* host, uint64_t id, uint64_t holder);
    void (*ref_release)(const struct soho_host* host, uint64_t id, uint64_t holder); /* [any thread] */
    /* Makes the host keep `instance` under a typeid of this plugin, retained once for `holder`. Takes the owner.
     * Returns its id, or 0 where the typeid is unknown or a limit was hit. [any thread] */
    uint64_t (*object_new)(const struct soho_host* host, soho_text type_id, const soho_instance* instance,
                           uint64_t holder);
    /* The typeid of object `id` as handles must say it: with the prefix that the config may give to a plugin's typeids. Text that
     * stays; empty where there is no such object. [any thread] */
    soho_text (*object_type)(const struct soho_host* host, uint64_t id);
    /* Calls a method of another object. [any thread] */
    void (*ref_call)(const struct soho_host* host, const soho_ref_call* call);
    /* Runs `task` in the turn of object `id` (0: in none). Takes the task. Returns 0, or 1 where there is no such
     * object: the task is disposed of. [any thread] */
    int (*post_to_turn)(const struct soho_host* host, uint64_t id, const soho_task* task);
    /* Runs `task` in the turn of `id` (0: in none) after `delay_ns`, then every `period_ns` if that is not 0. It does
     * not keep the object alive. Returns a timer's number; 0 where there is no memory: the task is disposed of. [any thread] */
    uint64_t (*timer_start)(const struct soho_host* host, uint64_t id, int64_t delay_ns, int64_t period_ns,
                            const soho_task* task);
    /* After this returns the task will not start any more; it is disposed of soon. [any thread] */
    void (*timer_cancel)(const struct soho_host* host, uint64_t timer);
    /* Runs `task` in the turn of `id` (0: in none) when that session has ended; at once if it has. Does not keep the
     * object alive. Returns a number for session_end_cancel; 0 where there is no memory: the task is disposed of. [any thread] */
    uint64_t (*on_session_end)(const struct soho_host* host, uint64_t session, uint64_t id, const soho_task* task);
    void (*session_end_cancel)(const struct soho_host* host, uint64_t number); /* [any thread] */
    /* Adds `bytes` to what object `id` holds; negative: takes away, at most what there is. Returns SOHO_OK, or SOHO_LIMIT
     * where a quota of the object, of who made it, or of the plugin would be passed: nothing was added then. [any thread] */
    uint32_t (*charge)(const struct soho_host* host, uint64_t id, int64_t bytes);

    /* -- the plugin as a whole -- */
    void (*log)(const struct soho_host* host, uint32_t level, soho_text line); /* [any thread] */
    soho_bytes (*settings)(const struct soho_host* host); /* a MessagePack map from the config; stays [any thread] */
    /* Publishes object `id` under a name, until unpublished. Returns SOHO_OK, SOHO_EXISTS, SOHO_NO_OBJECT or
     * SOHO_BAD_ARGUMENTS (the name). [any thread] */
    uint32_t (*publish)(const struct soho_host* host, soho_text name, uint64_t id);
    uint32_t (*unpublish)(const struct soho_host* host, soho_text name); /* [any thread] */
    /* A further table by its id, such as "soho.state/1"; NULL where this host has none. [any thread] */
    const void* (*get_extension)(const struct soho_host* host, soho_text id);
} soho_host;

/* ---- registration ---------------------------------------------------------------------------------------------- */

enum {
    SOHO_PARAMETER_OPTIONAL = 1u << 0, /* `default_value` is used where the argument is left out */
    SOHO_PARAMETER_ARGS = 1u << 1,     /* takes all further positional arguments; follows all but KWARGS */
    SOHO_PARAMETER_KWARGS = 1u << 2,   /* takes all further keyword arguments; the last */
    /* The two below are critical: a host that does not know them would run the method unprotected. */
    SOHO_PARAMETER_OBJECT = 1u << 16,   /* a handle to an object of `class_key` */
    SOHO_PARAMETER_EXCLUSIVE = 1u << 17 /* with OBJECT: the call has that object's turn, too */
};

typedef struct soho_parameter {
    uint32_t size;
    uint32_t flags;
    soho_text name; /* an identifier; empty: positional only */
    soho_text type; /* for descriptions: "int64", "str?" … (ABI.md lists the words) */
    soho_text doc;
    soho_bytes default_value; /* MessagePack */
    const void* class_key;    /* with OBJECT: soho_type.class_key of what it takes */
} soho_parameter;

enum {
    SOHO_METHOD_READONLY = 1u << 0,   /* in a SHARED_READS type, such calls run beside each other */
    SOHO_METHOD_IDEMPOTENT = 1u << 1, /* clients may retry it */
    SOHO_METHOD_ONEWAY = 1u << 2,     /* clients need not wait for it */
    SOHO_METHOD_DEFERS =
        1u << 3, /* may call defer(). At a session's cap of waiting calls such methods are refused, while
                                         others still run: they may free those that wait */
    SOHO_METHOD_BLOCKING = 1u << 16 /* may block: runs on the host's pool */
};

typedef struct soho_method {
    uint32_t size;
    uint32_t flags;
    soho_text name; /* an identifier, no dots */
    soho_text doc;
    soho_text returns;     /* for descriptions */
    soho_array parameters; /* of soho_parameter */
    void* context;
    uint32_t (*invoke)(void* context, void* self, const soho_call* call); /* [in turn] */
} soho_method;

enum {
    SOHO_MAPPING_SOURCE = 1u << 16 /* the typeid's callable takes the result (SOHO_CALL_WANTS_SOURCE) */
};

/* method_to_typeid: the result of `method` stays in the host as an object of `type_id`. */
typedef struct soho_mapping {
    uint32_t size;
    uint32_t flags;
    soho_text method;
    soho_text type_id; /* of the same plugin */
} soho_mapping;

enum {
    SOHO_TYPE_EXPOSED = 1u << 0,      /* `exposed` counts, even if it is empty; else: all methods without a leading _ */
    SOHO_TYPE_NO_CREATE = 1u << 1,    /* create_method=false */
    SOHO_TYPE_CONCURRENT = 1u << 2,   /* its methods look after themselves: no turn */
    SOHO_TYPE_SHARED_READS = 1u << 3, /* readonly methods run beside each other */
    SOHO_TYPE_BLOCKING = 1u << 16,    /* create and release may block: they run on the pool */
    SOHO_TYPE_PER_PLUGIN = 1u << 17   /* all objects of such types of this plugin share one turn */
};

typedef struct soho_type {
    uint32_t size;
    uint32_t flags;
    soho_text type_id;   /* [A-Za-z_][A-Za-z0-9_.]* */
    soho_text proxytype; /* empty: AutoProxy */
    soho_text doc;
    uint32_t version_major;
    uint32_t version_minor;
    const void* class_key;       /* an address of the plugin's that stands for the class; types may share one */
    soho_text class_name;        /* for messages */
    soho_array methods;          /* of soho_method */
    soho_array exposed;          /* of soho_text; with SOHO_TYPE_EXPOSED */
    soho_array method_to_typeid; /* of soho_mapping */
    soho_array parameters;       /* of soho_parameter: what create takes */
    void* context;
    /* Makes an object, or gives one that exists. NULL: objects come from method_to_typeid and object_new only.
     * One at a time per type, unless the type is concurrent. */
    uint32_t (*create)(void* context, const soho_call* call, soho_instance* out);
} soho_type;

/* The host's side of `load`. What a plugin registers counts only if `load` returns 0: all or nothing. The host copies
 * all text; functions, contexts and class keys must stay. */
typedef struct soho_registrar {
    uint32_t size;
    uint32_t reserved;
    void* self;
    /* Returns 0, or 1 where the type is refused: `load` should return 1 then; the host knows the reason. [loader] */
    int (*add_type)(const struct soho_registrar* registrar, const soho_type* type);
    /* Has the host create a `type_id` when the plugin is loaded and publish it. `args`: a MessagePack array, or size 0.
     * [loader] */
    int (*publish)(const struct soho_registrar* registrar, soho_text name, soho_text type_id, soho_bytes args);
    /* Says why `load` is about to return 1. [loader] */
    void (*refuse)(const struct soho_registrar* registrar, soho_text reason);
} soho_registrar;

/* ---- the plugin's table ---------------------------------------------------------------------------------------- */

typedef struct soho_plugin {
    uint32_t size;
    uint32_t abi; /* SOHO_ABI as the plugin was built */
    soho_text name;
    soho_text version;
    soho_text sdk_version;
    /* Registers the types. `*state` is the plugin's own. Returns 0; else nothing of it is kept, the library stays unused,
     * and nothing else of it is called. Where the host refuses the plugin all the same (a typeid that another one has),
     * `stop` and `unload` follow at once. [loader] */
    int (*load)(const soho_host* host, const soho_registrar* registrar, void** state);
    /* The host is going: end and join the plugin's threads. Calls may still be running, new ones do not come; pending
     * replies may be dropped. May be NULL. [loader] */
    void (*stop)(void* state);
    /* Called after `stop`, once the host keeps no object of the plugin and runs none of its code; not called where
     * that moment never comes. May be NULL. [loader] */
    void (*unload)(void* state);
    /* A table that the plugin offers, such as "soho.state/1"; NULL where it has none. May be NULL. [any thread] */
    const void* (*get_extension)(void* state, soho_text id);
} soho_plugin;

/* ---- state ----------------------------------------------------------------------------------------------------- */

/* How the objects of one typeid are saved, and made again from what was saved, by this version of the plugin or another.
 * Both functions end at once: with SOHO_DONE, or with SOHO_FAILED after fail(); defer() gives NULL. Their calls are nobody's:
 * session and origin_session are 0, there is no deadline. Neither may wait for another object. */
typedef struct soho_state_type {
    uint32_t size;
    uint32_t flags;    /* none yet */
    soho_text type_id; /* of a type that this plugin registers; at most once */
    uint32_t version;  /* of the state that `save` writes: another number for what a `load` would take wrongly */
    uint32_t reserved;
    void* context;
    /* Writes all that makes up the object to call->result, as one MessagePack value, and changes nothing. Handles in it are
     * of living objects, as in results; the host keeps those alive until the state was loaded or is given up. call->args is
     * an empty array. While no method of the object runs and no reply of it is pending; none begins until the host has
     * the new object in its place, or has given that up. [in turn; of a concurrent type as well] */
    uint32_t (*save)(void* context, void* self, const soho_call* call);
    /* Makes an object of the state in call->args: the one MessagePack value that the `save` of this typeid wrote when that
     * had this `version`. Which versions it takes is its own affair: it fails with a sentence that says so. Fills in `out`
     * as create does. call->object is the id that the object will have, as the holder of the references in its state, or
     * 0; as in create, it cannot be charged or have tasks and timers yet. object_argument() finds nothing here. One at a
     * time with the type's create, and where that may run. */
    uint32_t (*load)(void* context, const soho_call* call, uint32_t version, soho_instance* out);
} soho_state_type;

/* A plugin's table "soho.state/1", for its get_extension(). Asked for when `load` has returned 0; stays. */
typedef struct soho_state {
    uint32_t size;
    uint32_t reserved;
    soho_array types; /* of soho_state_type */
} soho_state;

#define SOHO_STATE "soho.state/1"

/* ---- self-test ------------------------------------------------------------------------------------------------- */

/* What a plugin may offer as "soho.self_test/1": whether it is fit to serve. A host runs it before it has the types of a
 * plugin that is reloaded made, once `load` was content. */
#define SOHO_SELF_TEST "soho.self_test/1"

typedef struct soho_self_test {
    uint32_t size;
    uint32_t reserved;
    /* `state` is what `load` gave. Returns 0, or another number once it has called `refuse(context, reason)`. [loader] */
    int (*run)(void* state, void* context, void (*refuse)(void* context, soho_text reason));
} soho_self_test;

/* The one symbol a plugin exports. `host_abi` is the major version the host speaks. Returns NULL, or a table that stays,
 * of that version if the plugin has it, else of its own: the host says which two did not meet. [loader] */
const soho_plugin* soho_plugin_entry(uint32_t host_abi);

#ifdef __cplusplus
}
#endif

/* ---- the note -------------------------------------------------------------------------------------------------- */

/* SOHO_NOTE("pair", "1.0"), once at file scope: an ELF note (owner "soho", type 1) from which tools and the loader read
 * the name, the version and the ABI without running the plugin. Its contents: the ABI as uint32, 0 as uint32, then name,
 * version and SDK version, each followed by a zero byte. */
#define SOHO_NOTE_OWNER "soho"
#define SOHO_NOTE_TYPE 1u

#ifdef __cplusplus
#define SOHO_PRIVATE_EXTERN_C extern "C"
#else
#define SOHO_PRIVATE_EXTERN_C
#endif
#define SOHO_EXPORT SOHO_PRIVATE_EXTERN_C __attribute__((visibility("default")))

/* clang's address sanitizer pads what it watches, and so would spoil the note. */
#if defined(__clang__)
#define SOHO_PRIVATE_UNPADDED __attribute__((no_sanitize("address")))
#else
#define SOHO_PRIVATE_UNPADDED
#endif

#define SOHO_NOTE(name, version)                                                                         \
    SOHO_PRIVATE_UNPADDED __attribute__((section(".note.soho"), used, aligned(4))) static const struct { \
        uint32_t owner_size, contents_size, type;                                                        \
        char owner[8];                                                                                   \
        uint32_t abi, reserved;                                                                          \
        char text[sizeof(name "\0" version "\0" SOHO_SDK_VERSION)];                                      \
    } soho_note = {sizeof(SOHO_NOTE_OWNER),                                                              \
                   8 + (uint32_t)sizeof(name "\0" version "\0" SOHO_SDK_VERSION),                        \
                   SOHO_NOTE_TYPE,                                                                       \
                   SOHO_NOTE_OWNER "\0\0\0",                                                             \
                   SOHO_ABI,                                                                             \
                   0,                                                                                    \
                   name "\0" version "\0" SOHO_SDK_VERSION}

#endif
