/*
 * Which keys have been used by a copy and nobody has decided about since: from the marks of `key.copied_use`, which
 * hold the key and how often it had changed when it was stopped.
 */
#include "key_board.h"
#include "key_spending.h"
#include "record.h"
#include "store/mark.h"

struct listing {
    struct alarm_list *list;
    struct service *service;
};

/* Whether people have not decided about the key since; `value` is that of the mark. */
static bool is_undecided(struct digest *out_key, const char *value, struct service *service)
{
    char hex[DIGEST_HEX_LEN + 1] = "";
    struct key_board_entry entry;
    if (strlen(value) <= DIGEST_HEX_LEN || value[DIGEST_HEX_LEN] != '/') {
        return false;
    }
    memcpy(hex, value, DIGEST_HEX_LEN);
    uint64_t on = strtoull(value + DIGEST_HEX_LEN + 1, NULL, 10);
    if (digest_parse(out_key, hex) != STATUS_OK) {
        return false;
    }
    if (key_board_find(&entry, service->board, out_key) != STATUS_OK) {
        return true;
    }
    return on == KEY_SPENDING_ON_UNKNOWN ? entry.state != KEY_STATE_COMPROMISED && entry.state != KEY_STATE_DESTROYED
                                         : entry.key.on <= on;
}

static bool is_listed(const struct alarm_list *list, const char *key)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->rows[i].code == AUDIT_KEY_COPIED_USE && strcmp(list->rows[i].object_id, key) == 0) {
            return true;
        }
    }
    return false;
}

static enum status list_copied_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct listing *listing = context;
    struct store_mark_values values = {0};
    char prefix[64];
    (void)snprintf(prefix, sizeof(prefix), "%s/", audit_action_text(AUDIT_KEY_COPIED_USE));
    enum status status = store_mark_values(&values, tx, prefix, fault);
    for (size_t i = 0; status == STATUS_OK && i < values.count; i++) {
        struct news news = {.action = AUDIT_KEY_COPIED_USE, .object_type = RECORD_KEY, .reason = STATUS_MISMATCH};
        struct digest key;
        if (is_undecided(&key, values.rows[i].value, listing->service)) {
            digest_format(news.object_id, &key);
            status = is_listed(listing->list, news.object_id)
                         ? STATUS_OK
                         : alarm_list_add(listing->list, &news, values.rows[i].first_at_utc_us, fault);
        }
    }
    free(values.rows);
    return status;
}

enum status key_copied_alarms(struct alarm_list *list, struct service *service, struct fault *fault)
{
    struct listing listing = {.list = list, .service = service};
    return store_read(service->store, list_copied_in, &listing, fault);
}
