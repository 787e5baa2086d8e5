/*
 * Following the blocks: which of them are looked at, and whose their transactions are.
 */
#include <inttypes.h>

#include "key_board.h"
#include "key_uses.h"
#include "sequencer.h"
#include "suspense.h"

#define BLOCKS_AT_ONCE 64
#define REPORTS_AT_ONCE 64 /* uses that are not over: then those that are handed in wait */
#define BEHIND_US 10000000 /* in which a block can be looked at */
#define AGAIN_US 1000000   /* after which blocks that could not be looked at are */
#define MARK_SCANNED "ledger/scanned"

struct key_spending {
    struct service *service;
    uint64_t first;        /* the block above the one at the start */
    uint64_t next;         /* the next block above that one */
    uint64_t back;         /* the next block from there down; 0: all were looked at */
    uint64_t known;        /* up to this block an earlier run has looked */
    uint64_t recorded;     /* the mark as written last */
    bool trusted;          /* the trail has been found to be the one its signer knows */
    int64_t idle_us;       /* monotonic: since when blocks can be compared with nothing; 0: they can be */
    struct key_uses *uses; /* owned */
    struct left {
        uint64_t height;
        int64_t since_us; /* monotonic */
    } * left;             /* owned: blocks of which something could not be judged */
    size_t left_count;
    size_t left_turn;      /* which is looked at again next */
    int64_t left_after_us; /* monotonic: not before */
};

/* A block and whose keys it is looked at for. */
struct scan {
    struct key_spending *spending;
    const struct key_spending_owners *owners;
    uint64_t height;
    bool fresh; /* no earlier run has looked at it */
};

static enum status read_known_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    char text[STORE_MARK_VALUE_SIZE];
    uint64_t *known = context;
    enum status status = store_mark_get(text, tx, MARK_SCANNED, fault);
    if (status == STATUS_NOT_FOUND) {
        fault_clear(fault);
        *known = 0;
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        *known = strtoull(text, NULL, 10);
    }
    return status;
}

enum status key_spending_new(struct key_spending **out, struct service *service, struct fault *fault)
{
    struct ledger_node_status node;
    struct key_spending *spending = calloc(1, sizeof(*spending));
    if (spending == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
    }
    ledger_node_status(service->node, &node);
    spending->service = service;
    spending->first = node.confirmed_height + 1;
    spending->next = spending->first;
    spending->back = node.confirmed_height;
    spending->idle_us = clock_monotonic_us(service->clock);
    enum status status = key_uses_new(&spending->uses, service, fault);
    status = status == STATUS_OK ? store_read(service->store, read_known_in, &spending->known, fault) : status;
    spending->recorded = spending->known;
    if (status != STATUS_OK) {
        key_spending_free(spending);
        return status;
    }
    *out = spending;
    return STATUS_OK;
}

void key_spending_free(struct key_spending *spending)
{
    if (spending != NULL) {
        key_uses_free(spending->uses);
        free(spending->left);
        free(spending);
    }
}

bool key_spending_untold(struct digest *out_key, int64_t *out_since_utc_us, const struct key_spending *spending,
                         size_t *inout_at)
{
    return key_uses_untold(out_key, out_since_utc_us, spending->uses, inout_at);
}

enum status key_spending_report(struct key_spending *spending, const struct key_spending_use *use, struct fault *fault)
{
    bool over = false;
    enum status status = key_uses_is_over(&over, spending->service, &use->transaction, fault);
    if (status != STATUS_OK || over || key_uses_has(spending->uses, &use->transaction, use->height)) {
        return status;
    }
    if (spending->idle_us != 0 || key_uses_waiting(spending->uses) >= REPORTS_AT_ONCE) {
        return fault_set(fault, STATUS_BUSY, "keys", "too many uses of copied keys wait for their signer or the trail");
    }
    return key_uses_add(spending->uses, use, fault);
}

void key_spending_use_of(struct key_spending_use *out, const struct transaction *transaction, const struct digest *id,
                         const struct digest *key)
{
    *out = (struct key_spending_use){.transaction = *id, .key = *key};
    for (size_t i = 0; i < transaction->leg_count; i++) {
        if (transaction->legs[i].side == LEG_DEBIT) { /* each on `from`, no asset twice */
            out->assets[out->asset_count++] = transaction->legs[i].asset;
        }
    }
}

/* Codes from before the signature was looked at, and of rows that no good signature is on. */
static bool signature_was_good(enum status code)
{
    return code != STATUS_INVALID && code != STATUS_MISMATCH && code != STATUS_ALGORITHM_REFUSED &&
           code != STATUS_UNKNOWN_KEY && code != STATUS_SIGNATURE_INVALID;
}

static const struct key_spending_owner *owner_of(const struct scan *scan, const struct account_id *account)
{
    for (size_t i = 0; i < scan->owners->count; i++) {
        if (account_id_equal(&scan->owners->rows[i].account, account)) {
            return &scan->owners->rows[i];
        }
    }
    return NULL;
}

