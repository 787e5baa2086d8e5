/*
 * Asset objects: the worked example and every rule broken once.
 */
#include "policy/asset.h"

#include "fixture.h"

#include <criterion/criterion.h>

static const char valid_text[] = "{\"code\":\"EUR\",\"decimals\":2,\"issuer\":\"sr1" ASSET_A "0276d79d\"}";

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct asset asset;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = asset_decode(&asset, object, "assets[0]", fault);
    }
    json_decref(object);
    return status;
}

Test(asset, worked_example)
{
    json_t *object = json_loads(valid_text, 0, NULL);
    struct asset asset;
    struct digest id;
    cr_assert(asset_decode(&asset, object, "", NULL) == STATUS_OK);
    cr_assert_str_eq(asset.code, "EUR");
    cr_assert(asset.decimals == 2);
    cr_assert(asset_id(&id, &asset, NULL) == STATUS_OK);
    const struct digest expected = digest_of("dd03b2094ca696b0574db1ebf8ac3b7f116eded8d985a7fabbf24e4ee0751a97");
    cr_assert(digest_equal(&id, &expected));
    json_decref(object);
}

Test(asset, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"code", NULL, STATUS_MISSING_FIELD, "assets[0].code", "required"},
        {"code", "\"\"", STATUS_INVALID, "assets[0].code", ""},
        {"code", "\"eur\"", STATUS_INVALID, "assets[0].code", "A-Z"},
        {"code", "\"A-B\"", STATUS_INVALID, "assets[0].code", "A-Z"},
        {"code", "\"ABCDEFGHIJKLM\"", STATUS_INVALID, "assets[0].code", ""},
        {"decimals", "39", STATUS_INVALID, "assets[0].decimals", "0 to 38"},
        {"decimals", "-1", STATUS_INVALID, "assets[0].decimals", "0 to 38"},
        {"decimals", "\"2\"", STATUS_INVALID, "assets[0].decimals", "integer"},
        {"issuer", "\"sr1" ASSET_A "0276d79e\"", STATUS_INVALID, "assets[0].issuer", "checksum"},
        {"name", "\"Euro\"", STATUS_UNKNOWN_FIELD, "assets[0].name", "no such field"},
    };
    json_t *valid = json_loads(valid_text, 0, NULL);
    expect_refusals(decode, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
}

Test(asset, encoder_refuses_what_the_decoder_refuses)
{
    json_t *object = NULL;
    const struct asset bad_code = {.code = "eur", .decimals = 2};
    const struct asset bad_decimals = {.code = "EUR", .decimals = 39};
    cr_assert(asset_encode(&object, &bad_code, NULL) == STATUS_INVALID);
    cr_assert(asset_encode(&object, &bad_decimals, NULL) == STATUS_INVALID);
    cr_assert(object == NULL);
}
