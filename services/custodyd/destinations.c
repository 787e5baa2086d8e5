/*
 * The allow-list: what the signer said of an entry, showing them, and what an address must not look like.
 */
#include "destinations.h"

#include "record.h"
#include "resources.h"
#include "withdrawals.h"

#define ALIKE_PAGE 16
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

enum status destination_standing_read(struct destination_standing *out, const struct store_tx *tx,
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

/* The word for people: waiting, cooling, serving, expired, revoked or refused. */
static const char *destination_state(const struct destination_entry *entry, int64_t at_utc_us)
{
    const struct destination_standing *standing = &entry->standing;
    if (standing->word == DESTINATION_REVOKED) {
        return words[DESTINATION_REVOKED];
    }
    if (!entry->verified) { /* whatever its mark says */
        return words[DESTINATION_REFUSED];
    }
    if (at_utc_us >= entry->destination.valid_until) {
        return "expired";
    }
    if (standing->word == DESTINATION_HELD) {
        return at_utc_us >= standing->serving_at_utc_us ? "serving" : "cooling";
    }
    return words[standing->word];
}

/* Showing. */

static enum status entry_view(json_t **out, const struct destination_entry *entry, int64_t now_utc_us,
                              struct fault *fault)
{
    json_t *view = NULL;
    char digest[DIGEST_HEX_LEN + 1];
    char at[TIME_TEXT_SIZE];
    enum status status = signed_document_encode(&view, &entry->document, fault);
    if (status != STATUS_OK) {
        return status;
    }
    digest_format(digest, &entry->digest);
    time_format(at, entry->standing.serving_at_utc_us);
    bool held = entry->verified && entry->standing.word == DESTINATION_HELD;
    bool good = json_object_set_new(view, "digest", json_string(digest)) == 0 &&
                json_object_set_new(view, "state", json_string(destination_state(entry, now_utc_us))) == 0 &&
                (!held || json_object_set_new(view, "serving_at", json_string(at)) == 0);
    if (!good) {
        json_decref(view);
        return fault_set(fault, STATUS_NO_MEMORY, "destinations", "%s", "");
    }
    *out = view;
    return STATUS_OK;
}

struct showing {
    struct service *service;
    struct destination_page page;
    json_t *array;
};

/* Page by page in one transaction. */
static enum status list_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct showing *showing = context;
    struct destination_page *page = &showing->page;
    int64_t now_utc_us = clock_utc_us(showing->service->clock);
    bool more = true;
    enum status status = STATUS_OK;
    page->after = (struct name){{0}};
    page->before = (struct destination_unfit){.rows = 0};
    (void)json_array_clear(showing->array);
    while (status == STATUS_OK && more) {
        status = destination_page_read(page, showing->service, tx, fault);
        for (size_t i = 0; status == STATUS_OK && i < page->count; i++) {
            json_t *view = NULL;
            status = entry_view(&view, &page->entries[i], now_utc_us, fault);
            if (status == STATUS_OK && json_array_append_new(showing->array, view) != 0) {
                status = fault_set(fault, STATUS_NO_MEMORY, "destinations", "%s", "");
            }
        }
        more = destination_page_turn(page);
    }
    destination_page_wipe(page);
    return status;
}

enum status destination_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                             struct fault *fault)
{
    (void)request;
    struct showing showing = {.service = service,
                              .page = {.entries = calloc(DESTINATIONS_PAGE, sizeof(struct destination_entry)),
                                       .max = DESTINATIONS_PAGE,
                                       .front = ""},
                              .array = json_array()};
    enum status status = showing.page.entries == NULL ? fault_set(fault, STATUS_NO_MEMORY, "destinations", "%s", "")
                                                      : store_read(service->store, list_in, &showing, fault);
    free(showing.page.entries);
    if (status != STATUS_OK) {
        json_decref(showing.array);
        return status;
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "destinations", showing.array), fault);
}

/* What an address looks like. */

static enum status alike(struct fault *fault, const char *where, const char *whose, const char *address)
{
    return fault_set(fault, STATUS_LOOK_ALIKE, where, "it looks like %s %s, and is another", whose, address);
}

static bool is_alike(const struct destination_entry *entry, const struct account_id *account)
{
    return entry->verified && entry->standing.word != DESTINATION_REVOKED &&
           entry->standing.word != DESTINATION_REFUSED && account_id_alike(&entry->destination.account, account);
}

/* Entries are kept under their accounts, so those with the same first characters stand together. */
static enum status list_alike(const struct service *service, const struct store_tx *tx,
                              const struct account_id *account, const char *where, struct fault *fault)
{
    struct destination_entry entries[ALIKE_PAGE];
    char front[NAME_SIZE];
    struct name key;
    struct destination_page page = {.entries = entries, .max = ALIKE_PAGE, .front = front};
    bool more = true;
    enum status status = STATUS_OK;
    destination_store_key(&key, account);
    (void)snprintf(front, sizeof(front), "%.*s", ENDS_FRONT, key.text);
    while (status == STATUS_OK && more) {
        status = destination_page_read(&page, service, tx, fault);
        for (size_t i = 0; status == STATUS_OK && i < page.count; i++) {
            if (is_alike(&entries[i], account)) {
                char address[ADDRESS_TEXT_SIZE];
                address_format(address, &entries[i].destination.account);
                status = alike(fault, where, "the entry of the allow-list", address);
            }
        }
        more = destination_page_turn(&page);
    }
    destination_page_wipe(&page);
    return status;
}

/* Who has paid in is one of them: what the ledger says, and no row. */
static enum status sender_alike(const struct service *service, const struct account_id *account, const char *where,
                                struct fault *fault)
{
    struct account_id other;
    struct fault why = {0};
    char address[ADDRESS_TEXT_SIZE];
    enum status status = ledger_node_sender_alike(service->node, &other, account, &why);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    address_format(address, &other);
    return alike(fault, where, "somebody who pays on the ledger,", address);
}

enum status destination_check_alike(const struct service *service, const struct store_tx *tx,
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
    enum status status = list_alike(service, tx, account, where, fault);
    return status == STATUS_OK ? sender_alike(service, account, where, fault) : status;
}
