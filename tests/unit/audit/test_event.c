/* Events: the exact bytes of both stages, reading them back, and each rule. */
#include <criterion/criterion.h>

#include "audit/event.h"
#include "samples.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define UUID_1 "01890a5d-ac96-774b-bcce-b302099a8057"
#define UUID_2 "01890a5d-ac96-774b-bcce-b302099a8058"
#define UUID_3 "01890a5d-ac96-774b-bcce-b302099a8059"

/* A pending document in three parts, so that each test can replace the middle. */
#define HEAD "{\"act\":\"withdrawal.request\",\"actor\":\"desk-1\""
#define CORR ",\"corr\":\"" UUID_1 "\""
#define TAIL ",\"outcome\":\"deny\",\"pn\":\"9\",\"pr\":\"" UUID_2 "\""
#define SMALL HEAD CORR TAIL "}"
#define STAMPED_SMALL HEAD ",\"bt\":\"" UUID_3 "/7\"" CORR TAIL ",\"ts\":\"2026-01-02T03:04:05.000006Z\"}"

static struct uuid uuid(const char *text)
{
    struct uuid out;
    cr_assert_eq(uuid_parse(&out, text), STATUS_OK);
    return out;
}

static struct audit_event small_event(void)
{
    struct audit_event event = {
        .action = AUDIT_WITHDRAWAL_REQUEST, .outcome = AUDIT_OUTCOME_DENY, .producer_counter = 9};
    cr_assert_eq(name_parse(&event.actor, "desk-1"), STATUS_OK);
    event.correlation = uuid(UUID_1);
    event.producer = uuid(UUID_2);
    return event;
}

static struct audit_event full_event(void)
{
    struct audit_event event = small_event();
    const struct digest approvals[2] = {sample_digest(HASH_A), sample_digest(HASH_B)};
    event.action = AUDIT_WITHDRAWAL_SIGNING;
    event.outcome = AUDIT_OUTCOME_INTENT;
    event.auth = sample_digest(HASH_A);
    event.policy = sample_digest(HASH_B);
    event.object_ordinal = 4;
    (void)snprintf(event.object_type, sizeof(event.object_type), "withdrawal");
    (void)snprintf(event.object_id, sizeof(event.object_id), UUID_3);
    (void)snprintf(event.reason, sizeof(event.reason), "self_approval");
    cr_assert_eq(audit_event_refs_add(&event, "approvals", approvals, 2, NULL), STATUS_OK);
    static const char *const refs[] = {"transaction", "policy", "intent", "destination"};
    static const char *const facts[][2] = {
        {"wallet", "hot"}, {"amount", "100"}, {"asset", "7"}, {"destination", "sr1x"}, {"promises", "3"}};
    for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
        cr_assert_eq(audit_event_ref_add(&event, refs[i], &approvals[0], NULL), STATUS_OK);
    }
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        cr_assert_eq(audit_event_fact_add(&event, facts[i][0], facts[i][1], NULL), STATUS_OK);
    }
    cr_assert_eq(audit_event_void_add(&event, 7, NULL), STATUS_OK);
    cr_assert_eq(audit_event_void_add(&event, 8, NULL), STATUS_OK);
    cr_assert_eq(audit_event_pii_add(&event, &approvals[1], NULL), STATUS_OK);
    return event;
}

static struct audit_stamp stamp(void)
{
    struct audit_stamp out = {.boot = uuid(UUID_3), .epoch = 7};
    cr_assert_eq(time_parse(&out.at_utc_us, "2026-01-02T03:04:05.000006Z"), STATUS_OK);
    return out;
}

static enum status decode_pending(const char *text, char where[64])
{
    struct audit_event event = {0};
    struct fault fault = {0};
    enum status status = audit_event_decode_pending(&event, text, strlen(text), &fault);
    audit_event_wipe(&event);
    (void)snprintf(where, 64, "%s", fault.where);
    return status;
}

