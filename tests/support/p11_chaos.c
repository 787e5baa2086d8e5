/*
 * p11-chaos.so: a PKCS #11 module that is the real one but for the faults it is told. While a process runs, a test
 * rewrites (by rename) the file that STRONGROOM_CHAOS_CONFIG names, or without that the file with the name of the
 * module and `.conf`, so that each copy of the module can be another token's; it disturbs or heals the token. Lines:
 *
 *     module PATH                  the real module (default: SoftHSM)
 *     log PATH                     the name of every call is appended to this file
 *     FUNCTION CALLS FAULT [N]     e.g. C_Sign * hang, C_Login 1 rv 0xa0, C_Sign 3+ delay 5
 *
 * CALLS: `*` every call, `n` the n-th since the file was read, `n+` from the n-th on. FAULT:
 *     rv N         answers N and does not ask the real module
 *     late-rv N    asks the real module and then answers N
 *     hang         never returns
 *     delay N      first waits N milliseconds
 *     exit-before, exit-after    ends the process, before or after the real call
 *     flip         one bit of the output is another
 *     short, long  the length of the output is one less, or 10000
 *     replay       the output of the call before is given again (an old signature, with its r)
 *
 * A function without output ignores flip, short, long and replay; one without a length, short and long.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REAL_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define RULES_MAX 32
#define FUNCTIONS_MAX 32
#define NAME_SIZE 40
#define PATH_SIZE 512
#define OUTPUT_MAX 1024
#define LONG_LENGTH 10000
#define EXIT_STATUS 70

struct rule {
    char function[NAME_SIZE];
    char fault[16];
    unsigned from; /* 0: every call */
    bool onwards;
    unsigned long number;
};

/* What one function gave last, and how often it was called since the file was read. */
struct memory {
    char function[NAME_SIZE];
    unsigned calls;
    uint8_t output[OUTPUT_MAX];
    size_t output_len;
};

static struct {
    pthread_mutex_t mutex;
    struct stat seen;
    char module[PATH_SIZE];
    char log[PATH_SIZE];
    struct rule rules[RULES_MAX];
    size_t rule_count;
    struct memory memories[FUNCTIONS_MAX];
    size_t memory_count;
} chaos = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST disturbed;

/* The file */

static void rule_parse(const char *line)
{
    char calls[16];
    char number[24] = "0";
    struct rule rule = {.number = 0};
    int words = sscanf(line, "%39s %15s %15s %23s", rule.function, calls, rule.fault, number);
    if (words < 3 || chaos.rule_count == RULES_MAX) {
        abort(); /* a test must not pass because of a typing mistake */
    }
    rule.from = calls[0] == '*' ? 0 : (unsigned)strtoul(calls, NULL, 10);
    rule.onwards = strchr(calls, '+') != NULL;
    rule.number = strtoul(number, NULL, 0);
    chaos.rules[chaos.rule_count++] = rule;
}

static void line_take(const char *line)
{
    char path[PATH_SIZE];
    if (sscanf(line, "module %511s", path) == 1) {
        memcpy(chaos.module, path, sizeof(path));
    } else if (sscanf(line, "log %511s", path) == 1) {
        memcpy(chaos.log, path, sizeof(path));
    } else if (line[0] != '\n') {
        rule_parse(line);
    }
}

static void path_find(char out[PATH_SIZE])
{
    const char *named = getenv("STRONGROOM_CHAOS_CONFIG");
    Dl_info own;
    if (named == NULL && dladdr(&chaos, &own) == 0) {
        abort();
    }
    (void)snprintf(out, PATH_SIZE, "%s%s", named != NULL ? named : own.dli_fname, named != NULL ? "" : ".conf");
}

