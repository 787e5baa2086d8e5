/*
 * Who is suspended, as the signers say it: an order that one of them missed is carried to it, a resumption to each one
 * that comes back (who missed a suspension, too, looks like the others), a difference that lasts is an alarm, and open
 * withdrawals are judged again when others are suspended than before. Nothing is decided here: each order is signed,
 * and a signer that had it changes nothing.
 */
#include "base/log.h"
#include "key_papers.h"
#include "people.h"
#include "policy_change.h"
#include "record.h"
#include "store/document.h"
#include "trail_named.h"
#include "watch_core.h"

#define ORDERS_PAGE 256

/* The people whom one signer has suspended. */
struct suspended {
    struct wire_suspended rows[WIRE_SUSPENDED_MAX];
    size_t count;
    bool heard;
    bool there; /* it answered the last look */
};

struct people_look {
    struct suspended signers[KEY_BOARD_ROLES];
    bool back[KEY_BOARD_ROLES];        /* it is there, and may have missed what no other one says any more */
    struct store_document_list orders; /* a page */
    struct store_document_place after; /* where the page begins */
    int64_t at_utc_us;
};

static void see(struct suspended *out, const struct watch *watch, enum wire_role role)
{
    struct key_board_signer signer;
    key_board_signer(&signer, watch->service->board, role);
    out->count = key_board_suspended(out->rows, watch->service->board, role);
    out->heard = signer.heard;
    out->there = signer.heard && signer.status == STATUS_OK;
}

static bool has(const struct suspended *signer, const struct name *person)
{
    for (size_t i = 0; i < signer->count; i++) {
        if (name_equal(&signer->rows[i].person, person)) {
            return true;
        }
    }
    return false;
}

/* Those of one signer whom the other one does not have. */
static void list_beyond(char out[AUDIT_FACT_MAX], const struct suspended *signer, const struct suspended *other)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < signer->count; i++) {
        const char *person = signer->rows[i].person.text;
        if (!has(other, &signer->rows[i].person) && at + strlen(person) + 2 < AUDIT_FACT_MAX) {
            at += (size_t)snprintf(out + at, AUDIT_FACT_MAX - at, "%s%s", at == 0 ? "" : ",", person);
        }
    }
}

/* Telling. An order on its way is at one signer before the other, so what is seen once is no difference yet. */

static enum status tell(struct watch *watch, const struct people_look *look, enum wire_role role, struct fault *fault)
{
    const struct suspended *transfer = &look->signers[WIRE_ROLE_TRANSFER];
    const struct suspended *signer = &look->signers[role];
    char lacks[AUDIT_FACT_MAX];
    char more[AUDIT_FACT_MAX];
    char both[2 * AUDIT_FACT_MAX];
    char value[STORE_MARK_VALUE_SIZE];
    char hex[DIGEST_HEX_LEN + 1];
    struct digest digest = {{0}};
    list_beyond(lacks, transfer, signer);
    list_beyond(more, signer, transfer);
    bool same = lacks[0] == '\0' && more[0] == '\0';
    if (!same) {
        (void)snprintf(both, sizeof(both), "%s/%s", lacks, more);
        digest_sha256(&digest, both, strlen(both));
    }
    bool lasts = same || digest_equal(&digest, &watch->uneven[role]);
    watch->uneven[role] = digest;
    if (!lasts) {
        return STATUS_OK;
    }
    digest_format(hex, &digest);
    (void)snprintf(value, sizeof(value), "%s", same ? "same" : hex);
    struct news news = {.action = AUDIT_PERSON_DIFFERS,
                        .object_type = RECORD_SIGNER,
                        .calm = same,
                        .reason = same ? STATUS_OK : STATUS_NOT_READY,
                        .value = value};
    (void)snprintf(news.subject, sizeof(news.subject), "people/%s", wire_role_name(role));
    (void)snprintf(news.object_id, sizeof(news.object_id), "%s", wire_role_name(role));
    if (lacks[0] != '\0') {
        news_fact(&news, "lacks", lacks);
    }
    if (more[0] != '\0') {
        news_fact(&news, "more", more);
    }
    return watch_tell(watch, &news, fault);
}

/* Carrying. */

static enum status orders_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct people_look *look = context;
    store_document_list_free(&look->orders);
    return store_document_list(&look->orders, tx, PERSON_ORDER_KIND, &look->after, ORDERS_PAGE, fault);
}

