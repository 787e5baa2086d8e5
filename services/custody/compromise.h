/*
 * The parts of `custody compromise`: what is known of our keys, which of them a loss reaches, and the sweeps of what
 * they hold. Nothing here believes the service: a paper counts when its signatures lead to the policy's people.
 */
#ifndef STRONGROOM_CUSTODY_COMPROMISE_H
#define STRONGROOM_CUSTODY_COMPROMISE_H

#include <stdio.h>

#include "papers.h"
#include "policy/backup.h"
#include "policy/ceremony.h"
#include "policy/compromise.h"

#define COMPROMISE_WHY_SIZE 192
#define COMPROMISE_TOKENS_MAX 8

/* A key of ours: its document verified, and what else was shown of it and verified. */
struct known_key {
    struct key_papers papers; /* owned */
    struct ceremony ceremony; /* owned */
    bool has_ceremony;
    struct backup backup; /* owned */
    bool has_backup;
    struct token_identity
        tokens[COMPROMISE_TOKENS_MAX]; /* of birth, then where it was restored for good or in a drill */
    size_t token_count;
    struct share_set pin; /* of the PIN of its token */
    bool has_pin;
    enum key_state state;          /* as the service says; 0: it does not say */
    uint64_t on;                   /* transitions so far, as the service says */
    char why[COMPROMISE_WHY_SIZE]; /* in the blast radius because; empty: not in it */
};

struct known_keys {
    struct known_key *list; /* owned; ascending by key id */
    size_t count;
    bool served; /* the service answered */
};

/*
 * Collects the keys from --papers (a folder, with all below it) and from the service; one of them may be missing, not
 * both (STATUS_UNAVAILABLE). What does not verify under the chain is told on `told` and left out. Out: known_keys_wipe.
 */
MUST_CHECK enum status known_keys_open(struct known_keys *out, const struct custody_options *options,
                                       const struct chain *chain, FILE *told, struct fault *fault);

/* Frees what it owns and empties; an empty one is fine. */
void known_keys_wipe(struct known_keys *keys);

/*
 * Marks the keys that the loss reaches (`why`) and answers how many. `lost` is a key id, serial or label of a token, a
 * person, a role of a signer, or a site; a key reaches the keys of every token that it was on.
 */
size_t compromise_mark(struct known_keys *keys, enum compromise_what what, const char *lost);

/* What sweeping came to. */
struct sweep_count {
    unsigned sweeps;
    unsigned hindrances;
};

/* What sweeps are made for. Borrowed. */
struct sweep_order {
    const struct custody_options *options;
    const struct policy *policy;
    const struct name *by; /* who asks */
    const char *folder;
    FILE *plan; /* what was prepared, and what is in the way, in words */
};

/*
 * For all that the key's account holds: writes transfers to an emergency address of its document (intents) and the
 * orders key.sweep for them, unsigned, into the folder. What would keep one from going is told in the plan and counted.
 */
void compromise_sweep(struct sweep_count *inout, const struct known_key *key, const struct sweep_order *order);

/* Writes a new file of the folder, mode 0600, synced. STATUS_EXISTS, STATUS_IO. */
MUST_CHECK enum status compromise_write(const char *folder, const char *name, const void *text, size_t len,
                                        struct fault *fault);

#endif
