/*
 * All versions of the policy, a later one handed in, and a veto against one that waits. What counts is what the signers
 * say: they verify the same documents and count the delay themselves.
 */
#include "base/canon.h"
#include "base/log.h"
#include "key_board.h"
#include "orders.h"
#include "policy_change.h"
#include "record.h"
#include "resources.h"
#include "store/mark.h"
#include "watch.h"

/* Showing. */

struct showing {
    struct service *service;
    struct key_board_policy said; /* by the signer of role transfer */
    const struct policy_version **versions;
    size_t count;
    json_t *out;
};

static bool is_listed(const struct showing *showing, const struct policy_version *version)
{
    for (size_t i = 0; i < showing->count; i++) {
        if (digest_equal(&showing->versions[i]->policy.digest, &version->policy.digest)) {
            return true;
        }
    }
    return false;
}

static bool is_older(const struct policy_version *one, const struct policy_version *other)
{
    INVARIANT(one != NULL);
    return one->policy.version < other->policy.version;
}

/* Each document once, by version, and what came first comes first. */
static enum status list_versions(struct showing *showing, struct fault *fault)
{
    const struct policy_version *newest = policies_newest(showing->service->policies);
    size_t known = 0;
    for (const struct policy_version *at = newest; at != NULL; at = at->older) {
        known++;
    }
    showing->versions = calloc(known + 1, sizeof(*showing->versions));
    if (showing->versions == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "policies", "%s", "");
    }
    for (const struct policy_version *at = newest; at != NULL; at = at->older) {
        if (is_listed(showing, at)) {
            continue;
        }
        size_t place = 0; /* before all of its version and later ones: those became known after it */
        while (place < showing->count && is_older(showing->versions[place], at)) {
            place++;
        }
        memmove(showing->versions + place + 1, showing->versions + place,
                (showing->count - place) * sizeof(*showing->versions));
        showing->versions[place] = at;
        showing->count++;
    }
    return STATUS_OK;
}

static bool was_in_force(const struct service *service, const struct policy_version *version)
{
    const struct policy_version *at = policies_in_force(service->policies);
    while (at != NULL && !digest_equal(&at->policy.digest, &version->policy.digest)) {
        at = at->prev;
    }
    return at != NULL;
}

static enum status read_state(struct policies_state *out, const struct store_tx *tx,
                              const struct policy_version *version, struct fault *fault)
{
    char subject[sizeof(POLICIES_SUBJECT) + DIGEST_HEX_LEN] = POLICIES_SUBJECT;
    char value[STORE_MARK_VALUE_SIZE];
    struct fault why = {0};
    digest_format(subject + strlen(POLICIES_SUBJECT), &version->policy.digest);
    *out = (struct policies_state){0};
    enum status status = store_mark_get(value, tx, subject, &why);
    if (status == STATUS_OK) {
        policies_state_parse(out, value);
    }
    return status == STATUS_OK || status == STATUS_NOT_FOUND ? STATUS_OK
                                                             : fault_set(fault, status, why.where, "%s", why.detail);
}

static bool put_time(json_t *view, const char *name, int64_t at_utc_us)
{
    char text[TIME_TEXT_SIZE];
    time_format(text, at_utc_us);
    return at_utc_us == 0 || json_object_set_new(view, name, json_string(text)) == 0;
}

/* How many signed it, how many it takes, and who spoke against it. */
static bool put_next(json_t *view, const struct wire_policy_next *next)
{
    json_t *vetoes = json_array();
    for (size_t i = 0; i < next->veto_count; i++) {
        if (json_array_append_new(vetoes, json_string(next->vetoes[i].text)) != 0) {
            json_decref(vetoes);
            return false;
        }
    }
    return json_object_set_new(view, "signers", json_integer((json_int_t)next->signers)) == 0 &&
           json_object_set_new(view, "need", json_integer((json_int_t)next->need)) == 0 &&
           json_object_set_new(view, "vetoes", vetoes) == 0;
}

