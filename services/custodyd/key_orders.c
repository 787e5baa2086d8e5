/*
 * Orders about keys at the REST interface: papers of a new key, commands, restore proofs, attestations.
 *
 * The service carries them to the signer, which judges; what is checked here is what the caller can be told better.
 * An order is in the trail, under a checkpoint, before the signer hears of it, and its outcome before the caller does.
 * Two kinds go to the signer first and to the trail right after: what stops a key, because stopping waits for nothing,
 * and everything about keys of the role audit, because the trail cannot be signed before that one is active.
 */
#include "base/log.h"
#include "key_attest.h"
#include "key_board.h"
#include "key_papers.h"
#include "orders.h"
#include "policy/backup.h"
#include "policy/ceremony.h"
#include "record.h"
#include "resources.h"
#include "watch.h"

#define PAPERS_MAX 5
#define LOOK_TIMEOUT_MS 1000

struct order;
typedef enum status forward_fn(struct order *order, struct wire_key_state_reply *out, struct fault *fault);

/* An order on its way. */
struct order {
    struct service *service;
    const struct http_request *request;
    enum audit_action action;
    const char *word; /* what is ordered, in the trail */
    struct digest key;
    enum wire_role role;
    struct digest intent; /* that a sweep names, zeros for none */
    enum key_state from;  /* of a sweep */
    bool at_once;         /* the signer first */
    forward_fn *forward;
    struct wire_key_admit_request papers; /* owned; `command` is the command or empty, `restore` the proof or empty */

    enum audit_outcome outcome; /* of the entry to be written */
    enum status reason;
    struct wire_key_state_reply state;
    struct trail_ticket ticket;
};

static void order_wipe(struct order *order)
{
    signed_document_free(&order->papers.command);
    signed_document_free(&order->papers.document);
    signed_document_free(&order->papers.backup);
    signed_document_free(&order->papers.restore);
    bytes_free(&order->papers.ceremony);
}

/* The trail. */

/* What the signer took is marked, so that it is found: the last document of a key, and the order that a step asks for.
 */
static enum status keep_paper(struct order *order, struct store_tx *tx, struct audit_event *event,
                              const struct key_paper *paper, struct fault *fault)
{
    struct digest digest;
    enum status status = key_paper_record(&digest, tx, &order->key, paper, fault);
    if (status == STATUS_OK) {
        status = audit_event_ref_add(event, paper->kind, &digest, fault);
    }
    return status == STATUS_OK && order->outcome == AUDIT_OUTCOME_OK && strcmp(paper->kind, KEY_PAPER_KEY) == 0
               ? key_paper_mark(tx, paper->kind, &order->key, &digest, fault)
               : status;
}

static enum status keep_sweep(struct order *order, struct store_tx *tx, struct fault *fault)
{
    const struct key_paper paper = {KEY_PAPER_COMMAND, &order->papers.command};
    struct digest digest;
    if (digest_is_zero(&order->intent) || order->outcome != AUDIT_OUTCOME_OK) {
        return STATUS_OK;
    }
    enum status status = key_paper_record(&digest, tx, &order->intent, &paper, fault);
    return status == STATUS_OK ? key_paper_mark(tx, paper.kind, &order->intent, &digest, fault) : status;
}

static enum status keep_papers(struct order *order, struct store_tx *tx, struct audit_event *event, struct fault *fault)
{
    const struct key_paper papers[] = {
        {KEY_PAPER_COMMAND, &order->papers.command},
        {KEY_PAPER_KEY, &order->papers.document},
        {KEY_PAPER_BACKUP, &order->papers.backup},
        {KEY_PAPER_RESTORE, &order->papers.restore},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof(papers) / sizeof(papers[0]); i++) {
        if (papers[i].document->document.len > 0) {
            status = keep_paper(order, tx, event, &papers[i], fault);
        }
    }
    status = status == STATUS_OK ? keep_sweep(order, tx, fault) : status;
    if (status == STATUS_OK && order->papers.ceremony.len > 0) {
        struct digest digest;
        ceremony_digest(&digest, order->papers.ceremony.data, order->papers.ceremony.len);
        status = key_paper_record_ceremony(tx, &order->key, &order->papers.ceremony, fault);
        if (status == STATUS_OK) {
            status = audit_event_ref_add(event, KEY_PAPER_CEREMONY, &digest, fault);
        }
    }
    return status;
}

