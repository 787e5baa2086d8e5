/*
 * Commands about documents that people sign in ceremonies: sign, digest.
 *
 * What is signed is decoded and checked first, by kind; a document this program does not understand is not signed.
 */
#include "base/signed.h"
#include "chain.h"
#include "client.h"
#include "commands.h"
#include "describe.h"

/* A command may have either member for itself, never both. */
static bool is_signed(const json_t *object)
{
    return json_is_string(json_object_get(object, "document")) && json_object_get(object, "signatures") != NULL;
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
    if (status == STATUS_OK && is_signed(object)) {
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
    command_name_file(fault, path);
    return status;
}

enum status command_sign(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct signed_document document = {0};
    const struct document_kind *kind = document_kind_find(input->words[0]);
    if (kind == NULL || !kind->signable) {
        return fault_set(fault, STATUS_USAGE, input->words[0],
                         "must be policy, destination, command, key, occasion, restore or share_set");
    }
    enum status status = read_document(&document, options->in, kind->max, fault);
    if (status == STATUS_OK) {
        status = kind->describe(stderr, &document.document, fault);
    }
    if (status == STATUS_OK && strcmp(kind->kind, POLICY_KIND) == 0) {
        status = command_analyse_before_signing(stderr, &document.document, options, fault);
    }
    if (status == STATUS_OK) {
        status = command_add_signature(&document, kind->kind, options, fault);
    }
    if (status == STATUS_OK) {
        status = command_write_signed(&document, options, fault);
    }
    signed_document_free(&document);
    return status;
}

/* Whose key it is, in words; a token's key is known as that of a wallet. Out: `out_key` NULL when nobody knows it. */
static void find_signer(char out[NAME_SIZE + 16], const struct public_key **out_key, const struct chain *chain,
                        const struct digest *key_id)
{
    *out_key = NULL;
    if (chain->count == 0) {
        return;
    }
    const struct policy *policy = chain_newest(chain);
    const struct person *person = policy_find_key(out_key, policy, key_id);
    if (person != NULL) {
        (void)snprintf(out, NAME_SIZE + 16, "%s", person->id.text);
    }
    for (size_t i = 0; i < policy->wallet_count && *out_key == NULL; i++) {
        if (digest_equal(&policy->wallets[i].key_id, key_id)) {
            *out_key = &policy->wallets[i].key;
            (void)snprintf(out, NAME_SIZE + 16, "the wallet %s", policy->wallets[i].id.text);
        }
    }
}

/* Who signed: by name when a policy is given, which must then bear out every signature of whom it knows. */
static enum status describe_signatures(const struct signed_document *document, const char *kind,
                                       const struct chain *chain, struct fault *fault)
{
    for (size_t i = 0; i < document->signature_count; i++) {
        const struct public_key *key = NULL;
        char name[NAME_SIZE + 16] = "";
        char hex[DIGEST_HEX_LEN + 1];
        digest_format(hex, &document->signatures[i].key_id);
        find_signer(name, &key, chain, &document->signatures[i].key_id);
        if (key == NULL) {
            describe_row(stdout, "signature", "not verified, by key %s", hex);
            continue;
        }
        enum status status = signed_document_verify(document, kind, i, key, NULL);
        if (status != STATUS_OK) {
            return fault_set(fault, status, name, "the signature does not verify");
        }
        describe_row(stdout, "signature", "verified, by %s, key %s", name, hex);
    }
    return STATUS_OK;
}

enum status command_show_document(const struct command_input *input, struct fault *fault)
{
    const struct document_kind *kind = document_kind_find(input->words[0]);
    struct signed_document document = {0};
    struct chain chain = {0};
    enum status status = read_document(&document, input->options->in, kind->max, fault);
    if (status == STATUS_OK) {
        status = kind->describe(stdout, &document.document, fault);
    }
    if (status == STATUS_OK && input->options->policy[0] != '\0') {
        status = chain_open(&chain, input->options, false, fault);
    }
    if (status == STATUS_OK) {
        status = describe_signatures(&document, kind->kind, &chain, fault);
    }
    chain_wipe(&chain);
    signed_document_free(&document);
    return status;
}

enum status command_digest(const struct command_input *input, struct fault *fault)
{
    static const char *const known[] = {"account",   "approval",    "asset",       "attestation", "backup",  "ceremony",
                                        "command",   "compromise",  "destination", "genesis",     "header",  "intent",
                                        "key",       "occasion",    "policy",      "receipt",     "restore", "review",
                                        "share_set", "transaction", "validators"};
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
    if (status == STATUS_OK && is_signed(object)) {
        status = fault_set(fault, STATUS_INVALID, "signatures",
                           "this is a signed file, its digest is nobody's: take the text of its field document");
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
    command_name_file(fault, input->options->in);
    return status;
}

enum status command_hand_in(const struct custody_options *options, const char *path, struct fault *fault)
{
    struct bytes text = {0};
    json_t *object = NULL;
    json_t *answer = NULL;
    enum status status = command_read_file(&text, options->in, 4 * CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_parse_relaxed(&object, text.data, text.len, 4 * CANON_DOCUMENT_MAX, fault);
    }
    if (status == STATUS_OK) {
        const struct client_call call = {.method = "POST", .path = path, .body = object};
        status = client_json(&answer, options, &call, fault);
    }
    if (status == STATUS_OK) {
        char digest[SERVICE_TEXT_SIZE];
        (void)printf("entered %s\n", command_service_text(digest, answer, "digest"));
    }
    json_decref(answer);
    json_decref(object);
    bytes_free(&text);
    return status;
}
