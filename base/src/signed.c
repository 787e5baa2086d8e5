/*
 * Signed documents as a data structure and as JSON.
 *
 * Verification is in signed_verify.c: who only reads and carries signed documents needs no curve arithmetic.
 */
#include "base/signed.h"

#include <stdio.h>
#include <stdlib.h>

static const struct canon_field signature_fields[] = {
    {"alg", CANON_ALGORITHM, false, offsetof(struct signature, algorithm), sizeof(enum algorithm), 0, 0},
    {"key", CANON_HASH, false, offsetof(struct signature, key_id), sizeof(struct digest), 0, 0},
    {"sig", CANON_SIGNATURE, false, offsetof(struct signature, bytes64), SIGNATURE_LEN, 0, 0},
};

#define SIGNATURE_FIELD_COUNT (sizeof(signature_fields) / sizeof(signature_fields[0]))

/* The outer object in between JSON and struct signed_document. */
struct envelope {
    struct bytes document;
    json_t *signatures;
};

enum { ENVELOPE_FIELD_COUNT = 2 };

static void envelope_table(struct canon_field fields[ENVELOPE_FIELD_COUNT], size_t max)
{
    fields[0] = (struct canon_field)CANON_FIELD_SIZED(struct envelope, document, CANON_STRING, max);
    fields[1] = (struct canon_field)CANON_FIELD_RANGE(struct envelope, signatures, CANON_ARRAY, 0, SIGNATURES_MAX);
}

static void place_of(char where[64], const char *path, const char *name)
{
    (void)snprintf(where, 64, "%s%s%s", path, path[0] == '\0' ? "" : ".", name);
}

static enum status check_document(const struct bytes *document, size_t max, const char *path, struct fault *fault)
{
    struct fault inner = {0};
    json_t *parsed = NULL;
    enum status status = canon_parse(&parsed, document->data, document->len, max, &inner);
    json_decref(parsed);
    if (status != STATUS_OK) {
        char where[64];
        place_of(where, path, "document");
        (void)fault_set(fault, status, where, "%s", inner.detail);
    }
    return status;
}

static bool key_present(const struct signed_document *document, const struct digest *key_id)
{
    for (size_t i = 0; i < document->signature_count; i++) {
        if (digest_equal(&document->signatures[i].key_id, key_id)) {
            return true;
        }
    }
    return false;
}

static enum status decode_signatures(struct signed_document *out, const json_t *array, const char *path,
                                     struct fault *fault)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        char name[40];
        char where[64];
        (void)snprintf(name, sizeof(name), "signatures[%zu]", i);
        place_of(where, path, name);
        struct signature signature;
        enum status status = canon_decode(&signature, sizeof(signature), json_array_get(array, i), signature_fields,
                                          SIGNATURE_FIELD_COUNT, where, fault);
        if (status == STATUS_OK) {
            status = signed_document_add(out, &signature);
        }
        if (status == STATUS_EXISTS) {
            return fault_set(fault, STATUS_INVALID, where, "two signatures by one key");
        }
        if (status != STATUS_OK) {
            return fault_set(fault, status, where, "reading a signature");
        }
    }
    return STATUS_OK;
}

enum status signed_document_decode(struct signed_document *out, const json_t *object, size_t max, const char *path,
                                   struct fault *fault)
{
    struct canon_field fields[ENVELOPE_FIELD_COUNT];
    envelope_table(fields, max);
    struct envelope envelope;
    enum status status = canon_decode(&envelope, sizeof(envelope), object, fields, ENVELOPE_FIELD_COUNT, path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct signed_document decoded = {.document = envelope.document /* transferred */};
    status = check_document(&decoded.document, max, path, fault);
    if (status == STATUS_OK) {
        status = decode_signatures(&decoded, envelope.signatures, path, fault);
    }
    if (status != STATUS_OK) {
        signed_document_free(&decoded);
        return status;
    }
    *out = decoded; /* transferred */
    return STATUS_OK;
}

enum status signed_document_parse(struct signed_document *out, const void *text, size_t len, const char *path,
                                  struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse(&object, text, len, SIGNED_TEXT_MAX, fault);
    if (status == STATUS_OK) {
        status = signed_document_decode(out, object, CANON_DOCUMENT_MAX, path, fault);
        json_decref(object);
    }
    return status;
}

static enum status encode_signatures(json_t *array, const struct signed_document *in, struct fault *fault)
{
    for (size_t i = 0; i < in->signature_count; i++) {
        json_t *element = NULL;
        enum status status = canon_encode(&element, &in->signatures[i], signature_fields, SIGNATURE_FIELD_COUNT, fault);
        if (status == STATUS_OK && json_array_append_new(array, element) != 0) {
            status = fault_set(fault, STATUS_NO_MEMORY, "signatures", "building an array");
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status signed_document_encode(json_t **out, const struct signed_document *in, struct fault *fault)
{
    struct canon_field fields[ENVELOPE_FIELD_COUNT];
    envelope_table(fields, in->document.len);
    const struct envelope envelope = {.document = in->document, .signatures = json_array()};
    if (envelope.signatures == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "signatures", "building an array");
    }
    enum status status = encode_signatures(envelope.signatures, in, fault);
    if (status == STATUS_OK) {
        status = canon_encode(out, &envelope, fields, ENVELOPE_FIELD_COUNT, fault);
    }
    json_decref(envelope.signatures);
    return status;
}

enum status signed_document_add(struct signed_document *document, const struct signature *signature)
{
    if (document->signature_count >= SIGNATURES_MAX) {
        return STATUS_TOO_LARGE;
    }
    if (key_present(document, &signature->key_id)) {
        return STATUS_EXISTS;
    }
    struct signature *grown =
        realloc(document->signatures, (document->signature_count + 1) * sizeof(document->signatures[0]));
    if (grown == NULL) {
        return STATUS_NO_MEMORY;
    }
    grown[document->signature_count++] = *signature;
    document->signatures = grown;
    return STATUS_OK;
}

enum status signed_document_copy(struct signed_document *out, const struct signed_document *in)
{
    struct signed_document copy = {0};
    enum status status = bytes_copy(&copy.document, in->document.data, in->document.len);
    for (size_t i = 0; i < in->signature_count && status == STATUS_OK; i++) {
        status = signed_document_add(&copy, &in->signatures[i]);
    }
    if (status != STATUS_OK) {
        signed_document_free(&copy);
        return status;
    }
    *out = copy; /* transferred */
    return STATUS_OK;
}

void signed_document_free(struct signed_document *document)
{
    bytes_free(&document->document);
    free(document->signatures);
    *document = (struct signed_document){0};
}