/*
 * A superuser can have the trail say beforehand that a use was dealt with. So that entry counts only for what cannot be
 * the first time: blocks of an earlier run, and transactions that the ledger refused to execute (again).
 */
static enum status check_sender(struct scan *scan, const struct transaction *transaction, const struct bytes *document,
                                bool executed, struct fault *fault)
{
    struct key_spending *spending = scan->spending;
    const struct key_spending_owner *owner = owner_of(scan, &transaction->from);
    const struct store_withdrawal_place place = {
        .lane = transaction->lane, .seq = transaction->seq, .transaction = *document};
    struct key_spending_use use;
    struct digest id;
    bool known = false;
    transaction_id(&id, document->data, document->len);
    if (owner == NULL || key_uses_has(spending->uses, &id, scan->height)) {
        return STATUS_OK;
    }
    enum status status = key_spending_judge(&known, spending->service, &place, fault);
    if (status == STATUS_OK && !known && !(executed && scan->fresh)) {
        status = key_uses_is_over(&known, spending->service, &id, fault);
    }
    if (status != STATUS_OK || known) {
        return status;
    }
    key_spending_use_of(&use, transaction, &id, &owner->key);
    use.height = scan->height;
    status = key_uses_add(spending->uses, &use, fault);
    key_uses_stop(spending->uses, scan->owners);
    return status;
}

/* Receipts at addresses that must not receive. */
static enum status check_receiver(struct scan *scan, const struct leg *leg, const struct digest *id,
                                  const struct transaction *transaction, struct fault *fault)
{
    struct service *service = scan->spending->service;
    struct key_board_entry entry;
    const struct suspense_receipt receipt = {
        .leg = leg, .transaction = id, .sender = &transaction->from, .key = &entry, .height = scan->height};
    for (size_t i = 0; i < scan->owners->count; i++) {
        const struct key_spending_owner *owner = &scan->owners->rows[i];
        if (leg->side == LEG_CREDIT && account_id_equal(&owner->account, &leg->account) &&
            key_board_find(&entry, service->board, &owner->key) == STATUS_OK && entry.state != KEY_STATE_ACTIVE &&
            entry.state != KEY_STATE_INACTIVE) {
            return suspense_receive(service, &receipt, fault);
        }
    }
    return STATUS_OK;
}

static enum status check_row(struct scan *scan, const struct signed_document *document, const struct bytes *receipt,
                             struct fault *fault)
{
    struct transaction transaction;
    struct ledger_receipt result;
    struct digest id;
    enum status status = ledger_receipt_decode(&result, receipt->data, receipt->len, fault);
    if (status != STATUS_OK || !signature_was_good(result.code) ||
        transaction_decode(&transaction, document->document.data, document->document.len, NULL) != STATUS_OK) {
        return status;
    }
    transaction_id(&id, document->document.data, document->document.len);
    status = check_sender(scan, &transaction, &document->document, result.code == STATUS_OK, fault);
    for (size_t i = 0; scan->fresh && result.code == STATUS_OK && i < transaction.leg_count; i++) {
        enum status received = check_receiver(scan, &transaction.legs[i], &id, &transaction, fault);
        status = status == STATUS_OK ? received : status;
    }
    return status;
}

static enum status scan_block(struct scan *scan, struct fault *fault)
{
    struct ledger_block block = {0};
    struct ledger_batch batch = {0};
    enum status status = ledger_node_block(scan->spending->service->node, &block, scan->height, fault);
    if (status == STATUS_OK && ledger_batch_decode(&batch, block.batch.data, block.batch.len, NULL) != STATUS_OK) {
        batch = (struct ledger_batch){0}; /* what does not decode makes an empty block */
    }
    for (size_t i = 0; i < batch.count && i < block.count; i++) {
        enum status checked = check_row(scan, &batch.rows[i].transaction, &block.receipts[i], fault);
        status = status == STATUS_OK ? checked : status;
    }
    ledger_batch_free(&batch);
    ledger_block_free(&block);
    return status;
}

/*
 * An old backup of the database knows nothing of what we asked to be signed since. Whether this is one, the signer of
 * the trail says; until it has, and after it has said so, blocks are compared with nothing.
 */
static bool may_compare(struct key_spending *spending)
{
    struct fault why = {0};
    enum sequencer_state state = sequencer_state(spending->service->sequencer, &why);
    spending->trusted =
        state != SEQUENCER_HALTED && (spending->trusted || state == SEQUENCER_LEADING || state == SEQUENCER_FOLLOWING);
    return spending->trusted;
}

/* Whether all of it was judged. */
static enum status look_at(struct scan *scan, uint64_t height, struct fault *fault)
{
    const struct key_spending *spending = scan->spending;
    scan->height = height;
    scan->fresh = height >= spending->first || height > spending->known;
    return scan_block(scan, fault);
}