/* With the mutex. Another file begins a new count. */
static void config_read(void)
{
    static char path[PATH_SIZE];
    if (path[0] == '\0') {
        path_find(path);
    }
    struct stat now;
    if (stat(path, &now) != 0 ||
        (now.st_ino == chaos.seen.st_ino && now.st_mtim.tv_nsec == chaos.seen.st_mtim.tv_nsec &&
         now.st_mtim.tv_sec == chaos.seen.st_mtim.tv_sec)) {
        return;
    }
    chaos.seen = now;
    chaos.rule_count = 0;
    for (size_t i = 0; i < chaos.memory_count; i++) {
        chaos.memories[i].calls = 0;
    }
    char line[PATH_SIZE + 64];
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        line_take(line);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static void call_log(const char *function)
{
    int fd = chaos.log[0] == '\0' ? -1 : open(chaos.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    char line[NAME_SIZE + 1];
    int len = snprintf(line, sizeof(line), "%s\n", function);
    if (fd >= 0) {
        (void)!write(fd, line, (size_t)len);
        (void)close(fd);
    }
}

/* With the mutex. */
static struct memory *memory_of(const char *function)
{
    for (size_t i = 0; i < chaos.memory_count; i++) {
        if (strcmp(chaos.memories[i].function, function) == 0) {
            return &chaos.memories[i];
        }
    }
    if (chaos.memory_count == FUNCTIONS_MAX) {
        abort();
    }
    struct memory *memory = &chaos.memories[chaos.memory_count++];
    (void)snprintf(memory->function, sizeof(memory->function), "%s", function);
    return memory;
}

/* Before and after a call */

static struct rule rule_take(const char *function)
{
    struct rule found = {.fault = ""};
    pthread_mutex_lock(&chaos.mutex);
    config_read();
    call_log(function);
    unsigned call = ++memory_of(function)->calls;
    for (size_t i = 0; i < chaos.rule_count; i++) {
        const struct rule *rule = &chaos.rules[i];
        bool now = rule->from == 0 || call == rule->from || (rule->onwards && call > rule->from);
        if (now && strcmp(rule->function, function) == 0) {
            found = *rule;
        }
    }
    pthread_mutex_unlock(&chaos.mutex);
    return found;
}

static bool is(const struct rule *rule, const char *fault)
{
    return strcmp(rule->fault, fault) == 0;
}

static void wait_ms(unsigned long ms)
{
    const struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* True when the real module is not asked. */
static bool before(const struct rule *rule, CK_RV *out)
{
    if (is(rule, "rv")) {
        *out = rule->number;
        return true;
    }
    if (is(rule, "exit-before")) {
        _exit(EXIT_STATUS);
    }
    while (is(rule, "hang")) {
        wait_ms(1000);
    }
    if (is(rule, "delay")) {
        wait_ms(rule->number);
    }
    return false;
}

/* What a call gave: `data` of `size` bytes; `len`, if the function tells one. */
struct output {
    void *data;
    size_t size;
    CK_ULONG *len;
};

static void remember(const char *function, const struct output *output, bool again)
{
    pthread_mutex_lock(&chaos.mutex);
    struct memory *memory = memory_of(function);
    if (again && memory->output_len == output->size) {
        memcpy(output->data, memory->output, output->size);
    } else if (output->size <= OUTPUT_MAX) {
        memcpy(memory->output, output->data, output->size);
        memory->output_len = output->size;
    }
    pthread_mutex_unlock(&chaos.mutex);
}

static CK_RV after(const struct rule *rule, const char *function, CK_RV rv, const struct output *output)
{
    if (is(rule, "exit-after")) {
        _exit(EXIT_STATUS);
    }
    if (is(rule, "late-rv")) {
        return rule->number;
    }
    if (rv != CKR_OK || output->data == NULL || output->size == 0) {
        return rv;
    }
    remember(function, output, is(rule, "replay"));
    if (is(rule, "flip")) {
        ((uint8_t *)output->data)[output->size > 40 && output->size < 100 ? 40 : 0] ^= 1; /* in s of a signature */
    } else if (is(rule, "short") && output->len != NULL) {
        *output->len -= 1;
    } else if (is(rule, "long") && output->len != NULL) {
        *output->len = LONG_LENGTH;
    }
    return rv;
}

/* The functions */

#define NO_OUTPUT ((struct output){NULL, 0, NULL})
#define FIXED(pointer) ((struct output){(pointer), sizeof(*(pointer)), NULL})
#define LISTED(pointer, count)                                                                                         \
    ((struct output){(pointer), (pointer) == NULL ? 0 : *(count) * sizeof(*(pointer)), (count)})
#define ATTRIBUTE(value)                                                                                               \
    ((struct output){(value)->pValue, (value)->pValue == NULL ? 0 : (value)->ulValueLen, &(value)->ulValueLen})

/* X(name, parameters, arguments, result) */
/* clang-format off */
#define FUNCTIONS(X) \
    X(C_Initialize, (void *arguments), (arguments), NO_OUTPUT) \
    X(C_Finalize, (void *reserved), (reserved), NO_OUTPUT) \
    X(C_GetInfo, (CK_INFO *info), (info), FIXED(info)) \
    X(C_GetSlotList, (CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count), (present, slots, count), LISTED(slots, count)) \
    X(C_GetSlotInfo, (CK_SLOT_ID slot, CK_SLOT_INFO *info), (slot, info), FIXED(info)) \
    X(C_GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info), FIXED(info)) \
    X(C_GetMechanismInfo, (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info), (slot, type, info), FIXED(info)) \
    X(C_OpenSession, (CK_SLOT_ID slot, CK_FLAGS flags, void *hint, CK_NOTIFY notify, CK_SESSION_HANDLE *session), \
      (slot, flags, hint, notify, session), FIXED(session)) \
    X(C_CloseSession, (CK_SESSION_HANDLE session), (session), NO_OUTPUT) \
    X(C_GetSessionInfo, (CK_SESSION_HANDLE session, CK_SESSION_INFO *info), (session, info), FIXED(&info->state)) \
    X(C_Login, (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len), (session, user, pin, len), \
      NO_OUTPUT) \
    X(C_Logout, (CK_SESSION_HANDLE session), (session), NO_OUTPUT) \
    X(C_FindObjectsInit, (CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count), (session, wanted, count), \
      NO_OUTPUT) \
    X(C_FindObjects, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *found, CK_ULONG max, CK_ULONG *count), \
      (session, found, max, count), LISTED(found, count)) \
    X(C_FindObjectsFinal, (CK_SESSION_HANDLE session), (session), NO_OUTPUT) \
    X(C_GetAttributeValue, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *value, CK_ULONG count), \
      (session, object, value, count), ATTRIBUTE(value)) \
    X(C_SignInit, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key), (session, mechanism, key), \
      NO_OUTPUT) \
    X(C_Sign, (CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature, CK_ULONG *signature_len), \
      (session, data, len, signature, signature_len), LISTED(signature, signature_len)) \
    X(C_GenerateRandom, (CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len), (session, data, len), \
      ((struct output){data, len, NULL})) \
    X(C_GenerateKeyPair, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public, CK_ULONG public_count, \
      CK_ATTRIBUTE *private, CK_ULONG private_count, CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key), \
      (session, mechanism, public, public_count, private, private_count, public_key, private_key), FIXED(private_key)) \
    X(C_CreateObject, (CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count, CK_OBJECT_HANDLE *object), \
      (session, wanted, count, object), FIXED(object)) \
    X(C_DestroyObject, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object), (session, object), NO_OUTPUT) \
    X(C_WrapKey, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE with, CK_OBJECT_HANDLE key, \
      CK_BYTE *wrapped, CK_ULONG *len), (session, mechanism, with, key, wrapped, len), LISTED(wrapped, len)) \
    X(C_UnwrapKey, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE with, CK_BYTE *wrapped, CK_ULONG len, \
      CK_ATTRIBUTE *wanted, CK_ULONG count, CK_OBJECT_HANDLE *key), (session, mechanism, with, wrapped, len, wanted, count, key), \
      FIXED(key))
