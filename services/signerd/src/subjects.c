/*
 * Role privacy: personal data is sealed under a key of its subject, opened for one auditor on one case, and forgotten
 * when a quorum says so.
 *
 * The key of a subject is made here, wrapped by the token and kept in the guard alone: never in the database, its log
 * or its backups. Check, remember, then open: a reveal is counted in the guard before the token is asked.
 */
#include <openssl/rand.h>

#include "base/crashpoint.h"
#include "base/log.h"
#include "base/seal.h"
#include "guard_record.h"
#include "keys.h"
#include "people.h"
#include "policy/subject.h"
#include "signer/guard_subject.h"
#include "subject_box.h"

/* The ten years of the longest law, and one to do it in: nobody who records alone puts an erasure off further. */
#define KEPT_YEARS_MAX 11
#define KEPT_MAX_US (KEPT_YEARS_MAX * 366LL * 24 * 3600 * 1000000)

_Static_assert(WIRE_SUBJECT_BOX_MAX == WIRE_SUBJECT_VALUE_MAX + AUDIT_PII_SALT_LEN + SEAL_OVERHEAD, "the longest box");

static enum status erased_fault(struct fault *fault)
{
    return fault_set(fault, STATUS_CONFLICT, "subject", "it was erased: its key is destroyed");
}

struct erased_look {
    const struct uuid *id;
    bool erased;
};

static enum status erased_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct erased_look *look = context;
    struct guard_subject subject;
    enum status status = guard_txn_subject_get(txn, &subject, look->id, fault);
    look->erased = status == STATUS_OK && subject.erased_utc_us != 0;
    return status;
}

/* A key that is not the one remembered may have been destroyed since it was looked up. */
static bool is_erased(struct signer *signer, const struct uuid *id)
{
    struct erased_look look = {.id = id};
    return guard_commit(signer->guard, erased_apply, &look, NULL) == STATUS_OK && look.erased;
}

/* The key of a subject, in hand for one request. */
static enum status key_unwrap(struct signer *signer, struct secret *out, const struct uuid *id,
                              const struct guard_subject *subject, struct fault *fault)
{
    uint8_t wrapped[SIGNER_WRAPPED_LEN];
    struct secret key = {0};
    struct fault why = {0};
    enum status status = guard_subject_key(signer->guard, wrapped, subject, &why);
    if (status != STATUS_OK) { /* nothing is in `wrapped` */
        return status == STATUS_CORRUPT && is_erased(signer, id)
                   ? erased_fault(fault)
                   : fault_set(fault, status, why.where, "%s", why.detail);
    }
    if (secret_new(&key, SUBJECT_KEY_LEN) != STATUS_OK) {
        status = fault_set(fault, STATUS_NO_MEMORY, "subject", "no memory for its key");
    }
    if (status == STATUS_OK) {
        status = signer->tokens->unwrap(signer->tokens->context, key.data, &signer->identity.key, wrapped, id->bytes16,
                                        fault);
    }
    secret_wipe(wrapped, sizeof(wrapped)); /* what is destroyed in the guard is nowhere else */
    if (status != STATUS_OK) {
        secret_free(&key);
        return status;
    }
    *out = key; /* transferred */
    return STATUS_OK;
}

/* subject.seal */

struct sealing {
    const struct signer *signer;
    const struct wire_subject_seal_request *request;
    int64_t at_utc_us;
    const uint8_t *wrapped; /* of a new key, NULL while there is none */
    bool known;
    struct guard_subject subject;
};

static enum status values_check(const struct wire_subject_seal_request *request, int64_t at_utc_us, struct fault *fault)
{
    unsigned seen = 0;
    for (size_t i = 0; i < request->count; i++) {
        enum subject_field field;
        if (subject_field_parse(&field, request->values[i].field) != STATUS_OK || (seen & (unsigned)field) != 0) {
            return fault_set(fault, STATUS_INVALID, "values.field", "a field of the list, each once");
        }
        seen |= (unsigned)field;
        if (request->values[i].value.len == 0) {
            return fault_set(fault, STATUS_INVALID, "values.value", "1..%d bytes", WIRE_SUBJECT_VALUE_MAX);
        }
    }
    return request->erase_after <= at_utc_us + KEPT_MAX_US
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "erase_after", "at most %d years ahead", KEPT_YEARS_MAX);
}

/* A date only moves on: what the law keeps today is not given free by a later request. */
static enum status subject_extend(struct guard_txn *txn, struct sealing *sealing, struct fault *fault)
{
    struct guard_subject *subject = &sealing->subject;
    if (subject->erased_utc_us != 0) {
        return erased_fault(fault);
    }
    if (sealing->request->erase_after <= subject->erase_after_utc_us) {
        return STATUS_OK;
    }
    subject->erase_after_utc_us = sealing->request->erase_after;
    return guard_txn_subject_write(txn, &sealing->request->subject, subject, fault);
}

