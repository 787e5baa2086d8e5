/*
 * Personal data: handed in, shown masked, revealed to an auditor on a case, forgotten by the quorum, and held against
 * its commitments. What is revealed is sealed for a key that is made here for this one order, so the service carries it
 * without being able to read it; what was revealed is compared with the commitments before anybody sees it.
 */
#include <sys/stat.h>

#include "base/seal.h"

#include "answer.h"
#include "audit/pii.h"
#include "base/file.h"
#include "chain.h"
#include "client.h"
#include "commands.h"
#include "key_orders.h"
#include "order_draft.h"
#include "policy/subject.h"

#define VALUES_FILE_MAX 65536
#define PATH_SIZE 128
#define EVERY_FIELD "address,birth,document,email,memo,name,note,phone"

static enum status subject_read_id(struct uuid *out, const struct command_input *input, struct fault *fault)
{
    return uuid_parse(out, input->words[0]) == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, STATUS_USAGE, "ID", "of a subject: a UUIDv7, lower case");
}

/* subject record */

static enum status value_add(json_t *values, const char *field, const json_t *value, struct fault *fault)
{
    enum subject_field known;
    const char *text = json_string_value(value);
    struct buffer buffer;
    struct bytes base64 = {0};
    if (subject_field_parse(&known, field) != STATUS_OK || text == NULL) {
        return fault_set(fault, STATUS_INVALID, field, "members are fields (" EVERY_FIELD ") with a text each");
    }
    buffer_init(&buffer);
    buffer_append_base64(&buffer, (const uint8_t *)text, json_string_length(value));
    enum status status = buffer_finish(&base64, &buffer);
    if (status == STATUS_OK) {
        json_t *row = json_pack("{s:s, s:s%}", "field", field, "value", (const char *)base64.data, base64.len);
        status = json_array_append_new(values, row) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
    }
    bytes_free(&base64);
    return status == STATUS_OK ? status : fault_set(fault, status, field, "%s", "");
}

/* UTF-8 as people write it: not canonical JSON, which has no place for names. */
static enum status values_read(json_t **out, const struct custody_options *options, struct fault *fault)
{
    struct bytes text = {0};
    json_error_t error;
    enum status status = command_read_file(&text, options->in, VALUES_FILE_MAX, fault);
    if (status != STATUS_OK) {
        return status;
    }
    json_t *object = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    json_t *values = json_array();
    const char *field = NULL;
    json_t *value = NULL;
    bytes_free(&text);
    status = json_is_object(object) ? STATUS_OK
                                    : fault_set(fault, STATUS_INVALID, "in", "a JSON object: a text for each field");
    json_object_foreach(object, field, value)
    {
        status = status == STATUS_OK ? value_add(values, field, value, fault) : status;
    }
    json_decref(object);
    if (status != STATUS_OK) {
        json_decref(values);
        return status;
    }
    *out = values; /* transferred */
    return STATUS_OK;
}

static enum status record_post(const struct uuid *subject, json_t *values, const struct custody_options *options,
                               struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    json_t *answer = NULL;
    uuid_format(id, subject);
    json_t *body = json_pack("{s:s, s:s, s:o}", "subject", id, "erase_after", options->until, "values", values);
    const struct client_call call = {.method = "POST", .path = "/v1/subjects", .body = body};
    enum status status = body == NULL ? fault_set(fault, STATUS_NO_MEMORY, "subject", "%s", "")
                                      : client_json(&answer, options, &call, fault);
    if (status == STATUS_OK && options->json) {
        status = answer_print_json(answer, JSON_INDENT(2), fault);
    } else if (status == STATUS_OK) {
        char until[SERVICE_TEXT_SIZE];
        (void)printf("%s\n", id); /* alone, for scripts */
        (void)fflush(stdout);
        (void)fprintf(stderr, "kept until %s at least, %zu values sealed\n",
                      command_service_text(until, answer, "erase_after"),
                      json_array_size(json_object_get(answer, "values")));
    }
    json_decref(answer);
    json_decref(body);
    return status;
}

