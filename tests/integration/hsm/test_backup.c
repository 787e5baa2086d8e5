/*
 * Backup and restore on SoftHSM: what comes back is the key that left, on a token that kept nothing else, and nothing
 * that was altered, exchanged or not meant to leave comes back.
 */
#include <criterion/criterion.h>
#include <ftw.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
#include "fixture.h"
#include "hsm/backup.h"
#include "raw_token.h"

TestSuite(backup, .init = fixture_make, .fini = fixture_remove, .timeout = 600);

static const uint8_t message[] = "a transaction";

static void random_secret(struct secret *out, size_t len)
{
    cr_assert_eq(secret_new(out, len), STATUS_OK);
    cr_assert_eq(getrandom(out->data, len, 0), (ssize_t)len);
}

static void secret_of(struct secret *out, const char *path)
{
    struct fault fault = {0};
    cr_assert_eq(secret_read_file(out, path, &fault), STATUS_OK, "%s", fault.detail);
}

/* Opens `on` for a ceremony with its PINs as they stand in its files; `key32` NULL: without a KEK. */
static enum status open_on(struct hsm_token **out, const struct test_token *on, bool restored,
                           const struct secret *key32, struct fault *fault)
{
    struct hsm_token_config config = {
        .module_path = on->module, .session_count = 1, .use = HSM_TOKEN_GENERATE, .restored = restored};
    struct secret pin;
    struct secret so_pin;
    snprintf(config.selector.label, sizeof config.selector.label, "%.32s", on->label);
    secret_of(&pin, on->pin_path);
    secret_of(&so_pin, on->so_pin_path);
    const struct hsm_kek kek = {&so_pin, key32};
    enum status status =
        key32 == NULL ? hsm_token_open(out, &config, &pin, fault) : hsm_backup_open(out, &config, &pin, &kek, fault);
    secret_free(&pin);
    secret_free(&so_pin);
    return status;
}

static struct hsm_token *must_open(const struct test_token *on, bool restored, const struct secret *key32)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    enum status status = open_on(&token, on, restored, key32, &fault);
    cr_assert_eq(status, STATUS_OK, "%s: %s", fault.where, fault.detail);
    return token;
}

static void wrappable_make(enum algorithm algorithm, const char *label)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = must_open(&fixture_token, false, NULL);
    enum status status = hsm_key_generate(token, &key, algorithm, HSM_KEY_WRAPPABLE, label, &fault);
    cr_assert_eq(status, STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_assert(hsm_key_is_born(key));
    cr_assert_eq(hsm_key_profile(key), HSM_KEY_WRAPPABLE);
    hsm_token_close(token);
}

static void wrap_from(struct hsm_wrapped *out, const struct test_token *on, bool restored, const char *label,
                      const struct secret *key32)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = must_open(on, restored, key32);
    cr_assert_eq(hsm_key_open_label(token, &key, label, NULL, &fault), STATUS_OK, "%s", fault.detail);
    cr_assert_eq(hsm_key_wrap(key, out, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    hsm_token_close(token);
}

static enum status unwrap_on(const struct test_token *on, const struct hsm_wrapped *wrapped, const struct secret *key32,
                             enum hsm_key_profile profile, struct fault *fault)
{
    const struct hsm_key *key = NULL;
    struct hsm_token *token = must_open(on, true, key32);
    enum status status = hsm_key_unwrap(token, &key, wrapped, profile, fault);
    if (status == STATUS_OK) {
        cr_assert_not(hsm_key_is_born(key));
        cr_assert_eq(hsm_key_profile(key), profile);
        cr_assert(public_key_equal(hsm_key_public(key), &wrapped->public));
    }
    hsm_token_close(token);
    return status;
}

static void expect_signs(const struct test_token *on, const char *label, const struct public_key *public)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct signature signature;
    struct hsm_token *token = must_open(on, true, NULL);
    cr_assert_eq(hsm_key_open_label(token, &key, label, public, &fault), STATUS_OK, "%s", fault.detail);
    cr_assert_eq(hsm_key_sign(key, &signature, message, sizeof message, &fault), STATUS_OK, "%s", fault.detail);
    cr_assert_eq(signature_verify(public, signature.bytes64, message, sizeof message, &fault), STATUS_OK);
    hsm_token_close(token);
}

static void expect_nothing_on(const struct test_token *on)
{
    struct raw_token raw;
    raw_token_open(&raw, on);
    cr_expect_eq(raw_object_count(&raw), 0);
    raw_token_close(&raw);
}

