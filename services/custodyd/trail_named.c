/*
 * Documents by the entries that name them, read from the bytes of signed entries alone.
 */
#include "trail_named.h"

#include "trail_leaf.h"

/* Whether the entry names a document. */
static bool read_named(struct trail_named *out, const struct store_leaf *row, const char *ref)
{
    struct audit_event event = {0};
    struct trail_named named = {.seq = row->seq};
    bool names =
        trail_leaf_event(&event, row, NULL) == STATUS_OK && audit_event_ref(&named.digest, &event, ref) == STATUS_OK;
    if (names) {
        named.policy = event.policy;
        *out = named;
    }
    audit_event_wipe(&event);
    return names;
}

enum status trail_named_page(struct trail_named_page *inout, struct trail *trail, const struct trail_naming *naming,
                             struct fault *fault)
{
    struct store_leaf_list list = {0};
    inout->search.filter.act = audit_action_text(naming->action);
    inout->search.filter.outcome = audit_outcome_text(naming->outcome);
    inout->search.filter.newest_first = true;
    inout->search.filter.limit = TRAIL_NAMED_PAGE;
    enum status status = trail_signed_next(&list, trail, &inout->search, fault);
    if (status != STATUS_OK) {
        return status;
    }
    inout->count = 0;
    for (size_t i = 0; i < list.count; i++) {
        inout->count += read_named(&inout->rows[inout->count], &list.rows[i], naming->ref) ? 1 : 0;
    }
    store_leaf_list_free(&list);
    return STATUS_OK;
}
