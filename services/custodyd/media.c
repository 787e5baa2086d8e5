/*
 * The media ledger. An entry is told by one person and names a second, `second`, who was there; it stands open, and has
 * no effect, until that person has confirmed it with a login of their own. The service holds no proof of what the two
 * did, only that both say so.
 */
#include "media.h"

#include "record.h"
#include "resources.h"
#include "store/medium_entry.h"

struct addition {
    struct name serial;
    char kind[STORE_MEDIUM_WORD_SIZE];
    struct name place;
    struct name custodian;
    int64_t inspection_due;
    struct name second;
};

static const struct canon_field addition_fields[] = {
    CANON_FIELD(struct addition, serial, CANON_NAME),         CANON_FIELD(struct addition, kind, CANON_TEXT),
    CANON_FIELD(struct addition, place, CANON_NAME),          CANON_FIELD(struct addition, custodian, CANON_NAME),
    CANON_FIELD(struct addition, inspection_due, CANON_TIME), CANON_FIELD(struct addition, second, CANON_NAME),
};

/* What happened to a medium; which members are needed depends on `act`. */
struct happening {
    char act[STORE_MEDIUM_WORD_SIZE];
    struct name reason;
    struct name second;
    struct name place;
    struct name custodian;
    int64_t inspection_due;
    struct name tool;
    struct name method;
};

static const struct canon_field happening_fields[] = {
    CANON_FIELD(struct happening, act, CANON_TEXT),
    CANON_FIELD(struct happening, reason, CANON_NAME),
    CANON_FIELD(struct happening, second, CANON_NAME),
    CANON_FIELD_OPTIONAL(struct happening, place, CANON_NAME),
    CANON_FIELD_OPTIONAL(struct happening, custodian, CANON_NAME),
    CANON_FIELD_OPTIONAL(struct happening, inspection_due, CANON_TIME),
    CANON_FIELD_OPTIONAL(struct happening, tool, CANON_NAME),
    CANON_FIELD_OPTIONAL(struct happening, method, CANON_NAME),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An entry on its way: it is told, or answered. */
struct media_change {
    struct service *service;
    const struct http_request *request;
    enum audit_action action;
    enum audit_outcome outcome;
    struct store_medium medium;
    struct store_medium_entry entry;
    struct trail_ticket ticket;
};

/* What an entry says of itself, as a fact of the trail and a member of the view; "" for what it does not say. */
#define ENTRY_WORDS 9
struct entry_words {
    const char *words[ENTRY_WORDS][2];
    char due[TIME_TEXT_SIZE];
};

static void put_into_words(struct entry_words *out, const struct store_medium_entry *entry)
{
    out->due[0] = '\0';
    if (entry->inspection_due_utc_us != 0) {
        time_format(out->due, entry->inspection_due_utc_us);
    }
    const char *const words[ENTRY_WORDS][2] = {
        {"act", entry->act},
        {"reason", entry->reason.text},
        {"told_by", entry->told_by.text},
        {"second", entry->second.text},
        {"place", entry->place.text},
        {"custodian", entry->custodian.text},
        {"inspection_due", out->due},
        {"tool", entry->tool.text},
        {"method", entry->method.text},
    };
    memcpy(out->words, words, sizeof(words));
}

static json_t *entry_view(const struct store_medium_entry *entry)
{
    char id[UUID_TEXT_SIZE];
    char told[TIME_TEXT_SIZE];
    struct entry_words words;
    uuid_format(id, &entry->id);
    time_format(told, entry->told_at_utc_us);
    put_into_words(&words, entry);
    json_t *view = json_pack("{s:s, s:s}", "id", id, "told_at", told);
    for (size_t i = 0; i < ENTRY_WORDS; i++) {
        if (words.words[i][1][0] != '\0') {
            (void)json_object_set_new(view, words.words[i][0], json_string(words.words[i][1]));
        }
    }
    return view;
}

/* Out: the open entries by the serial of their medium, of which each has one at most. */
static enum status list_open(json_t *out, const struct store_tx *tx, int64_t now, struct fault *fault)
{
    struct name after = {{0}};
    size_t got = STORE_MEDIA_MAX;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && got == STORE_MEDIA_MAX) {
        struct store_medium_entry_list list = {0};
        status = store_medium_entry_list_open(&list, tx, now, after.text, STORE_MEDIA_MAX, fault);
        got = list.count;
        for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
            after = list.rows[i].serial;
            if (json_object_set_new(out, after.text, entry_view(&list.rows[i])) != 0) {
                status = fault_set(fault, STATUS_NO_MEMORY, "media", "%s", "");
            }
        }
        store_medium_entry_list_free(&list);
    }
    return status;
}

