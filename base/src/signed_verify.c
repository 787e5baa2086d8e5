/*
 * Verification of one signature of a signed document.
 *
 * Whose key it is and whether that person may sign is for the caller; here the answer is only whether these bytes were
 * signed by this key, for this kind of document.
 */
#include "base/signed.h"

#include <stdio.h>

enum status signed_document_verify(const struct signed_document *document, const char *kind, size_t index,
                                   const struct public_key *key, struct fault *fault)
{
    INVARIANT(index < document->signature_count);
    const struct signature *signature = &document->signatures[index];
    char where[64];
    (void)snprintf(where, sizeof(where), "signatures[%zu]", index);
    struct digest key_id;
    public_key_id(&key_id, key);
    if (signature->algorithm != key->algorithm || !digest_equal(&signature->key_id, &key_id)) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, where, "the signature names another key");
    }
    struct bytes message = {0};
    enum status status = document_message(&message, kind, document->document.data, document->document.len);
    if (status != STATUS_OK) {
        return fault_set(fault, status, where, "building the message");
    }
    status = signature_verify(key, signature->bytes64, message.data, message.len, NULL);
    bytes_free(&message);
    if (status != STATUS_OK) {
        return fault_set(fault, status, where, "over a document of kind %s", kind);
    }
    return STATUS_OK;
}
