/*
 * Bearer tokens: only their SHA-256 is stored. A token names a person and the roles it carries at the API.
 */
#ifndef STRONGROOM_STORE_TOKEN_H
#define STRONGROOM_STORE_TOKEN_H

#include "base/digest.h"
#include "base/id.h"
#include "store/store.h"

#define STORE_ROLES_SIZE 128

struct store_token {
    struct digest digest; /* SHA-256 of the bearer token */
    struct name person;
    char roles[STORE_ROLES_SIZE]; /* role names separated by one space */
    int64_t expires_at_utc_us;
    int64_t revoked_at_utc_us; /* 0: not revoked */
    struct digest mac;         /* by which who granted it knows the row as its own */
};

/*
 * Finds a token by digest. STATUS_UNAUTHENTICATED when there is none, it is revoked, or it expired before `now_utc_us`.
 */
MUST_CHECK enum status store_token_find(struct store_token *out, const struct store_tx *tx, const struct digest *digest,
                                        int64_t now_utc_us, struct fault *fault);

/* Inserts a token; STATUS_EXISTS. */
MUST_CHECK enum status store_token_insert(struct store_tx *tx, const struct store_token *row, struct fault *fault);

/* Revokes a token for ever; STATUS_NOT_FOUND when there is no live one. */
MUST_CHECK enum status store_token_revoke(struct store_tx *tx, const struct digest *digest, struct fault *fault);

/* True when the roles of the token hold `role`. */
bool store_token_has_role(const struct store_token *token, const char *role);

#endif
