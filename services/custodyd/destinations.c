/*
 * The allow-list: showing it, and what an address must not look like.
 */
#include "destinations.h"

#include "base/canon.h"
#include "record.h"
#include "resources.h"
#include "store/document.h"
#include "store/payer.h"
#include "withdrawals.h"

#define ALIKE_PAGE 64
#define ENDS_FRONT 4

void destination_mark_subject(char out[STORE_MARK_SUBJECT_SIZE], const struct digest *digest)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, digest);
    (void)snprintf(out, STORE_MARK_SUBJECT_SIZE, "destination/%s", hex);
}

static const char *const words[] = {[DESTINATION_WAITING] = "waiting",
                                    [DESTINATION_HELD] = "held",
                                    [DESTINATION_REVOKED] = "revoked",
                                    [DESTINATION_REFUSED] = "refused"};

void destination_mark_value(char out[STORE_MARK_VALUE_SIZE], const struct destination_standing *standing)
{
    char at[TIME_TEXT_SIZE];
    time_format(at, standing->serving_at_utc_us);
    (void)snprintf(out, STORE_MARK_VALUE_SIZE, "%s/%s", words[standing->word], at);
}

void destination_mark_lasting(char out[STORE_MARK_VALUE_SIZE])
{
    const struct destination_standing revoked = {.word = DESTINATION_REVOKED};
    destination_mark_value(out, &revoked);
}

/* A row that was edited says nothing: the signer is asked again. */
static void standing_parse(struct destination_standing *out, const char *value)
{
    const char *slash = strchr(value, '/');
    *out = (struct destination_standing){.word = DESTINATION_WAITING};
    for (size_t i = 0; slash != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
        struct destination_standing read = {.word = (enum destination_word)i};
        if (strlen(words[i]) == (size_t)(slash - value) && strncmp(value, words[i], strlen(words[i])) == 0 &&
            time_parse(&read.serving_at_utc_us, slash + 1) == STATUS_OK) {
            *out = read;
        }
    }
}

enum status destination_standing_read(struct destination_standing *out, struct store_tx *tx,
                                      const struct digest *digest, struct fault *fault)
{
    char subject[STORE_MARK_SUBJECT_SIZE];
    char value[STORE_MARK_VALUE_SIZE] = "";
    struct fault why = {0};
    destination_mark_subject(subject, digest);
    enum status status = store_mark_get(value, tx, subject, &why);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    standing_parse(out, value);
    return STATUS_OK;
}

const char *destination_state(const struct destination_standing *standing, const struct destination *destination,
                              int64_t at_utc_us)
{
    if (standing->word == DESTINATION_REVOKED) {
        return "revoked";
    }
    if (at_utc_us >= destination->valid_until) {
        return "expired";
    }
    if (standing->word == DESTINATION_HELD) {
        return at_utc_us >= standing->serving_at_utc_us ? "serving" : "cooling";
    }
    return words[standing->word];
}

/* Showing. */

static enum status entry_view(json_t **out, const struct service *service, struct store_tx *tx,
                              const struct store_document *row, struct fault *fault)
{
    struct destination_standing standing;
    struct destination destination;
    json_t *view = NULL;
    char digest[DIGEST_HEX_LEN + 1];
    char at[TIME_TEXT_SIZE];
    enum status status = canon_parse(&view, row->bytes.data, row->bytes.len, HTTP_BODY_MAX, fault);
    const char *document = json_string_value(json_object_get(view, "document"));
    if (status == STATUS_OK) {
        status = document == NULL ? fault_set(fault, STATUS_CORRUPT, "destination", "a row that is none")
                                  : destination_decode(&destination, document, strlen(document), fault);
    }
    if (status == STATUS_OK) {
        status = destination_standing_read(&standing, tx, &row->digest, fault);
    }
    if (status == STATUS_OK) {
        digest_format(digest, &row->digest);
        const char *state = destination_state(&standing, &destination, clock_utc_us(service->clock));
        json_t *more = json_pack("{s:s, s:s}", "digest", digest, "state", state);
        time_format(at, standing.serving_at_utc_us);
        bool good =
            more != NULL && json_object_update(view, more) == 0 &&
            (standing.word != DESTINATION_HELD || json_object_set_new(view, "serving_at", json_string(at)) == 0);
        json_decref(more);
        status = good ? STATUS_OK : fault_set(fault, STATUS_NO_MEMORY, "destinations", "%s", "");
    }
    if (status != STATUS_OK) {
        json_decref(view);
        return status;
    }
    *out = view;
    return STATUS_OK;
}

struct showing {
    struct service *service;
    json_t *array;
};

