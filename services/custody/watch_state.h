/*
 * What the watch remembers, in a file: which alarms it knows and who has been told what. One process has it at a time.
 */
#ifndef STRONGROOM_CUSTODY_WATCH_STATE_H
#define STRONGROOM_CUSTODY_WATCH_STATE_H

#include "watch_alarm.h"

struct watch_entry {
    struct watch_alarm alarm;
    int64_t seen_at_utc_us; /* by this host's clock */
    json_t *told;           /* texts "notice program", owned */
    bool present;           /* not in the file: still in alarm, as far as is known */
};

struct watch_state {
    char path[512];
    int lock_fd;
    struct watch_entry *entries; /* owned */
    size_t count;
    bool changed; /* since it was saved */
};

/*
 * Takes the lock and reads the file; no file is an empty state. STATUS_CONFLICT when another process has it,
 * STATUS_CORRUPT for a file that is not one of ours. Out: watch_state_close.
 */
MUST_CHECK enum status watch_state_open(struct watch_state *out, const char *path, struct fault *fault);

/* Writes the file anew and syncs it when something changed. STATUS_IO. */
MUST_CHECK enum status watch_state_save(struct watch_state *state, struct fault *fault);

/* The entry of an alarm, NULL when there is none. Valid until entries are added or dropped. */
struct watch_entry *watch_state_find(struct watch_state *state, const struct digest *id);

/* The entry of an alarm of the watch's own, by code and object. As above. */
struct watch_entry *watch_state_find_own(struct watch_state *state, const char *code, const char *object_id);

/* Adds an alarm that is present, or takes what is new in one that is known. `alarm` is transferred in every case. */
MUST_CHECK enum status watch_state_put(struct watch_state *state, struct watch_alarm *alarm, int64_t now_utc_us,
                                       struct fault *fault);

/* Drops an entry; the last one takes its place. */
void watch_state_drop(struct watch_state *state, size_t index);

/* Whether this program got this notice, and that it has now. */
bool watch_entry_told(const struct watch_entry *entry, const char *notice, const char *program);
MUST_CHECK enum status watch_state_tell(struct watch_state *state, struct watch_entry *entry, const char *notice,
                                        const char *program, struct fault *fault);

/* Frees and gives the lock back. */
void watch_state_close(struct watch_state *state);

#endif
