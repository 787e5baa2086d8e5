/*
 * The signed notes of the trail. While the key of the log is rotated a note has a signature of each; which of them
 * counts at a size is for those to judge who believe the log: the service has no say in it.
 */
#include "audit/log_keys.h"
#include "trail_core.h"
#include "trail_state.h"

const char *trail_origin(const struct trail *trail)
{
    return trail->keys[0].name;
}

enum status trail_note_read(struct audit_checkpoint *out, struct bytes *out_note, const struct trail *trail,
                            const struct bytes *note, struct fault *fault)
{
    struct audit_note parsed;
    enum status status = audit_checkpoint_open_any(out, note->data, note->len, trail->keys, trail->key_count, fault);
    if (status == STATUS_OK) {
        status = audit_note_parse(&parsed, note->data, note->len, fault);
    }
    return status == STATUS_OK ? audit_note_strip(out_note, &parsed, trail->keys, trail->key_count, fault) : status;
}

/* Whose signature it is; what the signer says is believed only when it verifies. */
static const struct audit_key *find_signer(const struct trail *trail, const struct bytes *body,
                                           const uint8_t signature64[SIGNATURE_LEN])
{
    for (size_t i = 0; i < trail->key_count; i++) {
        const struct audit_key *key = &trail->keys[i];
        if (signature_verify(&key->public_key, signature64, body->data, body->len, NULL) == STATUS_OK) {
            return key;
        }
    }
    return NULL;
}

static enum status add_line(struct bytes *inout, const struct audit_key *key, const uint8_t signature64[SIGNATURE_LEN],
                            struct fault *fault)
{
    struct bytes line = {0};
    struct bytes joined = {0};
    struct buffer buffer;
    enum status status = audit_note_line(&line, key, signature64, fault);
    if (status != STATUS_OK) {
        return status;
    }
    buffer_init(&buffer);
    buffer_append(&buffer, inout->data, inout->len);
    buffer_append(&buffer, line.data, line.len);
    bytes_free(&line);
    status = buffer_finish(&joined, &buffer);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "note", "assembling");
    }
    bytes_free(inout);
    *inout = joined; /* transferred */
    return STATUS_OK;
}

enum status trail_note_make(struct bytes *out, const struct trail *trail, const struct bytes *body,
                            const uint8_t (*signatures)[SIGNATURE_LEN], size_t count, struct fault *fault)
{
    struct bytes note = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        const struct audit_key *key = find_signer(trail, body, signatures[i]);
        if (key == NULL) {
            status = fault_set(fault, STATUS_SIGNATURE_INVALID, "signer", "it is of no key of the option log-key");
        } else if (i == 0) {
            status = audit_note_assemble(&note, body->data, body->len, key, signatures[i], fault);
        } else {
            status = add_line(&note, key, signatures[i], fault);
        }
    }
    if (status != STATUS_OK) {
        bytes_free(&note);
        return status;
    }
    *out = note; /* transferred */
    return STATUS_OK;
}
