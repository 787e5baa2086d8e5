/*
 * The papers of a key: admission (document, transcript, backup, restore proof), and the proof of a later drill.
 *
 * Each paper is verified by the policy room under the policy in force; here they are held against each other, against
 * this signer and against its tokens. Nothing is written before all of them are right.
 */
#include "guard_record.h"
#include "log_keys.h"
#include "people.h"
#include "policy/ceremony.h"

#define PROOF_AGE_MAX_US (24LL * 3600 * 1000000)
#define PROOF_AHEAD_MAX_US (60LL * 1000000)

/* What is shown, read. */
struct admission {
    struct signer *signer;
    const struct wire_key_admit_request *request;
    int64_t at_utc_us;
    struct command command;
    struct digest command_digest;
    struct key_document document;
    struct digest document_digest;
    bool has_backup;
    struct backup backup;
    struct digest backup_digest;
    bool has_restore;
    struct restore restore;
    struct guard_papers papers;
    size_t index;
    struct guard_key before;
    struct guard_key after;
};

static enum status check_command(struct admission *admission, struct fault *fault)
{
    const struct signed_document *paper = &admission->request->command;
    const struct signer *signer = admission->signer;
    struct fault inner = {0};
    enum status status =
        command_verify(&admission->command, paper, versions_in_force(signer), admission->at_utc_us, &inner);
    status = status == STATUS_OK ? people_check_quorum(admission->signer, paper, admission->at_utc_us, &inner) : status;
    if (status != STATUS_OK) {
        return role_part_fault(fault, "command", status, &inner);
    }
    digest_document(&admission->command_digest, COMMAND_KIND, paper->document.data, paper->document.len);
    if (admission->command.action != COMMAND_KEY_ADMIT) {
        return fault_set(fault, STATUS_MISMATCH, "command.action", "key.admit");
    }
    if (admission->command.role != signer->role) {
        return fault_set(fault, STATUS_MISMATCH, "command.role", "it is for role %s",
                         signer_role_text(admission->command.role));
    }
    return STATUS_OK;
}

static enum status check_document(struct admission *admission, struct fault *fault)
{
    const struct signed_document *paper = &admission->request->document;
    const struct signer *signer = admission->signer;
    struct key_document *document = &admission->document;
    struct fault inner = {0};
    enum status status = key_document_verify(document, paper, versions_in_force(signer), admission->at_utc_us, &inner);
    if (status == STATUS_OK) {
        status = key_document_check_new(document, versions_in_force(signer), admission->at_utc_us, &inner);
    }
    if (status != STATUS_OK) {
        return role_part_fault(fault, "document", status, &inner);
    }
    key_document_digest(&admission->document_digest, paper->document.data, paper->document.len);
    if (!digest_equal(&admission->document_digest, &admission->command.document)) {
        return fault_set(fault, STATUS_MISMATCH, "command.document", "the command is about another document");
    }
    if (!digest_equal(&document->key_id, &admission->command.key)) {
        return fault_set(fault, STATUS_MISMATCH, "command.key", "the command is about another key");
    }
    if (document->purpose != signer->role) {
        return fault_set(fault, STATUS_MISMATCH, "document.purpose", "it is a key for %s",
                         signer_role_text(document->purpose));
    }
    status = activation_check_key(signer, document, fault);
    if (status != STATUS_OK) {
        return status;
    }
    /* A validator's key is what others verify with: it is replaced with the guard. A log's has a successor, by order.
     */
    bool founding = public_key_equal(&document->key, &signer->founding);
    if (signer->role == ROLE_AUDIT && !founding) {
        return log_keys_check_successor(signer, document, fault);
    }
    if (signer->role != ROLE_TRANSFER && !founding) {
        return fault_set(fault, STATUS_MISMATCH, "document.key", "this role has its founding key alone");
    }
    return STATUS_OK;
}

