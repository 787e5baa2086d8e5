/*
 * Commands about documents that people sign in ceremonies: sign, digest, hand in a destination.
 *
 * What is signed is decoded and checked first, by kind; a document this program does not understand is not signed.
 */
#include "base/signed.h"
#include "client.h"
#include "commands.h"
#include "policy/command.h"
#include "policy/destination.h"
#include "policy/policy.h"
#include "policy/transaction.h"

static enum status check_policy(const struct bytes *document, struct fault *fault)
{
    struct policy policy;
    enum status status = policy_decode(&policy, document->data, document->len, fault);
    if (status == STATUS_OK) {
        (void)fprintf(stderr, "policy version %lld: %zu people, %zu wallets, %zu rules\n", (long long)policy.version,
                      policy.person_count, policy.wallet_count, policy.rule_count);
        policy_free(&policy);
    }
    return status;
}

static enum status check_destination(const struct bytes *document, struct fault *fault)
{
    struct destination destination;
    char address[ADDRESS_TEXT_SIZE];
    enum status status = destination_decode(&destination, document->data, document->len, fault);
    if (status == STATUS_OK) {
        address_format(address, &destination.account);
        (void)fprintf(stderr, "destination %s: %s\n", destination.id.text, address);
    }
    return status;
}

static enum status check_command(const struct bytes *document, struct fault *fault)
{
    struct command command;
    enum status status = command_decode(&command, document->data, document->len, fault);
    if (status == STATUS_OK) {
        char key[DIGEST_HEX_LEN + 1];
        digest_format(key, &command.key);
        (void)fprintf(stderr, "command guard.initialise for key %s\n", key);
    }
    return status;
}

static const struct {
    const char *kind;
    size_t max;
    enum status (*check)(const struct bytes *document, struct fault *fault);
} kinds[] = {
    {POLICY_KIND, CANON_POLICY_MAX, check_policy},
    {DESTINATION_KIND, CANON_DOCUMENT_MAX, check_destination},
    {COMMAND_KIND, CANON_DOCUMENT_MAX, check_command},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static size_t find_kind(const char *kind)
{
    size_t found = 0;
    while (found < KINDS && strcmp(kinds[found].kind, kind) != 0) {
        found++;
    }
    return found;
}

/* A bare document, or one that others have signed already. */
static enum status read_document(struct signed_document *out, const char *path, size_t max, struct fault *fault)
{
    struct bytes text = {0};
    json_t *object = NULL;
    enum status status = command_read_file(&text, path, 2 * max, fault);
    if (status == STATUS_OK) {
        status = canon_parse_relaxed(&object, text.data, text.len, 2 * max, fault);
    }
    if (status == STATUS_OK && json_object_get(object, "signatures") != NULL) {
        status = signed_document_decode(out, object, max, "", fault);
    } else if (status == STATUS_OK) {
        json_t *again = NULL;
        status = canon_parse(&again, text.data, text.len, max, fault); /* the bytes that are signed are these */
        json_decref(again);
        if (status == STATUS_OK) {
            out->document = text; /* transferred */
            text = (struct bytes){0};
        }
    }
    json_decref(object);
    bytes_free(&text);
    return status;
}

static enum status write_signed(const struct signed_document *document, const struct custody_options *options,
                                struct fault *fault)
{
    json_t *object = NULL;
    FILE *stream = NULL;
    enum status status = signed_document_encode(&object, document, fault);
    if (status == STATUS_OK) {
        status = command_output(&stream, options, fault);
    }
    if (status == STATUS_OK) {
        (void)json_dumpf(object, stream, JSON_COMPACT | JSON_SORT_KEYS);
        (void)fputc('\n', stream);
        status = command_output_end(stream, fault);
    }
    json_decref(object);
    return status;
}

enum status command_sign(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct signed_document document = {0};
    struct keyfile *keyfile = NULL;
    struct signature signature;
    size_t kind = find_kind(input->words[0]);
    if (kind == KINDS) {
        return fault_set(fault, STATUS_USAGE, input->words[0], "must be policy, destination or command");
    }
    enum status status = read_document(&document, options->in, kinds[kind].max, fault);
    if (status == STATUS_OK) {
        status = kinds[kind].check(&document.document, fault);
    }
    if (status == STATUS_OK) {
        status = command_open_key(&keyfile, options, fault);
    }
    if (status == STATUS_OK) {
        status =
            keyfile_sign(&signature, keyfile, kinds[kind].kind, document.document.data, document.document.len, fault);
    }
    if (status == STATUS_OK) {
        status = signed_document_add(&document, &signature);
        status = status == STATUS_EXISTS ? fault_set(fault, status, "key", "it has signed already") : status;
    }
    if (status == STATUS_OK) {
        status = write_signed(&document, options, fault);
    }
    keyfile_free(keyfile);
    signed_document_free(&document);
    return status;
}

enum status command_digest(const struct command_input *input, struct fault *fault)
{
    static const char *const known[] = {"account", "approval", "asset",  "command", "destination", "genesis",
                                        "header",  "intent",   "policy", "receipt", "transaction", "validators"};
    const char *kind = input->words[0];
    struct bytes text = {0};
    json_t *object = NULL;
    size_t found = 0;
    while (found < sizeof(known) / sizeof(known[0]) && strcmp(known[found], kind) != 0) {
        found++;
    }
    if (found == sizeof(known) / sizeof(known[0])) {
        return fault_set(fault, STATUS_USAGE, kind, "no such kind of document (docs/formats.md)");
    }
    enum status status = command_read_file(&text, input->options->in, CANON_POLICY_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_parse(&object, text.data, text.len, CANON_POLICY_MAX, fault);
    }
    if (status == STATUS_OK) {
        struct digest digest;
        char hex[DIGEST_HEX_LEN + 1];
        digest_document(&digest, kind, text.data, text.len);
        digest_format(hex, &digest);
        (void)printf("%s\n", hex);
    }
    json_decref(object);
    bytes_free(&text);
    return status;
}

enum status command_destination_add(const struct command_input *input, struct fault *fault)
{
    struct bytes text = {0};
    json_t *object = NULL;
    json_t *answer = NULL;
    enum status status = command_read_file(&text, input->options->in, 2 * CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_parse_relaxed(&object, text.data, text.len, 2 * CANON_DOCUMENT_MAX, fault);
    }
    if (status == STATUS_OK) {
        const struct client_call call = {.method = "POST", .path = "/v1/destinations", .body = object};
        status = client_json(&answer, input->options, &call, fault);
    }
    if (status == STATUS_OK) {
        char digest[SERVICE_TEXT_SIZE];
        (void)printf("listed %s\n", command_service_text(digest, answer, "digest"));
    }
    json_decref(answer);
    json_decref(object);
    bytes_free(&text);
    return status;
}
