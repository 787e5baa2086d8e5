/*
 * Orders are judged by who signed them; what the service shows is only by which versions of the policy.
 */
#include "review_orders.h"

#include <stdlib.h>

#include "commands.h"
#include "trust.h"

static enum status verify(struct command *out, const struct signed_document *document, const struct trust *trust,
                          struct fault *fault)
{
    enum status status = command_decode(out, document->document.data, document->document.len, fault);
    const struct policy *named = status == STATUS_OK ? chain_find(&trust->policies, &out->policy) : NULL;
    if (status == STATUS_OK && (named == NULL || out->action != COMMAND_KEY_ACTIVATE)) {
        return fault_set(fault, STATUS_MISMATCH, "order", "is no order key.activate under a version of the policy");
    }
    return status == STATUS_OK ? command_verify(out, document, named, out->issued_at, fault) : status;
}

static enum status read_order(struct command *out, const char *path, const struct trust *trust, struct fault *fault)
{
    struct signed_document document = {0};
    struct fault why = {0};
    enum status status = command_read_signed(&document, path, CANON_DOCUMENT_MAX, "file", &why);
    if (status == STATUS_OK) {
        status = verify(out, &document, trust, &why);
    }
    signed_document_free(&document);
    return status == STATUS_OK ? status : fault_set(fault, status, "ORDER", "%s: %s: %s", path, why.where, why.detail);
}

enum status review_orders_read(struct review_orders *out, char **paths, size_t count,
                               const struct custody_options *options, struct fault *fault)
{
    struct trust trust = {0};
    if (count > REVIEW_ORDERS_MAX) {
        return fault_set(fault, STATUS_USAGE, "ORDER", "at most %d files", REVIEW_ORDERS_MAX);
    }
    enum status status = count == 0 ? STATUS_OK : trust_open(&trust, options, fault);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = read_order(&out->rows[i], paths[i], &trust, fault);
        out->count += status == STATUS_OK ? 1 : 0;
    }
    trust_wipe(&trust);
    return status;
}

bool review_orders_match(const struct review_orders *orders, const struct audit_event *activated)
{
    const char *role = audit_event_fact(activated, "role");
    const char *transitions = audit_event_fact(activated, "transitions");
    for (size_t i = 0; role != NULL && transitions != NULL && i < orders->count; i++) {
        const struct command *order = &orders->rows[i];
        char key[DIGEST_HEX_LEN + 1];
        char after[24];
        digest_format(key, &order->key);
        (void)snprintf(after, sizeof(after), "%llu", (unsigned long long)order->on + 1);
        if (strcmp(key, activated->object_id) == 0 && strcmp(signer_role_text(order->role), role) == 0 &&
            strcmp(after, transitions) == 0 && order->issued_at <= activated->at_utc_us) {
            return true;
        }
    }
    return false;
}
