/*
 * Sealing and opening a value of personal data.
 */
#include "subject_box.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/canon.h"

#define NONCE_LEN 12
#define TAG_LEN 16
_Static_assert(WIRE_SUBJECT_SEALED_MAX == WIRE_SUBJECT_VALUE_MAX + SUBJECT_SEALED_OVERHEAD, "the longest one travels");
_Static_assert(WIRE_SUBJECT_VALUE_MAX <= AUDIT_PII_VALUE_MAX, "the longest one can be committed to");

/* What a row says of itself, in clear, and cannot be changed. */
struct row_id {
    struct digest commitment;
    struct uuid event;
    char field[WIRE_WORD_SIZE];
    struct uuid subject;
};

static const struct canon_field row_id_fields[] = {
    CANON_FIELD(struct row_id, commitment, CANON_HASH),
    CANON_FIELD(struct row_id, event, CANON_UUID),
    CANON_FIELD_RANGE(struct row_id, field, CANON_TEXT, 1, 0),
    CANON_FIELD(struct row_id, subject, CANON_UUID),
};

static enum status aad_make(struct bytes *out, const struct wire_subject_row *row, const struct uuid *subject,
                            struct fault *fault)
{
    struct row_id id = {.commitment = row->commitment, .event = row->event, .subject = *subject};
    memcpy(id.field, row->field, sizeof(id.field));
    return canon_encode_bytes(out, &id, row_id_fields, sizeof(row_id_fields) / sizeof(row_id_fields[0]),
                              CANON_DOCUMENT_MAX, fault);
}

/* One direction of AES-256-GCM over one piece; `tag16` is written or checked. */
struct cipher {
    bool encrypt;
    const uint8_t *key32;
    const uint8_t *nonce12;
    const struct bytes *aad;
    const uint8_t *in;
    size_t len;
    uint8_t *out;
    uint8_t *tag16;
};

static bool cipher_run_in(EVP_CIPHER_CTX *context, const struct cipher *cipher)
{
    int got = 0;
    bool good =
        EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, cipher->key32, cipher->nonce12, cipher->encrypt) == 1;
    good = good && EVP_CipherUpdate(context, NULL, &got, cipher->aad->data, (int)cipher->aad->len) == 1;
    good = good && EVP_CipherUpdate(context, cipher->out, &got, cipher->in, (int)cipher->len) == 1;
    if (good && !cipher->encrypt) {
        good = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_LEN, cipher->tag16) == 1;
    }
    good = good && EVP_CipherFinal_ex(context, cipher->out + got, &got) == 1;
    if (good && cipher->encrypt) {
        good = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_LEN, cipher->tag16) == 1;
    }
    return good;
}

static bool cipher_run(const struct cipher *cipher)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool good = context != NULL && cipher_run_in(context, cipher);
    EVP_CIPHER_CTX_free(context); /* it wipes */
    return good;
}

static enum status commit(struct digest *out, const uint8_t *salt32, const struct wire_subject_row *row,
                          const void *value, size_t len, struct fault *fault)
{
    char event[UUID_TEXT_SIZE];
    uuid_format(event, &row->event);
    enum status status = audit_pii_commit(out, salt32, row->field, event, value, len);
    return status == STATUS_OK ? status : fault_set(fault, status, "value", "no commitment can be made to it");
}

