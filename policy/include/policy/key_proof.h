/*
 * Proof of control: how old the newest sign of life of a key may be. A fresh attestation is one; so is a restore proof,
 * by which its backup is known to be good. See docs/keys.md (proof of control).
 */
#ifndef STRONGROOM_POLICY_KEY_PROOF_H
#define STRONGROOM_POLICY_KEY_PROOF_H

#include "policy/key.h"

enum key_proof_standing {
    KEY_PROOF_FRESH = 1,
    KEY_PROOF_DUE = 2,     /* in the last quarter of its interval: people should see to it */
    KEY_PROOF_OVERDUE = 3, /* nobody is told any more to send something there */
};

struct key_proof {
    int64_t proven_at;  /* microseconds UTC; 0 for never */
    int64_t due_at;     /* from then on KEY_PROOF_DUE */
    int64_t overdue_at; /* from then on KEY_PROOF_OVERDUE */
    enum key_proof_standing standing;
};

/* The word of a standing: "fresh", "due", "overdue". Static. */
const char *key_proof_text(enum key_proof_standing standing);

/*
 * The interval of a key in microseconds: `asked_us`, as often as keys are asked that answer by themselves, and never
 * more than the drill_days of the document; for an attended key, which answers when people come, the drill_days.
 */
int64_t key_proof_interval_us(const struct key_document *document, int64_t asked_us);

/* Judges at `at_utc_us`. The newest attestation and restore proof are 0 for none. */
void key_proof_judge(struct key_proof *out, int64_t interval_us, int64_t attested_at, int64_t restored_at,
                     int64_t at_utc_us);

#endif
