/*
 * Fields of documents: every type is read, written and refused, and the refusal names the field.
 */
#include <criterion/criterion.h>

#include "base/algorithm.h"
#include "base/amount.h"
#include "base/canon.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/id.h"

struct sample {
    char text[8];
    struct name name;
    int64_t integer;
    uint64_t counter;
    bool boolean;
    struct amount amount;
    int64_t time_utc_us;
    struct uuid uuid;
    struct digest hash;
    enum algorithm algorithm;
    uint8_t signature[64];
    struct bytes bytes;
    struct bytes string;
    json_t *object;
    json_t *array;
};

static const struct canon_field fields[] = {
    {"text", CANON_TEXT, false, offsetof(struct sample, text), 8, 1, 0},
    CANON_FIELD(struct sample, name, CANON_NAME),
    CANON_FIELD_RANGE(struct sample, integer, CANON_INTEGER, -5, 5),
    CANON_FIELD(struct sample, counter, CANON_COUNTER),
    CANON_FIELD(struct sample, boolean, CANON_BOOLEAN),
    CANON_FIELD(struct sample, amount, CANON_AMOUNT),
    CANON_FIELD(struct sample, time_utc_us, CANON_TIME),
    CANON_FIELD(struct sample, uuid, CANON_UUID),
    CANON_FIELD(struct sample, hash, CANON_HASH),
    CANON_FIELD(struct sample, algorithm, CANON_ALGORITHM),
    CANON_FIELD(struct sample, signature, CANON_SIGNATURE),
    CANON_FIELD_SIZED(struct sample, bytes, CANON_BYTES, 4),
    CANON_FIELD_SIZED(struct sample, string, CANON_STRING, 4),
    CANON_FIELD(struct sample, object, CANON_OBJECT),
    CANON_FIELD_RANGE(struct sample, array, CANON_ARRAY, 1, 2),
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

#define HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SIGNATURE "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/QA=="

static const char sample_document[] =
    "{\"algorithm\":\"ed25519\",\"amount\":\"340282366920938463463374607431768211455\",\"array\":[1,\"b\"],"
    "\"boolean\":true,\"bytes\":\"AAECAw==\",\"counter\":\"9223372036854775807\",\"hash\":\"" HASH "\",\"integer\":-5,"
    "\"name\":\"approver-1\",\"object\":{\"a\":1},\"signature\":\"" SIGNATURE "\",\"string\":\"a b\","
    "\"text\":\"seven77\",\"time_utc_us\":\"2026-01-02T03:04:05.000000Z\","
    "\"uuid\":\"017f22e2-79b0-7cc3-98c4-dc0c0c07398f\"}";

static json_t *sample_object(void)
{
    json_t *object = NULL;
    struct fault fault = {0};
    cr_assert_eq(canon_parse(&object, sample_document, strlen(sample_document), CANON_DOCUMENT_MAX, &fault), STATUS_OK,
                 "%s", fault.detail);
    return object;
}

static void sample_free(struct sample *sample)
{
    bytes_free(&sample->bytes);
    bytes_free(&sample->string);
}

Test(canon_field, every_type_is_read)
{
    json_t *object = sample_object();
    struct sample sample;
    struct fault fault = {0};
    cr_assert_eq(canon_decode(&sample, sizeof(sample), object, fields, FIELD_COUNT, "", &fault), STATUS_OK, "%s %s",
                 fault.where, fault.detail);
    cr_assert_str_eq(sample.text, "seven77");
    cr_assert_str_eq(sample.name.text, "approver-1");
    cr_assert_eq(sample.integer, -5);
    cr_assert_eq(sample.counter, INT64_MAX);
    cr_assert(sample.boolean);
    struct amount sum;
    cr_assert_eq(amount_add(&sum, sample.amount, amount_from_u64(1)), STATUS_OVERFLOW);
    cr_assert_eq(sample.time_utc_us, 1767323045000000);
    cr_assert_eq(sample.uuid.bytes16[0], 0x01);
    cr_assert_eq(sample.hash.bytes32[0], 0xba);
    cr_assert_eq(sample.algorithm, ALGORITHM_ED25519);
    cr_assert_eq(sample.signature[63], 64);
    cr_assert_eq(sample.bytes.len, 4);
    cr_assert_str_eq((char *)sample.string.data, "a b");
    cr_assert_eq(json_object_size(sample.object), 1);
    cr_assert_eq(json_array_size(sample.array), 2);
    sample_free(&sample);
    json_decref(object);
}

Test(canon_field, what_was_read_is_written_byte_for_byte)
{
    json_t *object = sample_object();
    struct sample sample;
    cr_assert_eq(canon_decode(&sample, sizeof(sample), object, fields, FIELD_COUNT, "", NULL), STATUS_OK);
    struct bytes out = {0};
    cr_assert_eq(canon_encode_bytes(&out, &sample, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, NULL), STATUS_OK);
    cr_assert_str_eq((char *)out.data, sample_document);
    bytes_free(&out);
    cr_assert_eq(canon_encode_bytes(&out, &sample, fields, FIELD_COUNT, sizeof(sample_document) - 2, NULL),
                 STATUS_TOO_LARGE);
    sample_free(&sample);
    json_decref(object);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct canon_field *)a)->name, ((const struct canon_field *)b)->name);
}

