/*
 * The attack that biased ECDSA nonces invite, carried out: whoever gets the private key out of what is public has
 * proven that the nonces were bad, and nothing else makes him succeed. Boneh and Venkatesan 1996 (the hidden number
 * problem); Howgrave-Graham and Smart 2001; Breitner and Heninger 2019.
 */
#ifndef STRONGROOM_NONCES_NONCE_SCAN_H
#define STRONGROOM_NONCES_NONCE_SCAN_H

#include "crypto.h"

/* A signature that verifies. */
struct nonce_signature {
    uint8_t r32[32];
    uint8_t s32[32];
    struct digest message; /* SHA-256 of what was signed */
};

enum nonce_flaw {
    NONCE_FLAW_NONE,
    NONCE_FLAW_SHORT,  /* the upper bits are zero */
    NONCE_FLAW_EVEN,   /* the lower bits are zero */
    NONCE_FLAW_PREFIX, /* the upper bits are always the same */
    NONCE_FLAW_SUFFIX, /* the lower bits are always the same */
};

struct nonce_finding {
    enum nonce_flaw flaw;
    size_t first; /* of the signatures that gave the key away */
    size_t count;
};

/*
 * Looks for the private key of `key` (ECDSA) in its signatures, in the order in which they were made, each once. Out:
 * NONCE_FLAW_NONE when it is not found. False when memory ran out or the precision did not suffice somewhere: then
 * nothing was shown.
 */
bool nonce_scan(struct nonce_finding *out, const struct key *key, const struct nonce_signature *signatures,
                size_t count);

/* What it takes, for people: NULL after the last. */
const char *nonce_scan_reach(size_t line);

#endif