/* For one more block that is left. */
static bool has_room(struct key_spending *spending, struct fault *fault)
{
    struct left *grown = realloc(spending->left, (spending->left_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        (void)fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
        return false;
    }
    spending->left = grown;
    return true;
}

/* What cannot be judged of one block keeps no other from it. Whether to go on: signer or database may be away. */
static bool look_or_leave(struct scan *scan, uint64_t height, struct fault *fault)
{
    struct key_spending *spending = scan->spending;
    enum status status = look_at(scan, height, fault);
    if (status != STATUS_OK) {
        spending->left[spending->left_count++] =
            (struct left){.height = height, .since_us = clock_monotonic_us(spending->service->clock)};
    }
    return !status_info(status)->retryable;
}

/* Those that were left, in turn. */
static void look_again(struct scan *scan, struct fault *fault)
{
    struct key_spending *spending = scan->spending;
    int64_t now = clock_monotonic_us(spending->service->clock);
    bool more = now >= spending->left_after_us;
    for (int i = 0; more && i < BLOCKS_AT_ONCE && spending->left_turn < spending->left_count; i++) {
        struct left *left = &spending->left[spending->left_turn];
        enum status status = look_at(scan, left->height, fault);
        if (status == STATUS_OK) {
            *left = spending->left[--spending->left_count];
        } else {
            spending->left_turn++;
        }
        more = !status_info(status)->retryable;
    }
    if (spending->left_turn >= spending->left_count) {
        spending->left_turn = 0;
        spending->left_after_us = now + AGAIN_US;
    }
}

bool key_spending_is_behind(const struct key_spending *spending)
{
    int64_t before_us = clock_monotonic_us(spending->service->clock) - BEHIND_US;
    bool behind = spending->idle_us != 0 && spending->idle_us <= before_us;
    for (size_t i = 0; i < spending->left_count && !behind; i++) {
        behind = spending->left[i].since_us <= before_us;
    }
    return behind;
}

static void look_on(struct scan *scan, struct fault *fault)
{
    struct key_spending *spending = scan->spending;
    struct ledger_node_status node;
    bool more = true;
    ledger_node_status(spending->service->node, &node);
    for (int i = 0; more && i < BLOCKS_AT_ONCE && spending->next <= node.confirmed_height; i++) {
        more = has_room(spending, fault) && look_or_leave(scan, spending->next++, fault);
    }
    for (int i = 0; more && i < BLOCKS_AT_ONCE && spending->back > 0; i++) {
        more = has_room(spending, fault) && look_or_leave(scan, spending->back--, fault);
    }
    if (more) {
        look_again(scan, fault);
    }
}

/* Without versions of the policy it may have been approved under one that is not known here. */
static bool is_idle(struct key_spending *spending)
{
    bool idle = !may_compare(spending) || !policies_complete(spending->service->policies);
    int64_t now_us = clock_monotonic_us(spending->service->clock);
    spending->idle_us = !idle ? 0 : spending->idle_us == 0 ? now_us : spending->idle_us;
    return idle;
}

enum status key_spending_follow(struct key_spending *spending, const struct key_spending_owners *owners,
                                struct fault *fault)
{
    struct scan scan = {.spending = spending, .owners = owners};
    struct fault why = {0};
    key_uses_stop(spending->uses, owners);
    key_uses_tell(spending->uses);
    if (is_idle(spending)) {
        return STATUS_OK;
    }
    look_on(&scan, &why);
    if (why.status == STATUS_OK && spending->left_count > 0) {
        (void)fault_set(&why, STATUS_NOT_READY, "ledger", "%zu blocks wait to be looked at", spending->left_count);
    }
    return why.status == STATUS_OK ? STATUS_OK : fault_set(fault, why.status, why.where, "%s", why.detail);
}

/* Below the first that was left of those that no earlier run has looked at. */
static uint64_t looked_upto(const struct key_spending *spending)
{
    uint64_t upto = spending->next - 1;
    for (size_t i = 0; i < spending->left_count; i++) {
        uint64_t height = spending->left[i].height;
        upto = height > spending->known && height <= upto ? height - 1 : upto;
    }
    return upto;
}

static enum status remember_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct store_mark mark;
    return store_mark_set(&mark, tx, MARK_SCANNED, context, fault);
}

enum status key_spending_remember(struct key_spending *spending, struct fault *fault)
{
    char text[24];
    uint64_t upto = looked_upto(spending);
    if (spending->back > spending->known || upto == spending->recorded) {
        return STATUS_OK;
    }
    (void)snprintf(text, sizeof(text), "%" PRIu64, upto);
    enum status status = store_transact(spending->service->store, remember_in, text, fault);
    if (status == STATUS_OK) {
        spending->recorded = upto;
    }
    return status;
}