static json_t *medium_view(const struct store_medium *row, const json_t *open)
{
    char due[TIME_TEXT_SIZE];
    char updated[TIME_TEXT_SIZE];
    time_format(due, row->inspection_due_utc_us);
    time_format(updated, row->updated_at_utc_us);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:O*}", "serial", row->serial.text, "kind", row->kind,
                     "place", row->place.text, "custodian", row->custodian.text, "inspection_due", due, "state",
                     row->state, "updated_at", updated, "open", json_object_get(open, row->serial.text));
}

struct listing {
    json_t *media; /* array */
    json_t *open;  /* serial -> its open entry */
};

static enum status list_media(struct listing *listing, const struct store_tx *tx, struct fault *fault)
{
    struct name after = {{0}};
    size_t got = STORE_MEDIA_MAX;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && got == STORE_MEDIA_MAX) {
        struct store_medium_list list = {0};
        status = store_medium_list(&list, tx, after.text, STORE_MEDIA_MAX, fault);
        got = list.count;
        for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
            after = list.rows[i].serial;
            if (json_array_append_new(listing->media, medium_view(&list.rows[i], listing->open)) != 0) {
                status = fault_set(fault, STATUS_NO_MEMORY, "media", "%s", "");
            }
        }
        store_medium_list_free(&list);
    }
    return status;
}

static enum status list_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct listing *listing = context;
    (void)json_array_clear(listing->media);
    (void)json_object_clear(listing->open);
    enum status status = list_open(listing->open, tx, TIME_MAX_UTC_US, fault);
    return status == STATUS_OK ? list_media(listing, tx, fault) : status;
}

enum status medium_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    (void)request;
    struct listing listing = {.media = json_array(), .open = json_object()};
    enum status status = store_read(service->store, list_in, &listing, fault);
    json_decref(listing.open);
    if (status != STATUS_OK) {
        json_decref(listing.media);
        return status;
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "media", listing.media), fault);
}

/* Telling. */

static enum status log_change(struct media_change *change, struct store_tx *tx, struct fault *fault)
{
    struct audit_event event;
    struct entry_words words;
    char id[UUID_TEXT_SIZE];
    uuid_format(id, &change->entry.id);
    put_into_words(&words, &change->entry);
    record_by_caller(&event, change->service, change->request, change->action, change->outcome);
    (void)snprintf(event.object_type, sizeof(event.object_type), "%s", RECORD_MEDIUM);
    (void)snprintf(event.object_id, sizeof(event.object_id), "%s", change->entry.serial.text);
    enum status status = audit_event_fact_add(&event, "entry", id, fault);
    if (status == STATUS_OK) {
        status = audit_event_fact_add(&event, "kind", change->medium.kind, fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < ENTRY_WORDS; i++) {
        if (words.words[i][1][0] != '\0') {
            status = audit_event_fact_add(&event, words.words[i][0], words.words[i][1], fault);
        }
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&change->ticket, change->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

/* The entry as it is told now. */
static enum status begin_entry(struct media_change *change, const char *act, struct fault *fault)
{
    struct store_medium_entry *entry = &change->entry;
    change->outcome = AUDIT_OUTCOME_INTENT;
    entry->told_by = change->request->caller.person;
    entry->told_at_utc_us = clock_utc_us(change->service->clock);
    (void)snprintf(entry->act, sizeof(entry->act), "%s", act);
    (void)snprintf(entry->state, sizeof(entry->state), "open");
    enum status status = uuid_generate(&entry->id, change->service->clock);
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, "entry", "%s", "");
}

static enum status tell_entry(struct media_change *change, struct store_tx *tx, struct fault *fault)
{
    struct fault why = {0};
    enum status status = store_medium_entry_add(tx, &change->entry, &why);
    if (status == STATUS_EXISTS) {
        return fault_set(fault, STATUS_CONFLICT, "entry",
                         "an entry of this medium is open: it is to be confirmed or refused first");
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    return log_change(change, tx, fault);
}

static enum status add_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct media_change *change = context;
    struct fault inner = {0};
    enum status status = store_medium_add(tx, &change->medium, &inner);
    if (status == STATUS_EXISTS) {
        return fault_set(fault, status, "serial", "a medium of this serial is in the ledger already");
    }
    return status == STATUS_OK ? tell_entry(change, tx, fault)
                               : fault_set(fault, status, inner.where, "%s", inner.detail);
}

static enum status reply_change(struct media_change *change, struct http_reply *reply, int http_status,
                                struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(id, &change->entry.id);
    json_t *object =
        json_pack("{s:s, s:s, s:s}", "serial", change->entry.serial.text, "entry", id, "state", change->entry.state);
    enum status status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "")
                                        : record_receipt(change->service, &change->ticket, object, fault);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, http_status, object, fault);
}

