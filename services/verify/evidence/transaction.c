/*
 * The transaction as a function of the intent: fields copied, two legs of one amount.
 */
#include "transaction.h"

#include <string.h>

/* A leg of the intent's amount. NULL when the intent lacks a field. */
static json_t *leg_of(const json_t *intent, const char *account, const char *side)
{
    return json_pack("{s:s, s:O, s:O, s:s}", "account", account, "amount", json_object_get(intent, "amount"), "asset",
                     json_object_get(intent, "asset"), "side", side);
}

enum status transaction_rebuild(struct bytes *out, const char *intent, const json_t *wallet, struct fault *fault)
{
    static const char *const copied[] = {"chain", "lane", "memo", "policy", "seq", "valid_from", "valid_until"};
    char from[ADDRESS_SIZE];
    json_t *object = NULL;
    enum status status = document_address(from, wallet, fault);
    if (status == STATUS_OK) {
        status = canon_parse(&object, intent, strlen(intent), CANON_DOCUMENT_MAX, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const char *to = text_of(object, "destination");
    const char *type = text_of(object, "type");
    if (json_object_get(object, "type") != NULL && (type == NULL || strcmp(type, "issue") != 0)) {
        json_decref(object);
        return fault_set(fault, STATUS_INVALID, "type", "of the intent is none that there is");
    }
    json_t *transaction =
        json_pack("{s:s, s:[o,o], s:s}", "from", from, "legs", leg_of(object, from, "debit"),
                  leg_of(object, to == NULL ? "" : to, "credit"), "type", type == NULL ? "transfer" : type);
    for (size_t i = 0; i < COUNT(copied); i++) {
        (void)json_object_set(transaction, copied[i], json_object_get(object, copied[i]));
    }
    json_decref(object);
    return document_emit(out, transaction, fault);
}