Test(event, bytes_of_a_small_event)
{
    struct audit_event event = small_event();
    struct bytes text;
    cr_assert_eq(audit_event_encode(&text, &event, NULL), STATUS_OK);
    cr_assert_str_eq((char *)text.data, SMALL);
    bytes_free(&text);
    audit_event_wipe(&event);
}

Test(event, bytes_of_a_full_event)
{
    struct audit_event event = full_event();
    struct bytes text;
    cr_assert_eq(audit_event_encode(&text, &event, NULL), STATUS_OK);
    cr_assert_str_eq((char *)text.data,
                     "{\"act\":\"withdrawal.signing\",\"actor\":\"desk-1\",\"auth\":\"" HASH_A "\"" CORR
                     ",\"facts\":{\"amount\":\"100\",\"asset\":\"7\",\"destination\":\"sr1x\",\"promises\":\"3\","
                     "\"wallet\":\"hot\"},\"oid\":\"" UUID_3
                     "\",\"on\":\"4\",\"otype\":\"withdrawal\",\"outcome\":\"intent\",\"pii\":[\"" HASH_B
                     "\"],\"pn\":\"9\",\"policy\":\"" HASH_B "\",\"pr\":\"" UUID_2
                     "\",\"reason\":\"self_approval\",\"refs\":{\"approvals\":[\"" HASH_A "\",\"" HASH_B
                     "\"],\"destination\":\"" HASH_A "\",\"intent\":\"" HASH_A "\",\"policy\":\"" HASH_A
                     "\",\"transaction\":\"" HASH_A "\"},\"void\":[\"7\",\"8\"]}");
    bytes_free(&text);
    audit_event_wipe(&event);
}

static void expect_refused(const struct audit_event *event, enum status expected, const char *where)
{
    struct bytes text = {0};
    struct fault fault = {0};
    cr_assert_eq(audit_event_encode(&text, event, &fault), expected, "%s was taken", where);
    cr_assert_str_eq(fault.where, where);
    cr_assert_not_null(strstr(fault.detail, audit_action_text(event->action)));
    cr_assert_null(text.data);
}

static void expect_undeclared(const struct audit_event *event, const char *where)
{
    expect_refused(event, STATUS_INVALID, where);
}

static void expect_taken(const struct audit_event *event)
{
    struct bytes text = {0};
    struct fault fault = {0};
    cr_assert_eq(audit_event_encode(&text, event, &fault), STATUS_OK, "%s %s", fault.where, fault.detail);
    bytes_free(&text);
}

Test(event, what_the_action_does_not_declare_is_refused)
{
    const struct digest digest = sample_digest(HASH_A);
    struct audit_event event = full_event();
    event.outcome = AUDIT_OUTCOME_DENY;
    expect_undeclared(&event, "outcome");
    event.outcome = AUDIT_OUTCOME_INTENT;
    (void)snprintf(event.object_type, sizeof(event.object_type), "key");
    expect_undeclared(&event, "otype");
    (void)snprintf(event.object_type, sizeof(event.object_type), "withdrawal");
    cr_assert_eq(audit_event_fact_add(&event, "colour", "red", NULL), STATUS_OK);
    expect_undeclared(&event, "facts.colour");
    cr_assert_eq(json_object_del(event.facts, "colour"), 0);
    cr_assert_eq(audit_event_ref_add(&event, "evaluated", &digest, NULL), STATUS_OK);
    expect_undeclared(&event, "refs.evaluated");
    cr_assert_eq(json_object_del(event.refs, "evaluated"), 0);
    expect_taken(&event);
    audit_event_wipe(&event);
}

/* Takes one field after the other away, and puts it back. */
static void expect_each_required(struct audit_event *event, const char *part, json_t *map)
{
    const char *name = NULL;
    json_t *whole = json_copy(map);
    json_t *value = NULL;
    json_object_foreach(whole, name, value)
    {
        char where[64];
        (void)snprintf(where, sizeof(where), "%s.%s", part, name);
        cr_assert_eq(json_object_del(map, name), 0);
        expect_refused(event, STATUS_MISSING_FIELD, where);
        cr_assert_eq(json_object_set(map, name, value), 0);
        expect_taken(event);
    }
    json_decref(whole);
}

