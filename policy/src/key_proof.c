/*
 * Proof of control: intervals and standings. Pure; whoever has clock and papers asks.
 */
#include "policy/key_proof.h"

#define DAY_US (24LL * 3600 * 1000000)
#define DUE_PARTS 4 /* due in the last of so many parts of the interval */

const char *key_proof_text(enum key_proof_standing standing)
{
    switch (standing) {
    case KEY_PROOF_FRESH:
        return "fresh";
    case KEY_PROOF_DUE:
        return "due";
    case KEY_PROOF_OVERDUE:
        return "overdue";
    }
    INVARIANT(!"a standing is one of three");
    return "";
}

int64_t key_proof_interval_us(const struct key_document *document, int64_t asked_us)
{
    int64_t drill_us = document->drill_days * DAY_US;
    return document->activation == KEY_ATTENDED || drill_us < asked_us ? drill_us : asked_us;
}

void key_proof_judge(struct key_proof *out, int64_t interval_us, int64_t attested_at, int64_t restored_at,
                     int64_t at_utc_us)
{
    out->proven_at = attested_at > restored_at ? attested_at : restored_at;
    out->overdue_at = out->proven_at + interval_us;
    out->due_at = out->overdue_at - interval_us / DUE_PARTS;
    out->standing = KEY_PROOF_FRESH;
    if (at_utc_us > out->overdue_at) {
        out->standing = KEY_PROOF_OVERDUE;
    } else if (at_utc_us >= out->due_at) {
        out->standing = KEY_PROOF_DUE;
    }
}
