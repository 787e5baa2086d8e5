/*
 * Reading questions to the trail, and what every answer to them says: of each row whether it is what was signed, and of
 * the whole trail which rows are known not to be, since one of those may be what a question did not find.
 */
#include "question.h"

#include "audit/event.h"
#include "record.h"
#include "service.h"
#include "trail_signed.h"
#include "values.h"
#include "vocabulary.h"

static enum status query_time(int64_t *out, const struct http_request *request, const char *name, struct fault *fault)
{
    const char *text = http_query(request, name);
    if (text == NULL) {
        return STATUS_OK;
    }
    if (time_parse(out, text) == STATUS_OK) {
        *out = *out == 0 ? 1 : *out; /* 0 is no condition, and no entry is of that moment */
        return STATUS_OK;
    }
    int64_t day = 0;
    char begins[sizeof("2026-01-02") + sizeof("T00:00:00.000000Z")];
    (void)snprintf(begins, sizeof(begins), "%.11sT00:00:00.000000Z", text);
    return time_parse(&day, begins) == STATUS_OK
               ? fault_set(fault, STATUS_INVALID, name, "must be a time of UTC: that day begins at %s", begins)
               : fault_set(fault, STATUS_INVALID, name, "must be a time of UTC like 2026-01-02T03:04:05.000000Z");
}

static enum status query_amount(struct amount *out, const struct amount **out_given, const struct http_request *request,
                                const char *name, struct fault *fault)
{
    const char *text = http_query(request, name);
    if (text == NULL) {
        return STATUS_OK;
    }
    if (amount_parse(out, text) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, name, "must be a decimal number of base units below 2^128");
    }
    if (http_query(request, "asset") == NULL) {
        return fault_set(fault, STATUS_MISSING_FIELD, "asset", "an amount is one of an asset");
    }
    *out_given = out;
    return STATUS_OK;
}

static enum status read_text(const char **out, char room[STORE_TEXT_SIZE], const struct http_request *request,
                             const char *name, struct fault *fault)
{
    const char *text = http_query(request, name);
    size_t len = text == NULL ? 0 : strlen(text);
    for (size_t i = 0; i < len; i++) {
        len = text[i] >= ' ' && text[i] <= '~' ? len : STORE_TEXT_SIZE;
    }
    if (text != NULL && (len == 0 || len >= STORE_TEXT_SIZE)) {
        return fault_set(fault, STATUS_INVALID, name, "must be 1 to %d printable ASCII characters",
                         STORE_TEXT_SIZE - 1);
    }
    if (text != NULL) {
        memcpy(room, text, len + 1);
        *out = room;
    }
    return STATUS_OK;
}

static bool is_hash(const char *text)
{
    struct digest digest;
    return digest_parse(&digest, text) == STATUS_OK;
}

static bool is_name(const char *text)
{
    struct name name;
    return name_parse(&name, text) == STATUS_OK;
}

/* A value that no entry can have is a mistake, and an empty answer would hide it. */
static enum status check_forms(const struct store_trail_query *query, struct fault *fault)
{
    static const char hash[] = "an id: 64 lower-case hexadecimal digits";
    static const char name[] = "a name: a-z, 0-9 and -";
    const struct {
        const char *field;
        const char *value;
        bool (*is)(const char *text);
        const char *rule;
    } forms[] = {{"actor", query->actor, is_name, name},
                 {"wallet", query->wallet, is_name, name},
                 {"asset", query->asset, is_hash, hash},
                 {"key", query->key, is_hash, hash}};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (forms[i].value != NULL && !forms[i].is(forms[i].value)) {
            return fault_set(fault, STATUS_INVALID, forms[i].field, "must be %s", forms[i].rule);
        }
    }
    return STATUS_OK;
}

