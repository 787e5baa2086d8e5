/*
 * The token a case runs on: SoftHSM2, or a TPM when STRONGROOM_TEST_TOKEN says "tpm". Made afresh for every case,
 * inside the case's own process, because a PKCS#11 module does not survive a fork.
 */
#ifndef STRONGROOM_TEST_HSM_FIXTURE_H
#define STRONGROOM_TEST_HSM_FIXTURE_H

#include "hsm/key.h"
#include "test/test_place.h"

/* The token of the running case. */
extern struct test_token fixture_token;

/* Criterion's .init and .fini. */
void fixture_make(void);
void fixture_remove(void);

/* Opens the token from now on through another module, which stands between us and the token's own. */
void fixture_module_use(const char *path);

/* Opens the token with its right PIN; the answer of hsm_token_open. */
enum status fixture_open(struct hsm_token **out, enum hsm_token_use use, size_t session_count, struct fault *fault);

/* The same with a PIN of the test's choice. */
enum status fixture_open_pin(struct hsm_token **out, const char *pin, struct fault *fault);

/* The same, failing the case unless it opens. */
struct hsm_token *fixture_must_open(enum hsm_token_use use, size_t session_count);

/* How the fixture opens it, for a test that wants one thing otherwise. Its lock lies beside the token: TPMs have one
 * serial. */
struct hsm_token_config fixture_config(enum hsm_token_use use, size_t session_count);

/* Opens it so, with its right PIN; the answer of hsm_token_open. */
enum status fixture_open_config(struct hsm_token **out, const struct hsm_token_config *config, struct fault *fault);

/* Makes a key and leaves the token closed again. */
void fixture_generate(enum algorithm algorithm, const char *label);

#endif
