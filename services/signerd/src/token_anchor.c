/*
 * What signerd asks a token's process besides signatures: whether the token lives, and the anchor of the trail that it
 * holds (signer/anchor.h). One question at a time, under the control mutex.
 */
#include "token_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "signer/anchor.h"

#define WRITE_TIMES 10 /* timeouts that reading and writing an object may take: tokens write slowly */

_Static_assert(AUDIT_CHECKPOINT_BODY_MAX <= HSM_DATA_VALUE_MAX, "an anchor fits");

static enum status ask(const struct token *token, struct token_note *answer, int fd, const struct token_note *question,
                       int64_t times, struct fault *fault)
{
    enum status status = token_note_send(fd, question)
                             ? token_note_receive(answer, fd, (int)(token->set->config.timeout_ms * times))
                             : STATUS_UNAVAILABLE;
    if (status == STATUS_TIMED_OUT) {
        return fault_set(fault, STATUS_TIMED_OUT, "token", "it did not say in time whether it lives");
    }
    if (status != STATUS_OK) {
        return fault_set(fault, STATUS_TOKEN, "token", "its process ended");
    }
    return answer->refusal.status == STATUS_OK ? STATUS_OK : token_refusal_fault(&answer->refusal, fault);
}

static enum status misunderstood(struct fault *fault)
{
    return fault_set(fault, STATUS_TOKEN, "token", "its process answered something else");
}

/* Out: `count` of `notes` hold what `anchors` borrow. */
static enum status anchors_read(const struct token *token, struct token_note notes[HSM_DATA_MAX],
                                struct signer_anchor anchors[HSM_DATA_MAX], size_t *out_count, int fd,
                                struct fault *fault)
{
    enum status status = STATUS_OK;
    size_t count = 1; /* until the first answer says more */
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        const struct token_note question = {.word = TOKEN_WORD_READ, .anchor.number = (uint32_t)i};
        const struct token_note_anchor *held = &notes[i].anchor;
        status = ask(token, &notes[i], fd, &question, WRITE_TIMES, fault);
        if (status == STATUS_OK && (notes[i].word != TOKEN_WORD_HELD || held->number != i ||
                                    held->count > HSM_DATA_MAX || held->len > sizeof(held->value))) {
            status = misunderstood(fault);
        }
        if (status == STATUS_OK) {
            count = i == 0 ? held->count : count;
            anchors[i] = (struct signer_anchor){.body = held->value, .len = held->len};
        }
    }
    *out_count = count;
    return status;
}

static enum status anchor_write(const struct token *token, int fd, const struct bytes *body,
                                const struct signer_anchor *anchors, size_t count, struct fault *fault)
{
    struct token_note question = {.word = TOKEN_WORD_REPLACE, .anchor.len = (uint32_t)body->len};
    memcpy(question.anchor.value, body->data, body->len);
    for (size_t i = 0; i < count; i++) {
        question.anchor.replaced |= anchors[i].own ? 1U << i : 0;
    }
    struct token_note answer;
    enum status status = ask(token, &answer, fd, &question, WRITE_TIMES, fault);
    return status == STATUS_OK && answer.word != TOKEN_WORD_DONE ? misunderstood(fault) : status;
}

static void written_tell(struct token *token, const struct bytes *body)
{
    struct audit_checkpoint checkpoint = {.size = 0};
    char size[24];
    INVARIANT(audit_checkpoint_parse(&checkpoint, body->data, body->len, NULL) == STATUS_OK);
    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)checkpoint.size);
    token_set_lock(token->set);
    log_event(LOG_LEVEL_INFO, "token.anchored", "token", token_label(token), "serial", token_serial(token), "size",
              size, NULL);
    token_set_unlock(token->set);
}

enum status token_anchor_settle(struct token *token, int fd, struct fault *fault)
{
    struct guard *guard = token->set->config.anchors;
    if (guard == NULL) {
        return STATUS_OK;
    }
    struct token_note notes[HSM_DATA_MAX];
    struct signer_anchor anchors[HSM_DATA_MAX];
    struct bytes next = {0};
    size_t count = 0;
    enum status status = anchors_read(token, notes, anchors, &count, fd, fault);
    status = status == STATUS_OK ? signer_anchor_settle(guard, &next, anchors, count, fault) : status;
    if (status == STATUS_OK && next.len > 0) {
        status = anchor_write(token, fd, &next, anchors, count, fault);
        if (status == STATUS_OK) {
            written_tell(token, &next);
        }
    }
    bytes_free(&next);
    token->anchored_us = clock_monotonic_us(clock_system());
    return status;
}

/* With the control mutex. */
static bool anchor_due(const struct token *token)
{
    int64_t since_us = clock_monotonic_us(clock_system()) - token->anchored_us;
    return since_us >= token->set->config.anchor_every_s * 1000000;
}

bool token_look(struct token *token, int fd, struct fault *fault)
{
    const struct token_note question = {.word = TOKEN_WORD_PROBE};
    struct token_note answer;
    INVARIANT(pthread_mutex_lock(&token->control_mutex) == 0);
    enum status status = ask(token, &answer, fd, &question, 1, fault);
    if (status == STATUS_OK && answer.word != TOKEN_WORD_DONE) {
        status = misunderstood(fault);
    }
    if (status == STATUS_OK && anchor_due(token)) {
        status = token_anchor_settle(token, fd, fault);
    }
    INVARIANT(pthread_mutex_unlock(&token->control_mutex) == 0);
    return status == STATUS_OK;
}
