/*
 * Personal data that is there again although it was erased: rows that a backup brought back, or somebody who writes to
 * the database. Who was erased the signed trail says; nobody is shown such rows, and nobody deletes them but people.
 */
#include "record.h"
#include "subjects.h"
#include "watch_core.h"

#define AT_ONCE 64 /* that are looked at in each look, in turn, and as many of those that are told */

static enum status take_entry(struct watch *watch, const struct store_leaf *entry, struct fault *fault)
{
    struct erased taken = {.told = false};
    if (strcmp(entry->outcome, audit_outcome_text(AUDIT_OUTCOME_OK)) != 0 ||
        uuid_parse(&taken.subject, entry->oid) != STATUS_OK ||
        json_object_get(watch->erased_known, entry->oid) != NULL) {
        return STATUS_OK;
    }
    struct erased *grown = realloc(watch->erased, (watch->erased_count + 1) * sizeof(*grown));
    watch->erased = grown == NULL ? watch->erased : grown;
    if (grown == NULL || json_object_set_new(watch->erased_known, entry->oid, json_true()) != 0) {
        return fault_set(fault, STATUS_NO_MEMORY, "subjects", "%s", "");
    }
    watch->erased[watch->erased_count++] = taken;
    return STATUS_OK;
}

static enum status tell(struct watch *watch, const struct erased *erased, bool returned, struct fault *fault)
{
    struct news news = {.action = AUDIT_PII_RETURNED,
                        .object_type = RECORD_SUBJECT,
                        .reason = returned ? STATUS_EXISTS : STATUS_OK,
                        .value = returned ? "returned" : "gone"};
    uuid_format(news.object_id, &erased->subject);
    (void)snprintf(news.subject, sizeof(news.subject), "returned/%s", news.object_id);
    return watch_tell(watch, &news, fault);
}

/* What was told before the start is over only when the trail is told so. */
static enum status ask_told(struct watch *watch, struct erased *inout, struct fault *fault)
{
    char subject[STORE_MARK_SUBJECT_SIZE];
    char value[STORE_MARK_VALUE_SIZE];
    char id[UUID_TEXT_SIZE];
    uuid_format(id, &inout->subject);
    (void)snprintf(subject, sizeof(subject), "returned/%s", id);
    enum status status = inout->asked ? STATUS_OK : watch_told(value, watch, subject, fault);
    if (status == STATUS_OK && !inout->asked) {
        inout->asked = true;
        inout->told = strcmp(value, "returned") == 0;
    }
    return status;
}

struct asking {
    const struct uuid *subject;
    bool returned;
};

static enum status ask_rows_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct asking *asking = context;
    struct store_subject_rows rows = {0};
    enum status status = store_subject_list(&rows, tx, asking->subject, 1, fault);
    asking->returned = rows.count > 0;
    store_subject_rows_free(&rows);
    return status;
}

static enum status look_at(struct watch *watch, struct erased *erased, size_t *inout_told, struct fault *fault)
{
    struct asking asking = {.subject = &erased->subject};
    enum status status = ask_told(watch, erased, fault);
    if (status == STATUS_OK) {
        status = store_read(watch->service->store, ask_rows_in, &asking, fault);
    }
    if (status != STATUS_OK || (!asking.returned && !erased->told) || (asking.returned && *inout_told == AT_ONCE)) {
        return status;
    }
    *inout_told += asking.returned ? 1 : 0;
    erased->told = asking.returned;
    return tell(watch, erased, asking.returned, fault);
}

static enum status check_some(struct watch *watch, struct fault *fault)
{
    size_t told = 0;
    size_t first = watch->erased_turn;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < watch->erased_count && !status_info(status)->retryable; i++) {
        struct erased *erased = &watch->erased[i];
        bool in_turn = i >= first && i - first < AT_ONCE;
        if (in_turn || (erased->told && told < AT_ONCE)) {
            enum status looked = look_at(watch, erased, &told, fault);
            status = status == STATUS_OK ? looked : status;
        }
    }
    watch->erased_turn = first + AT_ONCE < watch->erased_count ? first + AT_ONCE : 0;
    return status;
}

enum status watch_returned(struct watch *watch, struct fault *fault)
{
    struct fault why = {0};
    watch->erasures.action = AUDIT_PII_ERASE;
    watch->erasures.take = take_entry;
    enum status status = watch_entries_find(watch, &watch->erasures, &why);
    enum status checked = check_some(watch, &why);
    status = status == STATUS_OK ? checked : status;
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}