enum status command_subject_record(const struct command_input *input, struct fault *fault)
{
    struct uuid subject;
    json_t *values = NULL;
    int64_t until = 0;
    enum status status = strcmp(input->words[0], "new") == 0 ? uuid_generate(&subject, clock_system())
                                                             : subject_read_id(&subject, input, fault);
    if (status == STATUS_OK && time_parse(&until, input->options->until) != STATUS_OK) {
        status = fault_set(fault, STATUS_USAGE, "until",
                           "until when the law has it kept, such as 2036-01-02T03:04:05.000000Z");
    }
    if (status == STATUS_OK && until <= clock_utc_us(clock_system())) {
        (void)fprintf(stderr, "--until is past: the quorum may have it erased at once\n");
    }
    status = status == STATUS_OK ? values_read(&values, input->options, fault) : status;
    return status == STATUS_OK ? record_post(&subject, values, input->options, fault) : status;
}

/* subject show */

static void print_row(const json_t *row)
{
    char field[SERVICE_TEXT_SIZE];
    char commitment[SERVICE_TEXT_SIZE];
    char recorded[SERVICE_TEXT_SIZE];
    char until[SERVICE_TEXT_SIZE];
    (void)printf("%-9s %s recorded %s, kept until %s\n", command_service_text(field, row, "field"),
                 command_service_text(commitment, row, "commitment"),
                 command_service_text(recorded, row, "recorded_at"), command_service_text(until, row, "erase_after"));
}

enum status command_subject_show(const struct command_input *input, struct fault *fault)
{
    struct uuid subject;
    char path[PATH_SIZE];
    enum status status = subject_read_id(&subject, input, fault);
    (void)snprintf(path, sizeof(path), "/v1/subjects/%.40s", input->words[0]);
    return status == STATUS_OK ? client_list(input->options, path, "values", print_row, fault) : status;
}

/* subject reveal, export */

struct revealing {
    const struct custody_options *options;
    struct command command;
    struct secret private_key;
    struct signed_document document;
    json_t *shown; /* what is printed: the answer with salts and values instead of boxes */
};

static void revealing_wipe(struct revealing *revealing)
{
    secret_free(&revealing->private_key);
    signed_document_free(&revealing->document);
    json_decref(revealing->shown);
}

static enum status order_make(struct revealing *revealing, const char *fields, struct fault *fault)
{
    const struct custody_options *options = revealing->options;
    struct seal_key to;
    struct chain chain = {0};
    if (subject_fields_parse(&revealing->command.fields, fields) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "fields", "of " EVERY_FIELD ", by commas, in this order");
    }
    if (name_parse(&revealing->command.case_id, options->case_id) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "case", "one word: the case on which you want to see it");
    }
    enum status status = seal_pair_generate(&to, &revealing->private_key, fault);
    if (status != STATUS_OK) {
        return status;
    }
    memcpy(revealing->command.to.bytes32, to.bytes32, sizeof(to.bytes32));
    revealing->command.action = COMMAND_PII_REVEAL;
    revealing->command.role = ROLE_PRIVACY;
    status = chain_open(&chain, options, false, fault);
    status = status == STATUS_OK ? order_draft(&revealing->command, chain_newest(&chain), options, fault) : status;
    status =
        status == STATUS_OK ? order_draft_write(&revealing->document.document, &revealing->command, fault) : status;
    chain_wipe(&chain);
    return status == STATUS_OK ? command_add_signature(&revealing->document, COMMAND_KIND, options, fault) : status;
}

/* A row as it is shown. The service has had it in its hands: the commitment says whether it is what was recorded. */
struct revealed_row {
    char field[SUBJECT_FIELD_SIZE];
    struct uuid event;
    struct digest commitment;
    char erase_after[TIME_TEXT_SIZE];
    char recorded_at[TIME_TEXT_SIZE];
    struct bytes box;
};

static const struct canon_field revealed_fields[] = {
    CANON_FIELD_SIZED(struct revealed_row, box, CANON_BYTES, 2048),
    CANON_FIELD(struct revealed_row, commitment, CANON_HASH),
    CANON_FIELD(struct revealed_row, erase_after, CANON_TEXT),
    CANON_FIELD(struct revealed_row, event, CANON_UUID),
    CANON_FIELD_RANGE(struct revealed_row, field, CANON_TEXT, 1, 0),
    CANON_FIELD(struct revealed_row, recorded_at, CANON_TEXT),
};