static enum status check_kind(const char *kind, struct fault *fault)
{
    static const char *const kinds[] = {"token", "card", "bag", "paper", "disk"};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (strcmp(kinds[i], kind) == 0) {
            return STATUS_OK;
        }
    }
    return fault_set(fault, STATUS_INVALID, "kind", "must be token, card, bag, paper or disk");
}

static enum status check_person(const struct media_change *change, const struct name *id, const char *where,
                                struct fault *fault)
{
    const struct service *service = change->service;
    const struct person *person = policy_find_person(service_policy(service), id);
    return person != NULL && policy_person_valid(person, clock_utc_us(service->clock))
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, where, "must be a person of the policy");
}

static enum status check_people(const struct media_change *change, struct fault *fault)
{
    const struct store_medium_entry *entry = &change->entry;
    if (name_equal(&entry->second, &change->request->caller.person)) {
        return fault_set(fault, STATUS_DUPLICATE_PERSON, "second", "must be another person than the one who tells");
    }
    enum status status = check_person(change, &entry->second, "second", fault);
    if (status == STATUS_OK && entry->custodian.text[0] != '\0') {
        status = check_person(change, &entry->custodian, "custodian", fault);
    }
    return status;
}

static enum status read_addition(struct media_change *change, struct fault *fault)
{
    struct addition addition = {0};
    json_t *body = NULL;
    enum status status = http_body_object(&body, change->request, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&addition, sizeof(addition), body, addition_fields, COUNT(addition_fields), "", fault);
        json_decref(body);
    }
    if (status == STATUS_OK) {
        status = check_kind(addition.kind, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    change->medium = (struct store_medium){.serial = addition.serial,
                                           .place = addition.place,
                                           .custodian = addition.custodian,
                                           .inspection_due_utc_us = addition.inspection_due};
    memcpy(change->medium.kind, addition.kind, sizeof(change->medium.kind));
    change->entry = (struct store_medium_entry){.serial = addition.serial,
                                                .reason = {"taken-in"},
                                                .second = addition.second,
                                                .place = addition.place,
                                                .custodian = addition.custodian,
                                                .inspection_due_utc_us = addition.inspection_due};
    return STATUS_OK;
}

/* The medium is in the ledger at once, so that it is watched from the first hour; that it is there waits for `second`.
 */
enum status medium_add(struct service *service, const struct http_request *request, struct http_reply *reply,
                       struct fault *fault)
{
    struct media_change change = {.service = service, .request = request, .action = AUDIT_MEDIUM_ADD};
    enum status status = read_addition(&change, fault);
    if (status == STATUS_OK) {
        status = check_people(&change, fault);
    }
    if (status == STATUS_OK) {
        status = begin_entry(&change, "add", fault);
    }
    if (status == STATUS_OK) {
        status = store_transact(service->store, add_in, &change, fault);
    }
    return status == STATUS_OK ? reply_change(&change, reply, 201, fault) : status;
}

/* What each act needs beyond reason and second. */
static const struct {
    const char *act;
    enum audit_action action;
    bool place;      /* place and custodian */
    bool inspection; /* inspection_due */
    bool tool;       /* tool and method */
} acts[] = {
    {"access", AUDIT_MEDIUM_ACCESS, false, false, false},
    {"move", AUDIT_MEDIUM_MOVE, true, false, false},
    {"inspect", AUDIT_MEDIUM_INSPECT, false, true, false},
    {"destroy", AUDIT_MEDIUM_DESTROY, false, false, true},
};

static enum status need(bool needed, bool there, const char *where, struct fault *fault)
{
    if (needed == there) {
        return STATUS_OK;
    }
    return needed ? fault_set(fault, STATUS_MISSING_FIELD, where, "is needed for this act")
                  : fault_set(fault, STATUS_INVALID, where, "has no place in this act");
}

static enum status check_act(struct media_change *change, const char *act, struct fault *fault)
{
    const struct store_medium_entry *entry = &change->entry;
    size_t i = 0;
    while (i < COUNT(acts) && strcmp(acts[i].act, act) != 0) {
        i++;
    }
    if (i == COUNT(acts)) {
        return fault_set(fault, STATUS_INVALID, "act", "must be access, move, inspect or destroy");
    }
    change->action = acts[i].action;
    const struct {
        bool needed;
        bool there;
        const char *where;
    } members[] = {
        {acts[i].place, entry->place.text[0] != '\0', "place"},
        {acts[i].place, entry->custodian.text[0] != '\0', "custodian"},
        {acts[i].inspection, entry->inspection_due_utc_us != 0, "inspection_due"},
        {acts[i].tool, entry->tool.text[0] != '\0', "tool"},
        {acts[i].tool, entry->method.text[0] != '\0', "method"},
    };
    enum status status = STATUS_OK;
    for (size_t k = 0; status == STATUS_OK && k < COUNT(members); k++) {
        status = need(members[k].needed, members[k].there, members[k].where, fault);
    }
    return status;
}

static enum status read_happening(struct media_change *change, struct fault *fault)
{
    struct happening what = {0};
    json_t *body = NULL;
    enum status status = http_body_object(&body, change->request, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&what, sizeof(what), body, happening_fields, COUNT(happening_fields), "", fault);
        json_decref(body);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct store_medium_entry *entry = &change->entry;
    entry->reason = what.reason;
    entry->second = what.second;
    entry->place = what.place;
    entry->custodian = what.custodian;
    entry->inspection_due_utc_us = what.inspection_due;
    entry->tool = what.tool;
    entry->method = what.method;
    status = check_act(change, what.act, fault);
    return status == STATUS_OK ? begin_entry(change, what.act, fault) : status;
}

static enum status parse_serial(struct media_change *change, struct fault *fault)
{
    return name_parse(&change->entry.serial, change->request->parameters[0]) == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "serial", "must be a name");
}

