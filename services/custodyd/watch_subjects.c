/*
 * Personal data that is gone although nobody had it erased. The trail's rows are read for it as they are scrubbed
 * (watch_trail.c). An erasure takes the rows before its entry is signed, so a loss is one only when it lasts.
 */
#include "record.h"
#include "subjects.h"
#include "watch_core.h"

#define LASTS_US 10000000 /* in which the trail goes on, or nothing is said */
#define SUBJECTS_NAMED 64 /* who has an alarm of its own; of all there is the number */

static bool is_suspect(const struct watch *watch, const struct uuid *subject)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(id, subject);
    return json_object_get(watch->suspected, id) != NULL;
}

static void clear(struct watch *watch, const struct uuid *subject)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(id, subject);
    (void)json_object_del(watch->suspected, id);
}

static enum status add(struct watch *watch, const struct suspect *suspect, struct fault *fault)
{
    if (watch->suspect_count == watch->suspect_room) {
        size_t room = watch->suspect_room * 2 + SUBJECTS_NAMED;
        struct suspect *grown = realloc(watch->suspects, room * sizeof(*grown));
        if (grown == NULL) {
            return fault_set(fault, STATUS_NO_MEMORY, "subjects", "%s", "");
        }
        watch->suspects = grown;
        watch->suspect_room = room;
    }
    char id[UUID_TEXT_SIZE];
    uuid_format(id, &suspect->subject);
    if (json_object_set_new(watch->suspected, id, json_true()) != 0) {
        return fault_set(fault, STATUS_NO_MEMORY, "subjects", "%s", "");
    }
    watch->suspects[watch->suspect_count++] = *suspect;
    return STATUS_OK;
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
        uuid_parse(&subject, leaf->oid) != STATUS_OK || is_suspect(watch, &subject)) {
        return STATUS_OK;
    }
    enum status status = look(&kept, watch, &subject, fault);
    const struct suspect suspect = {
        .subject = subject, .since_us = clock_monotonic_us(watch->service->clock), .signed_size = signed_size(watch)};
    return status == STATUS_OK && !kept ? add(watch, &suspect, fault) : status;
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

/* How many are lost, when not all of them are named. */
static enum status tell_number(struct watch *watch, size_t lost, struct fault *fault)
{
    bool named = lost <= SUBJECTS_NAMED;
    char number[24];
    (void)snprintf(number, sizeof(number), "%zu", lost);
    struct news news = {.action = AUDIT_PII_LOST,
                        .object_type = RECORD_SUBJECT,
                        .object_id = "all",
                        .subject = "subject/all",
                        .calm = named,
                        .reason = named ? STATUS_OK : STATUS_CORRUPT,
                        .value = named ? "named" : number};
    if (!named) {
        news_fact(&news, "number", number);
    }
    return watch_tell(watch, &news, fault);
}

/* Those who are named, and of the others as many in turn: each look asks about no more than that. */
static bool is_asked(const struct watch *watch, size_t place)
{
    size_t others = watch->suspect_count > SUBJECTS_NAMED ? watch->suspect_count - SUBJECTS_NAMED : 1;
    return place < SUBJECTS_NAMED ||
           (place - SUBJECTS_NAMED + others - watch->suspect_turn % others) % others < SUBJECTS_NAMED;
}

struct looking {
    int64_t now_us;
    uint64_t signed_size;
    size_t lost;
};

/* *out_kept: it is a suspect no more. */
static enum status look_again(bool *out_kept, struct looking *looking, struct watch *watch, size_t place,
                              struct fault *fault)
{
    const struct suspect *suspect = &watch->suspects[place];
    enum status status = is_asked(watch, place) ? look(out_kept, watch, &suspect->subject, fault) : STATUS_OK;
    if (status != STATUS_OK || *out_kept) {
        return status == STATUS_OK ? tell(watch, suspect, true, fault) : status;
    }
    if (looking->now_us - suspect->since_us < LASTS_US || looking->signed_size <= suspect->signed_size) {
        return STATUS_OK;
    }
    looking->lost++;
    return place < SUBJECTS_NAMED ? tell(watch, suspect, false, fault) : STATUS_OK;
}

enum status watch_subjects(struct watch *watch, struct fault *fault)
{
    struct looking looking = {.now_us = clock_monotonic_us(watch->service->clock), .signed_size = signed_size(watch)};
    enum status status = STATUS_OK;
    size_t left = 0;
    for (size_t i = 0; i < watch->suspect_count; i++) {
        bool kept = false;
        if (status == STATUS_OK) {
            status = look_again(&kept, &looking, watch, i, fault);
        }
        if (status != STATUS_OK || !kept) {
            watch->suspects[left++] = watch->suspects[i];
        } else {
            clear(watch, &watch->suspects[i].subject);
        }
    }
    watch->suspect_count = left;
    watch->suspect_turn += SUBJECTS_NAMED;
    return status == STATUS_OK ? tell_number(watch, looking.lost, fault) : status;
}
