/*
 * Attestations. What a signer answers is verified like anybody's word before it is kept.
 */
#include "key_attest.h"

#include <errno.h>
#include <sys/random.h>

#include "key_board.h"
#include "key_papers.h"
#include "record.h"
#include "resources.h"

struct keeping {
    struct service *service;
    const struct wire_key *key; /* as the signer's guard has it */
    const struct wire_key_attest_request *asked;
    const struct signed_document *attestation;
    struct audit_event *event;
    struct trail_ticket ticket;
};

static enum status log_attestation(struct keeping *keeping, struct store_tx *tx, const struct attestation *attestation,
                                   const struct digest *digest, struct fault *fault)
{
    struct audit_event *event = keeping->event;
    char address[ADDRESS_TEXT_SIZE];
    json_decref(event->refs);
    json_decref(event->facts);
    event->refs = NULL;
    event->facts = NULL;
    address_format(address, &attestation->address);
    event->action = AUDIT_KEY_ATTEST;
    record_about_key(event, &keeping->asked->key);
    enum status status = audit_event_ref_add(event, "attestation", digest, fault);
    if (status == STATUS_OK) {
        status = audit_event_ref_add(event, "document", &keeping->key->document, fault);
    }
    if (status == STATUS_OK) {
        status = audit_event_fact_add(event, "address", address, fault);
    }
    if (status == STATUS_OK) {
        status = audit_event_fact_add(event, "state", key_state_text(attestation->state), fault);
    }
    return status == STATUS_OK ? trail_enqueue(&keeping->ticket, keeping->service->trail, tx, event, fault) : status;
}

static enum status keep_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct keeping *keeping = context;
    struct key_document document;
    struct attestation attestation;
    struct digest digest;
    const struct key_paper paper = {.kind = KEY_PAPER_ATTESTATION, .document = keeping->attestation};
    enum status status = key_paper_document(&document, NULL, keeping->service, tx, keeping->key, fault);
    if (status == STATUS_OK) {
        status = attestation_verify(&attestation, keeping->attestation, &document, &keeping->key->document, fault);
    }
    if (status == STATUS_OK && !digest_equal(&attestation.challenge, &keeping->asked->challenge)) {
        status = fault_set(fault, STATUS_MISMATCH, "challenge", "the attestation answers another one");
    }
    if (status == STATUS_OK) {
        status = key_paper_record(&digest, tx, &keeping->asked->key, &paper, fault);
    }
    if (status == STATUS_OK) {
        status = key_paper_mark(tx, KEY_PAPER_ATTESTATION, &keeping->asked->key, &digest, fault);
    }
    return status == STATUS_OK ? log_attestation(keeping, tx, &attestation, &digest, fault) : status;
}

enum status key_attest(struct signed_document *out, struct trail_ticket *out_ticket, struct service *service,
                       const struct wire_key_attest_request *asked, struct audit_event *event, struct fault *fault)
{
    struct key_board_entry entry;
    struct wire_key_attest_reply reply = {0};
    if (key_board_find(&entry, service->board, &asked->key) != STATUS_OK) {
        return fault_set(fault, STATUS_NOT_FOUND, "key_id", "no signer has said that it has this key");
    }
    enum status status =
        wire_key_attest(service->signers[entry.role], &reply, asked, service->options.signer_timeout_ms, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct keeping keeping = {
        .service = service, .key = &entry.key, .asked = asked, .attestation = &reply.attestation, .event = event};
    status = store_transact(service->store, keep_in, &keeping, fault);
    if (status == STATUS_OK) {
        *out_ticket = keeping.ticket;
        if (out != NULL) {
            *out = reply.attestation;
            reply.attestation = (struct signed_document){0}; /* transferred */
        }
    }
    signed_document_free(&reply.attestation);
    return status;
}

enum status key_attest_renew(struct service *service, const struct digest *key, struct fault *fault)
{
    struct wire_key_attest_request asked = {.key = *key};
    struct audit_event event;
    struct trail_ticket ticket;
    struct uuid correlation = {{0}};
    if (getrandom(asked.challenge.bytes32, sizeof(asked.challenge.bytes32), 0) !=
        (ssize_t)sizeof(asked.challenge.bytes32)) {
        return fault_set(fault, STATUS_IO, "challenge", "%s", strerror(errno));
    }
    record_by_service(&event, service, &correlation, AUDIT_KEY_ATTEST, AUDIT_OUTCOME_OK);
    enum status status = key_attest(NULL, &ticket, service, &asked, &event, fault);
    audit_event_wipe(&event);
    return status;
}

/* At the REST interface. */

struct asking {
    struct digest challenge;
};

static const struct canon_field asking_fields[] = {
    CANON_FIELD(struct asking, challenge, CANON_HASH),
};

static enum status read_challenge(struct wire_key_attest_request *out, const struct http_request *request,
                                  struct fault *fault)
{
    struct asking asking;
    json_t *body = NULL;
    if (digest_parse(&out->key, request->parameters[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "key_id", "must be 64 hexadecimal digits");
    }
    enum status status = http_body_object(&body, request, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&asking, sizeof(asking), body, asking_fields, 1, "", fault);
        json_decref(body);
    }
    if (status == STATUS_OK) {
        out->challenge = asking.challenge;
    }
    return status;
}

enum status key_attestation(struct service *service, const struct http_request *request, struct http_reply *reply,
                            struct fault *fault)
{
    struct wire_key_attest_request asked = {0};
    struct signed_document attestation = {0};
    struct audit_event event;
    struct trail_ticket ticket;
    json_t *object = NULL;
    json_t *document = NULL;
    enum status status = read_challenge(&asked, request, fault);
    if (status != STATUS_OK) {
        return status;
    }
    record_by_caller(&event, service, request, AUDIT_KEY_ATTEST, AUDIT_OUTCOME_OK);
    status = key_attest(&attestation, &ticket, service, &asked, &event, fault);
    audit_event_wipe(&event);
    if (status == STATUS_OK) {
        status = signed_document_encode(&document, &attestation, fault);
    }
    if (status == STATUS_OK) {
        object = json_pack("{s:o}", "attestation", document);
        status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "")
                                : record_receipt(service, &ticket, object, fault);
    }
    signed_document_free(&attestation);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 200, object, fault);
}