static enum status subject_start(struct guard_txn *txn, struct sealing *sealing, struct fault *fault)
{
    const struct wire_subject_seal_request *request = sealing->request;
    if (sealing->wrapped == NULL) {
        return STATUS_OK; /* it is made, and comes again */
    }
    enum status status = guard_txn_subject_add(txn, &request->subject, sealing->wrapped, request->erase_after, fault);
    status = status == STATUS_OK ? guard_txn_subject_get(txn, &sealing->subject, &request->subject, fault) : status;
    sealing->known = status == STATUS_OK;
    return status;
}

static enum status sealing_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct sealing *sealing = context;
    struct guard_key key;
    enum status status = key_use_check(sealing->signer, txn, &key, KEY_FOUNDING, sealing->at_utc_us, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = guard_txn_subject_get(txn, &sealing->subject, &sealing->request->subject, fault);
    sealing->known = status == STATUS_OK;
    if (status == STATUS_NOT_FOUND) {
        status = subject_start(txn, sealing, fault);
    } else if (status == STATUS_OK) {
        status = subject_extend(txn, sealing, fault);
    }
    return status == STATUS_OK && sealing->known ? key_use_write(txn, KEY_FOUNDING, &key, sealing->at_utc_us, fault)
                                                 : status;
}

/* The first values of a subject: a key is made, wrapped, and remembered, unless somebody else was faster. */
static enum status subject_make(struct signer *signer, struct sealing *sealing, struct fault *fault)
{
    uint8_t wrapped[SIGNER_WRAPPED_LEN];
    struct secret key = {0};
    if (secret_new(&key, SUBJECT_KEY_LEN) != STATUS_OK) {
        return fault_set(fault, STATUS_NO_MEMORY, "subject", "no memory for its key");
    }
    enum status status = RAND_priv_bytes(key.data, SUBJECT_KEY_LEN) == 1
                             ? STATUS_OK
                             : fault_set(fault, STATUS_IO, "subject", "no randomness for its key");
    if (status == STATUS_OK) {
        status = signer->tokens->wrap(signer->tokens->context, wrapped, &signer->identity.key, key.data,
                                      sealing->request->subject.bytes16, fault);
    }
    secret_free(&key);
    if (status == STATUS_OK) {
        sealing->wrapped = wrapped;
        status = guard_commit(signer->guard, sealing_apply, sealing, fault);
        sealing->wrapped = NULL;
    }
    secret_wipe(wrapped, sizeof(wrapped));
    return status;
}

static enum status values_seal(struct wire_subject_seal_reply *out, const struct wire_subject_seal_request *request,
                               const struct secret *key, struct fault *fault)
{
    for (out->count = 0; out->count < request->count; out->count++) {
        const struct wire_subject_value *value = &request->values[out->count];
        struct wire_subject_row *row = &out->rows[out->count];
        row->event = request->event;
        memcpy(row->field, value->field, sizeof(row->field));
        enum status status = subject_box_seal(row, &request->subject, key, &value->value, fault);
        if (status != STATUS_OK) {
            for (size_t i = 0; i < out->count; i++) {
                bytes_free(&out->rows[i].sealed);
            }
            out->count = 0;
            return status;
        }
    }
    return STATUS_OK;
}

enum status subject_seal(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                         struct fault *fault)
{
    struct sealing sealing = {.signer = signer, .request = &request->subject_seal};
    struct secret key = {0};
    enum status status = keys_settle(signer, fault);
    status = status == STATUS_OK ? keys_time(signer, &sealing.at_utc_us, fault) : status;
    status = status == STATUS_OK ? values_check(sealing.request, sealing.at_utc_us, fault) : status;
    status = status == STATUS_OK ? guard_commit(signer->guard, sealing_apply, &sealing, fault) : status;
    if (status == STATUS_OK && !sealing.known) {
        status = subject_make(signer, &sealing, fault);
    }
    status =
        status == STATUS_OK ? key_unwrap(signer, &key, &sealing.request->subject, &sealing.subject, fault) : status;
    status = status == STATUS_OK ? values_seal(&reply->subject_seal, sealing.request, &key, fault) : status;
    secret_free(&key);
    if (status == STATUS_OK) {
        reply->subject_seal.erase_after = sealing.subject.erase_after_utc_us;
    }
    return status;
}

/* subject.open */

