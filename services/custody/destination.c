/*
 * The allow-list: an entry handed in, the list shown, and one taken off it. Taking off is one person's: with --key the
 * order is made, signed and handed in at once, because whoever sees a wrong address has no time for three commands.
 */
#include "policy/destination.h"
#include "base/signed.h"
#include "chain.h"
#include "client.h"
#include "commands.h"
#include "describe.h"
#include "key_orders.h"
#include "order_draft.h"
#include "signer_call.h"

/* Onto it */

static enum status add_at_signer(const struct signed_document *document, const struct custody_options *options,
                                 struct fault *fault)
{
    struct wire_pool *pool = NULL;
    struct wire_destination_adopt_reply reply;
    char at[TIME_TEXT_SIZE];
    enum status status = signer_call_open(&pool, options, ROLE_TRANSFER, fault);
    if (status == STATUS_OK) {
        status = wire_destination_adopt(pool, &reply, document, signer_call_timeout_ms(options), fault);
    }
    if (status == STATUS_OK) {
        time_format(at, reply.serving_at);
        (void)printf("the signer says: %s, serving at %s\n", reply.state, at);
    }
    wire_pool_free(pool);
    return status;
}

static enum status add_at_service(const struct signed_document *document, const struct custody_options *options,
                                  struct fault *fault)
{
    json_t *body = NULL;
    json_t *answer = NULL;
    char digest[SERVICE_TEXT_SIZE];
    char state[SERVICE_TEXT_SIZE];
    char at[SERVICE_TEXT_SIZE];
    enum status status = signed_document_encode(&body, document, fault);
    if (status == STATUS_OK) {
        const struct client_call call = {.method = "POST", .path = "/v1/destinations", .body = body};
        status = client_json(&answer, options, &call, fault);
    }
    if (status == STATUS_OK) {
        (void)printf("listed %s; the service says: %s, serving at %s\n", command_service_text(digest, answer, "digest"),
                     command_service_text(state, answer, "state"), command_service_text(at, answer, "serving_at"));
    }
    json_decref(body);
    json_decref(answer);
    return status;
}

enum status command_destination_add(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct signed_document document = {0};
    enum status status = command_read_signed(&document, options->in, CANON_DOCUMENT_MAX, "in", fault);
    if (status == STATUS_OK) {
        status = options->socket[0] == '\0' ? add_at_service(&document, options, fault)
                                            : add_at_signer(&document, options, fault);
    }
    signed_document_free(&document);
    return status;
}

/* The list */

/* The document is read here; of the service is the state alone. */
static void print_entry(const json_t *row)
{
    const char *document = json_string_value(json_object_get(row, "document"));
    struct destination destination;
    struct digest digest;
    char hex[DIGEST_HEX_LEN + 1];
    char address[ADDRESS_TEXT_SIZE];
    char state[SERVICE_TEXT_SIZE];
    char at[SERVICE_TEXT_SIZE];
    if (document == NULL || destination_decode(&destination, document, strlen(document), NULL) != STATUS_OK) {
        (void)printf("a row that is no entry of the allow-list\n");
        return;
    }
    destination_digest(&digest, document, strlen(document));
    digest_format(hex, &digest);
    address_format(address, &destination.account);
    (void)printf("%s %s\n", destination.id.text, address);
    describe_row(stdout, "group", "%s", destination.group.text);
    describe_row(stdout, "state", "%s", command_service_text(state, row, "state"));
    if (json_object_get(row, "serving_at") != NULL) {
        describe_row(stdout, "serving at", "%s", command_service_text(at, row, "serving_at"));
    }
    describe_time(stdout, "until", destination.valid_until);
    describe_row(stdout, "digest", "%s", hex);
}

enum status command_destination_list(const struct command_input *input, struct fault *fault)
{
    return client_list(input->options, "/v1/destinations", "destinations", print_entry, fault);
}

/* Off it */

