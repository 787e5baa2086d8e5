/*
 * What a change of the policy does to withdrawals that were proposed before it. The signer judges each of them again;
 * this spares people approvals in vain and frees funds that nothing can move any more.
 */
#include "policy_change.h"

#include "base/canon.h"
#include "base/log.h"
#include "destinations.h"
#include "key_papers.h"
#include "policy/command.h"
#include "policy/intent.h"
#include "step_signature.h"
#include "store/document.h"
#include "store/outbox.h"
#include "withdrawals.h"
#include "workers.h"

#define PAGE 100
#define TIMEOUTS_MAX 4 /* each keeps the whole look waiting */
#define VETOES_PAGE 64

/* What has changed. */
struct change {
    bool hours;          /* nothing but the hour: it keeps those alone that wait for approvals */
    bool people;         /* nothing but who is suspended */
    bool listed;         /* nothing but an entry that came onto the allow-list: likewise */
    const char *revoked; /* what an address is listed by, perhaps; NULL: something else */
    struct store *store; /* through which it is followed */
};

/* One withdrawal. */
struct changing {
    struct service *service;
    struct uuid id;
    const struct change *change;
    bool ready;    /* it has all approvals now */
    bool promised; /* the signer did, so that it does not end */
};

static enum status end_denied(struct changing *changing, struct store_tx *tx, struct store_withdrawal *row,
                              enum status reason, const json_t *explanation, struct fault *fault)
{
    const struct store_withdrawal_change change = {.reason = status_info(reason)->code};
    const struct withdrawal_verdict verdict = {AUDIT_WITHDRAWAL_REJECT, reason, explanation};
    /* What a revocation ends goes the way of the revocation. */
    struct wire_pool *const *signers =
        changing->change->revoked != NULL ? changing->service->urgent_signers : changing->service->signers;
    enum status status = store_withdrawal_move(tx, row, WITHDRAWAL_REJECTED, &change, fault);
    if (status == STATUS_OK) {
        status = withdrawal_release(&changing->promised, changing->service, signers[WIRE_ROLE_TRANSFER], tx, &row->id,
                                    fault);
    }
    if (status == STATUS_OK) {
        status = withdrawal_log_verdict(changing->service, tx, row, &verdict, fault);
    }
    return status;
}

static bool was_proposed_before(const struct service *service, const struct store_withdrawal *row)
{
    struct intent intent;
    return intent_decode(&intent, row->intent.data, row->intent.len, NULL) == STATUS_OK &&
           !digest_equal(&intent.policy, &service_policy(service)->digest);
}

static bool may_end(const struct changing *changing)
{
    return !changing->change->hours && !changing->change->people && !changing->change->listed;
}

/* What the policy says of it now is what becomes of it; after a change of the hour or of the list alone nothing ends,
 * and when others are suspended what was approved without having its people now. */
static enum status follow_judgement(struct changing *changing, struct store_tx *tx, struct store_withdrawal *row,
                                    const struct withdrawal_judgement *judgement, struct fault *fault)
{
    if (judgement->decision == DECISION_DENIED && may_end(changing) &&
        judgement->reason != STATUS_DESTINATION_UNLISTED) { /* that may come */
        return end_denied(changing, tx, row, judgement->reason, judgement->explanation, fault);
    }
    if (judgement->reason == STATUS_QUORUM_MISSING && changing->change->people && row->state == WITHDRAWAL_APPROVED) {
        return end_denied(changing, tx, row, judgement->reason, judgement->explanation, fault);
    }
    if (judgement->decision == DECISION_ALLOWED && row->state == WITHDRAWAL_APPROVING) {
        changing->ready = true;
        return withdrawal_approved(changing->service, tx, row, judgement->explanation, fault);
    }
    return STATUS_OK;
}