/* The rows as most tables of ours have them. */
static const struct canon_field *ascending_fields(void)
{
    static struct canon_field ascending[FIELD_COUNT];
    memcpy(ascending, fields, sizeof(fields));
    qsort(ascending, FIELD_COUNT, sizeof(ascending[0]), by_name);
    return ascending;
}

Test(canon_field, a_table_in_order_writes_the_same)
{
    json_t *object = sample_object();
    struct sample sample;
    cr_assert_eq(canon_decode(&sample, sizeof(sample), object, ascending_fields(), FIELD_COUNT, "", NULL), STATUS_OK);
    struct bytes out = {0};
    cr_assert_eq(canon_encode_bytes(&out, &sample, ascending_fields(), FIELD_COUNT, CANON_DOCUMENT_MAX, NULL),
                 STATUS_OK);
    cr_assert_str_eq((char *)out.data, sample_document);
    bytes_free(&out);
    cr_assert_eq(canon_encode_bytes(&out, &sample, ascending_fields(), FIELD_COUNT, sizeof(sample_document) - 2, NULL),
                 STATUS_TOO_LARGE);
    cr_assert_null(out.data);
    sample_free(&sample);
    json_decref(object);
}

struct odd {
    int64_t a;
    char b[8];
    json_t *c;
};

static const struct canon_field odd_fields[] = {
    {"a", CANON_INTEGER, false, offsetof(struct odd, a), sizeof(int64_t), INT64_MIN, INT64_MAX},
    CANON_FIELD(struct odd, b, CANON_TEXT),
    CANON_FIELD(struct odd, c, CANON_OBJECT),
};

/* The document of odd values whose last member is this object, or why there is none. */
static enum status odd_write(struct bytes *out, int64_t a, const char *object, const char *key)
{
    struct canon_field rows[3];
    struct odd odd = {.a = a, .b = "\"\\x", .c = json_loads(object, 0, NULL)};
    cr_assert_not_null(odd.c);
    memcpy(rows, odd_fields, sizeof(rows));
    rows[2].name = key;
    enum status status = canon_encode_bytes(out, &odd, rows, 3, CANON_DOCUMENT_MAX, NULL);
    json_decref(odd.c);
    return status;
}

Test(canon_field, what_cannot_be_written_as_it_comes_is_sorted_or_refused)
{
    struct bytes out = {0};
    cr_assert_eq(odd_write(&out, -7, "{\"z\":[true,{\"y\":1,\"x\":\"\"}],\"e\":{}}", "c"), STATUS_OK);
    cr_expect_str_eq((char *)out.data,
                     "{\"a\":-7,\"b\":\"\\\"\\\\x\",\"c\":{\"e\":{},\"z\":[true,{\"x\":\"\",\"y\":1}]}}");
    bytes_free(&out);
    cr_expect_eq(odd_write(&out, CANON_INTEGER_MAX + 1, "{}", "c"), STATUS_NOT_CANONICAL);
    cr_expect_eq(odd_write(&out, -CANON_INTEGER_MAX - 1, "{}", "c"), STATUS_NOT_CANONICAL);
    cr_expect_eq(odd_write(&out, 1, "{\"x\":null}", "c"), STATUS_NOT_CANONICAL);
    cr_expect_eq(odd_write(&out, 1, "{\"x\":1.5}", "c"), STATUS_NOT_CANONICAL);
    cr_expect_eq(odd_write(&out, 1, "{\"x\":{\"Y\":1}}", "c"), STATUS_NOT_CANONICAL);
    cr_expect_eq(odd_write(&out, 1, "{}", "c-d"), STATUS_NOT_CANONICAL);
    cr_expect_eq(odd_write(&out, 1, "[[[[[[[[1]]]]]]]]", "c"), STATUS_INVALID);
    cr_expect_eq(odd_write(&out, 1, "{\"x\":[[[[[[[1]]]]]]]}", "c"), STATUS_NOT_CANONICAL);
    cr_assert_eq(odd_write(&out, 1, "{\"x\":[[[[[[1]]]]]]}", "c"), STATUS_OK);
    bytes_free(&out);
}

