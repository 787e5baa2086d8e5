/*
 * Checkpoints: C2SP signed notes of one log, and the leaf bytes of the trail. Written from docs/formats.md section 3.
 */
#ifndef STRONGROOM_VERIFY_NOTE_H
#define STRONGROOM_VERIFY_NOTE_H

#include "base/bytes.h"
#include "crypto.h"
#include "report.h"
#include "scan.h"

#define ORIGIN_MAX 255

/* The type byte of a vkey. */
enum note_key_type {
    NOTE_KEY_LOG = 1,     /* Ed25519 over the body of the note */
    NOTE_KEY_WITNESS = 4, /* Ed25519 over the time and the body (C2SP tlog-cosignature) */
};

/* The log or a witness, as the trust file names it. */
struct note_key {
    char name[ORIGIN_MAX + 1]; /* of a log: its origin */
    enum note_key_type type;
    uint8_t id4[4];
    struct key key;
    uint64_t from;               /* of a log: no checkpoint of fewer entries counts by it */
    const struct note_key *next; /* of a log: the one that counts from its own `from` on; NULL for none. Borrowed */
};

/* The texts are borrowed from the note that it was read from. */
struct checkpoint {
    uint64_t size;
    struct digest root;
    struct span body;
    struct span signatures; /* the lines behind the blank one */
};

/* Reads a vkey; false when it is none of this type or its key id is wrong. */
bool note_key_read(struct note_key *out, const char *vkey, enum note_key_type type);

/*
 * Reads a signed note and verifies the log's signature: of the key that counts at its size. `why` gets the reason when
 * it is not proven: incomplete when it may be of a log, or signed by a key, that a later trust file names. Every line
 * of the log's keys must verify, and none is of a key whose time was over; lines of others are not looked at beyond
 * their form.
 */
enum verdict checkpoint_read(struct checkpoint *out, const struct note_key *log, const void *note, size_t len,
                             const char **why);

/*
 * Whether a line is a key's signature. Badly: one that names the key does not verify, or one has no form. Of a witness
 * also the newest time that it signed, in seconds since 1970; otherwise 0.
 */
enum signed_by { SIGNED_NOT, SIGNED, SIGNED_BADLY };
enum signed_by checkpoint_signed_by(uint64_t *out_time_s, const struct checkpoint *checkpoint,
                                    const struct note_key *key);

/* A leaf of the trail taken apart. `event` is borrowed from the leaf bytes. */
struct leaf {
    uint64_t number;
    struct digest prev;
    struct digest hash; /* lh_n */
    struct span event;
};

/* Reads L_n strictly; false with the reason in `why`. */
bool leaf_read(struct leaf *out, const char *origin, const void *raw, size_t len, const char **why);

#endif