Test(event, what_the_action_requires_and_is_not_there_is_refused)
{
    struct audit_event event = full_event();
    expect_each_required(&event, "refs", event.refs);
    expect_each_required(&event, "facts", event.facts);
    json_t *facts = event.facts;
    event.facts = NULL;
    expect_refused(&event, STATUS_MISSING_FIELD, "facts.amount");
    event.facts = facts;
    event.object_type[0] = '\0';
    event.object_id[0] = '\0';
    event.object_ordinal = 0;
    expect_refused(&event, STATUS_MISSING_FIELD, "otype");
    audit_event_wipe(&event);
}

Test(event, what_may_be_missing)
{
    struct audit_event event = small_event();
    event.action = AUDIT_LOGIN_OK;
    event.outcome = AUDIT_OUTCOME_OK;
    expect_taken(&event); /* `roles?` */
    event.action = AUDIT_LEDGER_SUBMIT;
    expect_refused(&event, STATUS_MISSING_FIELD, "refs.transaction");
    event.outcome = AUDIT_OUTCOME_INTENT;
    expect_refused(&event, STATUS_MISSING_FIELD, "refs.transaction");
    event.outcome = AUDIT_OUTCOME_DENY; /* it can be ok, and was refused */
    expect_taken(&event);
    event.outcome = AUDIT_OUTCOME_ERROR;
    expect_taken(&event);
    event.action = AUDIT_LEDGER_ISSUE; /* nobody is refused it */
    expect_refused(&event, STATUS_MISSING_FIELD, "refs.transaction");
    event.action = AUDIT_REQUEST_DENY; /* it is about nothing else */
    event.outcome = AUDIT_OUTCOME_DENY;
    expect_refused(&event, STATUS_MISSING_FIELD, "facts.count");
    audit_event_wipe(&event);
}

Test(event, a_reader_takes_what_a_later_list_declares)
{
    char where[64];
    cr_assert_eq(decode_pending(HEAD CORR ",\"facts\":{\"colour\":\"red\"}" TAIL "}", where), STATUS_OK);
}

Test(event, stamping_adds_time_and_boot)
{
    const struct audit_stamp at = stamp();
    struct audit_event event = {0};
    struct bytes text;
    cr_assert_eq(audit_event_stamp(&text, &event, SMALL, strlen(SMALL), &at, NULL), STATUS_OK);
    cr_assert_str_eq((char *)text.data, STAMPED_SMALL);
    cr_assert_eq(event.epoch, 7);
    cr_assert_eq(event.at_utc_us, at.at_utc_us);
    cr_assert_eq(event.action, AUDIT_WITHDRAWAL_REQUEST);
    audit_event_wipe(&event);
    cr_assert_eq(audit_event_decode(&event, text.data, text.len, NULL), STATUS_OK);
    cr_assert(uuid_equal(&event.boot, &at.boot));
    audit_event_wipe(&event);
    bytes_free(&text);
}