static enum status tell_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct media_change *change = context;
    enum status status = store_medium_get_locked(&change->medium, tx, &change->entry.serial, fault);
    if (status == STATUS_OK && strcmp(change->medium.state, "kept") != 0) {
        status = fault_set(fault, STATUS_CONFLICT, "state", "the medium was destroyed");
    }
    return status == STATUS_OK ? tell_entry(change, tx, fault) : status;
}

enum status medium_entry(struct service *service, const struct http_request *request, struct http_reply *reply,
                         struct fault *fault)
{
    struct media_change change = {.service = service, .request = request};
    enum status status = parse_serial(&change, fault);
    if (status == STATUS_OK) {
        status = read_happening(&change, fault);
    }
    if (status == STATUS_OK) {
        status = check_people(&change, fault);
    }
    if (status == STATUS_OK) {
        status = store_transact(service->store, tell_in, &change, fault);
    }
    return status == STATUS_OK ? reply_change(&change, reply, 201, fault) : status;
}

/* Answering. */

static void apply(struct store_medium *medium, const struct store_medium_entry *entry)
{
    if (entry->place.text[0] != '\0') {
        medium->place = entry->place;
        medium->custodian = entry->custodian;
    }
    if (entry->inspection_due_utc_us != 0) {
        medium->inspection_due_utc_us = entry->inspection_due_utc_us;
    }
    if (strcmp(entry->act, "destroy") == 0) {
        (void)snprintf(medium->state, sizeof(medium->state), "destroyed");
    }
}