static enum status check_transcript(struct admission *admission, struct fault *fault)
{
    const struct bytes *transcript = &admission->request->ceremony;
    struct digest digest;
    ceremony_digest(&digest, transcript->data, transcript->len);
    if (!digest_equal(&digest, &admission->document.ceremony)) {
        return fault_set(fault, STATUS_MISMATCH, "document.ceremony", "the document names another transcript");
    }
    struct fault inner = {0};
    struct ceremony ceremony = {0};
    enum status status =
        ceremony_verify(&ceremony, transcript->data, transcript->len, versions_in_force(admission->signer), &inner);
    if (status == STATUS_OK) {
        status = ceremony_check_key(&ceremony, &admission->document, admission->has_backup ? &admission->backup : NULL,
                                    &inner);
    }
    ceremony_free(&ceremony);
    return status == STATUS_OK ? status : role_part_fault(fault, "ceremony", status, &inner);
}

static enum status check_backup(struct admission *admission, struct fault *fault)
{
    const struct signed_document *paper = &admission->request->backup;
    bool wanted = admission->document.backup == KEY_BACKUP_WRAPPED;
    bool shown = paper->document.len > 0;
    if (wanted != shown) {
        return fault_set(fault, wanted ? STATUS_MISSING_FIELD : STATUS_UNKNOWN_FIELD, "backup",
                         "the backup of this key is %s", key_backup_text(admission->document.backup));
    }
    if (!wanted) {
        return STATUS_OK;
    }
    struct fault inner = {0};
    enum status status = backup_verify(&admission->backup, paper, &inner);
    admission->has_backup = status == STATUS_OK;
    if (status == STATUS_OK) {
        status = backup_check_key(&admission->backup, &admission->document, &inner);
    }
    if (status == STATUS_OK) {
        status = share_table_check_people(&admission->backup.shares, versions_in_force(admission->signer),
                                          admission->at_utc_us, admission->backup.made_at, &inner);
    }
    if (status == STATUS_OK && admission->signer->attended) {
        status = share_set_check_apart(&admission->signer->share_set, &admission->backup, &inner);
    }
    if (status != STATUS_OK) {
        return role_part_fault(fault, "backup", status, &inner);
    }
    backup_digest(&admission->backup_digest, paper->document.data, paper->document.len);
    return digest_equal(&admission->backup_digest, &admission->document.backup_document)
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "document.backup_document", "the document names another backup");
}

/* Verified and of these days. */
static enum status proof_verify(struct restore *out, const struct signed_document *paper,
                                const struct restore_context *context, int64_t at_utc_us, struct fault *fault)
{
    struct fault inner = {0};
    enum status status = restore_verify(out, paper, context, &inner);
    if (status != STATUS_OK) {
        return role_part_fault(fault, "restore", status, &inner);
    }
    if (out->made_at < at_utc_us - PROOF_AGE_MAX_US) {
        return fault_set(fault, STATUS_EXPIRED, "restore.made_at", "a restore proof serves for 24 hours");
    }
    if (out->made_at > at_utc_us + PROOF_AHEAD_MAX_US) {
        return fault_set(fault, STATUS_NOT_READY, "restore.made_at", "it is ahead of the clock");
    }
    return STATUS_OK;
}

static enum status check_restore(struct admission *admission, struct fault *fault)
{
    const struct signed_document *paper = &admission->request->restore;
    bool wanted = admission->document.backup != KEY_BACKUP_NONE;
    bool shown = paper->document.len > 0;
    if (wanted != shown) {
        return fault_set(fault, wanted ? STATUS_MISSING_FIELD : STATUS_UNKNOWN_FIELD, "restore",
                         "the backup of this key is %s", key_backup_text(admission->document.backup));
    }
    if (!wanted) {
        return STATUS_OK;
    }
    const struct restore_context context = {.policy = versions_in_force(admission->signer),
                                            .key = &admission->document.key,
                                            .token = &admission->document.token,
                                            .backup = admission->has_backup ? &admission->backup : NULL,
                                            .backup_digest = &admission->backup_digest};
    enum status status = proof_verify(&admission->restore, paper, &context, admission->at_utc_us, fault);
    admission->has_restore = status == STATUS_OK;
    return status;
}

static bool same_device(const struct signer_token_key *key, const struct token_identity *token)
{
    return strcmp(key->label, token->label) == 0 && strcmp(key->serial, token->serial) == 0;
}