Test(event, a_full_event_reads_back)
{
    struct audit_event event = full_event();
    struct audit_event again = {0};
    const struct audit_stamp at = stamp();
    struct bytes pending;
    struct bytes text;
    cr_assert_eq(audit_event_encode(&pending, &event, NULL), STATUS_OK);
    cr_assert_eq(audit_event_stamp(&text, &again, pending.data, pending.len, &at, NULL), STATUS_OK);
    audit_event_wipe(&again);
    cr_assert_eq(audit_event_decode(&again, text.data, text.len, NULL), STATUS_OK);
    struct digest digests[2];
    size_t count = 2;
    cr_assert_eq(audit_event_refs(digests, &count, &again, "approvals"), STATUS_OK);
    struct digest expected = sample_digest(HASH_B);
    cr_assert(count == 2 && digest_equal(&digests[1], &expected));
    cr_assert_eq(audit_event_ref(&digests[0], &again, "approvals"), STATUS_NOT_FOUND, "a list is not one digest");
    cr_assert_eq(audit_event_ref(&digests[0], &again, "withdrawal"), STATUS_NOT_FOUND);
    expected = sample_digest(HASH_A);
    cr_assert_eq(audit_event_ref(&digests[0], &again, "intent"), STATUS_OK);
    cr_assert(digest_equal(&digests[0], &expected));
    count = 1;
    cr_assert_eq(audit_event_refs(digests, &count, &again, "approvals"), STATUS_TOO_LARGE);
    cr_assert_eq(audit_event_refs(digests, &count, &again, "intent"), STATUS_OK);
    cr_assert_eq(count, 1);
    cr_assert_str_eq(audit_event_fact(&again, "amount"), "100");
    cr_assert_null(audit_event_fact(&again, "version"));
    cr_assert(again.object_ordinal == 4 && again.producer_counter == 9);
    cr_assert_str_eq(again.object_id, UUID_3);
    cr_assert_str_eq(again.reason, "self_approval");
    bytes_free(&text);
    bytes_free(&pending);
    audit_event_wipe(&again);
    audit_event_wipe(&event);
}

Test(event, the_stages_do_not_mix)
{
    struct audit_event event = {0};
    struct bytes text;
    const struct audit_stamp at = stamp();
    cr_assert_eq(audit_event_decode(&event, SMALL, strlen(SMALL), NULL), STATUS_MISSING_FIELD);
    cr_assert_eq(audit_event_decode_pending(&event, STAMPED_SMALL, strlen(STAMPED_SMALL), NULL), STATUS_UNKNOWN_FIELD);
    cr_assert_eq(audit_event_stamp(&text, &event, STAMPED_SMALL, strlen(STAMPED_SMALL), &at, NULL),
                 STATUS_UNKNOWN_FIELD, "a producer cannot set the time");
}

