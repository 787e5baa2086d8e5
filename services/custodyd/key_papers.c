/*
 * The papers of a key. Rows are found by key id or digest; what they hold counts by its signatures only.
 */
#include "key_papers.h"

#include "base/log.h"
#include "http.h"
#include "store/mark.h"

#define PAGE 64
#define ROWS_MAX (16 * PAGE) /* that are looked at */

/* The id of a row: 252 bits of the key id, because a name has 63 characters. */
static void row_id(struct name *out, const struct digest *key)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, key);
    *out = (struct name){{0}};
    memcpy(out->text, hex, NAME_SIZE - 1);
}

static bool has_signature(const struct signed_document *paper, const struct signature *wanted)
{
    for (size_t i = 0; i < paper->signature_count; i++) {
        const struct signature *there = &paper->signatures[i];
        if (there->algorithm == wanted->algorithm && digest_equal(&there->key_id, &wanted->key_id) &&
            memcmp(there->bytes64, wanted->bytes64, sizeof(there->bytes64)) == 0) {
            return true;
        }
    }
    return false;
}

/* What stands is the same document, with all signatures of the other one. */
static bool says_as_much(const struct store_document *there, const struct store_document *row)
{
    struct signed_document stands = {0};
    struct signed_document paper = {0};
    bool as_much = signed_document_parse(&stands, there->bytes.data, there->bytes.len, "row", NULL) == STATUS_OK &&
                   signed_document_parse(&paper, row->bytes.data, row->bytes.len, "row", NULL) == STATUS_OK &&
                   stands.document.len == paper.document.len &&
                   memcmp(stands.document.data, paper.document.data, paper.document.len) == 0;
    for (size_t i = 0; as_much && i < paper.signature_count; i++) {
        as_much = has_signature(&stands, &paper.signatures[i]);
    }
    signed_document_free(&stands);
    signed_document_free(&paper);
    return as_much;
}

