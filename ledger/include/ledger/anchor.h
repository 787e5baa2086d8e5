/*
 * Anchors: signed checkpoints of audit trails that the ledger keeps, so that who owns the database of a trail cannot
 * take it back behind them. See docs/formats.md.
 *
 * An anchor is the signed note itself. Nobody signs it a second time: the log's signature, which its signer gives only
 * for what extends the last checkpoint, is all there is to say. Pure functions over bytes.
 */
#ifndef STRONGROOM_LEDGER_ANCHOR_H
#define STRONGROOM_LEDGER_ANCHOR_H

#include "audit/checkpoint.h"
#include "base/canon.h"

#define LEDGER_ANCHOR_NOTE_MAX 8192 /* in base64 it fits a document */

struct ledger_anchor {
    struct digest chain;
    struct bytes note; /* signed, as the log gave it; owned */
    struct audit_checkpoint checkpoint;
};

/* Releases and zeroes; a zero one is fine. */
void ledger_anchor_wipe(struct ledger_anchor *anchor);

/* Whether canonical bytes say that they are an anchor; they may be none all the same. */
bool ledger_anchor_is(const void *document, size_t len);

/*
 * Reads the document strictly, and the note in it; the signature is not verified. The statuses of canon_decode;
 * STATUS_INVALID for what is no signed checkpoint. Out: ledger_anchor_wipe.
 */
MUST_CHECK enum status ledger_anchor_decode(struct ledger_anchor *out, const void *document, size_t len,
                                            struct fault *fault);

/* The canonical bytes of the anchor of a signed note on a chain. Out: owned by the caller. STATUS_TOO_LARGE. */
MUST_CHECK enum status ledger_anchor_encode(struct bytes *out, const struct digest *chain, const struct bytes *note,
                                            struct fault *fault);

/*
 * Verifies that the log with this public key signed the note. STATUS_UNKNOWN_KEY (no ed25519 key, or no line of it),
 * STATUS_SIGNATURE_INVALID.
 */
MUST_CHECK enum status ledger_anchor_verify(const struct ledger_anchor *anchor, const struct public_key *key,
                                            struct fault *fault);

/* What the anchors of one log have in common: SHA-256 of the vkey of this origin and key. STATUS_UNKNOWN_KEY. */
MUST_CHECK enum status ledger_anchor_log(struct digest *out, const char *origin, const struct public_key *key,
                                         struct fault *fault);

#endif
