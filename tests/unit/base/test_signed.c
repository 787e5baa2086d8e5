/*
 * Signed documents: what travels, what is refused on reading, and that a signature holds for one kind and one key.
 */
#include <criterion/criterion.h>

#include "base/signature_memory.h"
#include "test/test_key.h"

#define DOCUMENT "{\"amount\":\"5\",\"to\":\"a \\\"b\\\"\"}"

static struct signed_document unsigned_document(const char *text)
{
    struct signed_document made = {0};
    cr_assert_eq(bytes_copy(&made.document, text, strlen(text)), STATUS_OK);
    return made;
}

/* Through JSON text and back, as it travels. */
static void travel(struct signed_document *out, const struct signed_document *in)
{
    json_t *object = NULL;
    struct bytes text = {0};
    cr_assert_eq(signed_document_encode(&object, in, NULL), STATUS_OK);
    cr_assert_eq(canon_emit(&text, object, CANON_POLICY_MAX, NULL), STATUS_OK);
    json_decref(object);
    struct fault fault = {0};
    cr_assert_eq(signed_document_parse(out, text.data, text.len, "", &fault), STATUS_OK, "%s %s", fault.where,
                 fault.detail);
    bytes_free(&text);
}

Test(signed, three_algorithms_sign_travel_and_verify)
{
    static const enum algorithm algorithms[] = {ALGORITHM_P256, ALGORITHM_ED25519, ALGORITHM_SECP256K1};
    struct test_key *keys[3];
    struct signed_document sent = unsigned_document(DOCUMENT);
    for (size_t i = 0; i < 3; i++) {
        keys[i] = test_key_new(algorithms[i]);
        test_key_sign_document(&sent, "intent", keys[i]);
    }
    struct signed_document received = {0};
    travel(&received, &sent);
    cr_assert_str_eq((char *)received.document.data, DOCUMENT);
    cr_assert_eq(received.signature_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct public_key *key = test_key_public(keys[i]);
        cr_assert_eq(signed_document_verify(&received, "intent", i, key, NULL), STATUS_OK);
        cr_assert_eq(signed_document_verify(&received, "approval", i, key, NULL), STATUS_SIGNATURE_INVALID);
        cr_assert_eq(signed_document_verify(&received, "intent", (i + 1) % 3, key, NULL), STATUS_UNKNOWN_KEY);
    }
    received.document.data[11] = '6';
    for (size_t i = 0; i < 3; i++) {
        struct fault fault = {0};
        cr_assert_eq(signed_document_verify(&received, "intent", i, test_key_public(keys[i]), &fault),
                     STATUS_SIGNATURE_INVALID);
        cr_assert_eq(strncmp(fault.where, "signatures[", 11), 0);
        test_key_free(keys[i]);
    }
    signed_document_free(&sent);
    signed_document_free(&received);
    signed_document_free(&received);
}

Test(signed, a_document_without_signatures_travels_too)
{
    struct signed_document sent = unsigned_document("{}");
    struct signed_document received = {0};
    travel(&received, &sent);
    cr_assert_eq(received.signature_count, 0);
    signed_document_free(&sent);
    signed_document_free(&received);
}

Test(signed, what_is_stored_is_canonical_and_not_larger_than_any_of_ours)
{
    struct signed_document read = {0};
    static const char spaced[] = "{\"document\": \"{}\",\"signatures\":[]}";
    static char large[SIGNED_TEXT_MAX + 1];
    memset(large, '[', sizeof(large));
    cr_expect_eq(signed_document_parse(&read, spaced, strlen(spaced), "", NULL), STATUS_NOT_CANONICAL);
    cr_expect_eq(signed_document_parse(&read, large, sizeof(large), "", NULL), STATUS_TOO_LARGE);
}

Test(signed, one_key_signs_once)
{
    struct signed_document document = unsigned_document("{}");
    const struct signature signature = {.algorithm = ALGORITHM_P256};
    cr_assert_eq(signed_document_add(&document, &signature), STATUS_OK);
    cr_assert_eq(signed_document_add(&document, &signature), STATUS_EXISTS);
    cr_assert_eq(document.signature_count, 1);
    signed_document_free(&document);
}