/* The same signatures in another order are other bytes, and no conflict. */
static enum status keep_row(struct store_tx *tx, const struct store_document *row, struct fault *fault)
{
    struct store_document there = {.bytes = {0}};
    struct fault why = {0};
    enum status status = store_document_keep(tx, row, &why);
    if (status == STATUS_CONFLICT &&
        store_document_get(&there, tx, row->kind.text, row->id.text, &row->digest, NULL) == STATUS_OK) {
        status = says_as_much(&there, row) ? STATUS_OK : status;
    }
    store_document_wipe(&there);
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

enum status key_paper_row_record(struct store_tx *tx, const struct store_document *row, struct fault *fault)
{
    struct fault why = {0};
    enum status status = keep_row(tx, row, &why);
    if (status == STATUS_CONFLICT) {
        log_fault("paper.shadowed", &why);
        return STATUS_OK;
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status name_row(struct store_document *row, const char *kind, const struct digest *key, struct fault *fault)
{
    row_id(&row->id, key);
    enum status status = name_parse(&row->kind, kind);
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, kind, "%s", "");
}

/* The row of a paper. Out: store_document_wipe, also after a fault. */
static enum status paper_row(struct store_document *out, const struct digest *key, const struct key_paper *paper,
                             struct fault *fault)
{
    json_t *object = NULL;
    digest_document(&out->digest, paper->kind, paper->document->document.data, paper->document->document.len);
    enum status status = name_row(out, paper->kind, key, fault);
    if (status == STATUS_OK) {
        status = signed_document_encode(&object, paper->document, fault);
    }
    if (status == STATUS_OK) {
        status = canon_emit(&out->bytes, object, HTTP_BODY_MAX, fault);
    }
    json_decref(object);
    return status;
}

enum status key_paper_keep(struct digest *out, struct store_tx *tx, const struct digest *key,
                           const struct key_paper *paper, struct fault *fault)
{
    struct store_document row = {.bytes = {0}};
    enum status status = paper_row(&row, key, paper, fault);
    status = status == STATUS_OK ? keep_row(tx, &row, fault) : status;
    if (status == STATUS_OK) {
        *out = row.digest;
    }
    store_document_wipe(&row);
    return status;
}

enum status key_paper_record(struct digest *out, struct store_tx *tx, const struct digest *key,
                             const struct key_paper *paper, struct fault *fault)
{
    struct store_document row = {.bytes = {0}};
    enum status status = paper_row(&row, key, paper, fault);
    status = status == STATUS_OK ? key_paper_row_record(tx, &row, fault) : status;
    if (status == STATUS_OK) {
        *out = row.digest;
    }
    store_document_wipe(&row);
    return status;
}

enum status key_paper_record_ceremony(struct store_tx *tx, const struct digest *key, const struct bytes *ceremony,
                                      struct fault *fault)
{
    struct store_document row = {.bytes = *ceremony}; /* borrowed */
    digest_document(&row.digest, KEY_PAPER_CEREMONY, ceremony->data, ceremony->len);
    enum status status = name_row(&row, KEY_PAPER_CEREMONY, key, fault);
    return status == STATUS_OK ? key_paper_row_record(tx, &row, fault) : status;
}

/* Which paper of a kind is the last one under an id. */

static void mark_subject(char out[STORE_MARK_SUBJECT_SIZE], const char *kind, const struct name *id)
{
    (void)snprintf(out, STORE_MARK_SUBJECT_SIZE, "paper/%s/%s", kind, id->text);
}

enum status key_paper_mark(struct store_tx *tx, const char *kind, const struct digest *key, const struct digest *paper,
                           struct fault *fault)
{
    char subject[STORE_MARK_SUBJECT_SIZE];
    char value[DIGEST_HEX_LEN + 1];
    struct store_mark mark;
    struct name id;
    row_id(&id, key);
    mark_subject(subject, kind, &id);
    digest_format(value, paper);
    return store_mark_set(&mark, tx, subject, value, fault);
}

enum status key_paper_marked(struct store_document *out, const struct store_tx *tx, const char *kind,
                             const struct name *id, struct fault *fault)
{
    char subject[STORE_MARK_SUBJECT_SIZE];
    char value[STORE_MARK_VALUE_SIZE];
    struct digest digest;
    mark_subject(subject, kind, id);
    enum status status = store_mark_get(value, tx, subject, fault);
    if (status == STATUS_OK && digest_parse(&digest, value) != STATUS_OK) {
        status = fault_set(fault, STATUS_NOT_FOUND, kind, "the mark names none");
    }
    return status == STATUS_OK ? store_document_get(out, tx, kind, id->text, &digest, fault) : status;
}

/* The best of those that were seen. */
struct finding {
    const struct key_paper_choice *choice;
    struct signed_document paper;
    int64_t issued_at_utc_us;
    bool found;
};

static void look_at(struct finding *finding, const struct store_document *row)
{
    struct signed_document paper = {0};
    struct digest digest;
    int64_t issued_at_utc_us = 0;
    if (signed_document_parse(&paper, row->bytes.data, row->bytes.len, row->kind.text, NULL) == STATUS_OK) {
        digest_document(&digest, row->kind.text, paper.document.data, paper.document.len);
        if (digest_equal(&digest, &row->digest) &&
            finding->choice->fits(finding->choice->context, &issued_at_utc_us, &paper) &&
            (!finding->found || issued_at_utc_us > finding->issued_at_utc_us)) {
            signed_document_free(&finding->paper);
            finding->paper = paper;
            paper = (struct signed_document){0}; /* transferred */
            finding->issued_at_utc_us = issued_at_utc_us;
            finding->found = true;
        }
    }
    signed_document_free(&paper);
}

static enum status look_at_marked(struct finding *finding, const struct store_tx *tx, const char *kind,
                                  const struct name *id, struct fault *fault)
{
    struct store_document row = {.bytes = {0}};
    struct fault why = {0};
    enum status status = key_paper_marked(&row, tx, kind, id, &why);
    if (status == STATUS_OK) {
        look_at(finding, &row);
        store_document_wipe(&row);
    }
    return status == STATUS_OK || status == STATUS_NOT_FOUND ? STATUS_OK
                                                             : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status too_many(const char *kind, struct fault *fault)
{
    return fault_set(fault, STATUS_CORRUPT, kind, "somebody has put more than %d rows under one id", ROWS_MAX);
}

static enum status look_at_rows(struct finding *finding, const struct store_tx *tx, const char *kind,
                                const struct name *id, struct fault *fault)
{
    struct store_document_place after = {.id = *id};
    size_t seen = 0;
    bool more = true;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && more) {
        struct store_document_list list = {0};
        status = store_document_list(&list, tx, kind, &after, PAGE, fault);
        more = list.count == PAGE && name_equal(&list.rows[PAGE - 1].id, id);
        for (size_t i = 0; status == STATUS_OK && i < list.count && name_equal(&list.rows[i].id, id); i++) {
            look_at(finding, &list.rows[i]);
            after = store_document_place_of(&list.rows[i]);
            status = ++seen > ROWS_MAX ? too_many(kind, fault) : STATUS_OK;
        }
        store_document_list_free(&list);
    }
    return status;
}

enum status key_paper_find(struct signed_document *out, const struct store_tx *tx, const char *kind,
                           const struct digest *key, const struct key_paper_choice *choice, struct fault *fault)
{
    struct finding finding = {.choice = choice};
    struct name id;
    row_id(&id, key);
    enum status status = look_at_marked(&finding, tx, kind, &id, fault);
    if (status == STATUS_OK && !finding.found) {
        status = look_at_rows(&finding, tx, kind, &id, fault);
    }
    if (status == STATUS_OK && finding.found) {
        *out = finding.paper;
        return STATUS_OK;
    }
    signed_document_free(&finding.paper);
    return status == STATUS_OK ? fault_set(fault, STATUS_NOT_FOUND, kind, "%s", "") : status;
}

bool key_paper_is_sweep(struct command *out, const struct service *service, const struct signed_document *paper,
                        const struct digest *intent)
{
    if (command_decode(out, paper->document.data, paper->document.len, NULL) != STATUS_OK ||
        out->action != COMMAND_KEY_SWEEP || !digest_equal(&out->intent, intent)) {
        return false;
    }
    const struct policy *policy = service_policy_named(service, &out->policy);
    return policy != NULL && policy_verify_governance(policy, paper, COMMAND_KIND, out->issued_at, NULL) == STATUS_OK;
}

/* What is stored does not verify: whatever the rule is that it breaks, somebody changed it. */
static enum status corrupt(struct fault *fault, const char *what, const struct fault *why)
{
    return fault_set(fault, STATUS_CORRUPT, what, "what is stored does not verify: %s%s%s",
                     status_info(why->status)->code, why->where[0] == '\0' ? "" : ", ", why->where);
}

/* Under the version that the document names. */
static enum status verify_named(struct key_document *inout, const struct signed_document *document,
                                const struct service *service, struct fault *why)
{
    const struct policy *policy = service_policy_named(service, &inout->policy);
    return policy == NULL ? fault_set(why, STATUS_MISMATCH, "policy", "%s", "")
                          : key_document_verify(inout, document, policy, inout->issued_at, why);
}

bool key_paper_is_document(struct key_document *out, const struct service *service, const struct signed_document *paper,
                           const struct digest *key)
{
    return key_document_decode(out, paper->document.data, paper->document.len, NULL) == STATUS_OK &&
           digest_equal(&out->key_id, key) && verify_named(out, paper, service, NULL) == STATUS_OK;
}

enum status key_paper_document(struct key_document *out, struct signed_document *out_signed,
                               const struct service *service, const struct store_tx *tx, const struct wire_key *key,
                               struct fault *fault)
{
    struct store_document row = {0};
    struct signed_document signed_document = {0};
    struct key_document document;
    struct fault why = {0};
    struct digest real;
    struct name id;
    row_id(&id, &key->key);
    enum status status = store_document_get(&row, tx, KEY_PAPER_KEY, id.text, &key->document, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = signed_document_parse(&signed_document, row.bytes.data, row.bytes.len, row.kind.text, &why);
    store_document_wipe(&row);
    if (status == STATUS_OK) {
        key_document_digest(&real, signed_document.document.data, signed_document.document.len);
        status = digest_equal(&real, &key->document) ? STATUS_OK : fault_set(&why, STATUS_MISMATCH, "digest", "%s", "");
    }
    if (status == STATUS_OK) {
        status = key_document_decode(&document, signed_document.document.data, signed_document.document.len, &why);
    }
    if (status == STATUS_OK) {
        status = verify_named(&document, &signed_document, service, &why);
    }
    if (status == STATUS_OK && out_signed != NULL) {
        *out_signed = signed_document;
        signed_document = (struct signed_document){0}; /* transferred */
    }
    signed_document_free(&signed_document);
    if (status != STATUS_OK) {
        return corrupt(fault, "key document", &why);
    }
    *out = document;
    return STATUS_OK;
}

enum status key_paper_attestation(struct attestation *out, struct signed_document *out_signed, struct digest *out_bytes,
                                  const struct store_tx *tx, const struct key_document *document, struct fault *fault)
{
    struct store_document row = {0};
    struct signed_document signed_document = {0};
    struct bytes text = {0};
    struct digest digest;
    struct fault why = {0};
    struct name id;
    row_id(&id, &document->key_id);
    enum status status = key_paper_marked(&row, tx, KEY_PAPER_ATTESTATION, &id, fault);
    if (status != STATUS_OK) {
        return status;
    }
    digest_sha256(out_bytes, row.bytes.data, row.bytes.len);
    status = signed_document_parse(&signed_document, row.bytes.data, row.bytes.len, row.kind.text, &why);
    store_document_wipe(&row);
    if (status == STATUS_OK) {
        status = key_document_encode(&text, document, &why);
    }
    if (status == STATUS_OK) {
        key_document_digest(&digest, text.data, text.len);
        status = attestation_verify(out, &signed_document, document, &digest, &why);
    }
    bytes_free(&text);
    if (status == STATUS_OK && out_signed != NULL) {
        *out_signed = signed_document;
        signed_document = (struct signed_document){0}; /* transferred */
    }
    signed_document_free(&signed_document);
    return status == STATUS_OK ? STATUS_OK : corrupt(fault, "attestation", &why);
}

enum status key_paper_ceremony(struct bytes *out, const struct store_tx *tx, const struct key_document *document,
                               struct fault *fault)
{
    struct store_document row = {0};
    struct digest real;
    struct name id;
    row_id(&id, &document->key_id);
    enum status status = store_document_get(&row, tx, KEY_PAPER_CEREMONY, id.text, &document->ceremony, fault);
    if (status == STATUS_OK) {
        digest_document(&real, KEY_PAPER_CEREMONY, row.bytes.data, row.bytes.len);
        status = digest_equal(&real, &document->ceremony)
                     ? STATUS_OK
                     : fault_set(fault, STATUS_CORRUPT, "ceremony", "what is stored is another transcript");
    }
    if (status == STATUS_OK) {
        *out = row.bytes;
        row.bytes = (struct bytes){0}; /* transferred */
    }
    store_document_wipe(&row);
    return status;
}
