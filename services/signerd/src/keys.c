/*
 * What a key may do now and what ends it: box, cryptoperiod, idle time, a lost token, a bad signature.
 *
 * States change in the guard alone, each in one synced write. What time ends is found when somebody looks (a request, a
 * list), never by a timer: between two looks nothing is signed.
 */
#include "keys.h"

#include "base/crashpoint.h"
#include "base/log.h"
#include "guard_record.h"

#define SECOND_US 1000000LL

/* Documents */

const struct key_document *keys_document(const struct signer *signer, size_t index)
{
    return atomic_load(&signer->documents[index]);
}

/* Two requests cannot admit one key, so nothing is there yet. */
void keys_document_set(struct signer *signer, size_t index, const struct key_document *document)
{
    struct key_document *copy = malloc(sizeof(*copy));
    INVARIANT(copy != NULL); /* admitted and not known is no state to go on in: a restart reads it from the guard */
    *copy = *document;
    INVARIANT(atomic_exchange(&signer->documents[index], copy) == NULL);
}

static enum status document_load(struct signer *signer, size_t index, struct fault *fault)
{
    const struct bytes *paper = &guard_key_papers(signer->guard, index)->document;
    if (paper->len == 0) {
        return STATUS_OK;
    }
    struct signed_document document = {0};
    struct key_document key;
    enum status status = signed_document_parse(&document, paper->data, paper->len, "guard.document", fault);
    if (status == STATUS_OK) {
        status = key_document_decode(&key, document.document.data, document.document.len, fault);
        signed_document_free(&document);
    }
    if (status == STATUS_OK) {
        keys_document_set(signer, index, &key);
    }
    return status;
}

void keys_finish(struct signer *signer)
{
    for (size_t i = 0; i < GUARD_KEYS_MAX; i++) {
        free(atomic_load(&signer->documents[i]));
    }
}

/* Transitions */

void key_log(const struct guard_key *before, const struct guard_key *after)
{
    char id[DIGEST_HEX_LEN + 1];
    digest_format(id, &after->key);
    log_event(after->state == KEY_STATE_SUSPENDED ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "key.changed", "key", id,
              "from", key_state_text(before->state), "to", key_state_text(after->state), "cause",
              key_cause_text(after->cause), NULL);
}

void key_answer(struct wire_key_state_reply *out, const struct guard_key *key)
{
    (void)snprintf(out->state, sizeof(out->state), "%s", key_state_text(key->state));
    out->on = key->on;
}

enum status key_move(struct guard_key *inout, enum key_action action, enum key_cause cause, int64_t at_utc_us,
                     struct fault *fault)
{
    enum key_state next;
    enum status status = key_state_next(&next, inout->state, action, fault);
    if (status != STATUS_OK) {
        return status;
    }
    inout->state = next;
    inout->cause = cause;
    inout->on++;
    inout->since_utc_us = at_utc_us;
    inout->box_signatures = 0;
    inout->box_until_utc_us = 0;
    inout->destroy_utc_us = 0;
    return STATUS_OK;
}

enum status key_write(struct guard_txn *txn, size_t index, const struct guard_key *key, int64_t at_utc_us,
                      struct fault *fault)
{
    keys_time_raise(txn, at_utc_us);
    return guard_txn_key_write(txn, index, key, NULL, fault);
}

/* What ends by itself */

struct fall {
    enum key_action action;
    enum key_cause cause;
};

static bool box_over(const struct guard_key *key, int64_t at_utc_us)
{
    return key->box_signatures == 0 || at_utc_us >= key->box_until_utc_us;
}

static bool idle_over(const struct guard_key *key, const struct key_document *document, int64_t at_utc_us)
{
    int64_t last = key->used_utc_us > key->since_utc_us ? key->used_utc_us : key->since_utc_us;
    return document->idle_seconds > 0 && at_utc_us - last >= document->idle_seconds * SECOND_US;
}

/*
 * Whether the key falls, and why. A suspended key waits for people even when its cryptoperiod is over. `lost` is the
 * cause with which attended keys fall, 0 for none.
 */
static bool key_falls(struct fall *out, const struct guard_key *key, const struct key_document *document,
                      int64_t at_utc_us, enum key_cause lost)
{
    bool in_service = key->state == KEY_STATE_ACTIVE || key->state == KEY_STATE_INACTIVE;
    if (document == NULL || !in_service) {
        return false;
    }
    if (at_utc_us >= document->valid_until) {
        *out = (struct fall){KEY_ACTION_RETIRE, KEY_CAUSE_CRYPTOPERIOD};
        return true;
    }
    if (key->state != KEY_STATE_ACTIVE) {
        return false;
    }
    const struct {
        bool over;
        enum key_cause cause;
    } ends[] = {
        {lost != 0 && document->activation == KEY_ATTENDED, lost},
        {box_over(key, at_utc_us), KEY_CAUSE_BOX},
        {idle_over(key, document, at_utc_us), KEY_CAUSE_IDLE},
    };
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (ends[i].over) {
            *out = (struct fall){KEY_ACTION_DEACTIVATE, ends[i].cause};
            return true;
        }
    }
    return false;
}