struct opening {
    struct signer *signer;
    struct command command;
    struct digest digest;
    struct name by;
    int64_t at_utc_us;
    uint64_t on;
    uint64_t left;
    struct guard_subject subject;
};

static enum status rows_check(const struct wire_subject_open_request *request, const struct command *command,
                              struct fault *fault)
{
    for (size_t i = 0; i < request->count; i++) {
        enum subject_field field;
        if (subject_field_parse(&field, request->rows[i].field) != STATUS_OK ||
            ((unsigned)field & command->fields) == 0) {
            return fault_set(fault, STATUS_MISMATCH, "rows.field", "not one that the command names");
        }
    }
    return STATUS_OK;
}

static enum status opening_check(struct opening *opening, const struct wire_subject_open_request *request,
                                 struct fault *fault)
{
    struct signer *signer = opening->signer;
    const struct signed_document *document = &request->command;
    const struct policy_chain chain = versions_chain(signer);
    struct fault inner = {0};
    enum status status = policy_chain_command_verify(&opening->command, document, &chain, opening->at_utc_us, &inner);
    if (status == STATUS_OK && opening->command.action != COMMAND_PII_REVEAL) {
        status = fault_set(&inner, STATUS_INVALID, "action", "pii.reveal");
    }
    status = status == STATUS_OK ? people_check_none(signer, document, &inner) : status;
    if (status != STATUS_OK) {
        return role_part_fault(fault, "command", status, &inner);
    }
    digest_document(&opening->digest, COMMAND_KIND, document->document.data, document->document.len);
    const struct person *by = policy_find_key(NULL, versions_in_force(signer), &document->signatures[0].key_id);
    if (by == NULL) {
        return fault_set(fault, STATUS_BUSY, "command", "another version came into force meanwhile: ask again");
    }
    opening->by = by->id;
    return rows_check(request, &opening->command, fault);
}

/* Behind the digest of the command stands the number by which it was counted. */
enum { NUMBER_AT = 32, REVEALED_LEN = 40 };

static enum status opening_recall(struct guard_txn *txn, struct opening *opening, struct fault *fault)
{
    struct guard_record record;
    guard_record_nonce(&record, &opening->command.nonce);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status == STATUS_OK && record.value_len != REVEALED_LEN) {
        status = fault_set(fault, STATUS_REPLAY, "command.nonce", "this order was used, and its number is not known");
    }
    if (status == STATUS_OK) {
        opening->on = guard_number_read(record.value + NUMBER_AT);
        status = guard_txn_reveals_left(txn, &opening->left, &opening->by, keys_running(opening->signer), fault);
    }
    return status;
}

static enum status opening_remember(struct guard_txn *txn, struct opening *opening, struct fault *fault)
{
    struct guard_record record;
    opening->on = txn->state.reveals;
    guard_record_nonce(&record, &opening->command.nonce);
    memcpy(record.value, opening->digest.bytes32, sizeof(opening->digest.bytes32));
    guard_number_write(record.value + NUMBER_AT, opening->on);
    record.value_len = REVEALED_LEN;
    return guard_txn_put(txn, &record, fault);
}

/* The same order again opens the same for the same key: it is counted once, so a lost reply can be had again. */
static enum status opening_count(struct guard_txn *txn, struct opening *opening, struct fault *fault)
{
    bool used = false;
    enum status status = nonce_check(txn, &used, &opening->command.nonce, &opening->digest, fault);
    if (status != STATUS_OK || used) {
        return status == STATUS_OK ? opening_recall(txn, opening, fault) : status;
    }
    status = guard_txn_reveal_count(txn, &opening->left, &opening->by, keys_running(opening->signer), fault);
    if (status == STATUS_OK) {
        keys_running_raise(opening->signer, txn);
        status = opening_remember(txn, opening, fault);
    }
    return status;
}

static enum status opening_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct opening *opening = context;
    struct guard_key key;
    enum status status = key_use_check(opening->signer, txn, &key, KEY_FOUNDING, opening->at_utc_us, fault);
    status = status == STATUS_OK ? guard_txn_subject_get(txn, &opening->subject, &opening->command.data_subject, fault)
                                 : status;
    if (status == STATUS_NOT_FOUND) {
        return fault_set(fault, status, "command.subject", "this guard has no such subject");
    }
    if (status == STATUS_OK && opening->subject.erased_utc_us != 0) {
        return erased_fault(fault);
    }
    status = status == STATUS_OK ? opening_count(txn, opening, fault) : status;
    return status == STATUS_OK ? key_use_write(txn, KEY_FOUNDING, &key, opening->at_utc_us, fault) : status;
}