/* Page by page in one transaction. */
static enum status list_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct showing *showing = context;
    struct name after = {{0}};
    size_t got = DESTINATIONS_PAGE;
    enum status status = STATUS_OK;
    (void)json_array_clear(showing->array);
    while (status == STATUS_OK && got == DESTINATIONS_PAGE) {
        struct store_document_list list = {0};
        status = store_document_list_newest(&list, tx, DESTINATION_KIND, after.text, DESTINATIONS_PAGE, fault);
        got = list.count;
        for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
            json_t *view = NULL;
            status = entry_view(&view, showing->service, tx, &list.rows[i], fault);
            if (status == STATUS_OK && json_array_append_new(showing->array, view) != 0) {
                status = fault_set(fault, STATUS_NO_MEMORY, "destinations", "%s", "");
            }
            after = list.rows[i].id;
        }
        store_document_list_free(&list);
    }
    return status;
}

enum status destination_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                             struct fault *fault)
{
    (void)request;
    struct showing showing = {.service = service, .array = json_array()};
    enum status status = store_transact(service->store, list_in, &showing, fault);
    if (status != STATUS_OK) {
        json_decref(showing.array);
        return status;
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "destinations", showing.array), fault);
}

enum status destination_judge(struct destination *out, const struct signed_document *document,
                              const struct service *service, struct fault *fault)
{
    struct policy_chain_version *versions = NULL;
    struct policy_chain chain;
    enum status status = policies_chain(&versions, &chain, service->policies, NULL, fault);
    if (status == STATUS_OK) {
        status = policy_chain_destination_verify(out, document, &chain, clock_utc_us(service->clock), fault);
    }
    free(versions);
    return status;
}

/* What an address looks like. */

static enum status alike(struct fault *fault, const char *where, const char *whose, const char *address)
{
    return fault_set(fault, STATUS_LOOK_ALIKE, where, "it looks like %s %s, and is another", whose, address);
}

static enum status entry_alike(struct store_tx *tx, const struct store_document *row, const struct account_id *account,
                               const char *where, struct fault *fault)
{
    struct signed_document document = {0};
    struct destination destination;
    struct destination_standing standing;
    char address[ADDRESS_TEXT_SIZE];
    enum status status = signed_document_parse(&document, row->bytes.data, row->bytes.len, DESTINATION_KIND, NULL);
    if (status == STATUS_OK) {
        status = destination_decode(&destination, document.document.data, document.document.len, NULL);
    }
    signed_document_free(&document);
    if (status != STATUS_OK || !account_id_alike(&destination.account, account)) {
        return STATUS_OK;
    }
    status = destination_standing_read(&standing, tx, &row->digest, fault);
    if (status != STATUS_OK || standing.word == DESTINATION_REVOKED || standing.word == DESTINATION_REFUSED) {
        return status;
    }
    address_format(address, &destination.account);
    return alike(fault, where, "the entry of the allow-list", address);
}

/* Entries are kept under their accounts, so those with the same first characters stand together. */
static enum status list_alike(struct store_tx *tx, const struct account_id *account, const char *where,
                              struct fault *fault)
{
    struct name key;
    struct name after = {{0}};
    bool more = true;
    enum status status = STATUS_OK;
    destination_store_key(&key, account);
    memcpy(after.text, key.text, ENDS_FRONT);
    while (status == STATUS_OK && more) {
        struct store_document_list list = {0};
        status = store_document_list_newest(&list, tx, DESTINATION_KIND, after.text, ALIKE_PAGE, fault);
        more = list.count == ALIKE_PAGE;
        for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
            after = list.rows[i].id;
            if (strncmp(after.text, key.text, ENDS_FRONT) != 0) {
                more = false;
                break;
            }
            status = entry_alike(tx, &list.rows[i], account, where, fault);
        }
        store_document_list_free(&list);
    }
    return status;
}

static enum status payer_alike(struct store_tx *tx, const struct account_id *account, const char *where,
                               struct fault *fault)
{
    struct store_payer payer;
    struct fault why = {0};
    char address[ADDRESS_TEXT_SIZE];
    address_format(address, account);
    enum status status = store_payer_alike(&payer, tx, address, &why);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    return status == STATUS_OK ? alike(fault, where, "somebody who has paid in,", payer.address)
                               : fault_set(fault, status, why.where, "%s", why.detail);
}

enum status destination_check_alike(const struct service *service, struct store_tx *tx,
                                    const struct account_id *account, const char *where, struct fault *fault)
{
    const struct policy *policy = service_policy(service);
    for (size_t i = 0; i < policy->wallet_count; i++) {
        if (account_id_alike(&policy->wallets[i].account, account)) {
            char address[ADDRESS_TEXT_SIZE];
            address_format(address, &policy->wallets[i].account);
            return alike(fault, where, "the address of a wallet,", address);
        }
    }
    enum status status = list_alike(tx, account, where, fault);
    return status == STATUS_OK ? payer_alike(tx, account, where, fault) : status;
}