static bool is_explained(const struct admission *admission, const struct signer_token_key *copy)
{
    if (copy->origin == SIGNER_KEY_BORN) {
        return same_device(copy, &admission->document.token);
    }
    return admission->has_restore && same_device(copy, &admission->restore.token);
}

/* One of the copies was born where the document says, or brought to where the restore proof says. */
static enum status check_token(struct admission *admission, struct fault *fault)
{
    const struct signer_tokens *tokens = admission->signer->tokens;
    size_t count = 0;
    struct signer_token_key copies[SIGNER_TOKENS_MAX];
    enum status status = tokens->find(tokens->context, copies, &count, &admission->document.key_id, NULL);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "document.key", "%s",
                         status == STATUS_NOT_FOUND
                             ? "it was on no token of this signer when they were opened; after a "
                               "ceremony or a restore the signer is started again"
                             : "no token is open: custody activate comes first");
    }
    if (!token_keys_are(copies, count, &admission->document.key)) {
        return fault_set(fault, STATUS_MISMATCH, "document.key", "the token's key is another");
    }
    for (size_t i = 0; i < count; i++) {
        if (is_explained(admission, &copies[i])) {
            return STATUS_OK;
        }
    }
    return fault_set(fault, STATUS_MISMATCH, "document.token", "the key is on token %s (%s) and was not born there",
                     copies[0].label, copies[0].serial);
}

static enum status (*const checks[])(struct admission *admission, struct fault *fault) = {
    check_command, check_document, check_backup, check_transcript, check_restore, check_token,
};

/* Remembering */

/* A key that is not in the guard is generated by being shown. */
static void key_place(struct guard_txn *txn, struct admission *admission)
{
    if (guard_txn_key_find(txn, &admission->index, &admission->before, &admission->document.key_id) != STATUS_OK) {
        admission->index = guard_txn_key_count(txn);
        admission->before = (struct guard_key){.key = admission->document.key_id,
                                               .public_key = admission->document.key,
                                               .state = KEY_STATE_GENERATED,
                                               .cause = KEY_CAUSE_FOUNDING,
                                               .since_utc_us = admission->at_utc_us};
    }
}

static enum status admit_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct admission *admission = context;
    const struct uuid *nonce = &admission->command.nonce;
    enum status status = nonce_unused(txn, nonce, &admission->command_digest, fault);
    if (status != STATUS_OK) {
        return status;
    }
    key_place(txn, admission);
    if (admission->command.from != admission->before.state) {
        return fault_set(fault, STATUS_CONFLICT, "command.from", "given for a key that is %s, but it is %s",
                         key_state_text(admission->command.from), key_state_text(admission->before.state));
    }
    struct guard_key *after = &admission->after;
    *after = admission->before;
    status = key_move(after, KEY_ACTION_ADMIT, KEY_CAUSE_COMMAND, admission->at_utc_us, fault);
    if (status != STATUS_OK) {
        return status;
    }
    after->document = admission->document_digest;
    after->restored_utc_us = admission->has_restore ? admission->restore.made_at : 0;
    keys_time_raise(txn, admission->at_utc_us);
    status = guard_txn_key_write(txn, admission->index, after, &admission->papers, fault);
    return status == STATUS_OK ? nonce_write(txn, nonce, &admission->command_digest, fault) : status;
}

static enum status paper_encode(struct bytes *out, const struct signed_document *paper, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = signed_document_encode(&object, paper, fault);
    if (status == STATUS_OK) {
        status = canon_emit(out, object, SIGNED_TEXT_MAX, fault);
        json_decref(object);
    }
    return status;
}

