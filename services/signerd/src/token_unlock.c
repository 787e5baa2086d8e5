/*
 * Shares of a PIN, see token_unlock.h. Who gave them, and whether they may, was judged by the master; that each is what
 * was committed to is judged here, because only here it is readable.
 */
#include "token_unlock.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/seal.h"
#include "base/share.h"

struct unlock {
    bool begun;
    int64_t until_us; /* monotonic */
    struct seal_key to;
    struct secret private_key;
    struct share shares[SHARE_COUNT_MAX];
    struct digest commitments[SHARE_COUNT_MAX];
    uint32_t have;
};

struct unlock *unlock_new(void)
{
    return calloc(1, sizeof(struct unlock));
}

void unlock_forget(struct unlock *unlock)
{
    for (uint32_t i = 0; i < unlock->have; i++) {
        share_free(&unlock->shares[i]);
    }
    secret_free(&unlock->private_key);
    *unlock = (struct unlock){.begun = false};
}

void unlock_free(struct unlock *unlock)
{
    if (unlock != NULL) {
        unlock_forget(unlock);
        free(unlock);
    }
}

int unlock_remaining_ms(const struct unlock *unlock)
{
    if (!unlock->begun) {
        return -1;
    }
    int64_t remaining_us = unlock->until_us - clock_monotonic_us(clock_system());
    return remaining_us <= 0 ? 0 : (int)(remaining_us / 1000) + 1;
}

/* This machine's console is where the people who sign the occasion read the key, and not what a socket told them. */
static enum status begin(struct unlock *unlock, struct fault *fault)
{
    char to[SEAL_KEY_TEXT_SIZE];
    if (unlock->begun) {
        return STATUS_OK;
    }
    enum status status = seal_pair_generate(&unlock->to, &unlock->private_key, fault);
    if (status == STATUS_OK) {
        unlock->begun = true;
        unlock->until_us = clock_monotonic_us(clock_system()) + UNLOCK_MINUTES * 60 * 1000000LL;
        seal_key_format(to, &unlock->to);
        log_event(LOG_LEVEL_INFO, "activation.opened", "to", to, NULL);
    }
    return status;
}

static enum status share_place(const struct unlock *unlock, const struct token_note_share *share, struct fault *fault)
{
    if (!unlock->begun) {
        return fault_set(fault, STATUS_CONFLICT, "activation", "none is in progress");
    }
    for (uint32_t i = 0; i < unlock->have; i++) {
        if (unlock->shares[i].index == share->index) {
            return fault_set(fault, STATUS_EXISTS, share->custodian.text, "share %u was given", share->index);
        }
    }
    bool in_form = share->index >= 1 && share->index <= SHARE_COUNT_MAX && share->threshold >= SHARE_THRESHOLD_MIN &&
                   share->threshold <= SHARE_COUNT_MAX && share->sealed_len <= sizeof(share->sealed);
    return in_form ? STATUS_OK : fault_set(fault, STATUS_INVALID, share->custodian.text, "no share of a PIN");
}

/* A share that is not for this key and one that is not its commitment are named by their custodian. */
static enum status share_take(struct unlock *unlock, const struct token_note_share *given, struct fault *fault)
{
    enum status status = share_place(unlock, given, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct share share = {.index = given->index};
    struct digest commitment;
    memcpy(commitment.bytes32, given->commitment32, sizeof(commitment.bytes32));
    struct fault inner = {0};
    status = seal_open(&share.value, given->sealed, given->sealed_len, &unlock->private_key, &inner);
    if (status == STATUS_OK) {
        status = share_check(&share, &commitment, &inner);
    }
    if (status != STATUS_OK) {
        share_free(&share);
        return fault_set(fault, status, given->custodian.text, "share %u: %s", given->index, inner.detail);
    }
    unlock->commitments[unlock->have] = commitment;
    unlock->shares[unlock->have] = share; /* transferred */
    unlock->have++;
    return STATUS_OK;
}

static enum status pin_join(struct unlock *unlock, struct secret *out, uint32_t threshold, struct fault *fault)
{
    struct secret block = {0};
    enum status status = share_join(&block, unlock->shares, unlock->have, threshold, unlock->commitments, fault);
    if (status == STATUS_OK) {
        status = share_pin_unpack(out, &block, fault);
    }
    secret_free(&block);
    return status;
}

static enum status share_answer(struct unlock *unlock, struct token_note *out, const struct token_note_share *share,
                                struct secret *out_pin, struct fault *fault)
{
    struct token_note_share given = *share;
    given.custodian.text[sizeof(given.custodian.text) - 1] = '\0';
    enum status status = share_take(unlock, &given, fault);
    if (status != STATUS_OK) {
        return status;
    }
    out->activation.have = unlock->have;
    if (unlock->have < given.threshold) {
        return STATUS_OK;
    }
    status = pin_join(unlock, out_pin, given.threshold, fault);
    out->activation.open = status == STATUS_OK;
    unlock_forget(unlock);
    return status;
}

void unlock_answer(struct unlock *unlock, struct token_note *out, const struct token_note *note, struct secret *out_pin)
{
    struct fault fault = {0};
    enum status status = STATUS_OK;
    if (note->word == TOKEN_WORD_BEGIN) {
        status = begin(unlock, &fault);
    } else if (note->word == TOKEN_WORD_SHARE) {
        memcpy(out->activation.to32, unlock->to.bytes32, sizeof(out->activation.to32));
        status = share_answer(unlock, out, &note->share, out_pin, &fault);
        token_refusal_fill(&out->refusal, status, &fault);
        return;
    } else {
        status = fault_set(&fault, STATUS_CONFLICT, "token", "it is locked");
    }
    memcpy(out->activation.to32, unlock->to.bytes32, sizeof(out->activation.to32));
    out->activation.have = unlock->have;
    token_refusal_fill(&out->refusal, status, &fault);
}