static enum status judge_again(struct changing *changing, struct store_tx *tx, struct store_withdrawal *row,
                               struct fault *fault)
{
    struct withdrawal_judgement judgement = {0};
    struct fault why = {0};
    enum status status = withdrawal_judge(&judgement, changing->service, tx, row, NULL, &why);
    if (may_end(changing) &&
        (status == STATUS_CONFLICT || status == STATUS_MISMATCH)) { /* another key; a wallet that is none any more */
        return end_denied(changing, tx, row, status, NULL, fault);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    status = follow_judgement(changing, tx, row, &judgement, fault);
    json_decref(judgement.explanation);
    return status;
}

/* Whether it goes to that address, and no entry lists it. */
static enum status goes_nowhere(bool *out, const struct changing *changing, const struct store_tx *tx,
                                const struct store_withdrawal *row, struct fault *fault)
{
    struct destination_entry entry = {.verified = false};
    struct account_id account;
    struct fault why = {0};
    *out = false;
    enum status status = address_parse(&account, row->destination, "destination", fault);
    if (status != STATUS_OK || strcmp(row->destination, changing->change->revoked) != 0) {
        return status;
    }
    status = destination_find(&entry, changing->service, tx, &account, &why);
    destination_entry_wipe(&entry);
    *out = status == STATUS_DESTINATION_UNLISTED;
    return status == STATUS_OK || *out ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

static bool has_hours(const struct policy *policy)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        if (policy->rules[i].when.hours_count > 0) {
            return true;
        }
    }
    return false;
}

/* Whether the hour can make a difference: in the version in force, or in the one under which it was proposed. One that
 * cannot be read is left to the judgement, which says so. */
static bool depends_on_hours(const struct service *service, const struct store_withdrawal *row)
{
    struct intent intent;
    if (has_hours(service_policy(service)) ||
        intent_decode(&intent, row->intent.data, row->intent.len, NULL) != STATUS_OK) {
        return true;
    }
    const struct policy *proposed = service_policy_named(service, &intent.policy);
    return proposed == NULL || has_hours(proposed);
}

static enum status judge_open(struct changing *changing, struct store_tx *tx, struct store_withdrawal *row,
                              struct fault *fault)
{
    bool over = false;
    if (changing->change->revoked == NULL) {
        bool concerned = changing->change->people || changing->change->listed ||
                         (changing->change->hours ? depends_on_hours(changing->service, row)
                                                  : was_proposed_before(changing->service, row));
        return concerned ? judge_again(changing, tx, row, fault) : STATUS_OK;
    }
    enum status status = goes_nowhere(&over, changing, tx, row, fault);
    return status == STATUS_OK && over ? end_denied(changing, tx, row, STATUS_DESTINATION_UNLISTED, NULL, fault)
                                       : status;
}

static enum status change_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct changing *changing = context;
    struct store_withdrawal row = {0};
    changing->ready = false;
    enum status status = store_withdrawal_get_locked(&row, tx, &changing->id, fault);
    if (status == STATUS_OK && withdrawal_move_allowed(row.state, WITHDRAWAL_REJECTED)) {
        status = judge_open(changing, tx, &row, fault);
    }
    store_withdrawal_wipe(&row);
    return status;
}

struct listing {
    struct store_withdrawal_filter filter;
    struct store_withdrawal_list list;
};

static enum status list_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct listing *listing = context;
    store_withdrawal_list_free(&listing->list);
    return store_withdrawal_list(&listing->list, tx, &listing->filter, fault);
}

/* What goes elsewhere is not even locked: somebody may be holding it. */
static bool is_elsewhere(const struct change *change, const struct store_withdrawal *row)
{
    return change->revoked != NULL && strcmp(row->destination, change->revoked) != 0;
}

/* A change that is followed, and what could not be done of it. */
struct following {
    struct service *service;
    const struct change *change;
    struct fault *fault; /* the first of what is left to a later look */
    enum status status;  /* of it */
    int timeouts;        /* one after the other */
    bool away;           /* it is no use to go on now */
};

static void leave(struct following *following, const struct fault *why)
{
    if (following->status == STATUS_OK) {
        following->status = fault_set(following->fault, why->status, why->where, "%s", why->detail);
    }
}