/* Only the one who was named confirms; an operator, too, may end what nobody will confirm. */
static enum status check_answer(const struct media_change *change, bool confirms, struct fault *fault)
{
    const struct store_medium_entry *entry = &change->entry;
    const struct caller *caller = &change->request->caller;
    bool named = name_equal(&entry->second, &caller->person);
    if (strcmp(entry->state, "open") != 0) {
        return fault_set(fault, STATUS_CONFLICT, "entry", "it is %s already", entry->state);
    }
    if (confirms && name_equal(&entry->told_by, &caller->person)) {
        return fault_set(fault, STATUS_DUPLICATE_PERSON, "second", "nobody confirms what they told themselves");
    }
    if (!named && (confirms || (caller->roles & ROLE_OPERATOR) == 0)) {
        return fault_set(fault, STATUS_FORBIDDEN, "second", "%s is asked", entry->second.text);
    }
    return STATUS_OK;
}

static enum status answer_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct media_change *change = context;
    struct store_medium_entry *entry = &change->entry;
    struct name serial = entry->serial;
    struct uuid id = entry->id;
    bool confirms = change->action == AUDIT_MEDIUM_CONFIRM;
    const struct caller *caller = &change->request->caller;
    enum status status = store_medium_get_locked(&change->medium, tx, &serial, fault);
    if (status == STATUS_OK) {
        status = store_medium_entry_get_locked(entry, tx, &serial, &id, fault);
    }
    if (status == STATUS_OK) {
        status = check_answer(change, confirms, fault);
    }
    if (status == STATUS_OK) {
        (void)snprintf(entry->state, sizeof(entry->state), "%s", confirms ? "confirmed" : "refused");
        status = store_medium_entry_answer(tx, &id, entry->state, &caller->person, clock_utc_us(change->service->clock),
                                           fault);
    }
    if (status == STATUS_OK && confirms) {
        apply(&change->medium, entry);
        status = store_medium_change(tx, &change->medium, fault);
    }
    return status == STATUS_OK ? log_change(change, tx, fault) : status;
}

static enum status answer(struct media_change *change, struct http_reply *reply, struct fault *fault)
{
    if (change->request->body_len != 0) {
        return fault_set(fault, STATUS_INVALID, "body", "must be empty");
    }
    enum status status = parse_serial(change, fault);
    if (status == STATUS_OK && uuid_parse(&change->entry.id, change->request->parameters[1]) != STATUS_OK) {
        status = fault_set(fault, STATUS_INVALID, "entry", "must be a UUIDv7");
    }
    if (status == STATUS_OK) {
        status = store_transact(change->service->store, answer_in, change, fault);
    }
    return status == STATUS_OK ? reply_change(change, reply, 200, fault) : status;
}

enum status medium_confirm(struct service *service, const struct http_request *request, struct http_reply *reply,
                           struct fault *fault)
{
    struct media_change change = {
        .service = service, .request = request, .action = AUDIT_MEDIUM_CONFIRM, .outcome = AUDIT_OUTCOME_OK};
    return answer(&change, reply, fault);
}

enum status medium_refuse(struct service *service, const struct http_request *request, struct http_reply *reply,
                          struct fault *fault)
{
    struct media_change change = {
        .service = service, .request = request, .action = AUDIT_MEDIUM_REFUSE, .outcome = AUDIT_OUTCOME_OK};
    return answer(&change, reply, fault);
}
