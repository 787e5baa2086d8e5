/*
 * Collecting shares. Every gift is verified under the policy before its box is opened, and every share against its
 * commitment before it counts.
 */
#include "gifts.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "papers.h"

#define GIFT_LINE_MAX (CANON_DOCUMENT_MAX * 2)

struct receiver {
    struct digest key;
    char serial[TOKEN_TEXT_SIZE];
    struct digest set;
    int64_t threshold;
    char to[SEAL_KEY_TEXT_SIZE];
};

static const struct canon_field receiver_fields[] = {
    CANON_FIELD(struct receiver, key, CANON_HASH), CANON_FIELD(struct receiver, serial, CANON_TEXT),
    CANON_FIELD(struct receiver, set, CANON_HASH), CANON_FIELD(struct receiver, threshold, CANON_INTEGER),
    CANON_FIELD(struct receiver, to, CANON_TEXT),
};

enum status gifts_begin(struct gifts *out, const struct gifts_order *order, struct fault *fault)
{
    *out = (struct gifts){.order = *order};
    enum status status = seal_pair_generate(&out->to, &out->private_key, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct receiver receiver = {.key = *order->key, .set = *order->set, .threshold = order->shares->threshold};
    struct bytes text = {0};
    (void)snprintf(receiver.serial, sizeof(receiver.serial), "%s", order->serial);
    seal_key_format(receiver.to, &out->to);
    status = canon_encode_bytes(&text, &receiver, receiver_fields, sizeof(receiver_fields) / sizeof(receiver_fields[0]),
                                CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = papers_print(&text, fault);
        bytes_free(&text);
    }
    return status;
}

static enum status line_decode(struct signed_document *out, const char *line, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse_relaxed(&object, line, len, GIFT_LINE_MAX, fault);
    if (status == STATUS_OK) {
        status = signed_document_decode(out, object, CANON_DOCUMENT_MAX, "", fault);
        json_decref(object);
    }
    return status;
}

/* The share of a verified gift. The fault names the custodian: it is that one's share which is not what was made. */
static enum status share_take(struct gifts *gifts, const struct gift *gift, struct fault *fault)
{
    for (size_t i = 0; i < gifts->count; i++) {
        if (name_equal(&gifts->givers[i], &gift->custodian)) {
            return fault_set(fault, STATUS_EXISTS, gift->custodian.text, "gave a share before");
        }
    }
    struct fault inner = {0};
    struct share share = {.index = gift->index};
    enum status status = seal_open(&share.value, gift->sealed.data, gift->sealed.len, &gifts->private_key, &inner);
    if (status == STATUS_OK) {
        status = share_check(&share, &gift->commitment, &inner);
    }
    if (status != STATUS_OK) {
        share_free(&share);
        return fault_set(fault, status, gift->custodian.text, "the share is corrupted: %s", inner.detail);
    }
    gifts->shares[gifts->count] = share; /* transferred */
    gifts->commitments[gifts->count] = gift->commitment;
    gifts->givers[gifts->count] = gift->custodian;
    gifts->count++;
    return STATUS_OK;
}

static enum status gift_take(struct gifts *gifts, const char *line, size_t len, struct fault *fault)
{
    const struct gift_context context = {
        .occasion = &gifts->occasion.occasion,
        .occasion_digest = &gifts->occasion_digest,
        .shares = gifts->order.shares,
        .policy = gifts->order.policy,
        .at_utc_us = clock_utc_us(clock_system()),
    };
    struct signed_document document = {0};
    struct gift gift = {.index = 0};
    enum status status = line_decode(&document, line, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = gift_verify(&gift, &document, &context, fault);
    signed_document_free(&document);
    if (status == STATUS_OK) {
        status = share_take(gifts, &gift, fault);
        gift_free(&gift);
    }
    return status;
}

static void line_take(struct gifts *gifts, const char *line, size_t len)
{
    struct fault fault = {0};
    if (gift_take(gifts, line, len, &fault) != STATUS_OK) {
        log_fault("gift.refused", &fault);
        return;
    }
    char have[32];
    (void)snprintf(have, sizeof(have), "%zu of %u", gifts->count, gifts->order.shares->threshold);
    log_event(LOG_LEVEL_INFO, "gift.taken", "custodian", gifts->givers[gifts->count - 1].text, "have", have, NULL);
}

static enum status occasion_take(struct gifts *gifts, const char *line, size_t len, struct fault *fault)
{
    const struct gifts_order *order = &gifts->order;
    const struct occasion_receiver receiver = {order->action, order->key, order->set, order->serial, &gifts->to};
    struct signed_document document = {0};
    struct occasion occasion;
    enum status status = line_decode(&document, line, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = occasion_verify(&occasion, &document, order->policy, clock_utc_us(clock_system()), fault);
    if (status == STATUS_OK) {
        status = occasion_check_receiver(&occasion, &receiver, fault);
    }
    if (status == STATUS_OK) {
        status = occasion_paper_read(&gifts->occasion, &document, fault);
        occasion_digest(&gifts->occasion_digest, document.document.data, document.document.len);
    }
    signed_document_free(&document);
    return status;
}

enum status gifts_read_occasion(struct gifts *gifts, FILE *stream, struct fault *fault)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    bool taken = false;
    while (!taken && (len = getline(&line, &size, stream)) >= 0) {
        struct fault inner = {0};
        taken = len > 1 && occasion_take(gifts, line, (size_t)len, &inner) == STATUS_OK;
        if (len > 1 && !taken) {
            log_fault("occasion.refused", &inner);
        }
    }
    free(line);
    if (!taken) {
        return fault_set(fault, STATUS_QUORUM_MISSING, "occasion",
                         "requester and authoriser have to sign it before a share is taken");
    }
    log_event(LOG_LEVEL_INFO, "occasion.taken", "requester", gifts->occasion.occasion.requester.text, "authoriser",
              gifts->occasion.occasion.authoriser.text, "action", occasion_action_text(gifts->occasion.occasion.action),
              NULL);
    return STATUS_OK;
}

enum status gifts_read(struct gifts *gifts, FILE *stream, struct fault *fault)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    while (gifts->count < gifts->order.shares->threshold && (len = getline(&line, &size, stream)) >= 0) {
        if (len > 1) { /* an empty line is no gift */
            line_take(gifts, line, (size_t)len);
        }
    }
    free(line);
    if (gifts->count < gifts->order.shares->threshold) {
        return fault_set(fault, STATUS_QUORUM_MISSING, "gifts", "%zu good shares, %u are needed", gifts->count,
                         gifts->order.shares->threshold);
    }
    return STATUS_OK;
}

enum status gifts_join(struct secret *out, const struct gifts *gifts, struct fault *fault)
{
    struct secret secret = {0};
    struct digest check;
    enum status status =
        share_join(&secret, gifts->shares, gifts->count, gifts->order.shares->threshold, gifts->commitments, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (secret.len != SHARE_KEK_LEN) {
        secret_free(&secret);
        return fault_set(fault, STATUS_MISMATCH, "kek", "the shares are not those of a key-encryption key");
    }
    share_kek_check(&check, &secret);
    if (!digest_equal(&check, gifts->order.check)) {
        secret_free(&secret);
        return fault_set(fault, STATUS_MISMATCH, "kek", "the shares give another key than the backup was made with");
    }
    *out = secret; /* transferred */
    return STATUS_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

size_t gifts_givers(struct name out[BACKUP_SHARES_MAX], const struct gifts *gifts)
{
    memcpy(out, gifts->givers, sizeof(gifts->givers));
    qsort(out, gifts->count, sizeof(out[0]), by_name);
    return gifts->count;
}

void gifts_end(struct gifts *gifts)
{
    for (size_t i = 0; i < BACKUP_SHARES_MAX; i++) {
        share_free(&gifts->shares[i]);
    }
    secret_free(&gifts->private_key);
}