/* Answers false when it is to be tried again. */
static bool hand_over(struct service *service, enum wire_role role, const struct signed_document *order)
{
    struct wire_key_state_reply reply;
    struct fault why = {0};
    enum status status =
        wire_key_command(service->signers[role], &reply, order, service->options.signer_timeout_ms, &why);
    if (status != STATUS_OK && status != STATUS_REPLAY && status != STATUS_CONFLICT) {
        log_fault("person.carry", &why);
    }
    return !status_info(status)->retryable;
}

/*
 * A suspension to those who lack it, a resumption to those who have the person suspended. Whoever comes back and has
 * not may have missed both, and is told so that the suspension, kept by somebody, does nothing there.
 */
static bool wants(const struct people_look *look, int role, const struct command *command, bool uneven)
{
    bool here = has(&look->signers[role], &command->person);
    bool resumes = command->action == COMMAND_PERSON_RESUME;
    return look->signers[role].there && ((uneven && here == resumes) || (look->back[role] && resumes && !here));
}

/* Of what gives a voice back the signed trail says first that it was handed in: a row alone reaches no signer. */
static enum status is_told(bool *out, const struct service *service, const struct command *command,
                           const struct digest *order, struct fault *fault)
{
    const struct trail_naming naming = {AUDIT_PERSON_RESUME, AUDIT_OUTCOME_INTENT, KEY_PAPER_COMMAND};
    struct trail_named_page page = {.search = {.filter = {.otype = RECORD_PERSON, .oid = command->person.text}}};
    enum status status = STATUS_OK;
    *out = command->action != COMMAND_PERSON_RESUME;
    while (status == STATUS_OK && !*out && !page.search.over) {
        status = trail_named_page(&page, service->trail, &naming, fault);
        for (size_t i = 0; status == STATUS_OK && i < page.count; i++) {
            *out = *out || digest_equal(&page.rows[i].digest, order);
        }
    }
    return status;
}

/* Answers false when it is to be tried again. */
static bool carry_to(struct watch *watch, enum wire_role role, const struct command *command,
                     const struct signed_document *order)
{
    struct digest digest;
    struct fault why = {0};
    bool told = false;
    digest_document(&digest, COMMAND_KIND, order->document.data, order->document.len);
    if (is_told(&told, watch->service, command, &digest, &why) != STATUS_OK) {
        log_fault("person.carry", &why);
        return false;
    }
    if (!told) {
        log_event(LOG_LEVEL_WARNING, "person.unfit", "person", command->person.text, "detail",
                  "an order of the quorum that nobody handed in stands in the database", NULL);
    }
    return !told || hand_over(watch->service, role, order);
}

static void carry_one(struct watch *watch, const struct people_look *look, const struct store_document *row,
                      enum command_action action)
{
    struct signed_document order = {0};
    struct command command;
    struct fault why = {0};
    enum status status = signed_document_parse(&order, row->bytes.data, row->bytes.len, "", &why);
    if (status == STATUS_OK) {
        status = command_decode(&command, order.document.data, order.document.len, &why);
    }
    bool some = false;
    bool all = true;
    for (int role = 0; status == STATUS_OK && role < KEY_BOARD_ROLES; role++) {
        bool here = has(&look->signers[role], &command.person);
        some = some || here;
        all = all && (here || !look->signers[role].heard);
    }
    for (int role = 0; status == STATUS_OK && command.action == action && role < KEY_BOARD_ROLES; role++) {
        if (wants(look, role, &command, some && !all) && !carry_to(watch, (enum wire_role)role, &command, &order)) {
            watch->away[role] = true;
        }
    }
    signed_document_free(&order);
}

/* All of them: one person may hand in as many suspensions as a page holds, to hide what the quorum ordered. */
static enum status carry(struct watch *watch, struct people_look *look, enum command_action action)
{
    const struct digest none = {{0}};
    struct fault why = {0};
    size_t got = ORDERS_PAGE;
    enum status status = STATUS_OK;
    look->after = (struct store_document_place){{{0}}};
    person_order_name(&look->after.id, look->at_utc_us, &none); /* what is over is refused anyway */
    while (status == STATUS_OK && got == ORDERS_PAGE) {
        status = store_read(watch->service->store, orders_in, look, &why);
        got = look->orders.count;
        for (size_t i = 0; status == STATUS_OK && i < got; i++) {
            look->after = store_document_place_of(&look->orders.rows[i]);
            carry_one(watch, look, &look->orders.rows[i], action);
        }
    }
    store_document_list_free(&look->orders);
    if (status != STATUS_OK) {
        log_fault("person.carry", &why); /* the next look tries again */
    }
    return status;
}