static enum status commitment_check(const struct digest *commitment, const uint8_t *salt32, const char *field,
                                    const struct uuid *event, const struct bytes *value, struct fault *fault)
{
    struct digest digest;
    char text[UUID_TEXT_SIZE];
    uuid_format(text, event);
    enum status status = audit_pii_commit(&digest, salt32, field, text, value->data, value->len);
    return status == STATUS_OK && digest_equal(&digest, commitment)
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, field, "the value is not the one of the commitment");
}

static json_t *row_shown(const struct revealed_row *row, const struct bytes *value, const uint8_t *salt32)
{
    char salt[DIGEST_HEX_LEN + 1];
    char event[UUID_TEXT_SIZE];
    char commitment[DIGEST_HEX_LEN + 1];
    struct digest as_digest;
    memcpy(as_digest.bytes32, salt32, sizeof(as_digest.bytes32));
    digest_format(salt, &as_digest);
    uuid_format(event, &row->event);
    digest_format(commitment, &row->commitment);
    json_t *text = json_stringn((const char *)value->data, value->len); /* NULL when it is no UTF-8 */
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "field", row->field, "event", event, "commitment", commitment,
                     "recorded_at", row->recorded_at, "salt", salt, "value", text);
}

static enum status row_open(struct revealing *revealing, json_t *out, const json_t *object, struct fault *fault)
{
    struct revealed_row row;
    struct secret plain = {0};
    enum status status = canon_decode(&row, sizeof(row), object, revealed_fields,
                                      sizeof(revealed_fields) / sizeof(revealed_fields[0]), "values", fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = seal_open(&plain, row.box.data, row.box.len, &revealing->private_key, fault);
    if (status == STATUS_OK && plain.len <= AUDIT_PII_SALT_LEN) {
        status = fault_set(fault, STATUS_MISMATCH, row.field, "a box without a value");
    }
    if (status == STATUS_OK) {
        const struct bytes value = {.data = plain.data + AUDIT_PII_SALT_LEN, .len = plain.len - AUDIT_PII_SALT_LEN};
        status = commitment_check(&row.commitment, plain.data, row.field, &row.event, &value, fault);
        if (status == STATUS_OK && json_array_append_new(out, row_shown(&row, &value, plain.data)) != 0) {
            status = fault_set(fault, STATUS_INVALID, row.field, "the value is no UTF-8 text");
        }
    }
    secret_free(&plain);
    bytes_free(&row.box);
    return status;
}

static enum status rows_open(struct revealing *revealing, const char *subject, const json_t *answer,
                             struct fault *fault)
{
    json_t *values = json_array();
    size_t index = 0;
    json_t *row = NULL;
    enum status status = STATUS_OK;
    json_array_foreach(json_object_get(answer, "values"), index, row)
    {
        status = status == STATUS_OK ? row_open(revealing, values, row, fault) : status;
    }
    revealing->shown =
        json_pack("{s:s, s:s, s:o}", "subject", subject, "case", revealing->command.case_id.text, "values", values);
    return status == STATUS_OK && revealing->shown == NULL ? fault_set(fault, STATUS_NO_MEMORY, "subject", "%s", "")
                                                           : status;
}

/* Whatever a value holds, it moves no cursor. */
static void print_value(const json_t *row)
{
    char recorded[SERVICE_TEXT_SIZE];
    char *text = json_dumps(json_object_get(row, "value"), JSON_ENCODE_ANY);
    (void)printf("%-9s %s recorded %s\n", json_string_value(json_object_get(row, "field")), text == NULL ? "" : text,
                 command_service_text(recorded, row, "recorded_at"));
    free(text);
}

static enum status reveal_print(const struct revealing *revealing, bool whole, struct fault *fault)
{
    FILE *stream = NULL;
    size_t index = 0;
    json_t *row = NULL;
    if (whole || revealing->options->json) {
        (void)umask(077); /* a file that is made is for this user alone */
        enum status status = command_output(&stream, revealing->options, fault);
        if (status != STATUS_OK) {
            return status;
        }
        (void)json_dumpf(revealing->shown, stream, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
        (void)fputc('\n', stream);
        return command_output_whole(stream, revealing->options, STATUS_OK, fault);
    }
    json_array_foreach(json_object_get(revealing->shown, "values"), index, row)
    {
        print_value(row);
    }
    return STATUS_OK;
}

static enum status reveal_post(struct revealing *revealing, const char *subject, struct fault *fault)
{
    char path[PATH_SIZE];
    json_t *body = NULL;
    json_t *answer = NULL;
    (void)snprintf(path, sizeof(path), "/v1/subjects/%.40s/reveal", subject);
    enum status status = signed_document_encode(&body, &revealing->document, fault);
    const struct client_call call = {.method = "POST", .path = path, .body = body};
    status = status == STATUS_OK ? client_json(&answer, revealing->options, &call, fault) : status;
    status = status == STATUS_OK ? rows_open(revealing, subject, answer, fault) : status;
    json_decref(answer);
    json_decref(body);
    return status;
}

static enum status reveal(const struct command_input *input, const char *fields, bool whole, struct fault *fault)
{
    struct revealing revealing = {.options = input->options};
    enum status status = subject_read_id(&revealing.command.data_subject, input, fault);
    status = status == STATUS_OK ? order_make(&revealing, fields, fault) : status;
    status = status == STATUS_OK ? reveal_post(&revealing, input->words[0], fault) : status;
    status = status == STATUS_OK ? reveal_print(&revealing, whole, fault) : status;
    revealing_wipe(&revealing);
    return status;
}

enum status command_subject_reveal(const struct command_input *input, struct fault *fault)
{
    return reveal(input, input->options->fields, false, fault);
}

enum status command_subject_export(const struct command_input *input, struct fault *fault)
{
    return reveal(input, EVERY_FIELD, true, fault);
}

/* subject erase */

enum status command_subject_erase(const struct command_input *input, struct fault *fault)
{
    struct command command = {.action = COMMAND_PII_ERASE, .role = ROLE_PRIVACY};
    struct chain chain = {0};
    struct bytes document = {0};
    enum status status = subject_read_id(&command.data_subject, input, fault);
    status = status == STATUS_OK ? chain_open(&chain, input->options, false, fault) : status;
    status = status == STATUS_OK ? order_draft(&command, chain_newest(&chain), input->options, fault) : status;
    status = status == STATUS_OK ? order_draft_write(&document, &command, fault) : status;
    status = status == STATUS_OK ? command_write_document(&document, input->options, fault) : status;
    chain_wipe(&chain);
    bytes_free(&document);
    return status;
}

/* subject check */

static enum status exported_check(const json_t *row, struct fault *fault)
{
    const char *texts[4];
    static const char *const names[] = {"field", "event", "commitment", "salt"};
    const json_t *value = json_object_get(row, "value");
    struct uuid event;
    struct digest commitment;
    struct digest salt;
    for (size_t i = 0; i < 4; i++) {
        texts[i] = json_string_value(json_object_get(row, names[i]));
        if (texts[i] == NULL) {
            return fault_set(fault, STATUS_MISSING_FIELD, names[i], "a text");
        }
    }
    if (uuid_parse(&event, texts[1]) != STATUS_OK || digest_parse(&commitment, texts[2]) != STATUS_OK ||
        digest_parse(&salt, texts[3]) != STATUS_OK || !json_is_string(value)) {
        return fault_set(fault, STATUS_INVALID, texts[0], "event, commitment, salt or value is none");
    }
    const struct bytes bytes = {.data = (uint8_t *)(uintptr_t)json_string_value(value),
                                .len = json_string_length(value)};
    return commitment_check(&commitment, salt.bytes32, texts[0], &event, &bytes, fault);
}

enum status command_subject_check(const struct command_input *input, struct fault *fault)
{
    struct bytes text = {0};
    size_t index = 0;
    json_t *row = NULL;
    enum status status = command_read_file(&text, input->options->in, VALUES_FILE_MAX, fault);
    if (status != STATUS_OK) {
        return status;
    }
    json_t *object = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *values = json_object_get(object, "values");
    bytes_free(&text);
    if (json_array_size(values) == 0) {
        status = fault_set(fault, STATUS_INVALID, "in", "what custody subject export wrote");
    }
    json_array_foreach(values, index, row)
    {
        status = status == STATUS_OK ? exported_check(row, fault) : status;
    }
    if (status == STATUS_OK) {
        (void)printf("%zu values are those of their commitments\n", json_array_size(values));
    }
    json_decref(object);
    return status;
}