/* One key's fall as a change. */
struct settlement {
    const struct signer *signer;
    size_t index;
    int64_t at_utc_us;
    enum key_cause lost;
    bool fallen;
    struct guard_key before;
    struct guard_key after;
};

static enum status settle_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct settlement *settlement = context;
    struct fall fall;
    guard_txn_key_read(txn, &settlement->before, settlement->index);
    settlement->after = settlement->before;
    if (!key_falls(&fall, &settlement->before, keys_document(settlement->signer, settlement->index),
                   settlement->at_utc_us, settlement->lost)) {
        return STATUS_OK; /* somebody else was faster */
    }
    enum status status = key_move(&settlement->after, fall.action, fall.cause, settlement->at_utc_us, fault);
    settlement->fallen = status == STATUS_OK;
    /* A look moves no time: a clock that is wrong by days must not make orders too old for as long. */
    return status == STATUS_OK ? guard_txn_key_write(txn, settlement->index, &settlement->after, NULL, fault) : status;
}

static enum status settle_all(struct signer *signer, int64_t at_utc_us, enum key_cause lost, struct fault *fault)
{
    size_t count = guard_key_count(signer->guard);
    for (size_t i = 0; i < count; i++) {
        struct settlement settlement = {.signer = signer, .index = i, .at_utc_us = at_utc_us, .lost = lost};
        struct guard_key key;
        struct fall fall;
        guard_key_read(signer->guard, &key, i);
        if (!key_falls(&fall, &key, keys_document(signer, i), at_utc_us, lost)) {
            continue;
        }
        enum status status = guard_commit(signer->guard, settle_apply, &settlement, fault);
        if (status != STATUS_OK) {
            return status;
        }
        if (settlement.fallen) {
            key_log(&settlement.before, &settlement.after);
        }
    }
    return STATUS_OK;
}

static bool halted(struct signer *signer)
{
    struct guard_state state;
    guard_read(signer->guard, &state);
    return state.halted;
}

enum status keys_settle(struct signer *signer, struct fault *fault)
{
    if (halted(signer)) {
        return STATUS_OK;
    }
    uint64_t losses = signer->tokens->losses(signer->tokens->context);
    bool lost = losses != atomic_load(&signer->losses_seen);
    enum status status = settle_all(signer, keys_now(signer), lost ? KEY_CAUSE_TOKEN : (enum key_cause)0, fault);
    if (status == STATUS_OK && lost) {
        atomic_store(&signer->losses_seen, losses);
    }
    return status;
}

