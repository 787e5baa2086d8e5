/*
 * Bearer tokens by digest. Whether a token may do something is decided by the API; here only whether it lives.
 */
#include "store/token.h"

#include "pool.h"

static const struct column columns[] = {
    COLUMN(struct store_token, digest, "digest", COLUMN_DIGEST),
    COLUMN(struct store_token, person, "person", COLUMN_NAME),
    COLUMN(struct store_token, roles, "roles", COLUMN_TEXT),
    COLUMN(struct store_token, expires_at_utc_us, "expires_at", COLUMN_TIME),
    COLUMN_NULLABLE(struct store_token, revoked_at_utc_us, "revoked_at", COLUMN_TIME),
    COLUMN(struct store_token, mac, "mac", COLUMN_DIGEST),
};

static const struct row_shape shape = ROW_SHAPE(struct store_token, columns);

static const struct statement find = {
    "token_find",
    "SELECT digest::bytea, person::text, array_to_string(roles, ' ') AS roles, expires_at, revoked_at,"
    " mac::bytea FROM custody.token WHERE digest = $1::bytea",
    1,
};

static const struct statement insert = {
    "token_insert",
    "INSERT INTO custody.token (digest, person, roles, expires_at, mac)"
    " VALUES ($1::bytea, $2::text, string_to_array($3::text, ' '), $4::timestamptz, $5::bytea)",
    5,
};

static const struct statement revoke_one = {
    "token_revoke",
    "UPDATE custody.token SET revoked_at = clock_timestamp() WHERE digest = $1::bytea AND revoked_at IS NULL",
    1,
};

enum status store_token_find(struct store_token *out, const struct store_tx *tx, const struct digest *digest,
                             int64_t now_utc_us, struct fault *fault)
{
    struct parameters p = {0};
    parameter_digest(&p, digest);
    struct store_token token;
    struct fault why = {0};
    enum status status = tx_read_one(tx, &token, &shape, &find, &p, &why);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    /* One answer for every reason: it tells a stranger nothing. */
    if (status == STATUS_NOT_FOUND || token.revoked_at_utc_us != 0 || token.expires_at_utc_us <= now_utc_us) {
        return fault_set(fault, STATUS_UNAUTHENTICATED, "token", "the token is unknown, revoked or expired");
    }
    *out = token;
    return STATUS_OK;
}

enum status store_token_insert(struct store_tx *tx, const struct store_token *row, struct fault *fault)
{
    struct parameters p = {0};
    parameter_digest(&p, &row->digest);
    parameter_text(&p, row->person.text);
    parameter_text(&p, row->roles);
    parameter_time(&p, row->expires_at_utc_us);
    parameter_digest(&p, &row->mac);
    return tx_run(tx, NULL, &insert, &p, fault);
}

enum status store_token_revoke(struct store_tx *tx, const struct digest *digest, struct fault *fault)
{
    struct parameters p = {0};
    parameter_digest(&p, digest);
    return tx_run_one(tx, &revoke_one, &p, STATUS_NOT_FOUND, fault);
}

bool store_token_has_role(const struct store_token *token, const char *role)
{
    size_t len = strlen(role);
    for (const char *at = token->roles; *at != 0;) {
        size_t word = strcspn(at, " ");
        if (word == len && memcmp(at, role, len) == 0) {
            return len > 0;
        }
        at += word + (at[word] == ' ');
    }
    return false;
}