/* What entries of an action never have (audit/action_table.h) finds nothing, and an empty answer would hide that. */
static enum status check_action(const struct store_trail_query *query, struct fault *fault)
{
    const struct audit_action_info *info = audit_action_info(audit_action_find(query->act));
    bool about_key = strcmp(info->object_type, RECORD_KEY) == 0;
    const struct {
        const char *field;
        bool asked;
        bool carried;
    } facts[] = {{"wallet", query->wallet != NULL, audit_action_lists(info->facts, "wallet")},
                 {"asset", query->asset != NULL, audit_action_lists(info->facts, "asset")},
                 {"amount_min", query->amount_min != NULL, audit_action_lists(info->facts, "amount")},
                 {"amount_max", query->amount_max != NULL, audit_action_lists(info->facts, "amount")},
                 {"destination", query->destination != NULL, audit_action_lists(info->facts, "destination")},
                 {"version", query->version != 0, audit_action_lists(info->facts, "version")},
                 {"key", query->key != NULL, about_key || audit_action_lists(info->facts, "key")},
                 {"oid", query->oid != NULL, info->object_type[0] != '\0'}};
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        if (facts[i].asked && !facts[i].carried) {
            return fault_set(fault, STATUS_INVALID, facts[i].field, "no entry %s has one (docs/audit-events.md)",
                             info->text);
        }
    }
    if (query->otype != NULL && strcmp(query->otype, info->object_type) != 0) {
        return fault_set(fault, STATUS_INVALID, "otype", "every entry %s is about %s", info->text,
                         info->object_type[0] == '\0' ? "no object" : info->object_type);
    }
    return query->outcome == NULL || audit_action_lists(info->outcomes, query->outcome)
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "outcome", "every entry %s has one of: %s", info->text,
                           info->outcomes);
}

static enum status read_texts(struct trail_question *out, const struct http_request *request, struct fault *fault)
{
    struct store_trail_query *query = &out->query;
    const struct {
        const char *name;
        const char **value;
    } texts[TRAIL_TEXTS] = {
        {"actor", &query->actor},   {"act", &query->act},         {"otype", &query->otype},
        {"oid", &query->oid},       {"outcome", &query->outcome}, {"key", &query->key},
        {"wallet", &query->wallet}, {"asset", &query->asset},     {"destination", &query->destination}};
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < TRAIL_TEXTS; i++) {
        status = read_text(texts[i].value, out->texts[i], request, texts[i].name, fault);
    }
    return status == STATUS_OK ? check_forms(query, fault) : status;
}