/* One that cannot be judged or ended keeps no other waiting: it is left to a later look, or told where none would mend
 * it. */
static void change_one(struct following *following, const struct uuid *id)
{
    struct service *service = following->service;
    struct changing changing = {.service = service, .id = *id, .change = following->change};
    struct fault why = {0};
    enum status status = store_transact(following->change->store, change_in, &changing, &why);
    if (status == STATUS_CONFLICT) { /* somebody moved it first, or it was promised */
        enum withdrawal_state state = WITHDRAWAL_QUARANTINED;
        fault_clear(&why);
        status =
            changing.promised ? withdrawal_quarantine(&state, service, following->change->store, id, &why) : STATUS_OK;
    }
    following->timeouts = status == STATUS_TIMED_OUT ? following->timeouts + 1 : 0;
    following->away = status == STATUS_UNAVAILABLE || following->timeouts == TIMEOUTS_MAX;
    if (status != STATUS_OK) {
        withdrawal_tell_undone(service, "policy.follow", id, &why);
    }
    if (step_may_pass(status)) {
        leave(following, &why);
    }
    if (changing.ready) {
        workers_wake(service->workers);
    }
}

static void change_state(struct following *following, enum withdrawal_state state)
{
    struct uuid before;
    struct listing listing = {.filter = {.state = &state, .limit = PAGE}};
    struct fault why = {0};
    size_t got = PAGE;
    while (!following->away && got == PAGE) {
        if (store_read(following->change->store, list_in, &listing, &why) != STATUS_OK) {
            following->away = true;
            leave(following, &why);
        }
        got = listing.list.count;
        for (size_t i = 0; !following->away && i < got; i++) {
            before = listing.list.rows[i].id;
            if (!is_elsewhere(following->change, &listing.list.rows[i])) {
                change_one(following, &before);
            }
        }
        listing.filter.before = &before;
        store_withdrawal_list_free(&listing.list);
    }
}

/* What could not be done now is in `fault`. */
static enum status change_open(struct service *service, const struct change *change, struct fault *fault)
{
    static const enum withdrawal_state states[] = {WITHDRAWAL_RESERVED, WITHDRAWAL_APPROVING, WITHDRAWAL_APPROVED};
    struct following following = {.service = service, .change = change, .fault = fault};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (states[i] == WITHDRAWAL_APPROVING || !(change->hours || change->listed)) {
            change_state(&following, states[i]);
        }
    }
    return following.status;
}

enum status policy_reevaluate(struct digest *inout_judged, struct service *service, struct fault *fault)
{
    const struct digest in_force = service_policy(service)->digest;
    if (digest_equal(inout_judged, &in_force)) {
        return STATUS_OK;
    }
    const struct change change = {.store = service->store};
    enum status status = change_open(service, &change, fault);
    if (status == STATUS_OK) {
        *inout_judged = in_force;
    }
    return status;
}

/* Versions that were never in force are few, and looking in vain is all that they cost. */
enum status policy_follow_hours(struct service *service, struct fault *fault)
{
    const struct change change = {.hours = true, .store = service->store};
    for (const struct policy_version *at = policies_newest(service->policies); at != NULL; at = at->older) {
        if (has_hours(&at->policy)) {
            return change_open(service, &change, fault);
        }
    }
    return STATUS_OK;
}

enum status policy_follow_listed(struct service *service, struct fault *fault)
{
    const struct change change = {.listed = true, .store = service->store};
    return change_open(service, &change, fault);
}

enum status policy_follow_people(struct service *service, struct fault *fault)
{
    const struct change change = {.people = true, .store = service->store};
    return change_open(service, &change, fault);
}

struct looking_up {
    const struct digest *entry;
    char address[ADDRESS_TEXT_SIZE]; /* "" when the entry is not known here */
};

