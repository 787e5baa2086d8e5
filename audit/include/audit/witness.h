/*
 * Witnesses (C2SP tlog-witness): whose cosignatures count, how many it takes, and the request by which a log asks for
 * one.
 *
 *   policy  = canonical {"quorum":k,"witnesses":[{"key":"<vkey of type 04>","url":"http://..."}]}, sorted by key
 *   request = "old " dec(size) "\n" {b64(hash) "\n"} "\n" signed note
 */
#ifndef STRONGROOM_AUDIT_WITNESS_H
#define STRONGROOM_AUDIT_WITNESS_H

#include "audit/proof.h"

#define AUDIT_WITNESSES_MAX 16
#define AUDIT_WITNESS_URL_SIZE 256
#define AUDIT_ADD_CHECKPOINT_MAX 32768

struct audit_witness {
    struct audit_key key;
    char url[AUDIT_WITNESS_URL_SIZE]; /* submission prefix, without a slash at its end */
};

/* Which witnesses there are, and how many of them must have cosigned a checkpoint. */
struct audit_witnesses {
    size_t quorum; /* 1 .. count */
    size_t count;
    struct audit_witness rows[AUDIT_WITNESSES_MAX];
};

/*
 * Reads a policy of witnesses. No two have the same name or the same public key: a cosignature does not say the name of
 * its key, so one key under two names would be two witnesses. STATUS_INVALID and those of canon_parse.
 */
MUST_CHECK enum status audit_witnesses_parse(struct audit_witnesses *out, const void *document, size_t len,
                                             struct fault *fault);

/*
 * How many witnesses have cosigned the note. A bad cosignature of one of them makes the whole note worthless
 * (STATUS_SIGNATURE_INVALID); others' are ignored. Out: *out_time_s, unless NULL: of the newest `quorum` cosignatures
 * the oldest time, 0 when there are fewer.
 */
MUST_CHECK enum status audit_witnesses_count(size_t *out_count, uint64_t *out_time_s, const struct audit_note *note,
                                             const struct audit_witnesses *witnesses, struct fault *fault);

/* STATUS_QUORUM_MISSING unless the quorum has cosigned the note; otherwise as audit_note_parse and _count. */
MUST_CHECK enum status audit_witnesses_check(const struct audit_witnesses *witnesses, const void *note, size_t len,
                                             struct fault *fault);

/* A request to cosign. `note` is borrowed. */
struct audit_add_checkpoint {
    uint64_t old; /* the size that the proof begins at */
    struct audit_proof proof;
    const uint8_t *note;
    size_t note_len;
};

/* Prints a request. The note is not looked at. Out: owned by the caller. */
MUST_CHECK enum status audit_add_checkpoint_encode(struct bytes *out, const struct audit_add_checkpoint *request);

/*
 * Reads a request; what follows the blank line is the note, which is not looked at. Out: `note` points into `text`.
 * STATUS_INVALID, STATUS_TOO_LARGE (more than AUDIT_ADD_CHECKPOINT_MAX).
 */
MUST_CHECK enum status audit_add_checkpoint_parse(struct audit_add_checkpoint *out, const void *text, size_t len,
                                                  struct fault *fault);

#endif