/* A key in a backup, and a blank token to restore it to. */
struct case_of_restore {
    struct test_token blank;
    struct secret key32;
    struct hsm_wrapped wrapped;
};

static void restore_prepare(struct case_of_restore *it, enum algorithm algorithm)
{
    test_token_softhsm_beside(&it->blank, &fixture_token, "blank");
    random_secret(&it->key32, HSM_KEK_LEN);
    wrappable_make(algorithm, "treasury");
    wrap_from(&it->wrapped, &fixture_token, false, "treasury", &it->key32);
}

Test(backup, a_key_comes_back_on_a_blank_token)
{
    static const enum algorithm algorithms[] = {ALGORITHM_P256, ALGORITHM_SECP256K1};
    struct case_of_restore it;
    struct fault fault = {0};
    test_token_softhsm_beside(&it.blank, &fixture_token, "blank");
    random_secret(&it.key32, HSM_KEK_LEN);
    for (size_t i = 0; i < 2; i++) {
        const char *label = algorithm_info(algorithms[i])->name;
        wrappable_make(algorithms[i], label);
        wrap_from(&it.wrapped, &fixture_token, false, label, &it.key32);
        cr_assert_eq(unwrap_on(&it.blank, &it.wrapped, &it.key32, HSM_KEY_FIXED, &fault), STATUS_OK, "%s: %s",
                     fault.where, fault.detail);
        expect_signs(&it.blank, label, &it.wrapped.public);
        expect_signs(&fixture_token, label, &it.wrapped.public);
    }
    secret_free(&it.key32);
}

Test(backup, a_standby_can_be_backed_up_in_its_turn)
{
    struct case_of_restore it;
    struct fault fault = {0};
    struct hsm_wrapped again;
    struct test_token third;
    restore_prepare(&it, ALGORITHM_P256);
    cr_assert_eq(unwrap_on(&it.blank, &it.wrapped, &it.key32, HSM_KEY_WRAPPABLE, &fault), STATUS_OK, "%s",
                 fault.detail);
    wrap_from(&again, &it.blank, true, "treasury", &it.key32);
    test_token_softhsm_beside(&third, &fixture_token, "third");
    cr_assert_eq(unwrap_on(&third, &again, &it.key32, HSM_KEY_FIXED, &fault), STATUS_OK, "%s", fault.detail);
    expect_signs(&third, "treasury", &it.wrapped.public);
    secret_free(&it.key32);
}

static const struct secret *sought;
static bool found;

static int file_search(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)place;
    if (kind != FTW_F || info->st_size == 0) {
        return 0;
    }
    struct bytes file = {0};
    cr_assert_eq(file_read(&file, path, (size_t)info->st_size, "file", NULL), STATUS_OK, "%s", path);
    found = found || memmem(file.data, file.len, sought->data, sought->len) != NULL;
    bytes_free(&file);
    return 0;
}

static bool files_hold(const char *folder, const struct secret *bytes)
{
    sought = bytes;
    found = false;
    cr_assert_eq(nftw(folder, file_search, 8, FTW_PHYS), 0);
    return found;
}

Test(backup, the_key_encryption_key_stays_on_no_token)
{
    struct case_of_restore it;
    struct fault fault = {0};
    struct raw_token raw;
    restore_prepare(&it, ALGORITHM_P256);
    cr_assert_eq(unwrap_on(&it.blank, &it.wrapped, &it.key32, HSM_KEY_FIXED, &fault), STATUS_OK);
    raw_token_open(&raw, &fixture_token);
    cr_expect_eq(raw_object_count(&raw), 2, "the halves of the key");
    raw_token_close(&raw);
    raw_token_open(&raw, &it.blank);
    cr_expect_eq(raw_object_count(&raw), 2);
    raw_token_close(&raw);
    uint8_t label[] = "treasury";
    const struct secret there = {label, sizeof label - 1};
    cr_expect(files_hold(fixture_token.folder.path, &there), "the search finds what is there");
    cr_expect_not(files_hold(fixture_token.folder.path, &it.key32));
    /* Nor while it serves: SoftHSM writes objects that are not private as they are. */
    struct hsm_token *token = must_open(&fixture_token, false, &it.key32);
    cr_expect_not(files_hold(fixture_token.folder.path, &it.key32));
    hsm_token_close(token);
    secret_free(&it.key32);
}