static enum status plain_seal(struct wire_subject_row *row, const struct uuid *subject, const struct secret *key32,
                              const struct secret *plain, struct fault *fault)
{
    struct bytes aad = {0};
    uint8_t sealed[WIRE_SUBJECT_SEALED_MAX];
    enum status status = aad_make(&aad, row, subject, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct cipher cipher = {.encrypt = true,
                                  .key32 = key32->data,
                                  .nonce12 = sealed,
                                  .aad = &aad,
                                  .in = plain->data,
                                  .len = plain->len,
                                  .out = sealed + NONCE_LEN,
                                  .tag16 = sealed + NONCE_LEN + plain->len};
    bool good = RAND_bytes(sealed, NONCE_LEN) == 1 && cipher_run(&cipher);
    bytes_free(&aad);
    if (!good) {
        return fault_set(fault, STATUS_IO, "value", "could not be encrypted");
    }
    status = bytes_copy(&row->sealed, sealed, NONCE_LEN + plain->len + TAG_LEN);
    return status == STATUS_OK ? status : fault_set(fault, status, "value", "no memory");
}

enum status subject_box_seal(struct wire_subject_row *row, const struct uuid *subject, const struct secret *key32,
                             const struct bytes *value, struct fault *fault)
{
    struct secret plain = {0};
    if (value->len < 1 || value->len > WIRE_SUBJECT_VALUE_MAX) {
        return fault_set(fault, STATUS_INVALID, "value", "1..%d bytes", WIRE_SUBJECT_VALUE_MAX);
    }
    enum status status = secret_new(&plain, AUDIT_PII_SALT_LEN + value->len);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "value", "no memory");
    }
    memcpy(plain.data + AUDIT_PII_SALT_LEN, value->data, value->len);
    status = RAND_bytes(plain.data, AUDIT_PII_SALT_LEN) == 1 ? STATUS_OK
                                                             : fault_set(fault, STATUS_IO, "value", "no randomness");
    status = status == STATUS_OK ? commit(&row->commitment, plain.data, row, value->data, value->len, fault) : status;
    status = status == STATUS_OK ? plain_seal(row, subject, key32, &plain, fault) : status;
    secret_free(&plain);
    return status;
}

static enum status sealed_open(struct secret *plain, const struct wire_subject_row *row, const struct bytes *aad,
                               const struct secret *key32, struct fault *fault)
{
    uint8_t tag[TAG_LEN];
    memcpy(tag, row->sealed.data + row->sealed.len - TAG_LEN, TAG_LEN);
    const struct cipher cipher = {.key32 = key32->data,
                                  .nonce12 = row->sealed.data,
                                  .aad = aad,
                                  .in = row->sealed.data + NONCE_LEN,
                                  .len = plain->len,
                                  .out = plain->data,
                                  .tag16 = tag};
    return cipher_run(&cipher)
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "sealed", "it was altered, or belongs to another row");
}

/* The commitment is in the trail: the value must be the one that was recorded, whatever a row holds. */
static enum status commitment_check(const struct secret *plain, const struct wire_subject_row *row, struct fault *fault)
{
    struct digest digest;
    enum status status =
        commit(&digest, plain->data, row, plain->data + AUDIT_PII_SALT_LEN, plain->len - AUDIT_PII_SALT_LEN, fault);
    return status == STATUS_OK && !digest_equal(&digest, &row->commitment)
               ? fault_set(fault, STATUS_MISMATCH, "commitment", "not that of the value")
               : status;
}

enum status subject_box_open(struct secret *out, const struct wire_subject_row *row, const struct uuid *subject,
                             const struct secret *key32, struct fault *fault)
{
    struct bytes aad = {0};
    struct secret plain = {0};
    if (row->sealed.len <= SUBJECT_SEALED_OVERHEAD || row->sealed.len > WIRE_SUBJECT_SEALED_MAX) {
        return fault_set(fault, STATUS_INVALID, "sealed", "it is of impossible length");
    }
    enum status status = aad_make(&aad, row, subject, fault);
    if (status == STATUS_OK && secret_new(&plain, row->sealed.len - NONCE_LEN - TAG_LEN) != STATUS_OK) {
        status = fault_set(fault, STATUS_NO_MEMORY, "sealed", "no memory");
    }
    status = status == STATUS_OK ? sealed_open(&plain, row, &aad, key32, fault) : status;
    status = status == STATUS_OK ? commitment_check(&plain, row, fault) : status;
    bytes_free(&aad);
    if (status != STATUS_OK) {
        secret_free(&plain);
        return status;
    }
    *out = plain; /* transferred */
    return STATUS_OK;
}
