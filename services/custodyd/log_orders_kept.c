/*
 * The kept orders about the log, page by page. A row counts by its signatures only.
 */
#include "log_orders_kept.h"

#include "base/log.h"
#include "key_papers.h"

#define PAGE 64

struct reading {
    const struct service *service;
    struct store_document_list rows; /* owned */
    struct store_document_place after;
    unsigned long long unfit;
};

static enum status page_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct reading *reading = context;
    store_document_list_free(&reading->rows);
    return store_document_list(&reading->rows, tx, KEY_PAPER_LOG, &reading->after, PAGE, fault);
}

/* Whether people ordered it, at the time that it was issued. */
static bool order_verifies(struct log_order *out, const struct service *service, const struct store_document *row)
{
    struct signed_document document = {0};
    struct command command;
    bool good = signed_document_parse(&document, row->bytes.data, row->bytes.len, "order", NULL) == STATUS_OK &&
                command_decode(&command, document.document.data, document.document.len, NULL) == STATUS_OK &&
                (command.action == COMMAND_LOG_FORK || command.action == COMMAND_LOG_ROTATE);
    const struct policy *named = good ? service_policy_named(service, &command.policy) : NULL;
    good = named != NULL && command_verify(&out->command, &document, named, command.issued_at, NULL) == STATUS_OK;
    if (good) {
        digest_document(&out->digest, COMMAND_KIND, document.document.data, document.document.len);
        out->bytes = &row->bytes;
    }
    signed_document_free(&document);
    return good;
}

static enum status show_page(struct reading *reading, const struct log_orders_visitor *visitor, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < reading->rows.count; i++) {
        const struct store_document *row = &reading->rows.rows[i];
        struct log_order order;
        if (order_verifies(&order, reading->service, row)) {
            status = visitor->take(visitor->context, &order, fault);
        } else {
            reading->unfit++;
        }
        reading->after = store_document_place_of(row);
    }
    return status;
}

enum status log_orders_visit(const struct log_orders_visitor *visitor, const struct service *service,
                             struct fault *fault)
{
    struct reading reading = {.service = service};
    enum status status = STATUS_OK;
    size_t got = PAGE;
    while (status == STATUS_OK && got == PAGE) {
        status = store_read(service->store, page_in, &reading, fault);
        got = reading.rows.count;
        status = status == STATUS_OK ? show_page(&reading, visitor, fault) : status;
    }
    store_document_list_free(&reading.rows);
    if (reading.unfit > 0) {
        char count[24];
        (void)snprintf(count, sizeof(count), "%llu", reading.unfit);
        log_event(LOG_LEVEL_WARNING, "log.orders_unfit", "rows", count, NULL);
    }
    return status;
}
