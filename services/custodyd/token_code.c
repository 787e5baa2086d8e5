/*
 * Codes of bearer tokens. A name has no newline, so no person's name reaches into the roles.
 */
#include "token_code.h"

#include "service.h"

/* It has a blank, so it is the origin of no log, whose codes have keys of the same kind. */
static const char label[] = "bearer token";

struct said {
    uint8_t bytes[sizeof(struct digest) + sizeof(uint64_t) + NAME_SIZE + 1 + STORE_ROLES_SIZE];
    size_t len;
};

static void say(struct said *said, const void *data, size_t len)
{
    INVARIANT(len <= sizeof(said->bytes) - said->len);
    memcpy(said->bytes + said->len, data, len);
    said->len += len;
}

enum status token_key_read(struct secret *out, const struct custodyd_options *options, struct fault *fault)
{
    struct secret pending_key = {0};
    struct digest derived;
    enum status status = service_pending_key(&pending_key, options, fault);
    status = status == STATUS_OK ? secret_new(out, sizeof(derived)) : status;
    if (status == STATUS_OK) {
        digest_hmac_sha256(&derived, pending_key.data, pending_key.len, label, sizeof(label) - 1);
        memcpy(out->data, derived.bytes32, sizeof(derived));
        secret_wipe(&derived, sizeof(derived));
    }
    secret_free(&pending_key);
    return status;
}

void token_code(struct digest *out, const struct secret *key, const struct store_token *token)
{
    struct said said = {.len = 0};
    say(&said, token->digest.bytes32, sizeof(token->digest.bytes32));
    for (int shift = 56; shift >= 0; shift -= 8) {
        uint8_t byte = (uint8_t)((uint64_t)token->expires_at_utc_us >> shift);
        say(&said, &byte, 1);
    }
    say(&said, token->person.text, strlen(token->person.text));
    say(&said, "\n", 1);
    say(&said, token->roles, strlen(token->roles));
    digest_hmac_sha256(out, key->data, key->len, said.bytes, said.len);
}

bool token_is_granted(const struct secret *key, const struct store_token *token)
{
    struct digest expected;
    token_code(&expected, key, token);
    return digest_hmac_is(&expected, token->mac.bytes32, sizeof(token->mac.bytes32));
}