enum status keys_start(struct signer *signer, struct fault *fault)
{
    size_t count = guard_key_count(signer->guard);
    for (size_t i = 0; i < count; i++) {
        enum status status = document_load(signer, i, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < count; i++) {
        (void)key_lack_look(signer, i);
    }
    atomic_init(&signer->losses_seen, signer->tokens->losses(signer->tokens->context));
    return halted(signer) ? STATUS_OK : settle_all(signer, keys_now(signer), KEY_CAUSE_RESTART, fault);
}

/* Use */

enum status key_use_check(const struct signer *signer, struct guard_txn *txn, struct guard_key *out, size_t index,
                          int64_t at_utc_us, struct fault *fault)
{
    struct fall fall;
    const struct key_document *document = keys_document(signer, index);
    int64_t at = at_utc_us > txn->state.highest_utc_us ? at_utc_us : txn->state.highest_utc_us;
    guard_txn_key_read(txn, out, index);
    if (out->state != KEY_STATE_ACTIVE || document == NULL) {
        return fault_set(fault, STATUS_KEY_INACTIVE, "key", "the key is %s (%s)", key_state_text(out->state),
                         key_cause_text(out->cause));
    }
    if (at < document->valid_from) {
        return fault_set(fault, STATUS_KEY_INACTIVE, "key", "the key is active, its cryptoperiod has not begun");
    }
    if (key_falls(&fall, out, document, at, (enum key_cause)0)) {
        return fault_set(fault, STATUS_KEY_INACTIVE, "key", "the key is about to fall (%s)",
                         key_cause_text(fall.cause));
    }
    return STATUS_OK;
}

enum status key_use_write(struct guard_txn *txn, size_t index, struct guard_key *key, int64_t at_utc_us,
                          struct fault *fault)
{
    if (key->state == KEY_STATE_ACTIVE) {
        INVARIANT(key->box_signatures > 0);
        key->box_signatures--;
    }
    key->used_utc_us = at_utc_us > txn->state.highest_utc_us ? at_utc_us : txn->state.highest_utc_us;
    return key_write(txn, index, key, at_utc_us, fault);
}

/* Signing */

/* The signature in hand: what is to be remembered of it, and what became of its key. */
struct release {
    size_t index;
    int64_t at_utc_us;
    bool point; /* there is an r */
    struct digest r;
    struct digest message;
    enum key_cause cause; /* why the key is to be suspended, 0 for not */
    bool moved;
    struct guard_key before;
    struct guard_key after;
};

/* A key that is in service is suspended; in another state it stays, and its signature is not released all the same. */
static enum status release_suspend(struct guard_txn *txn, struct release *release, enum key_cause cause,
                                   struct fault *fault)
{
    release->cause = cause;
    guard_txn_key_read(txn, &release->before, release->index);
    release->after = release->before;
    release->moved = key_move(&release->after, KEY_ACTION_SUSPEND, cause, release->at_utc_us, NULL) == STATUS_OK;
    return release->moved ? key_write(txn, release->index, &release->after, release->at_utc_us, fault) : STATUS_OK;
}

static enum status release_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct release *release = context;
    if (!release->point) {
        return release_suspend(txn, release, KEY_CAUSE_BAD_SIGNATURE, fault);
    }
    struct guard_record record;
    guard_record_point(&record, release->index, &release->r);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status == STATUS_NOT_FOUND) {
        memcpy(record.value, release->message.bytes32, sizeof(release->message.bytes32));
        record.value_len = sizeof(release->message.bytes32);
        return guard_txn_put(txn, &record, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    /* A token that chooses r by the message (RFC 6979) says the same twice. */
    bool same = memcmp(record.value, release->message.bytes32, sizeof(release->message.bytes32)) == 0;
    return same ? STATUS_OK : release_suspend(txn, release, KEY_CAUSE_REPEATED_R, fault);
}

static enum status release_commit(struct signer *signer, struct release *release, struct fault *fault)
{
    enum status status = guard_commit(signer->guard, release_apply, release, fault);
    if (status == STATUS_OK && release->moved) {
        key_log(&release->before, &release->after);
    }
    return status;
}

static enum status point_remember(struct signer *signer, size_t index, const struct signature *signature,
                                  const void *message, size_t len, struct fault *fault)
{
    struct release release = {.index = index, .at_utc_us = keys_now(signer), .point = true};
    digest_sha256(&release.r, signature->bytes64, SIGNATURE_LEN / 2);
    digest_sha256(&release.message, message, len);
    enum status status = release_commit(signer, &release, fault);
    if (status == STATUS_OK && release.cause != 0) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, "token", "it repeated an r: the key is suspended");
    }
    return status;
}

enum status keys_sign(struct signer *signer, struct signature *out, size_t index, const void *message, size_t len,
                      struct fault *fault)
{
    struct guard_key key;
    struct signature signature;
    guard_key_read(signer->guard, &key, index);
    struct fault inner = {0};
    (void)key_lack_look(signer, index);
    CRASHPOINT("signer.remembered");
    enum status status = signer->tokens->sign(signer->tokens->context, &signature, &key.key, message, len, &inner);
    CRASHPOINT("signer.signed");
    if (status != STATUS_OK) { /* that no token has a key of the guard may pass: people bring one that has it */
        status = fault_set(fault, status == STATUS_NOT_FOUND ? STATUS_TOKEN : status, inner.where, "%s", inner.detail);
    }
    if (status == STATUS_SIGNATURE_INVALID) {
        struct release release = {.index = index, .at_utc_us = keys_now(signer)};
        enum status suspended = release_commit(signer, &release, NULL);
        return suspended == STATUS_OK ? status : suspended;
    }
    if (status == STATUS_OK && signature.algorithm != ALGORITHM_ED25519) {
        status = point_remember(signer, index, &signature, message, len, fault);
    }
    if (status == STATUS_OK) {
        CRASHPOINT("signer.released");
        *out = signature;
    }
    return status;
}

enum status keys_sign_document(struct signer *signer, struct signature *out, size_t index, const char *kind,
                               const struct bytes *document, struct fault *fault)
{
    struct bytes message = {0};
    enum status status = document_message(&message, kind, document->data, document->len);
    if (status == STATUS_OK) {
        status = keys_sign(signer, out, index, message.data, message.len, fault);
    }
    bytes_free(&message);
    return status;
}
