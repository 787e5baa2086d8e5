/*
 * Personal data that is gone although nobody had it erased. The trail's rows are read for it as they are scrubbed
 * (watch_trail.c). An erasure takes the rows before its entry is signed, so a loss is one only when it lasts.
 */
#include "record.h"
#include "subjects.h"
#include "watch_core.h"

#define LASTS_US 10000000 /* in which the trail goes on, or nothing is said */

static struct suspect *find(struct watch *watch, const struct uuid *subject)
{
    for (size_t i = 0; i < watch->suspect_count; i++) {
        if (uuid_equal(&watch->suspects[i].subject, subject)) {
            return &watch->suspects[i];
        }
    }
    return NULL;
}

static uint64_t signed_size(const struct watch *watch)
{
    struct trail_checkpoint newest = {0};
    enum status status = trail_checkpoint_newest(&newest, watch->service->trail, NULL);
    bytes_free(&newest.note);
    return status == STATUS_OK ? newest.checkpoint.size : 0;
}

/* *out_kept: it is not lost. */
static enum status look(bool *out_kept, const struct watch *watch, const struct uuid *subject, struct fault *fault)
{
    struct fault why = {0};
    enum status status = subject_kept(watch->service, subject, &why);
    *out_kept = status == STATUS_OK;
    return status == STATUS_OK || status == STATUS_CORRUPT ? STATUS_OK
                                                           : fault_set(fault, status, why.where, "%s", why.detail);
}

enum status watch_subject_row(void *context, const struct store_leaf *leaf, struct fault *fault)
{
    struct watch *watch = context;
    struct uuid subject;
    bool kept = true;
    if (strcmp(leaf->act, audit_action_text(AUDIT_PII_RECORD)) != 0 ||
        strcmp(leaf->outcome, audit_outcome_text(AUDIT_OUTCOME_OK)) != 0 ||
        uuid_parse(&subject, leaf->oid) != STATUS_OK || find(watch, &subject) != NULL ||
        watch->suspect_count == WATCH_SUSPECTS_MAX) {
        return STATUS_OK;
    }
    enum status status = look(&kept, watch, &subject, fault);
    if (status == STATUS_OK && !kept) {
        watch->suspects[watch->suspect_count++] =
            (struct suspect){.subject = subject,
                             .since_us = clock_monotonic_us(watch->service->clock),
                             .signed_size = signed_size(watch)};
    }
    return status;
}

static enum status tell(struct watch *watch, const struct suspect *suspect, bool kept, struct fault *fault)
{
    struct news news = {.action = AUDIT_PII_LOST,
                        .object_type = RECORD_SUBJECT,
                        .calm = kept,
                        .reason = kept ? STATUS_OK : STATUS_CORRUPT,
                        .value = kept ? "kept" : "lost"};
    uuid_format(news.object_id, &suspect->subject);
    (void)snprintf(news.subject, sizeof(news.subject), "subject/%s", news.object_id);
    return watch_tell(watch, &news, fault);
}

static bool lasts(const struct watch *watch, const struct suspect *suspect)
{
    return clock_monotonic_us(watch->service->clock) - suspect->since_us >= LASTS_US &&
           signed_size(watch) > suspect->signed_size;
}

enum status watch_subjects(struct watch *watch, struct fault *fault)
{
    enum status status = STATUS_OK;
    size_t left = 0;
    for (size_t i = 0; i < watch->suspect_count; i++) {
        const struct suspect suspect = watch->suspects[i];
        bool kept = false;
        status = status == STATUS_OK ? look(&kept, watch, &suspect.subject, fault) : status;
        if (status == STATUS_OK && (kept || lasts(watch, &suspect))) {
            status = tell(watch, &suspect, kept, fault);
        }
        if (status != STATUS_OK || !kept) {
            watch->suspects[left++] = suspect;
        }
    }
    watch->suspect_count = left;
    return status;
}
