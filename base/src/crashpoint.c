/*
 * Crash points. Compiled only into builds that have them; the environment is read once, at the first hit. SIGKILL and
 * not exit: no handler, destructor or buffer may get a chance to tidy up.
 */
#include "base/crashpoint.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/status.h"

#define VARIABLE "STRONGROOM_CRASHPOINT"
#define NAME_MAX_LEN 63

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char target[NAME_MAX_LEN + 1];
static long target_hit;
static atomic_long hits;

static void target_read(void)
{
    const char *text = getenv(VARIABLE);
    if (text == NULL || *text == '\0') {
        return;
    }
    const char *colon = strrchr(text, ':');
    INVARIANT(colon != NULL && colon > text && colon - text <= NAME_MAX_LEN);
    char *end = NULL;
    target_hit = strtol(colon + 1, &end, 10);
    INVARIANT(target_hit > 0 && end != colon + 1 && *end == '\0');
    memcpy(target, text, (size_t)(colon - text));
}

void crashpoint_hit(const char *name)
{
    INVARIANT(pthread_once(&once, target_read) == 0);
    if (target_hit == 0 || (strcmp(target, "*") != 0 && strcmp(target, name) != 0)) {
        return;
    }
    if (atomic_fetch_add(&hits, 1) + 1 == target_hit) {
        (void)kill(getpid(), SIGKILL);
        for (;;) {
            (void)pause();
        }
    }
}
