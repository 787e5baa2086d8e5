/*
 * What a signer tells of its keys: the list, and attestations that the keys themselves sign.
 */
#include "keys.h"
#include "policy/attestation.h"

/* key.list */

static void key_fill(struct wire_key *out, const struct guard_key *key)
{
    *out = (struct wire_key){.key = key->key,
                             .alg = key->public_key.algorithm,
                             .on = key->on,
                             .since = key->since_utc_us,
                             .box_signatures = key->box_signatures,
                             .box_until = key->box_until_utc_us,
                             .document = key->document,
                             .restored_at = key->restored_utc_us,
                             .destroy_at = key->destroy_utc_us};
    (void)snprintf(out->state, sizeof(out->state), "%s", key_state_text(key->state));
    (void)snprintf(out->cause, sizeof(out->cause), "%s", key_cause_text(key->cause));
}

static int digest_compare(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes32, b->bytes32, sizeof(a->bytes32));
}

/* Puts a key at its place among those found so far; the highest falls out when there are too many. */
static void list_insert(struct wire_key_list_reply *list, const struct guard_key *key)
{
    size_t place = list->count;
    while (place > 0 && digest_compare(&key->key, &list->keys[place - 1].key) < 0) {
        place--;
    }
    list->more = list->more || list->count == WIRE_KEYS_MAX;
    if (place == WIRE_KEYS_MAX) {
        return;
    }
    size_t behind = list->count - place;
    behind -= list->count == WIRE_KEYS_MAX;
    memmove(&list->keys[place + 1], &list->keys[place], behind * sizeof(list->keys[0]));
    key_fill(&list->keys[place], key);
    list->count += list->count < WIRE_KEYS_MAX;
}

enum status key_list(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                     struct fault *fault)
{
    enum status status = keys_settle(signer, fault);
    if (status != STATUS_OK) {
        return status;
    }
    size_t count = guard_key_count(signer->guard);
    for (size_t i = 0; i < count; i++) {
        struct guard_key key;
        guard_key_read(signer->guard, &key, i);
        if (digest_compare(&key.key, &request->key_list.after) > 0) {
            list_insert(&reply->key_list, &key);
        }
    }
    return STATUS_OK;
}

/* key.attest */

#define ATTEST_BURST 32
#define ATTEST_EVERY_US 1000000

/*
 * Each attestation uses the key and, of an ECDSA key, stays in the guard for ever. So each costs a second of the steady
 * clock, and a key may be ahead of it by a burst. In memory: a restart takes longer than it gives.
 */
static enum status attest_pay(struct signer *signer, size_t index, struct fault *fault)
{
    atomic_int_fast64_t *paid_us = &signer->attest_paid_us[index];
    int64_t now_us = clock_monotonic_us(signer->clock);
    int_fast64_t before_us = atomic_load(paid_us);
    int64_t after_us = 0;
    do {
        after_us = (before_us > now_us ? before_us : now_us) + ATTEST_EVERY_US;
        if (after_us - now_us > (int64_t)ATTEST_BURST * ATTEST_EVERY_US) {
            return fault_set(fault, STATUS_BUSY, "key", "it attested %d times; again one in a second", ATTEST_BURST);
        }
    } while (!atomic_compare_exchange_weak(paid_us, &before_us, after_us));
    return STATUS_OK;
}

static enum status attestation_make(struct bytes *out, const struct key_document *document, const struct guard_key *key,
                                    const struct digest *challenge, int64_t at_utc_us, struct fault *fault)
{
    struct attestation attestation = {
        .challenge = *challenge, .document = key->document, .issued_at = at_utc_us, .state = key->state};
    enum status status = attestation_fill(&attestation, document, fault);
    return status == STATUS_OK ? attestation_encode(out, &attestation, fault) : status;
}

/* State and signature are one decision: what the guard says when it remembers that it was asked. */
struct testimony {
    size_t index;
    int64_t at_utc_us;
    const struct key_document *document;
    struct guard_key key;
};

static enum status testimony_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct testimony *testimony = context;
    guard_txn_key_read(txn, &testimony->key, testimony->index);
    if (testimony->document == NULL || !key_state_attests(testimony->key.state)) {
        return fault_set(fault, STATUS_KEY_INACTIVE, "key", "the key is %s (%s)", key_state_text(testimony->key.state),
                         key_cause_text(testimony->key.cause));
    }
    keys_time_raise(txn, testimony->at_utc_us);
    return STATUS_OK;
}

static enum status attestation_sign(struct signer *signer, struct signed_document *out, size_t index,
                                    struct fault *fault)
{
    struct signature signature;
    enum status status = keys_sign_document(signer, &signature, index, ATTESTATION_KIND, &out->document, fault);
    return status == STATUS_OK ? signed_document_add(out, &signature) : status;
}

enum status key_attest(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                       struct fault *fault)
{
    struct testimony testimony = {.index = 0};
    enum status status = keys_settle(signer, fault);
    status = status == STATUS_OK ? keys_time(signer, &testimony.at_utc_us, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    if (guard_key_find(signer->guard, &testimony.index, &testimony.key, &request->key_attest.key) != STATUS_OK) {
        return fault_set(fault, STATUS_NOT_FOUND, "key", "it is no key of this guard");
    }
    testimony.document = keys_document(signer, testimony.index);
    status = attest_pay(signer, testimony.index, fault);
    status = status == STATUS_OK ? guard_commit(signer->guard, testimony_apply, &testimony, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    struct signed_document attestation = {0};
    status = attestation_make(&attestation.document, testimony.document, &testimony.key, &request->key_attest.challenge,
                              testimony.at_utc_us, fault);
    if (status == STATUS_OK) {
        status = attestation_sign(signer, &attestation, testimony.index, fault);
    }
    if (status != STATUS_OK) {
        signed_document_free(&attestation);
        return status;
    }
    reply->key_attest.attestation = attestation; /* transferred */
    return STATUS_OK;
}
