/*
 * Checkpoints: the note body, verifier keys, and signed notes (C2SP tlog-checkpoint, signed-note, tlog-cosignature).
 *
 *   body   = origin "\n" dec(size) "\n" base64(root) "\n"
 *   signed = body "\n" { "— " name " " base64(keyid4 || signature) "\n" }
 *   vkey   = name "+" hex8(keyid4) "+" base64(type || public32),  keyid4 = SHA-256(name || 0x0A || type ||
 * public32)[0:4]
 *
 * Parsers refuse and never repair. The signing itself takes place in a token elsewhere: here are only the bytes.
 */
#ifndef STRONGROOM_AUDIT_CHECKPOINT_H
#define STRONGROOM_AUDIT_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "audit/leaf.h"
#include "base/algorithm.h"
#include "base/bytes.h"
#include "base/digest.h"

#define AUDIT_NOTE_MAX 262144
#define AUDIT_NOTE_LINES_MAX 64
#define AUDIT_CHECKPOINT_BODY_MAX (AUDIT_ORIGIN_MAX + 1 + 19 + 1 + 44 + 1)
#define AUDIT_VKEY_SIZE (AUDIT_ORIGIN_MAX + 1 + 8 + 1 + 44 + 1) /* with the NUL */
#define AUDIT_KEY_ID_LEN 4

struct audit_checkpoint {
    char origin[AUDIT_ORIGIN_SIZE];
    uint64_t size;
    struct digest root;
};

/* The type byte of C2SP signed-note. */
enum audit_key_type {
    AUDIT_KEY_ED25519 = 1,     /* the log's own signature over the body */
    AUDIT_KEY_COSIGNATURE = 4, /* a witness: Ed25519 over "cosignature/v1\ntime <t>\n" and the body */
};

/* A verifier key. Its fields belong together: made by audit_key_make or audit_key_parse only. */
struct audit_key {
    char name[AUDIT_ORIGIN_SIZE]; /* for a log key: the origin */
    enum audit_key_type type;
    uint8_t id4[AUDIT_KEY_ID_LEN];
    struct public_key public_key;
};

/* One signature line. Everything is borrowed from the note. */
struct audit_note_line {
    const char *name; /* not NUL-terminated; UTF-8, since witnesses choose their own names */
    size_t name_len;
    uint8_t id4[AUDIT_KEY_ID_LEN];
    const char *base64; /* keyid4 || signature, checked to be strict base64 of 5 or more bytes */
    size_t base64_len;
};

/* A signed note taken apart. Everything is borrowed from its bytes. */
struct audit_note {
    const uint8_t *body; /* including its last newline, excluding the blank line */
    size_t body_len;
    size_t line_count;
    struct audit_note_line lines[AUDIT_NOTE_LINES_MAX];
};

/* Builds the note body. Out: owned by the caller. STATUS_INVALID for a bad origin or a size above 2^63-1. */
MUST_CHECK enum status audit_checkpoint_build(struct bytes *out, const struct audit_checkpoint *checkpoint,
                                              struct fault *fault);

/*
 * Reads a note body of exactly three lines; extension lines are refused. STATUS_INVALID. The root is not checked
 * against anything, not even that a size of 0 has the empty root.
 */
MUST_CHECK enum status audit_checkpoint_parse(struct audit_checkpoint *out, const void *body, size_t len,
                                              struct fault *fault);

/* Makes a verifier key from the 32 bytes of an Ed25519 public key. STATUS_INVALID for a bad name, type or point. */
MUST_CHECK enum status audit_key_make(struct audit_key *out, const char *name, enum audit_key_type type,
                                      const uint8_t public32[32], struct fault *fault);

/*
 * Reads a vkey; its key id must be the right one. STATUS_INVALID, STATUS_ALGORITHM_REFUSED for a type not listed above.
 */
MUST_CHECK enum status audit_key_parse(struct audit_key *out, const char *vkey, struct fault *fault);

/* Prints the vkey and a NUL. */
void audit_key_format(char out[AUDIT_VKEY_SIZE], const struct audit_key *key);

/*
 * The signed note of a body and one 64-byte Ed25519 signature over exactly that body by `key` (a log key: INVARIANT).
 * The signature is not verified here; the token's user does so with the public key before. Out: owned by the caller.
 */
MUST_CHECK enum status audit_note_assemble(struct bytes *out, const void *body, size_t len, const struct audit_key *key,
                                           const uint8_t signature64[SIGNATURE_LEN], struct fault *fault);

/*
 * One more signature line (with newline) for an assembled note: of a further key of the same log (INVARIANT), whose
 * signature over the body is not verified here. Out: owned by the caller.
 */
MUST_CHECK enum status audit_note_line(struct bytes *out, const struct audit_key *key,
                                       const uint8_t signature64[SIGNATURE_LEN], struct fault *fault);

/*
 * The message a witness signs: "cosignature/v1\ntime <time_s>\n" and the body. `time_s` is POSIX seconds, below 2^63.
 * Out: owned by the caller.
 */
MUST_CHECK enum status audit_cosignature_message(struct bytes *out, uint64_t time_s, const void *body, size_t len,
                                                 struct fault *fault);

/*
 * The signature line (with newline) of a cosignature by `key` (a cosignature key: INVARIANT). Appended to a signed note
 * it gives a signed note with one line more. Out: owned by the caller.
 */
MUST_CHECK enum status audit_cosignature_line(struct bytes *out, const struct audit_key *key, uint64_t time_s,
                                              const uint8_t signature64[SIGNATURE_LEN], struct fault *fault);

/*
 * Takes a signed note apart and checks its grammar (every rule but the signatures): UTF-8, no control bytes but LF, the
 * last blank line splits body from signatures, 1 to 64 lines, strict base64. STATUS_INVALID, STATUS_TOO_LARGE.
 */
MUST_CHECK enum status audit_note_parse(struct audit_note *out, const void *note, size_t len, struct fault *fault);

/*
 * Verifies what `key` says about the note. STATUS_OK: at least one line is of this key (name and key id) and every such
 * line verifies. STATUS_SIGNATURE_INVALID: one does not, the whole note is worthless. STATUS_UNKNOWN_KEY: no line is of
 * this key. Lines of other keys are ignored. Out: *out_time_s, unless NULL: the latest time of a cosignature key's
 * lines, 0 for a log key.
 */
MUST_CHECK enum status audit_note_verify(uint64_t *out_time_s, const struct audit_note *note,
                                         const struct audit_key *key, struct fault *fault);

/*
 * The lines of `key` as they stand in the note, each with its newline; empty when there is none. Nothing is verified.
 * Out: owned by the caller.
 */
MUST_CHECK enum status audit_note_lines(struct bytes *out, const struct audit_note *note, const struct audit_key *key);

/*
 * The note with the first line of each of `keys` (the log's; `count` from 1) that it has and no other: whoever kept or
 * carried a note may have added lines, and one bad line of a known key makes the whole note worthless. Nothing is
 * verified. Out: owned by the caller. STATUS_UNKNOWN_KEY when it has none.
 */
MUST_CHECK enum status audit_note_strip(struct bytes *out, const struct audit_note *note, const struct audit_key *keys,
                                        size_t count, struct fault *fault);

/*
 * Everything at once for a checkpoint of the log whose key is `key`: grammar, signature, body, and origin == key name
 * (STATUS_MISMATCH). This is the call that makes a checkpoint trustworthy.
 */
MUST_CHECK enum status audit_checkpoint_open(struct audit_checkpoint *out, const void *note, size_t len,
                                             const struct audit_key *key, struct fault *fault);

#endif
