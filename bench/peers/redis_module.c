/* The bench's work as a Redis module. Debian packages no redismodule.h: these are the few functions of that interface that are needed,
 * found by name in the server as that header does it. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct RedisModuleCtx RedisModuleCtx;
typedef struct RedisModuleString RedisModuleString;
typedef int (*Command)(RedisModuleCtx*, RedisModuleString**, int);

static int (*reply_integer)(RedisModuleCtx*, long long);
static int (*reply_bytes)(RedisModuleCtx*, const char*, size_t);
static int (*reply_error)(RedisModuleCtx*, const char*);
static const char* (*bytes_of)(const RedisModuleString*, size_t*);
static int (*integer_of)(const RedisModuleString*, long long*);

struct pair {
    long long x, y;
};

static struct pair shared = {5, 6};

/* What was made, by number; a free place holds the number of the next. */
static struct pair* objects[1 << 16];
static unsigned short next_free[1 << 16], first_free;
static int used;

static int get_x(RedisModuleCtx* ctx, RedisModuleString** words, int count) {
    (void)words;
    (void)count;
    return reply_integer(ctx, shared.x);
}

static int echo(RedisModuleCtx* ctx, RedisModuleString** words, int count) {
    size_t size = 0;
    const char* bytes;
    if (count != 2) return reply_error(ctx, "ERR one argument");
    bytes = bytes_of(words[1], &size);
    return reply_bytes(ctx, bytes, size);
}

static int make(RedisModuleCtx* ctx, RedisModuleString** words, int count) {
    struct pair* made = malloc(sizeof *made);
    unsigned place;
    if (count != 3 || made == NULL || integer_of(words[1], &made->x) != 0 || integer_of(words[2], &made->y) != 0) {
        free(made);
        return reply_error(ctx, "ERR two integers");
    }
    if (first_free != 0) {
        place = first_free;
        first_free = next_free[place];
    } else if (used < (1 << 16) - 1) {
        place = (unsigned)++used;
    } else {
        free(made);
        return reply_error(ctx, "ERR no room");
    }
    objects[place] = made;
    return reply_integer(ctx, 100000 + place); /* always six digits */
}

static int release(RedisModuleCtx* ctx, RedisModuleString** words, int count) {
    long long id = 0;
    unsigned place;
    if (count != 2 || integer_of(words[1], &id) != 0 || id <= 100000 || id >= 100000 + (1 << 16))
        return reply_error(ctx, "ERR an id");
    place = (unsigned)(id - 100000);
    if (objects[place] == NULL) return reply_error(ctx, "ERR no such object");
    free(objects[place]);
    objects[place] = NULL;
    next_free[place] = first_free;
    first_free = (unsigned short)place;
    return reply_integer(ctx, 1);
}

__attribute__((visibility("default"))) int RedisModule_OnLoad(RedisModuleCtx* ctx, RedisModuleString** words,
                                                              int count) {
    int (*find)(const char*, void*) = ((int (**)(const char*, void*))ctx)[0];
    void (*set_attributes)(RedisModuleCtx*, const char*, int, int);
    int (*create_command)(RedisModuleCtx*, const char*, Command, const char*, int, int, int);
    static const struct {
        const char* name;
        Command command;
    } commands[] = {{"bench.get_x", get_x}, {"bench.echo", echo}, {"bench.make", make}, {"bench.release", release}};
    size_t i;
    (void)words;
    (void)count;
    find("RedisModule_SetModuleAttribs", &set_attributes);
    find("RedisModule_CreateCommand", &create_command);
    find("RedisModule_ReplyWithLongLong", &reply_integer);
    find("RedisModule_ReplyWithStringBuffer", &reply_bytes);
    find("RedisModule_ReplyWithError", &reply_error);
    find("RedisModule_StringPtrLen", &bytes_of);
    find("RedisModule_StringToLongLong", &integer_of);
    set_attributes(ctx, "bench", 1, 1);
    for (i = 0; i != sizeof commands / sizeof *commands; ++i) {
        if (create_command(ctx, commands[i].name, commands[i].command, "fast", 0, 0, 0) != 0) return 1;
    }
    return 0;
}