Test(backup, an_altered_backup_is_refused_and_leaves_nothing)
{
    struct case_of_restore it;
    restore_prepare(&it, ALGORITHM_P256);
    for (size_t at = 0; at < it.wrapped.len; at += it.wrapped.len / 4) {
        struct fault fault = {0};
        struct hsm_wrapped altered = it.wrapped;
        altered.bytes[at] ^= 0x01;
        cr_expect_eq(unwrap_on(&it.blank, &altered, &it.key32, HSM_KEY_FIXED, &fault), STATUS_MISMATCH, "%zu: %s", at,
                     fault.detail);
        cr_expect_str_eq(fault.where, "treasury");
    }
    expect_nothing_on(&it.blank);
    secret_free(&it.key32);
}

Test(backup, a_backup_cut_short_is_refused_and_leaves_nothing)
{
    struct case_of_restore it;
    restore_prepare(&it, ALGORITHM_P256);
    const size_t lengths[] = {it.wrapped.len - 1, it.wrapped.len - 8, 16, 8, 1};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct fault fault = {0};
        struct hsm_wrapped altered = it.wrapped;
        altered.len = lengths[i];
        cr_expect_eq(unwrap_on(&it.blank, &altered, &it.key32, HSM_KEY_FIXED, &fault), STATUS_MISMATCH, "%zu: %s",
                     lengths[i], fault.detail);
    }
    expect_nothing_on(&it.blank);
    secret_free(&it.key32);
}

Test(backup, another_key_encryption_key_opens_nothing)
{
    struct case_of_restore it;
    struct fault fault = {0};
    restore_prepare(&it, ALGORITHM_P256);
    it.key32.data[31] ^= 0x80;
    cr_assert_eq(unwrap_on(&it.blank, &it.wrapped, &it.key32, HSM_KEY_FIXED, &fault), STATUS_MISMATCH, "%s",
                 fault.detail);
    expect_nothing_on(&it.blank);
    secret_free(&it.key32);
}

/* Whoever keeps backups cannot have one key restored under the name of another. */
Test(backup, a_key_that_is_not_the_public_one_is_refused_and_leaves_nothing)
{
    struct case_of_restore it;
    struct fault fault = {0};
    struct hsm_wrapped other;
    restore_prepare(&it, ALGORITHM_P256);
    wrappable_make(ALGORITHM_P256, "other");
    wrap_from(&other, &fixture_token, false, "other", &it.key32);
    it.wrapped.public = other.public;
    cr_assert_eq(unwrap_on(&it.blank, &it.wrapped, &it.key32, HSM_KEY_FIXED, &fault), STATUS_MISMATCH, "%s",
                 fault.detail);
    expect_nothing_on(&it.blank);
    secret_free(&it.key32);
}

Test(backup, a_key_is_restored_once)
{
    struct case_of_restore it;
    struct fault fault = {0};
    restore_prepare(&it, ALGORITHM_P256);
    cr_assert_eq(unwrap_on(&it.blank, &it.wrapped, &it.key32, HSM_KEY_FIXED, &fault), STATUS_OK, "%s", fault.detail);
    cr_expect_eq(unwrap_on(&it.blank, &it.wrapped, &it.key32, HSM_KEY_FIXED, &fault), STATUS_EXISTS);
    snprintf(it.wrapped.label, sizeof it.wrapped.label, "by-another-name");
    fault_clear(&fault);
    cr_expect_eq(unwrap_on(&it.blank, &it.wrapped, &it.key32, HSM_KEY_FIXED, &fault), STATUS_EXISTS);
    expect_signs(&it.blank, "treasury", &it.wrapped.public);
    secret_free(&it.key32);
}

Test(backup, a_restored_key_keeps_a_token_closed_for_who_expects_born_ones)
{
    struct case_of_restore it;
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    restore_prepare(&it, ALGORITHM_P256);
    cr_assert_eq(unwrap_on(&it.blank, &it.wrapped, &it.key32, HSM_KEY_FIXED, &fault), STATUS_OK);
    cr_assert_eq(open_on(&token, &it.blank, false, NULL, &fault), STATUS_KEY_UNFIT);
    cr_expect_str_eq(fault.where, "treasury");
    cr_expect_not_null(strstr(fault.detail, "CKA_LOCAL"), "%s", fault.detail);
    secret_free(&it.key32);
}

