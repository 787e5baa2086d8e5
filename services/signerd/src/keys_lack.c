/*
 * Keys that the guard holds and an open token does not have: it was emptied, restored badly, or is another one's copy.
 * Such a token looks well until it is asked, so this is looked at with every signature and every status.
 */
#include "base/log.h"
#include "keys.h"

static void lack_log(const struct signer *signer, const struct digest *key_id, unsigned tokens)
{
    struct signer_token_status states[SIGNER_TOKENS_MAX];
    char id[DIGEST_HEX_LEN + 1];
    size_t count = signer->tokens->states(signer->tokens->context, states);
    digest_format(id, key_id);
    for (size_t i = 0; i < count; i++) {
        if ((tokens & 1U << i) != 0) {
            log_event(LOG_LEVEL_ERROR, "token.lacks_key", "token", states[i].label, "serial", states[i].serial, "as",
                      states[i].state == SIGNER_TOKEN_SERVING ? "serving" : "standby", "key", id, NULL);
        }
    }
}

unsigned key_lack_look(struct signer *signer, size_t index)
{
    struct guard_key key;
    guard_key_read(signer->guard, &key, index);
    unsigned lacks = 0;
    if (key.state != KEY_STATE_DESTROYED) {
        lacks = signer->tokens->lacks(signer->tokens->context, &key.key);
    }
    unsigned told = atomic_exchange(&signer->lacks_told[index], lacks);
    if ((lacks & ~told) != 0) {
        lack_log(signer, &key.key, lacks & ~told);
    }
    return lacks;
}

static void lack_tell(struct wire_token *out, size_t lacking, const struct digest *first)
{
    char id[DIGEST_HEX_LEN + 1];
    bool open = out->state == WIRE_TOKEN_SERVING || out->state == WIRE_TOKEN_STANDBY;
    if (!open || lacking == 0) {
        return;
    }
    digest_format(id, first);
    if (lacking == 1) {
        (void)snprintf(out->reason, sizeof(out->reason), "it lacks the key %s", id);
    } else {
        (void)snprintf(out->reason, sizeof(out->reason), "it lacks %zu keys, among them %s", lacking, id);
    }
}

void keys_lack_tell(struct signer *signer, struct wire_token *tokens, size_t token_count)
{
    size_t lacking[SIGNER_TOKENS_MAX] = {0};
    struct digest first[SIGNER_TOKENS_MAX];
    size_t count = guard_key_count(signer->guard);
    for (size_t i = 0; i < count; i++) {
        unsigned lacks = key_lack_look(signer, i);
        for (size_t t = 0; t < token_count && lacks != 0; t++) {
            if ((lacks & 1U << t) == 0) {
                continue;
            }
            if (lacking[t]++ == 0) {
                struct guard_key key;
                guard_key_read(signer->guard, &key, i);
                first[t] = key.key;
            }
        }
    }
    for (size_t t = 0; t < token_count; t++) {
        lack_tell(&tokens[t], lacking[t], &first[t]);
    }
}
