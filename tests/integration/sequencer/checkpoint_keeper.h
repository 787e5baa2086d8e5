/*
 * A signer of checkpoints for tests: a key in software and a guard in a file, with the rules of docs/signer-protocol.md
 * (role audit), so that it survives the death of the process that uses it.
 */
#ifndef STRONGROOM_TEST_CHECKPOINT_KEEPER_H
#define STRONGROOM_TEST_CHECKPOINT_KEEPER_H

#include <pthread.h>
#include <stdatomic.h>

#include "sequencer.h"
#include "test/test_key.h"
#include "test/test_place.h"

enum { KEEPER_NEXT = 1, KEEPER_HELD = 2 };

struct checkpoint_keeper {
    struct test_key *key;
    struct test_folder folder;
    char guard[TEST_PATH_SIZE * 2];
    struct audit_key log_key;
    atomic_bool away;             /* cannot be reached */
    atomic_bool lose_reply;       /* signs, but the answer does not arrive, and is away afterwards */
    atomic_bool hangs;            /* is away, and carries out the given up request when the one after it comes */
    struct audit_checkpoint late; /* that request */
    atomic_int hold;              /* KEEPER_NEXT: the next request waits; it is KEEPER_HELD until this is 0 again */
    atomic_int hold_status;       /* the same of the next question what it remembers */
    pthread_mutex_t one;          /* a signer judges one request at a time */
    atomic_int signatures;
    struct audit_checkpoint anchored;        /* kept elsewhere; size 0: nothing is */
    const struct sequencer_follows *follows; /* of a log that is not the first; borrowed */
};

/* Makes key and guard; the guard is that of an empty log. */
void keeper_open(struct checkpoint_keeper *keeper, const char *origin);

/* Removes them. */
void keeper_close(struct checkpoint_keeper *keeper);

/* The functions for the sequencer. */
struct checkpoint_signer keeper_signer(struct checkpoint_keeper *keeper);

/* Waits until `hold` or `hold_status` has this value. */
void keeper_await(const atomic_int *hold, int value);

/* What is kept elsewhere, for the sequencer. */
struct checkpoint_anchors keeper_anchors(struct checkpoint_keeper *keeper);

/* What the guard remembers; overwriting it is the attacker's part. */
void keeper_read(const struct checkpoint_keeper *keeper, uint64_t *out_size, struct digest *out_root);
void keeper_write(const struct checkpoint_keeper *keeper, uint64_t size, const struct digest *root);

#endif
