/*
 * The papers of a key. Rows are found by key id or digest; what they hold counts by its signatures only.
 */
#include "key_papers.h"

#include "http.h"

#define PAPERS_MAX 1000 /* of one key and kind that are looked at */

/* The id of a row: 252 bits of the key id, because a name has 63 characters. */
static void row_id(struct name *out, const struct digest *key)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, key);
    *out = (struct name){{0}};
    memcpy(out->text, hex, NAME_SIZE - 1);
}

static enum status keep(struct store_tx *tx, struct store_document *row, const char *kind, const struct digest *key,
                        struct fault *fault)
{
    row_id(&row->id, key);
    enum status status = name_parse(&row->kind, kind);
    return status == STATUS_OK ? store_document_keep(tx, row, fault) : fault_set(fault, status, kind, "%s", "");
}

enum status key_paper_keep(struct digest *out, struct store_tx *tx, const struct digest *key,
                           const struct key_paper *paper, struct fault *fault)
{
    struct store_document row = {0};
    json_t *object = NULL;
    digest_document(&row.digest, paper->kind, paper->document->document.data, paper->document->document.len);
    enum status status = signed_document_encode(&object, paper->document, fault);
    if (status == STATUS_OK) {
        status = canon_emit(&row.bytes, object, HTTP_BODY_MAX, fault);
    }
    if (status == STATUS_OK) {
        status = keep(tx, &row, paper->kind, key, fault);
    }
    if (status == STATUS_OK) {
        *out = row.digest;
    }
    json_decref(object);
    store_document_wipe(&row);
    return status;
}

enum status key_paper_keep_ceremony(struct store_tx *tx, const struct digest *key, const struct bytes *ceremony,
                                    struct fault *fault)
{
    struct store_document row = {.bytes = *ceremony}; /* borrowed */
    digest_document(&row.digest, KEY_PAPER_CEREMONY, ceremony->data, ceremony->len);
    return keep(tx, &row, KEY_PAPER_CEREMONY, key, fault);
}

enum status key_paper_newest(struct signed_document *out, struct store_tx *tx, const char *kind,
                             const struct digest *key, struct fault *fault)
{
    struct store_document row = {0};
    struct name id;
    row_id(&id, key);
    enum status status = store_document_get(&row, tx, kind, id.text, fault);
    if (status == STATUS_OK) {
        status = signed_document_parse(out, row.bytes.data, row.bytes.len, row.kind.text, fault);
    }
    store_document_wipe(&row);
    return status;
}

enum status key_paper_find(struct signed_document *out, struct store_tx *tx, const char *kind, const struct digest *key,
                           const struct key_paper_choice *choice, struct fault *fault)
{
    struct store_document_list list = {0};
    struct name id;
    row_id(&id, key);
    enum status status = store_document_list_of(&list, tx, kind, id.text, PAPERS_MAX, fault);
    bool found = false;
    for (size_t i = 0; status == STATUS_OK && !found && i < list.count; i++) {
        struct signed_document paper = {0};
        found =
            signed_document_parse(&paper, list.rows[i].bytes.data, list.rows[i].bytes.len, kind, NULL) == STATUS_OK &&
            choice->fits(choice->context, &paper);
        if (found) {
            *out = paper;
        } else {
            signed_document_free(&paper);
        }
    }
    store_document_list_free(&list);
    return status != STATUS_OK || found ? status : fault_set(fault, STATUS_NOT_FOUND, kind, "%s", "");
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

bool key_paper_is_document(const struct service *service, const struct signed_document *paper, const struct digest *key)
{
    struct key_document document;
    return key_document_decode(&document, paper->document.data, paper->document.len, NULL) == STATUS_OK &&
           digest_equal(&document.key_id, key) && verify_named(&document, paper, service, NULL) == STATUS_OK;
}

enum status key_paper_document(struct key_document *out, struct signed_document *out_signed,
                               const struct service *service, struct store_tx *tx, const struct digest *digest,
                               struct fault *fault)
{
    struct store_document row = {0};
    struct signed_document signed_document = {0};
    struct key_document document;
    struct fault why = {0};
    struct digest real;
    enum status status = store_document_get_digest(&row, tx, KEY_PAPER_KEY, digest, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = signed_document_parse(&signed_document, row.bytes.data, row.bytes.len, row.kind.text, &why);
    store_document_wipe(&row);
    if (status == STATUS_OK) {
        key_document_digest(&real, signed_document.document.data, signed_document.document.len);
        status = digest_equal(&real, digest) ? STATUS_OK : fault_set(&why, STATUS_MISMATCH, "digest", "%s", "");
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
                                  struct store_tx *tx, const struct key_document *document, struct fault *fault)
{
    struct store_document row = {0};
    struct signed_document signed_document = {0};
    struct bytes text = {0};
    struct digest digest;
    struct fault why = {0};
    struct name id;
    row_id(&id, &document->key_id);
    enum status status = store_document_get(&row, tx, KEY_PAPER_ATTESTATION, id.text, fault);
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

enum status key_paper_ceremony(struct bytes *out, struct store_tx *tx, const struct key_document *document,
                               struct fault *fault)
{
    struct store_document row = {0};
    enum status status = store_document_get_digest(&row, tx, KEY_PAPER_CEREMONY, &document->ceremony, fault);
    if (status == STATUS_OK) {
        *out = row.bytes;
        row.bytes = (struct bytes){0}; /* transferred */
    }
    store_document_wipe(&row);
    return status;
}
