/*
 * Copies of the trail on other hosts (custody audit copy). Who has one says so here, and how far it reaches stands in
 * the trail and nowhere else; where there is a limit, an entry that no copy has for too long is an alarm.
 */
#include "base/canon.h"
#include "reach.h"
#include "record.h"
#include "resources.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Telling. */

struct copied {
    int64_t size;
    struct digest root;
};

static const struct canon_field copied_fields[] = {
    CANON_FIELD(struct copied, root, CANON_HASH),
    CANON_FIELD_RANGE(struct copied, size, CANON_INTEGER, 1, CANON_INTEGER_MAX),
};

struct telling {
    struct service *service;
    const struct http_request *request;
    struct copied copied;
    struct trail_ticket ticket;
};

static enum status enter_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct telling *telling = context;
    struct audit_event event;
    char size[24];
    (void)snprintf(size, sizeof(size), "%lld", (long long)telling->copied.size);
    record_by_caller(&event, telling->service, telling->request, AUDIT_TRAIL_COPIED, AUDIT_OUTCOME_OK);
    enum status status = audit_event_fact_add(&event, "size", size, fault);
    if (status == STATUS_OK) {
        status = audit_event_ref_add(&event, "root", &telling->copied.root, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&telling->ticket, telling->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

static enum status read_copied(struct copied *out, const struct http_request *request, struct fault *fault)
{
    json_t *body = NULL;
    enum status status = http_body_object(&body, request, fault);
    if (status == STATUS_OK) {
        status = canon_decode(out, sizeof(*out), body, copied_fields, COUNT(copied_fields), "", fault);
        json_decref(body);
    }
    return status;
}

/* Who has told of more entries has them: one who tells of fewer hides it. */
static enum status check_grows(const struct telling *telling, struct fault *fault)
{
    const struct reach own = {.told = AUDIT_TRAIL_COPIED, .actor = telling->request->caller.person.text};
    uint64_t told = 0;
    enum status status = reach_read(&told, telling->service, &own, fault);
    return status == STATUS_OK && (uint64_t)telling->copied.size < told
               ? fault_set(fault, STATUS_CONFLICT, "size", "you have told of %llu entries already",
                           (unsigned long long)told)
               : status;
}

enum status trail_copy_tell(struct service *service, const struct http_request *request, struct http_reply *reply,
                            struct fault *fault)
{
    struct telling telling = {.service = service, .request = request};
    enum status status = read_copied(&telling.copied, request, fault);
    if (status == STATUS_OK) {
        status = reach_check_root(service, (uint64_t)telling.copied.size, &telling.copied.root, fault);
    }
    if (status == STATUS_OK) {
        status = check_grows(&telling, fault);
    }
    if (status == STATUS_OK) {
        status = store_transact(service->store, enter_in, &telling, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    json_t *object = json_pack("{s:I}", "size", (json_int_t)telling.copied.size);
    status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "")
                            : record_receipt(service, &telling.ticket, object, fault);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 201, object, fault);
}

/* Watching. */

enum status watch_trail_copies(struct watch *watch, struct fault *fault)
{
    const struct reach copies = {.told = AUDIT_TRAIL_COPIED,
                                 .alarm = AUDIT_COPY_LAG,
                                 .object_id = "copy",
                                 .max_age_us = watch->service->options.copy_max_age_s * 1000000};
    return reach_watch(watch, &copies, fault);
}