static enum status admission_run(struct admission *admission, struct fault *fault)
{
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        enum status status = checks[i](admission, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    enum status status = paper_encode(&admission->papers.document, &admission->request->document, fault);
    if (status == STATUS_OK && admission->has_backup) {
        status = paper_encode(&admission->papers.backup, &admission->request->backup, fault);
    }
    return status == STATUS_OK ? guard_commit(admission->signer->guard, admit_apply, admission, fault) : status;
}

enum status key_admit(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                      struct fault *fault)
{
    struct admission *admission = calloc(1, sizeof(*admission)); /* its documents are long */
    if (admission == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "key.admit", "reading");
    }
    admission->signer = signer;
    admission->request = &request->key_admit;
    enum status status = keys_time(signer, &admission->at_utc_us, fault);
    status = status == STATUS_OK ? admission_run(admission, fault) : status;
    if (status == STATUS_OK) {
        keys_document_set(signer, admission->index, &admission->document);
        key_log(&admission->before, &admission->after);
        key_answer(&reply->key_state, &admission->after);
    }
    bytes_free(&admission->papers.document);
    bytes_free(&admission->papers.backup);
    free(admission);
    return status;
}

/* Drills */

struct drill {
    struct digest key;
    int64_t at_utc_us;
    int64_t made_at;
    struct guard_key after;
};

static enum status drill_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct drill *drill = context;
    size_t index = 0;
    if (guard_txn_key_find(txn, &index, &drill->after, &drill->key) != STATUS_OK) {
        return fault_set(fault, STATUS_NOT_FOUND, "restore.key", "it is no key of this guard");
    }
    if (drill->made_at <= drill->after.restored_utc_us) {
        return fault_set(fault, STATUS_CONFLICT, "restore.made_at", "a newer restore proof is known");
    }
    drill->after.restored_utc_us = drill->made_at;
    return key_write(txn, index, &drill->after, drill->at_utc_us, fault);
}

enum status keys_backup(const struct signer *signer, struct backup *out, struct digest *out_digest, size_t index,
                        struct fault *fault)
{
    struct signed_document document = {0};
    const struct bytes *paper = &guard_key_papers(signer->guard, index)->backup;
    if (paper->len == 0) {
        return fault_set(fault, STATUS_NOT_FOUND, "guard.backup", "there is none");
    }
    enum status status = signed_document_parse(&document, paper->data, paper->len, "guard.backup", fault);
    if (status == STATUS_OK) {
        backup_digest(out_digest, document.document.data, document.document.len);
        status = backup_verify(out, &document, fault);
        signed_document_free(&document);
    }
    return status;
}

static enum status drill_check(struct signer *signer, struct restore *out, const struct signed_document *paper,
                               int64_t at_utc_us, struct fault *fault)
{
    size_t index = 0;
    struct guard_key key;
    struct fault inner = {0};
    enum status status = restore_decode(out, paper->document.data, paper->document.len, &inner);
    if (status != STATUS_OK) {
        return role_part_fault(fault, "restore", status, &inner);
    }
    if (guard_key_find(signer->guard, &index, &key, &out->key) != STATUS_OK) {
        return fault_set(fault, STATUS_NOT_FOUND, "restore.key", "it is no key of this guard");
    }
    const struct key_document *document = keys_document(signer, index);
    if (document == NULL || document->backup == KEY_BACKUP_NONE || !key_state_attests(key.state)) {
        return fault_set(fault, STATUS_CONFLICT, "restore.key", "the key is %s, there is nothing to prove",
                         key_state_text(key.state));
    }
    struct backup backup = {0};
    struct digest digest = {{0}};
    bool wrapped = document->backup == KEY_BACKUP_WRAPPED;
    status = wrapped ? keys_backup(signer, &backup, &digest, index, fault) : STATUS_OK;
    if (status == STATUS_OK) {
        const struct restore_context context = {.policy = versions_in_force(signer),
                                                .key = &document->key,
                                                .token = &document->token,
                                                .backup = wrapped ? &backup : NULL,
                                                .backup_digest = &digest};
        status = proof_verify(out, paper, &context, at_utc_us, fault);
    }
    return status;
}

enum status key_prove(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                      struct fault *fault)
{
    int64_t now = 0;
    struct restore restore;
    enum status status = keys_time(signer, &now, fault);
    status = status == STATUS_OK ? drill_check(signer, &restore, &request->key_order.order, now, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    struct drill drill = {.key = restore.key, .at_utc_us = now, .made_at = restore.made_at};
    status = guard_commit(signer->guard, drill_apply, &drill, fault);
    if (status == STATUS_OK) {
        key_answer(&reply->key_state, &drill.after);
    }
    return status;
}
