/*
 * The floors of a signature: the token alone (C_SignInit and C_Sign in this process), a synced LMDB commit, and the
 * verification of a signature.
 */
#ifndef STRONGROOM_BENCH_TOKEN_H
#define STRONGROOM_BENCH_TOKEN_H

#include "base/algorithm.h"
#include "bench.h"
#include "test/test_place.h"

/* Has every C_Sign of a token take so long from now on, like that of a network HSM; 0: as it is. */
void bench_token_slow(struct test_token *token, unsigned delay_ms);

/*
 * A SoftHSM2 token of its own with a key of each algorithm, opened without any code of ours in between. After every
 * other use of a token in this process: SoftHSM keeps the configuration that it found first.
 */
void bench_token_open(unsigned delay_ms);

/* Logs out and removes the token. */
void bench_token_close(void);

/* Signs in the token from `threads` threads, a session each, for so long. */
void bench_token_sign(struct bench_slice *out, enum algorithm algorithm, unsigned threads, int64_t for_ms);

/* Verifies one signature over and over, in one thread. */
void bench_verify(struct bench_slice *out, enum algorithm algorithm, int64_t for_ms);

/* Commits one record of a guard's size after the other into an LMDB of its own, each synced, in one thread. */
void bench_lmdb_commit(struct bench_slice *out, int64_t for_ms);

#endif
