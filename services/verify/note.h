/*
 * Checkpoints: C2SP signed notes of one log, and the leaf bytes of the trail. Written from docs/formats.md section 3.
 */
#ifndef STRONGROOM_VERIFY_NOTE_H
#define STRONGROOM_VERIFY_NOTE_H

#include "base/bytes.h"
#include "crypto.h"

#define ORIGIN_MAX 255

/* The log as the trust file names it. */
struct log_key {
    char origin[ORIGIN_MAX + 1];
    uint8_t id4[4];
    struct key key;
};

struct checkpoint {
    uint64_t size;
    struct digest root;
};

/* Reads a vkey; false when it is none or its key id is wrong. */
bool log_key_read(struct log_key *out, const char *vkey);

/*
 * Reads a signed note and verifies the log's signature. `why` gets the reason when it answers false. Every line of the
 * log must verify; lines of others are not looked at beyond their form.
 */
bool checkpoint_read(struct checkpoint *out, const struct log_key *log, const void *note, size_t len, const char **why);

/* A leaf of the trail taken apart. `event` is borrowed from the leaf bytes. */
struct leaf {
    uint64_t number;
    struct digest prev;
    struct digest hash; /* lh_n */
    const char *event;
    size_t event_len;
};

/* Reads L_n strictly; false with the reason in `why`. */
bool leaf_read(struct leaf *out, const char *origin, const void *raw, size_t len, const char **why);

/* Reads a decimal number without sign and leading zero, below 2^63, that ends at `end`. */
bool decimal_read(uint64_t *out, const char *text, size_t len);

#endif
