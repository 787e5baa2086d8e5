/*
 * Judging addresses. Nothing in the database is believed: the papers verify or the address is not shown.
 */
#include "key_address.h"

#include "record.h"

static const char *const reasons[] = {
#define REASON_TEXT(name, text) [KEY_ADDRESS_##name] = text,
    KEY_ADDRESS_REASON_TABLE(REASON_TEXT)
#undef REASON_TEXT
};

const char *key_address_reason_text(enum key_address_reason reason)
{
    return reasons[reason];
}

void key_address_forged_news(struct news *out, const struct digest *key, const struct digest *bytes)
{
    char text[DIGEST_HEX_LEN + 1];
    *out = (struct news){.action = AUDIT_KEY_ATTESTATION_ALARM, .object_type = RECORD_KEY, .reason = STATUS_CORRUPT};
    digest_format(text, bytes);
    digest_format(out->object_id, key);
    (void)snprintf(out->subject, sizeof(out->subject), "key/%s/forged", out->object_id);
    news_fact(out, "bytes", text);
    out->value = out->fact_values[0]; /* the same bytes again are no news */
}

struct judging {
    struct key_address *out;
    const struct service *service;
    const struct store_tx *tx;
    const struct digest *key;
    struct key_board_entry entry;
};

/* A failure to read papers: forged, missing (`missing` is the reason then), or the database's. */
static enum status take_failure(struct judging *judging, enum key_address_reason missing, const struct digest *bytes,
                                const struct fault *why, struct fault *fault)
{
    if (why->status == STATUS_NOT_FOUND) {
        judging->out->reason = missing;
        return STATUS_OK;
    }
    if (why->status != STATUS_CORRUPT) {
        return fault_set(fault, why->status, why->where, "%s", why->detail);
    }
    judging->out->reason = KEY_ADDRESS_FORGED;
    judging->out->forged = *bytes;
    (void)snprintf(judging->out->fault, sizeof(judging->out->fault), "%s: %s", why->where, why->detail);
    return STATUS_OK;
}

static enum status judge_document(struct judging *judging, struct fault *fault)
{
    struct key_address *out = judging->out;
    struct fault why = {0};
    if (digest_is_zero(&judging->entry.key.document)) {
        out->reason = KEY_ADDRESS_NOT_ADMITTED;
        return STATUS_OK;
    }
    enum status status =
        key_paper_document(&out->document, NULL, judging->service, judging->tx, &judging->entry.key, &why);
    if (status == STATUS_OK && !digest_equal(&out->document.key_id, judging->key)) {
        status = fault_set(&why, STATUS_CORRUPT, "key document", "is of another key");
    }
    out->documented = status == STATUS_OK;
    why.status = status;
    return status == STATUS_OK
               ? STATUS_OK
               : take_failure(judging, KEY_ADDRESS_NOT_ADMITTED, &judging->entry.key.document, &why, fault);
}

static bool has_wallet(const struct policy *policy, const struct digest *key)
{
    for (size_t i = 0; i < policy->wallet_count; i++) {
        if (digest_equal(&policy->wallets[i].key_id, key)) {
            return true;
        }
    }
    return false;
}

static enum key_address_reason judge_use(const struct judging *judging)
{
    const struct key_address *out = judging->out;
    const struct service *service = judging->service;
    int64_t now = clock_utc_us(service->clock);
    enum key_state state = judging->entry.state;
    if (state == KEY_STATE_GENERATED) {
        return KEY_ADDRESS_NOT_ADMITTED;
    }
    if (state != KEY_STATE_INACTIVE && state != KEY_STATE_ACTIVE) {
        return KEY_ADDRESS_NOT_RECEIVING;
    }
    if (now >= out->document.valid_until) {
        return KEY_ADDRESS_CRYPTOPERIOD_OVER;
    }
    if (out->proof.standing == KEY_PROOF_OVERDUE) {
        return KEY_ADDRESS_PROOF_OVERDUE;
    }
    return has_wallet(service_policy(service), judging->key) ? KEY_ADDRESS_SHOWN : KEY_ADDRESS_NO_WALLET;
}

int64_t key_address_interval_us(const struct service *service, const struct key_document *document)
{
    return key_proof_interval_us(document, service->options.attestation_max_age_s * 1000000);
}

static void judge_proof(struct judging *judging)
{
    struct key_address *out = judging->out;
    key_proof_judge(&out->proof, key_address_interval_us(judging->service, &out->document),
                    out->attested ? out->attested_at_utc_us : 0, judging->entry.key.restored_at,
                    clock_utc_us(judging->service->clock));
}

static enum status judge_attestation(struct judging *judging, struct fault *fault)
{
    struct key_address *out = judging->out;
    struct attestation attestation;
    struct digest bytes = {{0}};
    struct fault why = {0};
    why.status = key_paper_attestation(&attestation, NULL, &bytes, judging->tx, &out->document, &why);
    if (why.status != STATUS_OK) {
        return take_failure(judging, KEY_ADDRESS_NOT_ATTESTED, &bytes, &why, fault);
    }
    out->attested = true;
    out->attested_at_utc_us = attestation.issued_at;
    out->account = attestation.address;
    judge_proof(judging);
    out->reason = judge_use(judging);
    return STATUS_OK;
}

enum status key_address_judge(struct key_address *out, const struct service *service, const struct store_tx *tx,
                              const struct digest *key, struct fault *fault)
{
    struct judging judging = {.out = out, .service = service, .tx = tx, .key = key};
    *out = (struct key_address){.reason = KEY_ADDRESS_SHOWN};
    if (key_board_find(&judging.entry, service->board, key) != STATUS_OK) {
        out->reason = KEY_ADDRESS_UNKNOWN_STATE;
        return STATUS_OK;
    }
    enum status status = judge_document(&judging, fault);
    if (status == STATUS_OK && out->documented) {
        judge_proof(&judging); /* without an attestation */
        status = judge_attestation(&judging, fault);
    }
    return status;
}

enum status key_address_refuse(struct service *service, const struct digest *key, const struct key_address *address,
                               const char *where, struct fault *fault)
{
    struct news told;
    key_address_forged_news(&told, key, &address->forged);
    enum status status = news_tell(NULL, service, &told, fault);
    return status == STATUS_OK ? fault_set(fault, STATUS_CORRUPT, where, "%s", address->fault) : status;
}