static enum status record_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct order *order = context;
    struct audit_event event;
    record_by_caller(&event, order->service, order->request, order->action, order->outcome);
    record_about_key(&event, &order->key);
    enum status status = keep_papers(order, tx, &event, fault);
    if (status == STATUS_OK) {
        status = audit_event_fact_add(&event, "order", order->word, fault);
    }
    status = status == STATUS_OK ? order_facts_add(&event, order->service, &order->papers.command, fault) : status;
    if (status == STATUS_OK && order->outcome == AUDIT_OUTCOME_OK) {
        status = audit_event_fact_add(&event, "state", order->state.state, fault);
    }
    if (order->reason != STATUS_OK) {
        record_reason(&event, order->reason);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&order->ticket, order->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

static enum status record(struct order *order, enum audit_outcome outcome, struct fault *fault)
{
    order->outcome = outcome;
    struct service *service = order->service;
    return store_transact(order->request->urgent ? service->urgent_store : service->store, record_in, order, fault);
}

/* The intent, covered, before anything happens. */
static enum status announce(struct order *order, struct fault *fault)
{
    enum status status = record(order, AUDIT_OUTCOME_INTENT, fault);
    return status == STATUS_OK ? record_covered(order->service, &order->ticket, fault) : status;
}

/* What came of it, for everybody who looks. The signer is asked, because the reply only says the state. */
static void look_again(struct order *order)
{
    struct service *service = order->service;
    struct fault fault = {0};
    (void)!key_board_look(service->board, service->urgent_signers[order->role], order->role, LOOK_TIMEOUT_MS, &fault);
    watch_wake(service->watch);
}

/* A refusal of the signer is told by dispatch; what is our own failure after an intent is told here. */
static void record_failure(struct order *order, enum status reason)
{
    struct fault fault = {0};
    order->reason = reason;
    if (record(order, AUDIT_OUTCOME_ERROR, &fault) != STATUS_OK) {
        log_fault("key.order", &fault);
    }
}

static enum status carry_out(struct order *order, struct fault *fault)
{
    enum status status = order->at_once ? STATUS_OK : announce(order, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = order->forward(order, &order->state, fault);
    if (status != STATUS_OK) {
        if (!order->at_once) {
            record_failure(order, status);
        }
        look_again(order);
        return status;
    }
    struct fault why = {0};
    status = record(order, AUDIT_OUTCOME_OK, &why);
    look_again(order);
    if (status != STATUS_OK && !order->at_once) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    if (status != STATUS_OK) {
        log_fault("key.order", &why); /* it has happened, and the caller must know; the watcher will tell the trail */
        order->ticket = (struct trail_ticket){0};
    }
    return STATUS_OK;
}

static enum status answer(struct order *order, struct http_reply *reply, int http_status, struct fault *fault)
{
    char key[DIGEST_HEX_LEN + 1];
    digest_format(key, &order->key);
    json_t *object = json_pack("{s:{s:s, s:s, s:s, s:I}}", "key", "key_id", key, "role", wire_role_name(order->role),
                               "state", order->state.state, "transitions", (json_int_t)order->state.on);
    enum status status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "") : STATUS_OK;
    if (status == STATUS_OK && order->ticket.number != 0) {
        status = order->at_once ? record_receipt_if_any(order->service, &order->ticket, object, fault)
                                : record_receipt(order->service, &order->ticket, object, fault);
    }
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, http_status, object, fault);
}

static enum status finish(struct order *order, struct http_reply *reply, int http_status, enum status status,
                          struct fault *fault)
{
    if (status == STATUS_OK) {
        order->at_once = order->at_once || order->role == WIRE_ROLE_AUDIT;
        status = carry_out(order, fault);
    }
    if (status == STATUS_OK) {
        status = answer(order, reply, http_status, fault);
    }
    order_wipe(order);
    return status;
}

static enum status read_signed_body(struct signed_document *out, const struct http_request *request,
                                    struct fault *fault)
{
    json_t *body = NULL;
    enum status status = http_body_object(&body, request, fault);
    if (status == STATUS_OK) {
        status = signed_document_decode(out, body, CANON_DOCUMENT_MAX, "", fault);
        json_decref(body);
    }
    return status;
}

static enum status read_key_id(struct order *order, struct fault *fault)
{
    return digest_parse(&order->key, order->request->parameters[0]) == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "key_id", "must be 64 hexadecimal digits");
}

/* Commands. */

static enum status forward_command(struct order *order, struct wire_key_state_reply *out, struct fault *fault)
{
    struct service *service = order->service;
    struct wire_pool *const *signers = order->at_once ? service->urgent_signers : service->signers;
    return wire_key_command(signers[order->role], out, &order->papers.command, service->options.signer_timeout_ms,
                            fault);
}