Test(event, rules_by_field)
{
    static const struct {
        const char *text;
        enum status status;
        const char *where;
    } rows[] = {
        {SMALL, STATUS_OK, ""},
        {HEAD CORR TAIL ",\"zz\":1}", STATUS_UNKNOWN_FIELD, "zz"},
        {HEAD TAIL "}", STATUS_MISSING_FIELD, "corr"},
        {"{\"act\":\"withdrawal.steal\",\"actor\":\"a\"" CORR TAIL "}", STATUS_INVALID, "act"},
        {"{\"act\":\"service.start\",\"actor\":\"A B\"" CORR TAIL "}", STATUS_INVALID, "actor"},
        {HEAD ",\"auth\":\"ab\"" CORR TAIL "}", STATUS_INVALID, "auth"},
        {HEAD ",\"corr\":\"01890a5d-ac96-474b-bcce-b302099a8057\"" TAIL "}", STATUS_INVALID, "corr"},
        {HEAD CORR ",\"outcome\":\"maybe\",\"pn\":\"9\",\"pr\":\"" UUID_2 "\"}", STATUS_INVALID, "outcome"},
        {HEAD CORR ",\"outcome\":\"ok\",\"pn\":\"0\",\"pr\":\"" UUID_2 "\"}", STATUS_INVALID, "pn"},
        {HEAD CORR ",\"outcome\":\"ok\",\"pn\":\"09\",\"pr\":\"" UUID_2 "\"}", STATUS_INVALID, "pn"},
        {HEAD CORR ",\"outcome\":\"ok\",\"pn\":9,\"pr\":\"" UUID_2 "\"}", STATUS_INVALID, "pn"},
        {HEAD CORR ",\"oid\":\"x\"" TAIL "}", STATUS_INVALID, "on"},
        {HEAD CORR ",\"oid\":\"x\",\"on\":\"1\"" TAIL "}", STATUS_INVALID, "on"},
        {HEAD CORR ",\"oid\":\"x\",\"on\":\"1\",\"otype\":\"t\"" TAIL "}", STATUS_OK, ""},
        {HEAD CORR ",\"oid\":\"x\",\"on\":\"0\",\"otype\":\"t\"" TAIL "}", STATUS_INVALID, "on"},
        {HEAD CORR ",\"on\":\"0\"" TAIL "}", STATUS_INVALID, "event"},
        {HEAD CORR ",\"oid\":\"a b\",\"on\":\"1\",\"otype\":\"t\"" TAIL "}", STATUS_INVALID, "oid"},
        {HEAD CORR ",\"oid\":\"x\",\"on\":\"1\",\"otype\":\"T\"" TAIL "}", STATUS_INVALID, "otype"},
        {HEAD CORR ",\"oid\":\"\"" TAIL "}", STATUS_INVALID, "oid"},
        {HEAD ",\"auth\":\"0000000000000000000000000000000000000000000000000000000000000000\"" CORR TAIL "}",
         STATUS_INVALID, "auth"},
        {HEAD CORR TAIL ",\"reason\":\"not good\"}", STATUS_INVALID, "reason"},
        {HEAD CORR TAIL ",\"reason\":\"\"}", STATUS_INVALID, "reason"},
        {HEAD CORR TAIL ",\"refs\":{}}", STATUS_INVALID, "refs"},
        {HEAD CORR TAIL ",\"refs\":[]}", STATUS_INVALID, "refs"},
        {HEAD CORR TAIL ",\"refs\":{\"a\":[]}}", STATUS_INVALID, "refs"},
        {HEAD CORR TAIL ",\"refs\":{\"a\":\"x\"}}", STATUS_INVALID, "refs"},
        {HEAD CORR TAIL ",\"refs\":{\"a\":[\"" HASH_A "\",1]}}", STATUS_INVALID, "refs"},
        {HEAD CORR TAIL ",\"refs\":{\"a\":{\"b\":\"" HASH_A "\"}}}", STATUS_INVALID, "refs"},
        {HEAD CORR TAIL ",\"refs\":{\"a\":\"" HASH_A "\"}}", STATUS_OK, ""},
        {HEAD CORR ",\"facts\":{}" TAIL "}", STATUS_INVALID, "facts"},
        {HEAD CORR ",\"facts\":{\"a\":1}" TAIL "}", STATUS_INVALID, "facts"},
        {HEAD CORR ",\"facts\":{\"a\":\"\"}" TAIL "}", STATUS_INVALID, "facts"},
        {HEAD CORR ",\"facts\":{\"a\":\"two words\"}" TAIL "}", STATUS_INVALID, "facts"},
        {HEAD CORR TAIL ",\"void\":[]}", STATUS_INVALID, "void"},
        {HEAD CORR TAIL ",\"void\":[7]}", STATUS_INVALID, "void"},
        {HEAD CORR TAIL ",\"void\":[\"0\"]}", STATUS_INVALID, "void"},
        {HEAD CORR TAIL ",\"void\":[\"9\"]}", STATUS_INVALID, "void"},
        {HEAD CORR TAIL ",\"void\":[\"8\",\"7\"]}", STATUS_INVALID, "void"},
        {HEAD CORR TAIL ",\"void\":[\"7\",\"7\"]}", STATUS_INVALID, "void"},
        {HEAD CORR TAIL ",\"void\":[\"7\",\"8\"]}", STATUS_OK, ""},
        {HEAD CORR ",\"outcome\":\"ok\",\"pii\":[\"x\"],\"pn\":\"9\",\"pr\":\"" UUID_2 "\"}", STATUS_INVALID, "pii"},
        {SMALL " ", STATUS_NOT_CANONICAL, ""},
        {"{}", STATUS_MISSING_FIELD, "act"},
        {"[]", STATUS_NOT_CANONICAL, ""},
        {"", STATUS_NOT_CANONICAL, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char where[64];
        cr_assert_eq(decode_pending(rows[i].text, where), rows[i].status, "case %zu: %s", i, rows[i].text);
        cr_assert_str_eq(where, rows[i].where, "case %zu: %s", i, rows[i].text);
    }
}

Test(event, rules_of_the_stamp)
{
    static const char *const bts[] = {
        UUID_3,        UUID_3 "/",  UUID_3 "/0", UUID_3 "/07", UUID_3 "/9223372036854775808", "/7",
        UUID_3 "/7/7", UUID_3 "-7", ""};
    for (size_t i = 0; i < sizeof(bts) / sizeof(bts[0]); i++) {
        char text[1024];
        struct audit_event event = {0};
        struct fault fault = {0};
        (void)snprintf(text, sizeof(text), HEAD ",\"bt\":\"%s\"" CORR TAIL ",\"ts\":\"2026-01-02T03:04:05.000006Z\"}",
                       bts[i]);
        cr_assert_eq(audit_event_decode(&event, text, strlen(text), &fault), STATUS_INVALID, "%s", bts[i]);
        cr_assert_str_eq(fault.where, "bt");
    }
    struct audit_stamp at = stamp();
    struct audit_event event = {0};
    struct bytes out;
    at.epoch = 0;
    cr_assert_eq(audit_event_stamp(&out, &event, SMALL, strlen(SMALL), &at, NULL), STATUS_INVALID);
    at = stamp();
    at.boot = (struct uuid){{0}};
    cr_assert_eq(audit_event_stamp(&out, &event, SMALL, strlen(SMALL), &at, NULL), STATUS_INVALID);
    at = stamp();
    at.at_utc_us = -1;
    cr_assert_eq(audit_event_stamp(&out, &event, SMALL, strlen(SMALL), &at, NULL), STATUS_INVALID);
}

Test(event, filling_refuses_what_reading_would)
{
    struct audit_event event = small_event();
    const struct digest digest = sample_digest(HASH_A);
    cr_assert_eq(audit_event_ref_add(&event, "Intent", &digest, NULL), STATUS_INVALID);
    cr_assert_eq(audit_event_ref_add(&event, "", &digest, NULL), STATUS_INVALID);
    cr_assert_eq(audit_event_ref_add(&event, "intent", &digest, NULL), STATUS_OK);
    cr_assert_eq(audit_event_ref_add(&event, "intent", &digest, NULL), STATUS_INVALID, "twice");
    cr_assert_eq(audit_event_refs_add(&event, "approvals", &digest, 0, NULL), STATUS_INVALID);
    cr_assert_eq(audit_event_fact_add(&event, "memo", "for the rent", NULL), STATUS_INVALID, "free text");
    cr_assert_eq(audit_event_fact_add(&event, "memo", "gr\xc3\xbc\xc3\x9f", NULL), STATUS_INVALID);
    cr_assert_eq(audit_event_void_add(&event, 0, NULL), STATUS_INVALID);
    for (int i = 0; i < AUDIT_LIST_MAX; i++) {
        cr_assert_eq(audit_event_pii_add(&event, &digest, NULL), STATUS_OK);
    }
    cr_assert_eq(audit_event_pii_add(&event, &digest, NULL), STATUS_INVALID);
    struct bytes text;
    cr_assert_eq(audit_event_encode(&text, &event, NULL), STATUS_OK);
    bytes_free(&text);
    audit_event_wipe(&event);
}

Test(event, a_forgotten_field_is_refused)
{
    struct audit_event event = small_event();
    struct bytes text;
    event.action = AUDIT_ACTION_NONE;
    cr_assert_eq(audit_event_encode(&text, &event, NULL), STATUS_INVALID);
    event = small_event();
    event.outcome = AUDIT_OUTCOME_NONE;
    cr_assert_eq(audit_event_encode(&text, &event, NULL), STATUS_INVALID);
    event = small_event();
    event.correlation = (struct uuid){{0}};
    cr_assert_eq(audit_event_encode(&text, &event, NULL), STATUS_INVALID);
    event = small_event();
    event.actor.text[0] = '\0';
    cr_assert_eq(audit_event_encode(&text, &event, NULL), STATUS_INVALID);
}

/* Whatever is left out or hard to tell apart, the stamp stands in its place: the decoder takes nothing else. */
Test(event, a_stamp_fits_into_every_shape)
{
    const struct audit_stamp at = stamp();
    for (unsigned shape = 0; shape < 64; shape++) {
        struct audit_event event = full_event();
        event.action = AUDIT_WITHDRAWAL_APPROVE;
        event.outcome = AUDIT_OUTCOME_DENY;
        json_decref(event.facts);
        json_decref(event.refs);
        event.facts = NULL;
        event.refs = NULL;
        cr_assert_eq(audit_event_fact_add(&event, "asset", ",\"corr\":", NULL), STATUS_OK);
        cr_assert_eq(audit_event_fact_add(&event, "version", "],\"void\":[\"1\"]", NULL), STATUS_OK);
        cr_assert_eq(audit_event_refs_add(&event, "approval", &event.auth, 1, NULL), STATUS_OK);
        json_t **const parts[] = {&event.facts, &event.refs, &event.voided, &event.pii};
        for (unsigned i = 0; i < 4; i++) {
            if (shape >> i & 1) {
                json_decref(*parts[i]);
                *parts[i] = NULL;
            }
        }
        if (shape >> 4 & 1) {
            event.auth = (struct digest){0};
        }
        if (shape >> 5 & 1) {
            event.reason[0] = '\0';
        }
        struct bytes pending;
        struct bytes text;
        struct audit_event again;
        cr_assert_eq(audit_event_encode(&pending, &event, NULL), STATUS_OK);
        cr_assert_eq(audit_event_splice(&text, pending.data, pending.len, &at, NULL), STATUS_OK);
        cr_expect_eq(audit_event_decode(&again, text.data, text.len, NULL), STATUS_OK, "%.*s", (int)text.len,
                     (char *)text.data);
        cr_expect_eq(again.at_utc_us, at.at_utc_us);
        audit_event_wipe(&again);
        audit_event_wipe(&event);
        bytes_free(&text);
        bytes_free(&pending);
    }
}

/* The largest pending document still fits a leaf after stamping. */
Test(event, limits)
{
    struct audit_event event = small_event();
    struct audit_event stamped = {0};
    struct digest digests[AUDIT_LIST_MAX];
    memset(digests, 0xaa, sizeof(digests));
    static const char *const names[] = {"evaluated", "intent", "returns"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cr_assert_eq(audit_event_refs_add(&event, names[i], digests, AUDIT_LIST_MAX, NULL), STATUS_OK);
    }
    struct bytes pending = {0};
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK; i++) {
        char name[16];
        char value[AUDIT_FACT_MAX + 1];
        (void)snprintf(name, sizeof(name), "rule_%d", i);
        memset(value, 'v', AUDIT_FACT_MAX);
        value[AUDIT_FACT_MAX] = '\0';
        cr_assert_eq(audit_event_fact_add(&event, name, value, NULL), STATUS_OK);
        struct bytes next = {0};
        status = audit_event_encode(&next, &event, NULL);
        if (status == STATUS_OK) {
            bytes_free(&pending);
            pending = next;
        }
    }
    cr_assert_eq(status, STATUS_TOO_LARGE);
    struct audit_stamp at = stamp();
    at.epoch = INT64_MAX;
    struct bytes text;
    cr_assert_eq(audit_event_stamp(&text, &stamped, pending.data, pending.len, &at, NULL), STATUS_OK);
    cr_assert_leq(text.len - pending.len, AUDIT_EVENT_STAMP_MAX);
    bytes_free(&text);
    bytes_free(&pending);
    audit_event_wipe(&stamped);
    audit_event_wipe(&event);
}
