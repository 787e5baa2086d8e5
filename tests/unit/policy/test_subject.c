/*
 * The fields of personal data, and the two orders about it: what they say, and whose they are.
 */
#include "policy/subject.h"

#include "fixture.h"
#include "policy/command.h"

#include <criterion/criterion.h>

static struct world world;

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_wipe(&world);
}

TestSuite(subject, .init = setup, .fini = teardown);

Test(subject, a_set_of_fields_has_one_spelling)
{
    static const char *const refused[] = {"", "surname", "name,email", "name,name", ",name", "name,", "name, phone"};
    char text[SUBJECT_FIELDS_SIZE];
    unsigned fields = 0;
    cr_assert(subject_fields_parse(&fields, "address,name,phone") == STATUS_OK);
    cr_expect_eq(fields, SUBJECT_ADDRESS | SUBJECT_NAME | SUBJECT_PHONE);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        cr_expect(subject_fields_parse(&fields, refused[i]) == STATUS_INVALID, "'%s'", refused[i]);
    }
    subject_fields_format(text, 255);
    cr_expect_str_eq(text, "address,birth,document,email,memo,name,note,phone");
    cr_expect(subject_fields_parse(&fields, text) == STATUS_OK && fields == 255);
}

static struct command pii_command(enum command_action action)
{
    struct command command = world_command(&world, COMMAND_WITHDRAWAL_VETO, HOT);
    command.action = action;
    command.role = ROLE_PRIVACY;
    command.subject = (struct digest){{0}};
    command.data_subject = world.intent.withdrawal;
    if (action == COMMAND_PII_REVEAL) {
        command.fields = SUBJECT_NAME | SUBJECT_EMAIL;
        command.case_id = name_of("case-7");
        command.to = world.intent_digest;
    }
    return command;
}

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct command command;
    return command_decode(&command, document, len, fault);
}

static enum status verify(const struct command *command, enum who first, enum who second)
{
    struct signed_document document = {0};
    struct command out;
    world_sign_command(&document, &world, command, first, second);
    enum status status = command_verify(&out, &document, &world.policy, world.now, NULL);
    signed_document_free(&document);
    return status;
}

static void expect_rows(const struct command *command, const struct refusal *rows, size_t count)
{
    struct bytes bytes = {0};
    json_t *json = NULL;
    struct command read;
    cr_assert(command_encode(&bytes, command, NULL) == STATUS_OK);
    cr_assert(command_decode(&read, bytes.data, bytes.len, NULL) == STATUS_OK);
    cr_expect(uuid_equal(&read.data_subject, &command->data_subject));
    cr_expect(read.fields == command->fields && digest_equal(&read.to, &command->to));
    cr_expect_str_eq(read.case_id.text, command->case_id.text);
    cr_assert(canon_parse(&json, bytes.data, bytes.len, CANON_DOCUMENT_MAX, NULL) == STATUS_OK);
    expect_refusals(decode, json, rows, count);
    json_decref(json);
    bytes_free(&bytes);
}

Test(subject, a_reveal_is_of_one_auditor_on_one_case)
{
    static const struct refusal rows[] = {
        {"case", NULL, STATUS_MISSING_FIELD, "case", "required"},
        {"case", "\"Case 7\"", STATUS_INVALID, "case", "name"},
        {"fields", NULL, STATUS_MISSING_FIELD, "fields", "required"},
        {"fields", "\"name,email\"", STATUS_INVALID, "fields", "order of the alphabet"},
        {"fields", "\"everything\"", STATUS_INVALID, "fields", "fields by commas"},
        {"subject", NULL, STATUS_MISSING_FIELD, "subject", "required"},
        {"subject", "\"alice\"", STATUS_INVALID, "subject", "UUIDv7"},
        {"to", NULL, STATUS_MISSING_FIELD, "to", "required"},
        {"expires_at", NULL, STATUS_MISSING_FIELD, "expires_at", "required"},
        {"reason", NULL, STATUS_MISSING_FIELD, "reason", "required"},
        {"role", "\"transfer\"", STATUS_INVALID, "role", "privacy"},
        {"key", "\"" ZEROS "\"", STATUS_UNKNOWN_FIELD, "key", "no such field"},
    };
    const struct command command = pii_command(COMMAND_PII_REVEAL);
    expect_rows(&command, rows, sizeof(rows) / sizeof(rows[0]));
    cr_expect(verify(&command, AUDREY, WHO_COUNT) == STATUS_OK);
    cr_expect(verify(&command, ADA, WHO_COUNT) == STATUS_FORBIDDEN);
    cr_expect(verify(&command, BERT, WHO_COUNT) == STATUS_FORBIDDEN);
    cr_expect(verify(&command, TESS, WHO_COUNT) == STATUS_FORBIDDEN);
    cr_expect(verify(&command, AUDREY, ADA) == STATUS_SIGNATURE_INVALID);
}

Test(subject, an_erasure_is_the_quorums)
{
    static const struct refusal rows[] = {
        {"subject", NULL, STATUS_MISSING_FIELD, "subject", "required"},
        {"reason", NULL, STATUS_MISSING_FIELD, "reason", "required"},
        {"role", "\"audit\"", STATUS_INVALID, "role", "privacy"},
        {"case", "\"case-7\"", STATUS_UNKNOWN_FIELD, "case", "no such field"},
        {"fields", "\"name\"", STATUS_UNKNOWN_FIELD, "fields", "no such field"},
    };
    const struct command command = pii_command(COMMAND_PII_ERASE);
    expect_rows(&command, rows, sizeof(rows) / sizeof(rows[0]));
    cr_expect(verify(&command, ADA, AMY) == STATUS_OK);
    cr_expect(verify(&command, ADA, WHO_COUNT) == STATUS_QUORUM_MISSING);
    cr_expect(verify(&command, AUDREY, WHO_COUNT) != STATUS_OK);
    cr_expect(verify(&command, ADA, AUDREY) != STATUS_OK);
}