static enum status read_words(struct trail_question *out, const struct http_request *request, struct fault *fault)
{
    struct store_trail_query *query = &out->query;
    const char *order = http_query(request, "order");
    const char *corr = http_query(request, "corr");
    const char *cursor = http_query(request, "cursor");
    enum status status = read_texts(out, request, fault);
    if (status != STATUS_OK) {
        return status;
    }
    query->newest_first = order == NULL || strcmp(order, "newest") == 0;
    if (order != NULL && !query->newest_first && strcmp(order, "oldest") != 0) {
        return fault_set(fault, STATUS_INVALID, "order", "must be newest or oldest");
    }
    status = query->act == NULL ? STATUS_OK : vocabulary_action(query->act, fault);
    if (status == STATUS_OK && query->otype != NULL) {
        status = vocabulary_object_type(query->otype, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (query->outcome != NULL && audit_outcome_find(query->outcome) == AUDIT_OUTCOME_NONE) {
        return fault_set(fault, STATUS_INVALID, "outcome", "must be ok, deny, error or intent");
    }
    if (corr != NULL && uuid_parse(&out->corr, corr) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "corr", "must be a UUIDv7");
    }
    query->corr = corr == NULL ? NULL : &out->corr;
    if (cursor != NULL) {
        (void)snprintf(out->cursor, sizeof(out->cursor), "%s", cursor);
        query->cursor = out->cursor;
    }
    return STATUS_OK;
}

/* Ends that nothing lies between: an answer would be empty whatever happened. */
static enum status check_ends(const struct store_trail_query *query, struct fault *fault)
{
    if (query->from_utc_us != 0 && query->to_utc_us != 0 && query->to_utc_us <= query->from_utc_us) {
        return fault_set(fault, STATUS_INVALID, "to", "must be after from");
    }
    if (query->amount_min != NULL && query->amount_max != NULL &&
        amount_compare(*query->amount_max, *query->amount_min) < 0) {
        return fault_set(fault, STATUS_INVALID, "amount_max", "must not be below amount_min");
    }
    return STATUS_OK;
}

/* The values are those of columns; nothing of them becomes SQL. */
enum status trail_question_read(struct trail_question *out, const struct http_request *request, struct fault *fault)
{
    *out = (struct trail_question){.query = {.limit = 0}};
    struct store_trail_query *query = &out->query;
    int64_t limit = 100;
    int64_t version = 0;
    int64_t seq = -1;
    enum status status = read_words(out, request, fault);
    if (status == STATUS_OK) {
        status = query_time(&query->from_utc_us, request, "from", fault);
    }
    if (status == STATUS_OK) {
        status = query_time(&query->to_utc_us, request, "to", fault);
    }
    if (status == STATUS_OK) {
        status = query_amount(&out->amount_min, &query->amount_min, request, "amount_min", fault);
    }
    if (status == STATUS_OK) {
        status = query_amount(&out->amount_max, &query->amount_max, request, "amount_max", fault);
    }
    if (status == STATUS_OK) {
        status = http_query_integer(&version, request, "version", 1, INT64_MAX, fault);
    }
    if (status == STATUS_OK) {
        status = http_query_integer(&limit, request, "limit", 1, 500, fault);
    }
    if (status == STATUS_OK) {
        status = http_query_integer(&seq, request, "seq", 0, INT64_MAX - 1, fault);
    }
    query->version = (uint64_t)version;
    query->limit = (unsigned)limit;
    query->from_seq = seq < 0 ? 0 : (uint64_t)seq;
    query->before_seq = seq < 0 ? 0 : (uint64_t)seq + 1;
    status = status == STATUS_OK ? check_ends(query, fault) : status;
    return status == STATUS_OK && query->act != NULL ? check_action(query, fault) : status;
}

enum status trail_row_view(json_t **out, struct service *service, const struct trail_extent *extent,
                           const struct store_leaf *row, struct fault *fault)
{
    const char *doubt = "";
    enum status status = trail_doubt(&doubt, service->trail, extent, row, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (doubt[0] != '\0' && extent->signed_to.size > 0) {
        trail_doubt_note(service->trail, row, doubt);
    }
    json_t *view = value_leaf(row);
    if (view == NULL || (doubt[0] != '\0' && json_object_set_new(view, "doubt", json_string(doubt)) != 0)) {
        json_decref(view);
        return fault_set(fault, STATUS_NO_MEMORY, "entries", "%s", "");
    }
    *out = view;
    return STATUS_OK;
}

enum status trail_extent_read(struct trail_extent *out, struct service *service, uint64_t head_size,
                              struct fault *fault)
{
    struct trail_checkpoint newest = {0};
    enum status status = trail_checkpoint_newest(&newest, service->trail, NULL);
    if (status == STATUS_NOT_READY) {
        status = STATUS_OK; /* reads go on, and say that nothing is proven */
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, "checkpoint", "%s", "");
    }
    bytes_free(&newest.note);
    *out = (struct trail_extent){.signed_to = newest.checkpoint, .head_size = head_size};
    return STATUS_OK;
}

enum status trail_corrupt_view(json_t **out, struct service *service, struct fault *fault)
{
    uint64_t seqs[TRAIL_DOUBTED_MAX];
    size_t count = trail_doubted_list(seqs, service->trail);
    json_t *array = count == 0 ? NULL : json_array();
    for (size_t i = 0; i < count; i++) {
        char text[TRAIL_DOUBTED_SIZE];
        trail_doubted_format(text, seqs[i]);
        if (json_array_append_new(array, json_string(text)) != 0) {
            json_decref(array);
            return fault_set(fault, STATUS_NO_MEMORY, "corrupt", "%s", "");
        }
    }
    *out = array;
    return STATUS_OK;
}

_Static_assert(TRAIL_DOUBTED_MAX *TRAIL_DOUBTED_SIZE <= HTTP_TRAIL_CORRUPT_SIZE, "all of them have room");

void trail_corrupt_format(char out[HTTP_TRAIL_CORRUPT_SIZE], struct service *service)
{
    uint64_t seqs[TRAIL_DOUBTED_MAX];
    size_t count = trail_doubted_list(seqs, service->trail);
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        char text[TRAIL_DOUBTED_SIZE];
        trail_doubted_format(text, seqs[i]);
        len += (size_t)snprintf(out + len, HTTP_TRAIL_CORRUPT_SIZE - len, "%s%s", i == 0 ? "" : ", ", text);
    }
}