/* clang-format on */

#define WRAPPER(name, parameters, arguments, result)                                                                   \
    static CK_RV chaos_##name parameters                                                                               \
    {                                                                                                                  \
        struct rule rule = rule_take(#name);                                                                           \
        CK_RV rv = CKR_OK;                                                                                             \
        if (before(&rule, &rv)) {                                                                                      \
            return rv;                                                                                                 \
        }                                                                                                              \
        rv = real->name arguments;                                                                                     \
        struct output given = NO_OUTPUT;                                                                               \
        if (rv == CKR_OK) {                                                                                            \
            given = result;                                                                                            \
        }                                                                                                              \
        return after(&rule, #name, rv, &given);                                                                        \
    }
FUNCTIONS(WRAPPER) /* NOLINT(readability-function-size): the parameters are Cryptoki's */

static CK_RV real_load(void)
{
    void *library = dlopen(chaos.module[0] == '\0' ? REAL_MODULE : chaos.module, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get = NULL;
    if (library != NULL) {
        *(void **)&get = dlsym(library, "C_GetFunctionList");
    }
    if (get == NULL || get(&real) != CKR_OK) {
        return CKR_GENERAL_ERROR;
    }
    disturbed = *real;
#define ENTRY(name, parameters, arguments, result) disturbed.name = chaos_##name;
    FUNCTIONS(ENTRY)
    return CKR_OK;
}

/* What every module exports. */
CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out)
{
    struct rule rule = rule_take("C_GetFunctionList");
    CK_RV rv = CKR_OK;
    if (before(&rule, &rv)) {
        return rv;
    }
    rv = real == NULL ? real_load() : CKR_OK;
    *out = &disturbed;
    return after(&rule, "C_GetFunctionList", rv, &NO_OUTPUT);
}