/* The account of a key: of its wallet, or of the key that its document or its signer names. */
static bool find_account(struct account_id *out, const struct order *order)
{
    const struct policy *policy = service_policy(order->service);
    struct key_board_signer signer;
    struct digest founding;
    for (size_t i = 0; i < policy->wallet_count; i++) {
        if (digest_equal(&policy->wallets[i].key_id, &order->key)) {
            *out = policy->wallets[i].account;
            return true;
        }
    }
    key_board_signer(&signer, order->service->board, order->role);
    public_key_id(&founding, &signer.founding);
    return signer.founded && digest_equal(&founding, &order->key) &&
           account_id_from_key(out, &signer.founding, NULL) == STATUS_OK;
}

struct seeking {
    const struct order *order;
    struct key_board_entry entry;
    struct account_id *out;
};

static enum status seek_account_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct seeking *seeking = context;
    struct key_document document;
    enum status status = key_paper_document(&document, NULL, seeking->order->service, tx, &seeking->entry.key, fault);
    return status == STATUS_OK ? account_id_from_key(seeking->out, &document.key, fault) : status;
}

/* C-24: what a destroyed key holds is lost, so nothing is lost by accident. */
static enum status check_empty(struct order *order, struct fault *fault)
{
    struct service *service = order->service;
    struct account_id account;
    struct seeking seeking = {.order = order, .out = &account};
    if (order->role != WIRE_ROLE_TRANSFER) {
        return STATUS_OK;
    }
    if (!find_account(&account, order)) {
        enum status status = key_board_find(&seeking.entry, service->board, &order->key);
        status = status == STATUS_OK ? store_read(service->store, seek_account_in, &seeking, fault) : status;
        if (status != STATUS_OK) {
            return fault_set(fault, STATUS_CONFLICT, "key", "its account is not known, so nobody can say it is empty");
        }
    }
    const struct ledger_genesis *genesis = ledger_node_genesis(service->node);
    for (size_t i = 0; i < genesis->asset_count; i++) {
        struct ledger_balance balance = {0};
        enum status status = ledger_node_balance(service->node, &balance, &account, &genesis->asset_ids[i], fault);
        if (status != STATUS_OK) {
            return status;
        }
        if (!amount_is_zero(balance.amount)) {
            return fault_set(fault, STATUS_CONFLICT, "balance", "the account of the key still holds %s",
                             genesis->assets[i].code);
        }
    }
    return STATUS_OK;
}

/* The order waits for its withdrawal: the signer hears of it when it is asked for the transaction. */
static enum status forward_sweep(struct order *order, struct wire_key_state_reply *out, struct fault *fault)
{
    struct key_board_entry entry;
    if (key_board_find(&entry, order->service->board, &order->key) != STATUS_OK || entry.role != order->role) {
        return fault_set(fault, STATUS_NOT_FOUND, "key", "its signer does not name it");
    }
    if (entry.state != order->from) {
        return fault_set(fault, STATUS_CONFLICT, "from", "given for a key that is %s, but it is %s",
                         key_state_text(order->from), entry.key.state);
    }
    *out = (struct wire_key_state_reply){.on = entry.key.on};
    memcpy(out->state, entry.key.state, sizeof(out->state));
    return STATUS_OK;
}

static enum status role_check(const struct order *order, struct fault *fault)
{
    return (int)order->role < order->service->role_count
               ? STATUS_OK
               : fault_set(fault, STATUS_NOT_FOUND, "role", "this service has no signer of role %s",
                           wire_role_name(order->role));
}