Test(signed, there_is_a_greatest_number_of_signatures)
{
    struct signed_document document = unsigned_document("{}");
    struct signature signature = {.algorithm = ALGORITHM_P256};
    for (size_t i = 0; i < SIGNATURES_MAX; i++) {
        signature.key_id.bytes32[0] = (uint8_t)i;
        cr_assert_eq(signed_document_add(&document, &signature), STATUS_OK);
    }
    signature.key_id.bytes32[0] = SIGNATURES_MAX;
    cr_assert_eq(signed_document_add(&document, &signature), STATUS_TOO_LARGE);
    cr_assert_eq(document.signature_count, SIGNATURES_MAX);
    struct signed_document copy = {0};
    cr_assert_eq(signed_document_copy(&copy, &document), STATUS_OK);
    signed_document_free(&document);
    cr_assert_eq(copy.signature_count, SIGNATURES_MAX);
    cr_assert_eq(copy.signatures[63].key_id.bytes32[0], 63);
    cr_assert_str_eq((char *)copy.document.data, "{}");
    signed_document_free(&copy);
}

#define KEY_A "0000000000000000000000000000000000000000000000000000000000000001"
#define SIG "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define SIGNED(document, signatures) "{\"document\":\"" document "\",\"signatures\":[" signatures "]}"
#define BY(key) "{\"alg\":\"p256\",\"key\":\"" key "\",\"sig\":\"" SIG "\"}"

static const struct {
    const char *text;
    enum status status;
    const char *where;
} bad[] = {
    {"{\"document\":\"{}\"}", STATUS_MISSING_FIELD, "x.signatures"},
    {"{\"signatures\":[]}", STATUS_MISSING_FIELD, "x.document"},
    {"{\"document\":{},\"signatures\":[]}", STATUS_INVALID, "x.document"},
    {"{\"document\":\"{}\",\"extra\":1,\"signatures\":[]}", STATUS_UNKNOWN_FIELD, "x.extra"},
    {SIGNED("{ }", ""), STATUS_NOT_CANONICAL, "x.document"},
    {SIGNED("", ""), STATUS_NOT_CANONICAL, "x.document"},
    {SIGNED("[]", ""), STATUS_NOT_CANONICAL, "x.document"},
    {SIGNED("{\\\"b\\\":1,\\\"a\\\":1}", ""), STATUS_NOT_CANONICAL, "x.document"},
    {SIGNED("{\\\"a\\\":\\\"0123456789012345678901234567890123456789\\\"}", ""), STATUS_INVALID, "x.document"},
    {SIGNED("{}", "1"), STATUS_INVALID, "x.signatures[0]"},
    {SIGNED("{}", BY(KEY_A) "," BY(KEY_A)), STATUS_INVALID, "x.signatures[1]"},
    {SIGNED("{}", BY("00")), STATUS_INVALID, "x.signatures[0].key"},
    {SIGNED("{}", BY(KEY_A) ",{}"), STATUS_MISSING_FIELD, "x.signatures[1].alg"},
    {SIGNED("{}", "{\"alg\":\"rsa\",\"key\":\"" KEY_A "\",\"sig\":\"" SIG "\"}"), STATUS_ALGORITHM_REFUSED,
     "x.signatures[0].alg"},
    {SIGNED("{}", "{\"alg\":\"p256\",\"key\":\"" KEY_A "\",\"sig\":\"AAAA\"}"), STATUS_INVALID, "x.signatures[0].sig"},
};

Test(signed, what_is_wrong_is_named)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_t *object = json_loads(bad[i].text, 0, NULL);
        cr_assert_not_null(object, "%s", bad[i].text);
        struct signed_document out = {0};
        struct fault fault = {0};
        cr_assert_eq(signed_document_decode(&out, object, 40, "x", &fault), bad[i].status, "%s: %s %s", bad[i].text,
                     fault.where, fault.detail);
        cr_assert_str_eq(fault.where, bad[i].where);
        cr_assert_null(out.document.data);
        cr_assert_null(out.signatures);
        json_decref(object);
    }
}

static enum status remembered(struct signature_memory *memory, const struct signed_document *document, const char *kind,
                              const struct test_key *key)
{
    return signature_memory_verify(memory, document, kind, 0, test_key_public(key), NULL);
}