static enum status version_view(json_t **out, const struct showing *showing, const struct store_tx *tx,
                                const struct policy_version *version, struct fault *fault)
{
    const struct key_board_policy *said = &showing->said;
    struct policies_state state;
    json_t *document = NULL;
    char digest[DIGEST_HEX_LEN + 1];
    bool next = said->has_next && digest_equal(&said->next.policy, &version->policy.digest);
    enum status status = read_state(&state, tx, version, fault);
    if (status == STATUS_OK) {
        status = signed_document_encode(&document, &version->document, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const char *word = strcmp(state.word, "dropped") == 0 ? "dropped" : "proposed";
    if (next) {
        word = said->next.dropped ? "dropped" : "waiting";
        state.received_at_utc_us = said->next.received_at;
        state.in_force_at_utc_us = said->next.in_force_at;
    } else if (was_in_force(showing->service, version)) {
        bool current = digest_equal(&version->policy.digest, &service_policy(showing->service)->digest);
        word = current ? "in_force" : "past";
        state.in_force_at_utc_us = version->prev == NULL ? 0 : atomic_load(&version->in_force_at_utc_us);
    }
    digest_format(digest, &version->policy.digest);
    json_t *view = json_pack("{s:s, s:I, s:s, s:o}", "digest", digest, "version", (json_int_t)version->policy.version,
                             "state", word, "policy", document);
    if (view == NULL || !put_time(view, "received_at", state.received_at_utc_us) ||
        !put_time(view, "in_force_at", state.in_force_at_utc_us) || (next && !put_next(view, &said->next))) {
        json_decref(view);
        return fault_set(fault, STATUS_NO_MEMORY, "policies", "%s", "");
    }
    *out = view;
    return STATUS_OK;
}

static enum status show_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct showing *showing = context;
    enum status status = STATUS_OK;
    json_decref(showing->out);
    showing->out = json_array();
    for (size_t i = 0; status == STATUS_OK && i < showing->count; i++) {
        json_t *view = NULL;
        status = version_view(&view, showing, tx, showing->versions[i], fault);
        if (status == STATUS_OK && json_array_append_new(showing->out, view) != 0) {
            status = fault_set(fault, STATUS_NO_MEMORY, "policies", "%s", "");
        }
    }
    return status;
}

enum status policy_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    (void)request;
    struct showing showing = {.service = service};
    key_board_policy(&showing.said, service->board, WIRE_ROLE_TRANSFER);
    enum status status = list_versions(&showing, fault);
    if (status == STATUS_OK) {
        status = store_read(service->store, show_in, &showing, fault);
    }
    free(showing.versions);
    if (status != STATUS_OK) {
        json_decref(showing.out);
        return status;
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "policies", showing.out), fault);
}

/* Handing in. */

struct handing {
    struct service *service;
    const struct http_request *request;
    struct signed_document document;
    const struct policy_version *version; /* of a proposal */
    struct digest subject;                /* the version it is about */
    struct trail_ticket ticket;
};

static enum status record_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct handing *handing = context;
    bool proposal = handing->version != NULL;
    struct audit_event event;
    struct digest command;
    enum status status =
        proposal ? policies_keep(tx, handing->version, fault) : policy_veto_keep(tx, &handing->document, fault);
    if (status != STATUS_OK) {
        return status;
    }
    record_by_caller(&event, handing->service, handing->request, proposal ? AUDIT_POLICY_PROPOSED : AUDIT_POLICY_VETO,
                     proposal ? AUDIT_OUTCOME_INTENT : AUDIT_OUTCOME_OK);
    (void)snprintf(event.object_type, sizeof(event.object_type), "%s", RECORD_POLICY);
    digest_format(event.object_id, &handing->subject);
    status = audit_event_ref_add(&event, "policy", &handing->subject, fault);
    if (status == STATUS_OK && !proposal) {
        digest_document(&command, COMMAND_KIND, handing->document.document.data, handing->document.document.len);
        status = audit_event_ref_add(&event, "command", &command, fault);
        status = status == STATUS_OK ? order_facts_add(&event, handing->service, &handing->document, fault) : status;
    }
    if (status == STATUS_OK && proposal) {
        char version[24];
        (void)snprintf(version, sizeof(version), "%lld", (long long)handing->version->policy.version);
        status = audit_event_fact_add(&event, "version", version, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&handing->ticket, handing->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

/* The entry first, covered; then the signer of role transfer. The watcher tells what it said, and carries it on. */
static enum status announce(struct handing *handing, struct fault *fault)
{
    enum status status = store_transact(handing->service->store, record_in, handing, fault);
    return status == STATUS_OK ? record_covered(handing->service, &handing->ticket, fault) : status;
}

static enum status read_body(struct handing *handing, size_t max, struct fault *fault)
{
    return http_body_signed(&handing->document, handing->request, max, fault);
}

static enum status answer(struct handing *handing, struct http_reply *reply, json_t *object, struct fault *fault)
{
    enum status status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "") : STATUS_OK;
    if (status == STATUS_OK && handing->ticket.number != 0) {
        status = record_receipt(handing->service, &handing->ticket, object, fault);
    }
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 200, object, fault);
}

