/*
 * Which keys a loss reaches. One rule for each kind of loss; whatever a rule names is suspended, because one too many
 * can be resumed and one too few cannot be called back.
 */
#include "compromise.h"

/* Says why, once; the first reason stands. */
static void reach(struct known_key *key, const char *why, const char *more)
{
    if (key->why[0] == '\0') {
        (void)snprintf(key->why, sizeof(key->why), "%s%s", why, more);
    }
}

static bool is_named(const struct name *name, const char *lost)
{
    return strcmp(name->text, lost) == 0;
}

static void by_key(struct known_keys *keys, const char *lost)
{
    struct digest id;
    if (digest_parse(&id, lost) != STATUS_OK) {
        return;
    }
    const struct known_key *origin = NULL;
    for (size_t i = 0; i < keys->count; i++) {
        if (digest_equal(&keys->list[i].papers.key.key_id, &id)) {
            origin = &keys->list[i];
            reach(&keys->list[i], "the key itself", "");
        }
    }
    for (size_t i = 0; origin != NULL && i < keys->count; i++) {
        for (size_t k = 0; k < keys->list[i].token_count * origin->token_count; k++) {
            const struct token_identity *token = &keys->list[i].tokens[k / origin->token_count];
            if (token_identity_same_device(token, &origin->tokens[k % origin->token_count])) {
                reach(&keys->list[i], "is or was on one token with it: ", token->label);
            }
        }
    }
}

static void by_token(struct known_keys *keys, const char *lost)
{
    for (size_t i = 0; i < keys->count; i++) {
        for (size_t k = 0; k < keys->list[i].token_count; k++) {
            const struct token_identity *token = &keys->list[i].tokens[k];
            if (strcmp(token->serial, lost) == 0 || strcmp(token->label, lost) == 0) {
                reach(&keys->list[i], k == 0 ? "was born on the token " : "was restored to the token ", token->label);
            }
        }
    }
}

static void by_table(struct known_key *key, const struct share_table *shares, const char *lost, const char *of)
{
    for (size_t i = 0; i < shares->count; i++) {
        if (is_named(&shares->holders[i].custodian, lost)) {
            reach(key, "has a share of ", of);
        }
        if (is_named(&shares->holders[i].site, lost)) {
            reach(key, "at this site is a share of ", of);
        }
    }
}

/* Who keeps parts of it, and where. Names of people and sites are not told apart: one too many is suspended then. */
static void by_parts(struct known_key *key, const char *lost)
{
    if (key->has_backup) {
        by_table(key, &key->backup.shares, lost, "its backup");
    }
    if (key->has_backup && (is_named(&key->backup.holder, lost) || is_named(&key->backup.site, lost))) {
        reach(key, "keeps its wrapped backup", "");
    }
    if (key->has_pin) {
        by_table(key, &key->pin.shares, lost, "the PIN of its token");
    }
}

static void by_ceremony(struct known_key *key, const char *lost)
{
    for (size_t i = 0; key->has_ceremony && i < CEREMONY_ACTORS; i++) {
        const struct ceremony_actor *actor = &key->ceremony.actors[i];
        if (is_named(&actor->id, lost)) {
            reach(key, "took part in its ceremony: ", ceremony_role_text(actor->role));
        }
    }
}

static void by_custodian(struct known_keys *keys, const char *lost)
{
    for (size_t i = 0; i < keys->count; i++) {
        struct known_key *key = &keys->list[i];
        by_ceremony(key, lost);
        by_parts(key, lost);
        for (size_t k = 0; k < key->papers.key.custodian_count; k++) {
            if (is_named(&key->papers.key.custodians[k], lost)) {
                reach(key, "is one of its custodians", "");
            }
        }
        if (is_named(&key->papers.key.creator, lost)) {
            reach(key, "created it", "");
        }
    }
}

static void by_signer(struct known_keys *keys, const char *lost)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(signer_role_text(keys->list[i].papers.key.purpose), lost) == 0) {
            reach(&keys->list[i], "is a key of the signer ", lost);
        }
    }
}

static void by_site(struct known_keys *keys, const char *lost)
{
    for (size_t i = 0; i < keys->count; i++) {
        struct known_key *key = &keys->list[i];
        if (is_named(&key->papers.key.location, lost)) {
            reach(key, "lives at this site", "");
        }
        by_parts(key, lost);
    }
}

size_t compromise_mark(struct known_keys *keys, enum compromise_what what, const char *lost)
{
    static void (*const rules[])(struct known_keys * keys, const char *lost) = {
        [COMPROMISE_KEY] = by_key,       [COMPROMISE_TOKEN] = by_token, [COMPROMISE_CUSTODIAN] = by_custodian,
        [COMPROMISE_SIGNER] = by_signer, [COMPROMISE_SITE] = by_site,
    };
    size_t reached = 0;
    rules[what](keys, lost);
    for (size_t i = 0; i < keys->count; i++) {
        reached += keys->list[i].why[0] != '\0' ? 1 : 0;
    }
    return reached;
}