/* One field at a time is replaced by a JSON text that breaks its rule. */
static const struct {
    const char *field;
    const char *json;
    enum status status;
} broken[] = {
    {"text", "1", STATUS_INVALID},
    {"text", "\"\"", STATUS_INVALID},
    {"text", "\"eight888\"", STATUS_INVALID},
    {"text", "true", STATUS_INVALID},
    {"name", "\"Upper\"", STATUS_INVALID},
    {"name", "\"\"", STATUS_INVALID},
    {"name", "{}", STATUS_INVALID},
    {"integer", "6", STATUS_INVALID},
    {"integer", "-6", STATUS_INVALID},
    {"integer", "\"1\"", STATUS_INVALID},
    {"integer", "true", STATUS_INVALID},
    {"counter", "1", STATUS_INVALID},
    {"counter", "\"01\"", STATUS_INVALID},
    {"counter", "\"-1\"", STATUS_INVALID},
    {"counter", "\"\"", STATUS_INVALID},
    {"counter", "\"9223372036854775808\"", STATUS_INVALID},
    {"counter", "\"340282366920938463463374607431768211456\"", STATUS_INVALID},
    {"boolean", "1", STATUS_INVALID},
    {"boolean", "\"true\"", STATUS_INVALID},
    {"amount", "1", STATUS_INVALID},
    {"amount", "\"-1\"", STATUS_INVALID},
    {"amount", "\"1e3\"", STATUS_INVALID},
    {"amount", "\"007\"", STATUS_INVALID},
    {"amount", "\"340282366920938463463374607431768211456\"", STATUS_OVERFLOW},
    {"time_utc_us", "\"2026-01-02T03:04:05Z\"", STATUS_INVALID},
    {"time_utc_us", "0", STATUS_INVALID},
    {"uuid", "\"017F22E2-79B0-7CC3-98C4-DC0C0C07398F\"", STATUS_INVALID},
    {"hash", "\"00\"", STATUS_INVALID},
    {"algorithm", "\"rsa\"", STATUS_ALGORITHM_REFUSED},
    {"algorithm", "\"P256\"", STATUS_ALGORITHM_REFUSED},
    {"algorithm", "1", STATUS_INVALID},
    {"signature", "\"AAECAw==\"", STATUS_INVALID},
    {"signature", "\"\"", STATUS_INVALID},
    {"bytes", "\"AAECAwQ=\"", STATUS_INVALID},
    {"bytes", "\"AAECAw\"", STATUS_INVALID},
    {"bytes", "[]", STATUS_INVALID},
    {"string", "\"abcde\"", STATUS_INVALID},
    {"string", "false", STATUS_INVALID},
    {"object", "[]", STATUS_INVALID},
    {"array", "{}", STATUS_INVALID},
    {"array", "[]", STATUS_INVALID},
    {"array", "[1,2,3]", STATUS_INVALID},
};

Test(canon_field, a_broken_field_is_named_and_nothing_is_kept)
{
    static const struct sample zero;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        json_t *object = sample_object();
        json_t *value = json_loads(broken[i].json, JSON_DECODE_ANY, NULL);
        cr_assert_eq(json_object_set_new(object, broken[i].field, value), 0);
        struct sample sample;
        struct fault fault = {0};
        cr_assert_eq(canon_decode(&sample, sizeof(sample), object, fields, FIELD_COUNT, "outer[2]", &fault),
                     broken[i].status, "%s=%s", broken[i].field, broken[i].json);
        char where[64];
        (void)snprintf(where, sizeof(where), "outer[2].%s", broken[i].field);
        cr_assert_str_eq(fault.where, where);
        cr_assert_neq(fault.detail[0], '\0');
        cr_assert_arr_eq(&sample, &zero, sizeof(sample));
        json_decref(object);
    }
}

Test(canon_field, unknown_and_missing_fields_are_named)
{
    json_t *object = sample_object();
    struct sample sample;
    struct fault fault = {0};
    cr_assert_eq(json_object_set_new(object, "surprise", json_true()), 0);
    cr_assert_eq(canon_decode(&sample, sizeof(sample), object, fields, FIELD_COUNT, "", &fault), STATUS_UNKNOWN_FIELD);
    cr_assert_str_eq(fault.where, "surprise");
    cr_assert_eq(json_object_del(object, "surprise"), 0);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        json_t *partial = json_copy(object);
        cr_assert_eq(json_object_del(partial, fields[i].name), 0);
        fault_clear(&fault);
        cr_assert_eq(canon_decode(&sample, sizeof(sample), partial, fields, FIELD_COUNT, "", &fault),
                     STATUS_MISSING_FIELD);
        cr_assert_str_eq(fault.where, fields[i].name);
        json_decref(partial);
    }
    json_decref(object);
}

