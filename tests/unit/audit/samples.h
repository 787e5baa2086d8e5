/*
 * What the tests of the audit room share: the key of the known answers (seed 00..1f), signing with OpenSSL, the
 * two-leaf sample of the format, and a small random generator with a seed that can be given again.
 */
#ifndef STRONGROOM_TESTS_AUDIT_SAMPLES_H
#define STRONGROOM_TESTS_AUDIT_SAMPLES_H

#include "audit/checkpoint.h"
#include "audit/proof.h"

#define SAMPLE_ORIGIN "custody.example/audit/v1"
#define SAMPLE_VKEY SAMPLE_ORIGIN "+86dba938+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
#define SAMPLE_E0 "{\"act\":\"log.genesis\",\"ts\":\"2026-01-02T03:04:05.000000Z\"}"
#define SAMPLE_E1 "{\"act\":\"withdrawal.request\",\"on\":\"1\",\"ts\":\"2026-01-02T03:04:06.000000Z\"}"
#define SAMPLE_LH0 "eff1908cc0b12452fa5b72c7de3bf0f36b73e48d21d5cccb846eedccfb3055b8"
#define SAMPLE_LH1 "052505de7c83049425f3d370e5cf526ee5432c3a16143a87fd67a4ce042f7568"
#define SAMPLE_BODY SAMPLE_ORIGIN "\n2\nYnQo1NCV8cj5FJ9N5+gH6IONMuRjbDnkAYLTgy6j61Y=\n"
#define SAMPLE_LINE                                                                                                    \
    "\xe2\x80\x94 " SAMPLE_ORIGIN                                                                                      \
    " htupOHEDAkhuAueVypCR5pdgU87l0pPTmkFDomOHNECJ+rP8WAL5/nsZntcX+BYQv6xlFZBso0KY2yDOUH2RNgQV7wk=\n"
#define SAMPLE_NOTE SAMPLE_BODY "\n" SAMPLE_LINE
#define SAMPLE_RECEIPT "c2sp.org/tlog-proof@v1\nindex 1\n7/GQjMCxJFL6W3LH3jvw82tz5I0h1czLhG7tzPswVbg=\n\n" SAMPLE_NOTE

/* The key of the known answers; another `number` gives another key. */
void sample_key(struct audit_key *out, const char *name, enum audit_key_type type, uint8_t number);

/* Signs with that key (number 0: seed 00..1f). */
void sample_sign(uint8_t out64[SIGNATURE_LEN], uint8_t number, const void *message, size_t len);

/* The signed note of a checkpoint under the key of that number. Out: owned by the caller. */
void sample_note(struct bytes *out, const struct audit_checkpoint *checkpoint, uint8_t number);

/* The sample note with a cosignature by the witness "witness.example/w1" of that time. Out: owned by the caller. */
void sample_cosigned_note(struct bytes *out, struct audit_key *out_witness, uint64_t time_s);

/* L_0 or L_1 of the sample. Out: owned by the caller. */
void sample_leaf(struct bytes *out, unsigned index);

/* A digest from its hexadecimal text. */
struct digest sample_digest(const char *hex);

/* A random generator; the seed is printed and taken from STRONGROOM_SEED when that is set. */
struct sample_random {
    uint64_t state;
};

void sample_random_start(struct sample_random *chance);
uint64_t sample_random_next(struct sample_random *chance);
uint64_t sample_random_below(struct sample_random *chance, uint64_t end);

#endif
