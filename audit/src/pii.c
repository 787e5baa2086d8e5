/*
 * The commitment to one personal datum. The salt and the value are kept elsewhere, erasable; here is only the function.
 */
#include "audit/pii.h"

#include "lines.h"

#define PII_MAGIC "custody-pii/v1\n"
#define PII_LABEL_MAX 80

static bool label_fits(const char *label)
{
    size_t len = strnlen(label, PII_LABEL_MAX + 1);
    return len <= PII_LABEL_MAX && text_is_printable(label, len);
}

enum status audit_pii_commit(struct digest *out, const uint8_t salt32[AUDIT_PII_SALT_LEN], const char *field,
                             const char *event_id, const void *value, size_t value_len)
{
    if (!label_fits(field) || !label_fits(event_id)) {
        return STATUS_INVALID;
    }
    if (value_len > AUDIT_PII_VALUE_MAX) {
        return STATUS_TOO_LARGE;
    }
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_format(&buffer, PII_MAGIC "%s\n%s\n", field, event_id);
    buffer_append(&buffer, value, value_len);
    struct bytes message = {0};
    enum status status = buffer_finish(&message, &buffer);
    if (status == STATUS_OK) {
        digest_hmac_sha256(out, salt32, AUDIT_PII_SALT_LEN, message.data, message.len);
    }
    bytes_free(&message); /* which wipes it: it held the value in clear */
    return status;
}