/* What is found is this signature by this key over this document of this kind; everything else is computed. */
Test(signature_memory, what_is_not_the_same_to_the_bit_is_verified_anew)
{
    struct signature_memory *memory = NULL;
    cr_assert_eq(signature_memory_new(&memory), STATUS_OK);
    struct test_key *key = test_key_new(ALGORITHM_ED25519);
    struct test_key *other = test_key_new(ALGORITHM_ED25519);
    struct signed_document document = unsigned_document(DOCUMENT);
    test_key_sign_document(&document, "destination", key);
    cr_assert_eq(remembered(memory, &document, "destination", key), STATUS_OK);
    cr_assert_eq(signature_memory_found(memory), 0);
    cr_assert_eq(remembered(memory, &document, "destination", key), STATUS_OK);
    cr_assert_eq(signature_memory_found(memory), 1);
    cr_assert_eq(remembered(memory, &document, "command", key), STATUS_SIGNATURE_INVALID);
    cr_assert_eq(remembered(memory, &document, "destination", other), STATUS_UNKNOWN_KEY);
    document.signatures[0].algorithm = ALGORITHM_P256;
    cr_assert_eq(remembered(memory, &document, "destination", key), STATUS_UNKNOWN_KEY);
    document.signatures[0].algorithm = ALGORITHM_ED25519;
    for (size_t bit = 0; bit < 8 * SIGNATURE_LEN; bit++) {
        document.signatures[0].bytes64[bit / 8] ^= (uint8_t)(1U << bit % 8);
        cr_assert_eq(remembered(memory, &document, "destination", key), STATUS_SIGNATURE_INVALID, "bit %zu", bit);
        document.signatures[0].bytes64[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    document.signatures[0].key_id.bytes32[31] ^= 1;
    cr_assert_eq(remembered(memory, &document, "destination", key), STATUS_UNKNOWN_KEY);
    document.signatures[0].key_id.bytes32[31] ^= 1;
    document.document.data[11] = '6';
    cr_assert_eq(remembered(memory, &document, "destination", key), STATUS_SIGNATURE_INVALID);
    cr_assert_eq(remembered(memory, &document, "destination", key), STATUS_SIGNATURE_INVALID);
    cr_assert_eq(signature_memory_found(memory), 1, "a refusal was remembered");
    signed_document_free(&document);
    test_key_free(key);
    test_key_free(other);
    signature_memory_free(memory);
}

/* Half as many again as there is room for: the one that is asked for all the time stays, the oldest go, all verify. */
Test(signature_memory, the_oldest_give_way)
{
    enum { SHOWN = SIGNATURE_MEMORY_MAX * 3 / 2 };
    struct signature_memory *memory = NULL;
    cr_assert_eq(signature_memory_new(&memory), STATUS_OK);
    struct test_key *key = test_key_new(ALGORITHM_ED25519);
    struct signed_document often = unsigned_document(DOCUMENT);
    test_key_sign_document(&often, "destination", key);
    cr_assert_eq(remembered(memory, &often, "destination", key), STATUS_OK);
    for (int i = 0; i < 2 * SHOWN; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "{\"number\":%d}", i % SHOWN);
        struct signed_document document = unsigned_document(text);
        test_key_sign_document(&document, "destination", key);
        uint64_t before = signature_memory_found(memory);
        cr_assert_eq(remembered(memory, &document, "destination", key), STATUS_OK);
        cr_assert(i >= SHOWN || signature_memory_found(memory) == before);
        before = signature_memory_found(memory);
        cr_assert_eq(remembered(memory, &often, "destination", key), STATUS_OK);
        cr_assert_eq(signature_memory_found(memory), before + 1);
        signed_document_free(&document);
    }
    cr_assert_lt(signature_memory_found(memory), (uint64_t)3 * SHOWN, "nothing was forgotten");
    signed_document_free(&often);
    test_key_free(key);
    signature_memory_free(memory);
}

Test(signature_memory, without_one_everything_is_verified)
{
    struct test_key *key = test_key_new(ALGORITHM_P256);
    struct signed_document document = unsigned_document(DOCUMENT);
    test_key_sign_document(&document, "destination", key);
    cr_assert_eq(remembered(NULL, &document, "destination", key), STATUS_OK);
    cr_assert_eq(remembered(NULL, &document, "command", key), STATUS_SIGNATURE_INVALID);
    signature_memory_free(NULL);
    signed_document_free(&document);
    test_key_free(key);
}