static enum status row_open(struct wire_subject_box *out, const struct wire_subject_row *row,
                            const struct command *command, const struct secret *key, struct fault *fault)
{
    struct seal_key to;
    struct secret plain = {0};
    memcpy(to.bytes32, command->to.bytes32, sizeof(to.bytes32));
    enum status status = subject_box_open(&plain, row, &command->data_subject, key, fault);
    status = status == STATUS_OK ? seal_close(&out->box, &plain, &to, fault) : status;
    secret_free(&plain);
    return status;
}

static enum status rows_open(struct wire_subject_open_reply *out, const struct wire_subject_open_request *request,
                             const struct command *command, const struct secret *key, struct fault *fault)
{
    for (out->count = 0; out->count < request->count; out->count++) {
        struct fault inner = {0};
        enum status status = row_open(&out->boxes[out->count], &request->rows[out->count], command, key, &inner);
        if (status != STATUS_OK) {
            for (size_t i = 0; i < out->count; i++) {
                bytes_free(&out->boxes[i].box);
            }
            out->count = 0;
            return role_part_fault(fault, "rows", status, &inner);
        }
    }
    return STATUS_OK;
}

enum status subject_open(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                         struct fault *fault)
{
    struct opening opening = {.signer = signer};
    struct secret key = {0};
    enum status status = keys_settle(signer, fault);
    status = status == STATUS_OK ? keys_time(signer, &opening.at_utc_us, fault) : status;
    status = status == STATUS_OK ? opening_check(&opening, &request->subject_open, fault) : status;
    CRASHPOINT("order.checked");
    status = status == STATUS_OK ? guard_commit(signer->guard, opening_apply, &opening, fault) : status;
    CRASHPOINT("order.remembered");
    status =
        status == STATUS_OK ? key_unwrap(signer, &key, &opening.command.data_subject, &opening.subject, fault) : status;
    status = status == STATUS_OK
                 ? rows_open(&reply->subject_open, &request->subject_open, &opening.command, &key, fault)
                 : status;
    secret_free(&key);
    if (status == STATUS_OK) {
        log_event(LOG_LEVEL_WARNING, "subject.revealed", "by", opening.by.text, "case", opening.command.case_id.text,
                  NULL);
        reply->subject_open.on = opening.on;
        reply->subject_open.left = opening.left;
    }
    return status;
}

/* pii.erase, by key.command */

struct erasure {
    const struct given_order *given;
    int64_t at_utc_us;
    uint64_t erased;
    struct guard_subject subject;
};

/* The same order again destroys what a crash left. */
static enum status erase_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct erasure *erasure = context;
    const struct command *command = erasure->given->command;
    bool used = false;
    enum status status = nonce_check(txn, &used, &command->nonce, erasure->given->digest, fault);
    status =
        status == STATUS_OK ? guard_txn_subject_get(txn, &erasure->subject, &command->data_subject, fault) : status;
    if (status == STATUS_NOT_FOUND) {
        return fault_set(fault, status, "command.subject", "this guard has no such subject");
    }
    if (status != STATUS_OK || used) {
        erasure->erased = txn->state.erased;
        return status;
    }
    if (erasure->subject.erased_utc_us != 0) {
        return erased_fault(fault);
    }
    if (erasure->at_utc_us < erasure->subject.erase_after_utc_us) {
        char text[TIME_TEXT_SIZE];
        time_format(text, erasure->subject.erase_after_utc_us);
        return fault_set(fault, STATUS_DENIED, "command.subject", "it must be kept until %s", text);
    }
    erasure->subject.erased_utc_us = erasure->at_utc_us;
    status = guard_txn_subject_write(txn, &command->data_subject, &erasure->subject, fault);
    erasure->erased = txn->state.erased;
    keys_time_raise(txn, erasure->at_utc_us);
    return status == STATUS_OK ? nonce_write(txn, &command->nonce, erasure->given->digest, fault) : status;
}

enum status subject_erase(struct signer *signer, struct wire_reply *reply, const struct given_order *given,
                          struct fault *fault)
{
    struct erasure erasure = {.given = given};
    enum status status = keys_time(signer, &erasure.at_utc_us, fault);
    CRASHPOINT("order.checked");
    status = status == STATUS_OK ? guard_commit(signer->guard, erase_apply, &erasure, fault) : status;
    CRASHPOINT("order.remembered");
    status = status == STATUS_OK ? guard_subject_destroy(signer->guard, &erasure.subject, fault) : status;
    if (status == STATUS_OK) {
        log_event(LOG_LEVEL_WARNING, "subject.erased", "reason", given->command->reason.text, NULL);
        reply->key_state.on = erasure.erased;
        (void)snprintf(reply->key_state.state, sizeof(reply->key_state.state), "erased");
    }
    return status;
}
