/*
 * Verifying inclusion and consistency (RFC 9162 2.1.3.2 and 2.1.4.2), and the text form of a receipt.
 *
 *   receipt = "c2sp.org/tlog-proof@v1\n" ["extra " b64 "\n"] "index " dec(n) "\n" {b64(hash) "\n"} "\n" signed note
 *
 * The verifying functions need no stored hashes and no memory.
 */
#ifndef STRONGROOM_AUDIT_PROOF_H
#define STRONGROOM_AUDIT_PROOF_H

#include "audit/checkpoint.h"
#include "audit/leaf.h"
#include "audit/tree.h"

#define AUDIT_TLOG_PROOF_EXTRA_MAX 16384
#define AUDIT_TLOG_PROOF_MAX (AUDIT_NOTE_MAX + 32768)

/* A receipt. `extra` is owned (length 0: no such line), `note` is borrowed. */
struct audit_tlog_proof {
    uint64_t index;
    struct audit_proof proof;
    struct bytes extra;
    const uint8_t *note; /* the signed note */
    size_t note_len;
};

/* What a verified receipt proves: this leaf is in the log under this checkpoint. leaf.event is borrowed from the leaf
 * bytes given. */
struct audit_proven {
    struct audit_checkpoint checkpoint;
    struct audit_leaf leaf;
};

/* Verifies that `leaf_hash` is entry `index` of the tree (size, root). STATUS_PROOF_INVALID. */
MUST_CHECK enum status audit_inclusion_verify(const struct audit_proof *proof, uint64_t index, uint64_t size,
                                              const struct digest *leaf_hash, const struct digest *root,
                                              struct fault *fault);

/*
 * Verifies that the tree (size, root) extends (old_size, old_root). For equal sizes the roots must be equal and the
 * proof empty; for old_size 0 old_root must be the empty root and the proof empty (C2SP tlog-witness).
 * STATUS_PROOF_INVALID, also when size < old_size.
 */
MUST_CHECK enum status audit_consistency_verify(const struct audit_proof *proof, uint64_t old_size,
                                                const struct digest *old_root, uint64_t size, const struct digest *root,
                                                struct fault *fault);

/*
 * Prints a receipt. The note must be a signed checkpoint by its grammar (STATUS_INVALID otherwise). Out: owned by the
 * caller.
 */
MUST_CHECK enum status audit_tlog_proof_encode(struct bytes *out, const struct audit_tlog_proof *proof,
                                               struct fault *fault);

/*
 * Reads a receipt, including the grammar of its checkpoint, but verifies nothing. Out: `note` points into `text` and
 * lives as long; free with audit_tlog_proof_wipe. STATUS_INVALID, STATUS_TOO_LARGE.
 */
MUST_CHECK enum status audit_tlog_proof_parse(struct audit_tlog_proof *out, const void *text, size_t len,
                                              struct fault *fault);

/* Frees `extra` and zeroes; a zero one is fine. */
void audit_tlog_proof_wipe(struct audit_tlog_proof *proof);

/*
 * Verifies a receipt for the leaf bytes `raw`: the checkpoint opens under the log key, the leaf parses, its index is
 * that of the receipt, its origin that of the checkpoint, and the inclusion proof leads to the root. Answers of
 * audit_checkpoint_open and audit_leaf_parse, STATUS_MISMATCH, STATUS_PROOF_INVALID.
 */
MUST_CHECK enum status audit_tlog_proof_verify(struct audit_proven *out, const struct audit_tlog_proof *proof,
                                               const struct audit_key *key, const void *raw, size_t raw_len,
                                               struct fault *fault);

/*
 * The lines of a bare proof, base64(hash) "\n" each, as the signer protocol and C2SP tlog-witness carry consistency
 * proofs. Out: owned by the caller.
 */
MUST_CHECK enum status audit_proof_encode(struct bytes *out, const struct audit_proof *proof);

/* Reads such lines: at most 63, each exactly 44 characters of strict base64; empty text is the empty proof.
 * STATUS_INVALID. */
MUST_CHECK enum status audit_proof_parse(struct audit_proof *out, const void *text, size_t len, struct fault *fault);

#endif
