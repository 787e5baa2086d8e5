/*
 * The floors of a signature: the token alone (C_SignInit and C_Sign in this process), a synced LMDB commit, and the
 * verification of a signature.
 */
#ifndef STRONGROOM_BENCH_TOKEN_H
#define STRONGROOM_BENCH_TOKEN_H

#include "base/algorithm.h"
#include "bench.h"

/* A SoftHSM2 token of its own with a key of each algorithm, opened without any code of ours in between. */
void bench_token_open(void);

/* Logs out and removes the token. */
void bench_token_close(void);

/* Signs in the token from `threads` threads, a session each, for so long. */
void bench_token_sign(struct bench_slice *out, enum algorithm algorithm, unsigned threads, int64_t for_ms);

/* Verifies one signature over and over, in one thread. */
void bench_verify(struct bench_slice *out, enum algorithm algorithm, int64_t for_ms);

/* Commits one record of a guard's size after the other into an LMDB of its own, each synced, in one thread. */
void bench_lmdb_commit(struct bench_slice *out, int64_t for_ms);

#endif
