/*
 * What a trail holds. Internal to the files of the trail.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_STATE_H
#define STRONGROOM_CUSTODYD_TRAIL_STATE_H

#include <pthread.h>

#include "trail_core.h"
#include "trail_number.h"
#include "trail_ordinal.h"
#include "trail_signed.h"

/* How many lost numbers one event declares void. */
#define VOID_MAX 128

/* What somebody waits for: an event of this boot, or an entry. */
struct wish {
    const struct trail_ticket *ticket; /* NULL: `seq` is known */
    uint64_t seq;
};

/* Who waits, on his own stack. */
struct waiter {
    struct waiter *next;
    struct waiter **at; /* what points to this one */
    struct wish *wish;
    pthread_cond_t ready;
};

/* A row that was found not to be what was signed. */
struct doubted {
    struct trail_doubted told;
    struct digest row; /* as it was; zeros: it was not looked at */
    bool mended;       /* it was what was signed, since */
};

/* Entries whose number their object had before, in the order in which they were found. */
struct repeated {
    struct trail_repeated rows[TRAIL_REPEATED_MAX];
    size_t count;
};

/* Events on their way to the sequencer of this process, in order. */
struct posts {
    struct post *first;
    struct post **last; /* where the next one is hung */
    size_t count;
    bool taken; /* the sequencer leads and takes them */
};

struct trail {
    const struct clock *clock;
    struct store *reader;
    struct audit_key keys[TRAIL_KEYS_MAX];
    size_t key_count;
    struct secret pending_key; /* of this log (trail_pending_mac) */
    struct uuid boot;
    struct trail_view *view;
    struct trail_view *shown; /* for whoever asks for tiles: it may not push out what receipts are made from */
    uint64_t first;
    uint64_t since; /* the size of the newest checkpoint when this was opened */
    int wake_fd;

    pthread_mutex_t mutex; /* guards what follows */
    struct waiter *waiters;
    struct trail_checkpoint newest;            /* empty note: none yet */
    bool halted;                               /* no checkpoint will come any more */
    struct trail_trouble halt;                 /* then: why */
    bool late;                                 /* somebody waited in vain, and no checkpoint has come since */
    struct doubted doubted[TRAIL_DOUBTED_MAX]; /* each row once, the one found last at the end (trail_signed.h) */
    size_t doubted_count;
    uint64_t doubted_news; /* how often something was found */
    struct repeated repeated;
    struct numbers numbers;
    struct posts posts;
};

/* Wakes those whose wish can be answered now. The lock is held. */
void trail_release(struct trail *trail);

#endif