/* Who comes back: it was away, it started again between two looks, or it did not take an order. */
static void see_back(struct watch *watch, struct people_look *look)
{
    struct key_board_signer transfer;
    key_board_signer(&transfer, watch->service->board, WIRE_ROLE_TRANSFER);
    (void)pthread_mutex_lock(&watch->mutex);
    for (int role = 0; role < KEY_BOARD_ROLES; role++) {
        watch->away[role] = watch->away[role] || watch->missed[role] || !look->signers[role].there;
        watch->missed[role] = false;
    }
    (void)pthread_mutex_unlock(&watch->mutex);
    if (transfer.status == STATUS_OK && !digest_equal(&watch->resumed_at, &transfer.instance)) {
        watch->resumed_at = transfer.instance;
        watch->away[WIRE_ROLE_TRANSFER] = true;
    }
    for (int role = 0; role < KEY_BOARD_ROLES; role++) {
        look->back[role] = watch->away[role] && look->signers[role].there;
    }
}

/* Resumptions first: who has one takes no suspension from before it. */
static void carry_all(struct watch *watch, struct people_look *look, bool uneven)
{
    bool back = false;
    for (int role = 0; role < KEY_BOARD_ROLES; role++) {
        back = back || look->back[role];
        watch->away[role] = watch->away[role] && !look->back[role];
    }
    if (!uneven && !back) {
        return;
    }
    enum status status = carry(watch, look, COMMAND_PERSON_RESUME);
    for (int role = 0; status != STATUS_OK && role < KEY_BOARD_ROLES; role++) {
        watch->away[role] = watch->away[role] || look->back[role];
    }
    if (status == STATUS_OK && uneven) {
        (void)!carry(watch, look, COMMAND_PERSON_SUSPEND);
    }
}

static enum status compare(struct watch *watch, struct people_look *look, struct fault *fault)
{
    enum status status = STATUS_OK;
    bool uneven = false;
    for (int role = WIRE_ROLE_AUDIT; status == STATUS_OK && role < watch->service->role_count; role++) {
        if (look->signers[role].heard) {
            status = tell(watch, look, (enum wire_role)role, fault);
            uneven = uneven || !digest_is_zero(&watch->uneven[role]);
        }
    }
    if (status == STATUS_OK) {
        carry_all(watch, look, uneven);
    }
    return status;
}

/* Judging. */

/* Who they are, in one digest: each name is hashed with the digest before it, which has a fixed length. */
static struct digest suspended_digest(const struct suspended *signer)
{
    struct digest digest = {{0}}; /* of nobody */
    for (size_t i = 0; i < signer->count; i++) {
        const char *person = signer->rows[i].person.text;
        digest_sha256_two(&digest, digest.bytes32, sizeof(digest.bytes32), person, strlen(person));
    }
    return digest;
}

static enum status judge(struct watch *watch, const struct suspended *transfer, struct fault *fault)
{
    struct digest now = suspended_digest(transfer);
    if (watch->people_heard && digest_equal(&watch->people, &now)) {
        return STATUS_OK;
    }
    enum status status = policy_follow_people(watch->service, fault);
    if (status == STATUS_OK) {
        watch->people_heard = true;
        watch->people = now;
    }
    return status;
}

enum status watch_people(struct watch *watch, struct fault *fault)
{
    struct people_look *look = calloc(1, sizeof(*look));
    if (look == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "people", "%s", "");
    }
    look->at_utc_us = clock_utc_us(watch->service->clock);
    for (int role = 0; role < KEY_BOARD_ROLES; role++) {
        see(&look->signers[role], watch, (enum wire_role)role);
    }
    see_back(watch, look);
    enum status status = STATUS_OK;
    if (look->signers[WIRE_ROLE_TRANSFER].heard) {
        enum status judged = judge(watch, &look->signers[WIRE_ROLE_TRANSFER], fault);
        status = compare(watch, look, fault); /* orders wait for no withdrawal */
        status = judged == STATUS_OK ? status : judged;
    }
    free(look);
    return status;
}
