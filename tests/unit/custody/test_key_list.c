/*
 * What `custody key list` tells people to do about a key of which there is no fresh proof.
 */
#include "commands.h"
#include "describe.h"

#include <criterion/criterion.h>

static const char *described(const char *activation, const char *proof)
{
    static char text[2048];
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s}", "key_id", "00", "state", "inactive", "activation", activation,
                            "proof", proof, "proof_due", "2027-01-02T03:04:05.000000Z");
    FILE *stream = fmemopen(text, sizeof(text), "w");
    cr_assert(row != NULL && stream != NULL);
    key_list_describe(stream, row);
    (void)fclose(stream);
    json_decref(row);
    return text;
}

Test(key_list, box_and_end_of_a_key_are_told)
{
    char text[2048];
    json_t *row = json_pack("{s:s, s:s, s:i, s:{s:i, s:s}, s:s}", "key_id", "00", "state", "active", "transitions", 3,
                            "box", "signatures", 41, "until", "2027-01-02T03:04:05.000000Z", "destroy_at",
                            "2027-02-03T04:05:06.000000Z");
    FILE *stream = fmemopen(text, sizeof(text), "w");
    cr_assert(row != NULL && stream != NULL);
    key_list_describe(stream, row);
    (void)fclose(stream);
    json_decref(row);
    cr_expect(strstr(text, "until 2027-01-02T03:04:05.000000Z, 41 signatures left") != NULL, "%s", text);
    cr_expect(strstr(text, "2027-02-03T04:05:06.000000Z") != NULL, "%s", text);
    const char *on = strstr(text, "  on ");
    cr_expect(on != NULL && strtol(on + 5, NULL, 10) == 3, "%s", text);
    cr_expect(strstr(described("attended", "fresh"), "box") == NULL);
}

Test(key_list, people_are_told_what_proves_a_key)
{
    cr_expect(strstr(described("attended", "fresh"), "proof") == NULL);
    cr_expect(strstr(described("attended", "due"), "DUE before 2027-01-02T03:04:05.000000Z") != NULL);
    cr_expect(strstr(described("attended", "due"), "its custodians come: custody activate") != NULL);
    cr_expect(strstr(described("attended", "overdue"), "OVERDUE since 2027-01-02T03:04:05.000000Z") != NULL);
    cr_expect(strstr(described("unattended", "due"), "custodians come") == NULL);
    cr_expect(strstr(described("unattended", "due"), "custody key attest --document FILE, or a drill") != NULL);
}