static enum status look_up_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct looking_up *looking_up = context;
    struct destination_entry entry = {.verified = false};
    struct fault why = {0};
    looking_up->address[0] = '\0';
    enum status status = destination_get(&entry, tx, looking_up->entry, &why);
    if (status == STATUS_OK) {
        address_format(looking_up->address, &entry.destination.account);
    }
    destination_entry_wipe(&entry);
    return status == STATUS_OK || status == STATUS_DESTINATION_UNLISTED
               ? STATUS_OK
               : fault_set(fault, status, why.where, "%s", why.detail);
}

enum status policy_end_revoked(struct service *service, const struct digest *entry, struct fault *fault)
{
    struct looking_up looking_up = {.entry = entry};
    enum status status = store_read(service->urgent_store, look_up_in, &looking_up, fault);
    const struct change change = {.revoked = looking_up.address, .store = service->urgent_store};
    return status == STATUS_OK && looking_up.address[0] != '\0' ? change_open(service, &change, fault) : status;
}

/* Vetoes. */

enum status policy_veto_keep(struct store_tx *tx, const struct signed_document *document, struct fault *fault)
{
    struct store_document row = {0};
    json_t *object = NULL;
    char hex[DIGEST_HEX_LEN + 1];
    digest_document(&row.digest, COMMAND_KIND, document->document.data, document->document.len);
    digest_format(hex, &row.digest);
    memcpy(row.id.text, hex, NAME_SIZE - 1);
    enum status status = name_parse(&row.kind, POLICY_VETO_KIND);
    if (status == STATUS_OK) {
        status = signed_document_encode(&object, document, fault);
    }
    if (status == STATUS_OK) {
        status = canon_emit(&row.bytes, object, SIGNED_TEXT_MAX, fault);
    }
    if (status == STATUS_OK) {
        status = key_paper_row_record(tx, &row, fault);
    }
    json_decref(object);
    store_document_wipe(&row);
    return status;
}

struct vetoes {
    struct store_document_place after;
    struct store_document_list rows;
};

static enum status vetoes_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct vetoes *vetoes = context;
    store_document_list_free(&vetoes->rows);
    return store_document_list(&vetoes->rows, tx, POLICY_VETO_KIND, &vetoes->after, VETOES_PAGE, fault);
}

/* One that the signer has, or that is over, is refused by it; that is as good. */
static void hand_over(struct service *service, enum wire_role role, const struct store_document *row,
                      const struct digest *subject)
{
    struct signed_document document = {0};
    struct command command;
    struct wire_key_state_reply reply;
    struct fault why = {0};
    if (signed_document_parse(&document, row->bytes.data, row->bytes.len, "", &why) == STATUS_OK &&
        command_decode(&command, document.document.data, document.document.len, &why) == STATUS_OK &&
        command.action == COMMAND_POLICY_VETO && digest_equal(&command.subject, subject) &&
        wire_key_command(service->signers[role], &reply, &document, service->options.signer_timeout_ms, &why) !=
            STATUS_OK &&
        why.status != STATUS_REPLAY) {
        log_fault("policy.carry", &why);
    }
    signed_document_free(&document);
}

void policy_carry_vetoes(struct service *service, const struct key_board_policy *transfer,
                         const struct key_board_policy *said, enum wire_role role)
{
    struct vetoes vetoes = {0};
    struct fault why = {0};
    size_t got = VETOES_PAGE;
    if (!transfer->has_next || !said->has_next || !digest_equal(&transfer->next.policy, &said->next.policy) ||
        said->next.dropped || said->next.veto_count >= transfer->next.veto_count) {
        return;
    }
    while (got == VETOES_PAGE) {
        if (store_read(service->store, vetoes_in, &vetoes, &why) != STATUS_OK) {
            log_fault("policy.carry", &why); /* the next look tries again */
            break;
        }
        got = vetoes.rows.count;
        for (size_t i = 0; i < got; i++) {
            hand_over(service, role, &vetoes.rows.rows[i], &transfer->next.policy);
            vetoes.after = store_document_place_of(&vetoes.rows.rows[i]);
        }
        store_document_list_free(&vetoes.rows);
    }
    store_document_list_free(&vetoes.rows);
}