static enum status read_command(struct order *order, struct fault *fault)
{
    struct command command;
    enum status status = read_signed_body(&order->papers.command, order->request, fault);
    if (status == STATUS_OK) {
        status = order_read(&command, order->service, &order->papers.command, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (!digest_equal(&command.key, &order->key)) {
        return fault_set(fault, STATUS_MISMATCH, "key", "the command is about another key than the path names");
    }
    if (command.action == COMMAND_GUARD_INITIALISE || command.action == COMMAND_KEY_ADMIT ||
        command.action == COMMAND_POLICY_VETO || command.action == COMMAND_WITHDRAWAL_VETO ||
        command.action == COMMAND_DESTINATION_REVOKE || command.action == COMMAND_FREEZE ||
        command.action == COMMAND_THAW || command.action == COMMAND_PERSON_SUSPEND ||
        command.action == COMMAND_PERSON_RESUME || command.action == COMMAND_PII_REVEAL ||
        command.action == COMMAND_PII_ERASE || command.action == COMMAND_LOG_ROTATE ||
        command.action == COMMAND_LOG_FORK) {
        return fault_set(fault, STATUS_INVALID, "action", "%s is not handed in here",
                         command_action_text(command.action));
    }
    if (command.action == COMMAND_KEY_SWEEP) {
        order->forward = forward_sweep;
        order->intent = command.intent;
        order->from = command.from;
    }
    order->role = wire_role_named(signer_role_text(command.role));
    order->word = command_action_text(command.action);
    order->at_once = command_stops(command.action);
    enum status there = role_check(order, fault);
    return there == STATUS_OK && command.action == COMMAND_KEY_DESTROY ? check_empty(order, fault) : there;
}

enum status key_command(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    struct order order = {
        .service = service, .request = request, .action = AUDIT_KEY_COMMAND, .forward = forward_command};
    enum status status = read_key_id(&order, fault);
    if (status == STATUS_OK) {
        status = read_command(&order, fault);
    }
    return finish(&order, reply, 200, status, fault);
}

/* Restore proofs. */

static enum status forward_restore(struct order *order, struct wire_key_state_reply *out, struct fault *fault)
{
    struct service *service = order->service;
    return wire_key_prove(service->signers[order->role], out, &order->papers.restore,
                          service->options.signer_timeout_ms, fault);
}

static enum status read_restore(struct order *order, struct fault *fault)
{
    struct restore restore;
    struct key_board_entry entry;
    enum status status = read_signed_body(&order->papers.restore, order->request, fault);
    if (status == STATUS_OK) {
        const struct bytes *document = &order->papers.restore.document;
        status = restore_decode(&restore, document->data, document->len, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (!digest_equal(&restore.key, &order->key)) {
        return fault_set(fault, STATUS_MISMATCH, "key", "the proof is about another key than the path names");
    }
    if (key_board_find(&entry, order->service->board, &order->key) != STATUS_OK) {
        return fault_set(fault, STATUS_NOT_FOUND, "key_id", "no signer has said that it has this key");
    }
    order->role = entry.role;
    order->word = restore_kind_text(restore.kind);
    return STATUS_OK;
}

enum status key_restore(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    struct order order = {
        .service = service, .request = request, .action = AUDIT_KEY_RESTORE, .forward = forward_restore};
    enum status status = read_key_id(&order, fault);
    if (status == STATUS_OK) {
        status = read_restore(&order, fault);
    }
    return finish(&order, reply, 200, status, fault);
}

/* The papers of a new key. */

struct bundle {
    json_t *command; /* borrowed from the body */
    json_t *document;
    struct bytes ceremony; /* owned */
    json_t *backup;
    json_t *restore;
};

static const struct canon_field bundle_fields[] = {
    CANON_FIELD(struct bundle, command, CANON_OBJECT),
    CANON_FIELD(struct bundle, document, CANON_OBJECT),
    CANON_FIELD_SIZED(struct bundle, ceremony, CANON_STRING, CANON_DOCUMENT_MAX),
    CANON_FIELD_OPTIONAL(struct bundle, backup, CANON_OBJECT),
    CANON_FIELD_OPTIONAL(struct bundle, restore, CANON_OBJECT),
};

static enum status take_signed(struct signed_document *out, const json_t *object, const char *path, struct fault *fault)
{
    return object == NULL ? STATUS_OK : signed_document_decode(out, object, CANON_DOCUMENT_MAX, path, fault);
}

static enum status read_bundle(struct order *order, struct fault *fault)
{
    struct bundle bundle = {0};
    json_t *body = NULL;
    struct wire_key_admit_request *papers = &order->papers;
    enum status status = http_body_object(&body, order->request, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&bundle, sizeof(bundle), body, bundle_fields,
                              sizeof(bundle_fields) / sizeof(bundle_fields[0]), "", fault);
    }
    papers->ceremony = bundle.ceremony; /* transferred */
    if (status == STATUS_OK) {
        status = take_signed(&papers->command, bundle.command, "command.", fault);
    }
    if (status == STATUS_OK) {
        status = take_signed(&papers->document, bundle.document, "document.", fault);
    }
    if (status == STATUS_OK) {
        status = take_signed(&papers->backup, bundle.backup, "backup.", fault);
    }
    if (status == STATUS_OK) {
        status = take_signed(&papers->restore, bundle.restore, "restore.", fault);
    }
    json_decref(body);
    return status;
}

/* That the papers belong together; whether they suffice is the signer's to say. */
static enum status check_bundle(struct key_document *out, struct order *order, bool admitted, struct fault *fault)
{
    const struct service *service = order->service;
    const struct wire_key_admit_request *papers = &order->papers;
    /* What a guard has admitted stays under the version that it names; what is new goes by the one in force. */
    const struct policy *policy = admitted ? service_policy_named(service, &out->policy) : service_policy(service);
    struct command command;
    struct digest digest;
    int64_t now = clock_utc_us(service->clock);
    enum status status =
        policy == NULL ? fault_set(fault, STATUS_MISMATCH, "document.policy", "names a version that is not known here")
                       : key_document_verify(out, &papers->document, policy, admitted ? out->issued_at : now, fault);
    if (status == STATUS_OK) {
        status = command_decode(&command, papers->command.document.data, papers->command.document.len, fault);
    }
    if (status == STATUS_OK) {
        status = command_verify(&command, &papers->command, policy, admitted ? command.issued_at : now, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    key_document_digest(&digest, papers->document.document.data, papers->document.document.len);
    if (command.action != COMMAND_KEY_ADMIT || !digest_equal(&command.document, &digest) ||
        !digest_equal(&command.key, &out->key_id)) {
        return fault_set(fault, STATUS_MISMATCH, "command", "does not admit this key document");
    }
    ceremony_digest(&digest, papers->ceremony.data, papers->ceremony.len);
    if (!digest_equal(&digest, &out->ceremony)) {
        return fault_set(fault, STATUS_MISMATCH, "ceremony", "is not the transcript that the key document names");
    }
    backup_digest(&digest, papers->backup.document.data, papers->backup.document.len);
    if (papers->backup.document.len > 0 && !digest_equal(&digest, &out->backup_document)) {
        return fault_set(fault, STATUS_MISMATCH, "backup", "is not the one that the key document names");
    }
    return STATUS_OK;
}

static enum status forward_admit(struct order *order, struct wire_key_state_reply *out, struct fault *fault)
{
    struct service *service = order->service;
    return wire_key_admit(service->signers[order->role], out, &order->papers, service->options.signer_timeout_ms,
                          fault);
}

/* A key that its signer has admitted already: the papers are kept, nothing else happens. */
static enum status forward_nothing(struct order *order, struct wire_key_state_reply *out, struct fault *fault)
{
    struct key_board_entry entry;
    if (key_board_find(&entry, order->service->board, &order->key) != STATUS_OK) {
        return fault_set(fault, STATUS_NOT_FOUND, "key", "its signer does not name it any more");
    }
    *out = (struct wire_key_state_reply){.on = entry.key.on};
    memcpy(out->state, entry.key.state, sizeof(out->state));
    return STATUS_OK;
}

static bool is_admitted(struct order *order, const struct digest *document)
{
    struct key_board_entry entry;
    look_again(order);
    return key_board_find(&entry, order->service->board, &order->key) == STATUS_OK && entry.role == order->role &&
           entry.state != KEY_STATE_GENERATED && digest_equal(&entry.key.document, document);
}

enum status key_admit(struct service *service, const struct http_request *request, struct http_reply *reply,
                      struct fault *fault)
{
    struct order order = {.service = service,
                          .request = request,
                          .action = AUDIT_KEY_ADMIT,
                          .word = "key.admit",
                          .forward = forward_admit};
    struct key_document key;
    enum status status = read_bundle(&order, fault);
    if (status == STATUS_OK) {
        status =
            key_document_decode(&key, order.papers.document.document.data, order.papers.document.document.len, fault);
    }
    if (status == STATUS_OK) {
        order.key = key.key_id;
        order.role = wire_role_named(signer_role_text(key.purpose));
        status = role_check(&order, fault);
    }
    if (status == STATUS_OK) {
        struct digest digest;
        key_document_digest(&digest, order.papers.document.document.data, order.papers.document.document.len);
        bool admitted = is_admitted(&order, &digest);
        order.forward = admitted ? forward_nothing : forward_admit;
        order.word = admitted ? "register" : order.word;
        status = check_bundle(&key, &order, admitted, fault);
    }
    status = finish(&order, reply, 201, status, fault);
    if (status == STATUS_OK) { /* so that it has an address at once; otherwise the watcher tries again */
        struct fault later = {0};
        (void)!key_attest_renew(service, &order.key, &later);
    }
    return status;
}
