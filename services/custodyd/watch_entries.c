/*
 * Signed entries of one action, followed by the watcher. What it goes by then is not a row that somebody may take away
 * or set beforehand.
 */
#include "watch_core.h"

#define PAGE 64
#define PAGES_AT_ONCE 4 /* of what is older than the start, in each look */
#define AGAIN 4096 /* entries at the end that are searched in each look: one may have been hidden in the last one */

static enum status take_pages(struct watch *watch, const struct watch_entries *entries, struct trail_search *inout,
                              size_t pages, struct fault *fault)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !inout->over && pages-- > 0) {
        struct store_leaf_list page = {0};
        status = trail_signed_next(&page, watch->service->trail, inout, fault);
        for (size_t i = 0; status == STATUS_OK && i < page.count; i++) {
            status = entries->take(watch, &page.rows[i], fault);
        }
        inout->over = inout->over || (page.count > 0 && page.rows[page.count - 1].ts_utc_us < entries->oldest_utc_us);
        store_leaf_list_free(&page);
    }
    return status;
}

enum status watch_entries_find(struct watch *watch, struct watch_entries *inout, struct fault *fault)
{
    struct trail_checkpoint newest = {0};
    struct fault why = {0};
    const struct store_leaf_filter filter = {
        .act = audit_action_text(inout->action), .newest_first = true, .limit = PAGE};
    struct trail_search end = {.filter = filter};
    enum status status = trail_checkpoint_newest(&newest, watch->service->trail, &why);
    if (status != STATUS_OK) {
        return status == STATUS_NOT_READY ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
    }
    bytes_free(&newest.note);
    end.filter.from_seq = newest.checkpoint.size > AGAIN ? newest.checkpoint.size - AGAIN : 0;
    inout->again = end.filter.from_seq;
    status = take_pages(watch, inout, &end, SIZE_MAX, fault);
    if (inout->before.filter.limit == 0) {
        inout->before.filter = filter;
    }
    return status == STATUS_OK ? take_pages(watch, inout, &inout->before, PAGES_AT_ONCE, fault) : status;
}