Test(canon_field, only_objects_have_fields)
{
    struct sample sample;
    struct fault fault = {0};
    json_t *array = json_array();
    cr_assert_eq(canon_decode(&sample, sizeof(sample), array, fields, FIELD_COUNT, "legs[0]", &fault), STATUS_INVALID);
    cr_assert_str_eq(fault.where, "legs[0]");
    cr_assert_eq(canon_decode(&sample, sizeof(sample), NULL, fields, FIELD_COUNT, "", NULL), STATUS_INVALID);
    json_decref(array);
}

static void optional_fields(struct canon_field out[FIELD_COUNT])
{
    memcpy(out, fields, sizeof(fields));
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        out[i].optional = true;
    }
}

Test(canon_field, absent_optional_fields_are_zero_and_left_out_again)
{
    static const struct sample zero;
    struct canon_field optional[FIELD_COUNT];
    optional_fields(optional);
    json_t *object = json_object();
    struct sample sample;
    memset(&sample, 0xff, sizeof(sample));
    cr_assert_eq(canon_decode(&sample, sizeof(sample), object, optional, FIELD_COUNT, "", NULL), STATUS_OK);
    cr_assert_arr_eq(&sample, &zero, sizeof(sample));
    struct bytes out = {0};
    cr_assert_eq(canon_encode_bytes(&out, &sample, optional, FIELD_COUNT, CANON_DOCUMENT_MAX, NULL), STATUS_OK);
    cr_assert_str_eq((char *)out.data, "{\"boolean\":false,\"integer\":0}");
    bytes_free(&out);
    json_decref(object);
}

/* "64 zeros for none" would be a second way to leave it out, which no writer takes. */
Test(canon_field, an_optional_hash_of_zeros_is_refused)
{
    static const struct canon_field hash[] = {CANON_FIELD_OPTIONAL(struct sample, hash, CANON_HASH)};
    static const char zeros[] = "{\"hash\":\"0000000000000000000000000000000000000000000000000000000000000000\"}";
    json_t *object = NULL;
    struct sample sample;
    struct fault fault = {0};
    cr_assert_eq(canon_parse(&object, zeros, strlen(zeros), CANON_DOCUMENT_MAX, NULL), STATUS_OK);
    cr_expect_eq(canon_decode(&sample, sizeof(sample), object, hash, 1, "in", &fault), STATUS_INVALID);
    cr_expect_str_eq(fault.where, "in.hash");
    json_decref(object);
}

/* Every member of the sample in turn is made into something that the reader would refuse. */
static void break_member(struct sample *sample, int which, json_t *wrong)
{
    switch (which) {
    case 0:
        sample->text[0] = '\n';
        break;
    case 1:
        sample->name.text[0] = 'A';
        break;
    case 2:
        sample->integer = 6;
        break;
    case 3:
        sample->counter = (uint64_t)INT64_MAX + 1;
        break;
    case 4:
        sample->time_utc_us = -1;
        break;
    case 5:
        memset(&sample->uuid, 0, sizeof(sample->uuid));
        break;
    case 6:
        sample->algorithm = 0;
        break;
    case 7:
        sample->string.data[0] = 0x7f;
        break;
    case 8:
        sample->object = NULL;
        break;
    case 9:
        sample->array = wrong;
        break;
    default:
        break;
    }
}

Test(canon_field, nothing_is_written_that_would_not_be_read)
{
    static const char *const where[] = {"text", "name",      "integer", "counter", "time_utc_us",
                                        "uuid", "algorithm", "string",  "object",  "array"};
    for (int which = 0; which < 10; which++) {
        json_t *object = sample_object();
        struct sample sample;
        cr_assert_eq(canon_decode(&sample, sizeof(sample), object, fields, FIELD_COUNT, "", NULL), STATUS_OK);
        break_member(&sample, which, object);
        json_t *out = NULL;
        struct fault fault = {0};
        cr_assert_neq(canon_encode(&out, &sample, fields, FIELD_COUNT, &fault), STATUS_OK);
        cr_assert_str_eq(fault.where, where[which]);
        cr_assert_null(out);
        struct bytes bytes = {0};
        fault_clear(&fault);
        cr_assert_neq(canon_encode_bytes(&bytes, &sample, ascending_fields(), FIELD_COUNT, CANON_DOCUMENT_MAX, &fault),
                      STATUS_OK);
        cr_assert_str_eq(fault.where, where[which]);
        cr_assert_null(bytes.data);
        sample_free(&sample);
        json_decref(object);
    }
}