/* The entry that a row has. False when it has none. */
static bool read_row(struct destination *out, struct digest *out_digest, const json_t *row)
{
    const char *document = json_string_value(json_object_get(row, "document"));
    if (document == NULL || destination_decode(out, document, strlen(document), NULL) != STATUS_OK) {
        return false;
    }
    destination_digest(out_digest, document, strlen(document));
    return true;
}

/* What is meant: an entry by its digest, or those of an address that are not revoked yet. */
struct meant {
    struct digest digest;
    struct account_id account;
    bool by_address;
    size_t found;
};

static void find_meant(struct meant *meant, const json_t *rows)
{
    const json_t *row = NULL;
    size_t i = 0;
    json_array_foreach(rows, i, row)
    {
        struct destination destination;
        struct digest digest;
        char state[SERVICE_TEXT_SIZE];
        if (!read_row(&destination, &digest, row)) {
            continue;
        }
        bool revoked = strcmp(command_service_text(state, row, "state"), "revoked") == 0;
        if (meant->by_address ? !revoked && account_id_equal(&destination.account, &meant->account)
                              : digest_equal(&digest, &meant->digest)) {
            char address[ADDRESS_TEXT_SIZE];
            char hex[DIGEST_HEX_LEN + 1];
            address_format(address, &destination.account);
            digest_format(hex, &digest);
            (void)fprintf(stderr, "on the list: %s, %s, group %s, %s, digest %s\n", destination.id.text, address,
                          destination.group.text, state, hex);
            meant->digest = digest;
            meant->found++;
        }
    }
}

/*
 * Says which entry is meant, before anybody signs. By a digest the order is made in any case: the entry may not have
 * come yet, and whoever stops something does not wait for a service that does not answer.
 */
static enum status look_up(struct digest *out, const char *word, const struct custody_options *options,
                           struct fault *fault)
{
    struct meant meant = {.by_address = strncmp(word, "sr1", 3) == 0};
    const struct client_call call = {.method = "GET", .path = "/v1/destinations"};
    json_t *answer = NULL;
    enum status status = STATUS_OK;
    if (meant.by_address) {
        status = address_parse(&meant.account, word, "DIGEST", fault);
    } else if (digest_parse(&meant.digest, word) != STATUS_OK) {
        status =
            fault_set(fault, STATUS_USAGE, "DIGEST", "that of the entry (custody destination list), or the address");
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = client_json(&answer, options, &call, meant.by_address ? fault : NULL);
    if (status != STATUS_OK && meant.by_address) {
        return status;
    }
    find_meant(&meant, json_object_get(answer, "destinations"));
    json_decref(answer);
    if (meant.by_address && meant.found != 1) {
        return fault_set(fault, STATUS_NOT_FOUND, "DIGEST", "%s",
                         meant.found == 0 ? "no entry of the list has this address: nothing was signed"
                                          : "several entries have this address: give the digest of one");
    }
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "the list could not be asked: whether an entry has this digest is NOT KNOWN\n");
    } else if (meant.found == 0) {
        (void)fprintf(stderr, "no entry of the list has this digest: nothing that is listed stops\n");
    }
    *out = meant.digest;
    return STATUS_OK;
}

static enum status make_order(struct signed_document *out, const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct chain chain = {0};
    struct command command = {.action = COMMAND_DESTINATION_REVOKE, .role = ROLE_TRANSFER};
    enum status status = look_up(&command.subject, input->words[0], options, fault);
    status = status == STATUS_OK ? chain_open(&chain, options, false, fault) : status;
    if (status == STATUS_OK) {
        status = order_draft(&command, chain_newest(&chain), options, fault);
    }
    status = status == STATUS_OK ? order_draft_write(&out->document, &command, fault) : status;
    chain_wipe(&chain);
    return status;
}

enum status command_destination_revoke(const struct command_input *input, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = make_order(&document, input, fault);
    status = status == STATUS_OK ? key_order_finish(&document, input->options, fault) : status;
    signed_document_free(&document);
    return status;
}
