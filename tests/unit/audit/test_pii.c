/* The commitment: the known answer, and that each part matters. */
#include <criterion/criterion.h>

#include "audit/pii.h"

static struct digest commit(uint8_t first, const char *field, const char *event_id, const char *value)
{
    uint8_t salt[AUDIT_PII_SALT_LEN];
    struct digest digest = {{0}};
    for (unsigned i = 0; i < sizeof(salt); i++) {
        salt[i] = (uint8_t)i;
    }
    salt[0] = first;
    cr_assert_eq(audit_pii_commit(&digest, salt, field, event_id, value, strlen(value)), STATUS_OK);
    return digest;
}

Test(pii, known_answer)
{
    struct digest digest = commit(0, "name", "ev-1", "Alice");
    char hex[65];
    digest_format(hex, &digest);
    cr_assert_str_eq(hex, "e6307ec43897185c7170da2c3bf3b35a0a932f8fb1e4e2710f89509c4b14f035");
}

Test(pii, each_part_matters)
{
    struct digest base = commit(0, "name", "ev-1", "Alice");
    struct digest others[] = {commit(1, "name", "ev-1", "Alice"), commit(0, "mail", "ev-1", "Alice"),
                              commit(0, "name", "ev-2", "Alice"), commit(0, "name", "ev-1", "alice"),
                              commit(0, "name", "ev-1", "")};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        cr_assert(!digest_equal(&base, &others[i]), "case %zu", i);
    }
}

Test(pii, parts_cannot_run_into_each_other)
{
    uint8_t salt[AUDIT_PII_SALT_LEN] = {0};
    static char large[AUDIT_PII_VALUE_MAX + 1];
    struct digest digest;
    cr_assert_eq(audit_pii_commit(&digest, salt, "na\nme", "ev-1", "x", 1), STATUS_INVALID);
    cr_assert_eq(audit_pii_commit(&digest, salt, "name", "ev\n", "x", 1), STATUS_INVALID);
    cr_assert_eq(audit_pii_commit(&digest, salt, "", "ev", "x", 1), STATUS_INVALID);
    cr_assert_eq(audit_pii_commit(&digest, salt, "name", "", "x", 1), STATUS_INVALID);
    cr_assert_eq(audit_pii_commit(&digest, salt, "name", "ev", large, sizeof(large)), STATUS_TOO_LARGE);
}