/* The value is known outside, and the token cannot tell: what it does tell is that it was not made here. */
Test(backup, an_imported_key_is_never_taken_for_one_that_was_born)
{
    struct raw_token raw;
    raw_token_open(&raw, &fixture_token);
    raw_key_import(&raw, "from-outside", NULL, 0);
    raw_token_close(&raw);
    struct hsm_token *token = must_open(&fixture_token, true, NULL);
    cr_assert_eq(hsm_key_count(token), 1);
    cr_expect_not(hsm_key_is_born(hsm_key_at(token, 0)));
    hsm_token_close(token);
}

Test(backup, a_fixed_key_does_not_leave)
{
    struct secret key32;
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_wrapped wrapped;
    fixture_generate(ALGORITHM_P256, "fixed");
    random_secret(&key32, HSM_KEK_LEN);
    struct hsm_token *token = must_open(&fixture_token, false, &key32);
    cr_assert_eq(hsm_key_open_label(token, &key, "fixed", NULL, &fault), STATUS_OK, "%s", fault.detail);
    cr_expect_eq(hsm_key_wrap(key, &wrapped, &fault), STATUS_KEY_UNFIT, "%s", fault.detail);
    hsm_token_close(token);
    secret_free(&key32);
}

Test(backup, without_a_key_encryption_key_nothing_is_wrapped)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_wrapped wrapped;
    wrappable_make(ALGORITHM_P256, "treasury");
    struct hsm_token *token = must_open(&fixture_token, false, NULL);
    cr_assert_eq(hsm_key_open_label(token, &key, "treasury", NULL, &fault), STATUS_OK, "%s", fault.detail);
    cr_expect_eq(hsm_key_wrap(key, &wrapped, &fault), STATUS_INVALID, "%s", fault.detail);
    hsm_token_close(token);
}

/* Whoever has the user PIN alone can make an AES key, and gets nothing out with it. */
Test(backup, an_untrusted_key_wraps_nothing)
{
    struct raw_token raw;
    const struct raw_flag wraps = {CKA_WRAP, true};
    wrappable_make(ALGORITHM_P256, "treasury");
    raw_token_open(&raw, &fixture_token);
    raw_secret_generate(&raw, "thief", &wraps, 1);
    cr_expect_eq(raw_key_wrap(&raw, "thief", "treasury"), CKR_KEY_NOT_WRAPPABLE);
    raw_token_close(&raw);
}

Test(backup, an_ed25519_key_that_nobody_could_back_up_is_not_made)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = must_open(&fixture_token, false, NULL);
    cr_expect_eq(hsm_key_generate(token, &key, ALGORITHM_ED25519, HSM_KEY_WRAPPABLE, "log", &fault),
                 STATUS_ALGORITHM_REFUSED);
    cr_expect_not_null(strstr(fault.detail, "ed25519"), "%s", fault.detail);
    cr_expect_eq(hsm_key_count(token), 0);
    hsm_token_close(token);
    expect_nothing_on(&fixture_token);
}

Test(backup, a_wrong_pin_of_the_security_officer_is_tried_once)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    struct secret key32;
    struct test_token confused = fixture_token;
    random_secret(&key32, HSM_KEK_LEN);
    memcpy(confused.so_pin_path, confused.pin_path, sizeof confused.so_pin_path);
    cr_assert_eq(open_on(&token, &confused, false, &key32, &fault), STATUS_PIN_REFUSED);
    cr_expect_not_null(strstr(fault.detail, "SO PIN"), "%s", fault.detail);
    fault_clear(&fault);
    cr_expect_eq(open_on(&token, &fixture_token, false, &key32, &fault), STATUS_PIN_REFUSED);
    cr_expect_null(token);
    secret_free(&key32);
}

Test(backup, a_default_pin_of_the_security_officer_is_not_tried)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    struct secret key32;
    struct test_token shipped = fixture_token;
    snprintf(shipped.so_pin_path, sizeof shipped.so_pin_path, "%.100s/shipped", fixture_token.folder.path);
    FILE *file = fopen(shipped.so_pin_path, "wex");
    cr_assert(file != NULL && fputs("12345678\n", file) > 0 && fclose(file) == 0);
    cr_assert_eq(chmod(shipped.so_pin_path, 0600), 0);
    random_secret(&key32, HSM_KEK_LEN);
    cr_expect_eq(open_on(&token, &shipped, false, &key32, &fault), STATUS_PIN_REFUSED, "%s", fault.detail);
    cr_expect_str_eq(fault.where, "SO PIN");
    hsm_token_close(must_open(&fixture_token, false, &key32)); /* no attempt was spent */
    secret_free(&key32);
}