static enum status adopt(struct handing *handing, struct http_reply *reply, struct fault *fault)
{
    struct service *service = handing->service;
    struct wire_policy_adopt_reply adopted;
    char digest[DIGEST_HEX_LEN + 1];
    char at[TIME_TEXT_SIZE];
    enum status status = wire_policy_adopt(service->signers[WIRE_ROLE_TRANSFER], &adopted, &handing->version->document,
                                           service->options.signer_timeout_ms, fault);
    watch_wake(service->watch);
    if (status != STATUS_OK) {
        return status;
    }
    digest_format(digest, &handing->subject);
    time_format(at, adopted.in_force_at);
    return answer(handing, reply,
                  json_pack("{s:s, s:I, s:s}", "digest", digest, "version", (json_int_t)adopted.policy_version,
                            "in_force_at", at),
                  fault);
}

/* What follows from an older version could never be adopted, and would be kept for nothing. */
static enum status successor_check(const struct handing *handing, const struct policies *policies, struct fault *fault)
{
    struct digest digest;
    struct digest prev;
    const struct bytes *document = &handing->document.document;
    digest_document(&digest, POLICY_KIND, document->data, document->len);
    if (!policies_complete(policies) || policies_find(policies, &digest) != NULL) {
        return STATUS_OK;
    }
    enum status status = policy_prev_decode(&prev, document->data, document->len, fault);
    if (status == STATUS_OK && !digest_equal(&prev, &policies_in_force(policies)->policy.digest)) {
        status = fault_set(fault, STATUS_MISMATCH, "prev", "it is not the version in force");
    }
    return status;
}

/* Whether it was or is in force, or was dropped last: then nothing can come of it, and no entry announces that. The
 * signer is asked all the same. */
static bool is_over(const struct service *service, const struct policy_version *version)
{
    struct key_board_policy said;
    key_board_policy(&said, service->board, WIRE_ROLE_TRANSFER);
    return was_in_force(service, version) ||
           (said.has_next && said.next.dropped && digest_equal(&said.next.policy, &version->policy.digest));
}

enum status policy_propose(struct service *service, const struct http_request *request, struct http_reply *reply,
                           struct fault *fault)
{
    struct handing handing = {.service = service, .request = request};
    enum status status = read_body(&handing, CANON_POLICY_MAX, fault);
    if (status == STATUS_OK) {
        status = successor_check(&handing, service->policies, fault);
    }
    if (status == STATUS_OK) {
        status = policies_add(&handing.version, service->policies, &handing.document, fault);
    }
    if (status == STATUS_OK) {
        handing.subject = handing.version->policy.digest;
        status = is_over(service, handing.version) ? STATUS_OK : announce(&handing, fault);
    }
    if (status == STATUS_OK) {
        status = adopt(&handing, reply, fault);
    }
    signed_document_free(&handing.document);
    return status;
}

static enum status read_veto(struct handing *handing, struct fault *fault)
{
    struct command command;
    enum status status = read_body(handing, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = order_read(&command, handing->service, &handing->document, fault);
    }
    if (status == STATUS_OK && command.action != COMMAND_POLICY_VETO) {
        status =
            fault_set(fault, STATUS_INVALID, "action", "%s is not handed in here", command_action_text(command.action));
    }
    if (status == STATUS_OK) {
        handing->subject = command.subject;
    }
    return status;
}

/* It stops something: the signer first, the entry as soon as it can be. */
enum status policy_veto(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    struct handing handing = {.service = service, .request = request};
    struct wire_key_state_reply state = {0};
    struct fault why = {0};
    json_t *object = NULL;
    enum status status = read_veto(&handing, fault);
    if (status == STATUS_OK) {
        status = wire_key_command(service->urgent_signers[WIRE_ROLE_TRANSFER], &state, &handing.document,
                                  service->options.signer_timeout_ms, fault);
    }
    if (status == STATUS_OK) {
        enum status recorded = store_transact(service->urgent_store, record_in, &handing, &why);
        watch_wake(service->watch);
        object = json_pack("{s:s, s:I}", "state", state.state, "vetoes", (json_int_t)state.on);
        status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "") : STATUS_OK;
        if (recorded != STATUS_OK) {
            log_fault("policy.veto", &why);
        } else if (status == STATUS_OK) {
            status = record_receipt_if_any(service, &handing.ticket, object, fault);
        }
    }
    if (status == STATUS_OK) {
        status = http_reply_json(reply, 200, object, fault);
    } else {
        json_decref(object);
    }
    signed_document_free(&handing.document);
    return status;
}
