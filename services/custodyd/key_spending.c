/*
 * Following the blocks. An alarm goes to the signer first and to the trail right after: stopping waits for nothing.
 * It is over when the trail has the entry `key.alarm` about the transaction; until then, also after a restart, the
 * signer is asked again.
 */
#include "key_spending.h"

#include <inttypes.h>

#include "base/log.h"
#include "key_board.h"
#include "news.h"
#include "record.h"
#include "sequencer.h"
#include "store/trail_read.h"
#include "suspense.h"
#include "trail_signed.h"

#define BLOCKS_AT_ONCE 64
#define PENDING_MAX 64
#define UNTOLD_US 10000000 /* in which the trail tells it, or a block can be looked at */
#define AGAIN_US 1000000   /* after which blocks that could not be looked at are */
#define MARK_SCANNED "ledger/scanned"

/* A use that is being dealt with. */
struct copied {
    struct key_spending_use use;
    uint64_t on; /* transitions of the key when it is stopped */
    bool stopped;
    int64_t seen_utc_us;
    struct told {
        bool done;
        struct news_telling last;
    } used, dealt_with;
};

struct key_spending {
    struct service *service;
    uint64_t first;    /* the block above the one at the start */
    uint64_t next;     /* the next block above that one */
    uint64_t back;     /* the next block from there down; 0: all were looked at */
    uint64_t known;    /* up to this block an earlier run has looked */
    uint64_t recorded; /* the mark as written last */
    bool trusted;      /* the trail has been found to be the one its signer knows */
    struct copied pending[PENDING_MAX];
    size_t pending_count;
    struct left {
        uint64_t height;
        int64_t since_us; /* monotonic */
    } * left;             /* owned: blocks of which something could not be judged */
    size_t left_count;
    size_t left_turn;      /* which is looked at again next */
    int64_t left_after_us; /* monotonic: not before */
    struct digest *dealt;  /* owned: uses that were dealt with since the start */
    size_t dealt_count;
};

/* A block and whose keys it is looked at for. */
struct scan {
    struct key_spending *spending;
    const struct key_spending_owner *owners;
    size_t owner_count;
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
    enum status status = store_read(service->store, read_known_in, &spending->known, fault);
    spending->recorded = spending->known;
    if (status != STATUS_OK) {
        free(spending);
        return status;
    }
    *out = spending;
    return STATUS_OK;
}

void key_spending_free(struct key_spending *spending)
{
    if (spending != NULL) {
        free(spending->left);
        free(spending->dealt);
        free(spending);
    }
}

/* Whether the trail has an entry of this action about the transaction. */
static enum status in_trail(bool *out, const struct service *service, const struct digest *transaction,
                            enum audit_action action, struct fault *fault)
{
    char oid[DIGEST_HEX_LEN + 1];
    struct store_leaf_list list = {0};
    digest_format(oid, transaction);
    const struct store_leaf_filter filter = {.otype = RECORD_TRANSACTION, .oid = oid, .act = audit_action_text(action)};
    enum status status = trail_signed_newest(&list, service->trail, &filter, fault);
    *out = status == STATUS_OK && list.count > 0;
    store_leaf_list_free(&list);
    return status;
}

/* Alarms. */

static const struct key_spending_owner *find_owner(const struct scan *scan, const struct digest *key)
{
    for (size_t i = 0; i < scan->owner_count; i++) {
        if (digest_equal(&scan->owners[i].key, key)) {
            return &scan->owners[i];
        }
    }
    return NULL;
}

/* A signer that cannot be reached is asked again. One that refuses has nothing to stop: *inout_on stays. */
static enum status stop_key(uint64_t *inout_on, struct service *service, const struct digest *key, struct fault *fault)
{
    struct wire_key_state_reply reply = {0};
    struct wire_key_alarm_request asked = {.key = *key};
    struct fault why = {0};
    char hex[DIGEST_HEX_LEN + 1];
    INVARIANT(name_parse(&asked.reason, "copied-use") == STATUS_OK);
    enum status status = wire_key_alarm(service->urgent_signers[WIRE_ROLE_TRANSFER], &reply, &asked,
                                        service->options.signer_timeout_ms, &why);
    if (status_info(status)->retryable) {
        return fault_set(fault, status, "signer", "%s", why.detail);
    }
    digest_format(hex, key);
    log_event(LOG_LEVEL_ERROR, "key.alarm", "key", hex, "reason", "copied-use", "state",
              status == STATUS_OK ? reply.state : status_info(status)->code, NULL);
    *inout_on = status == STATUS_OK ? reply.on : *inout_on;
    return STATUS_OK;
}

/* The same for an asset. One that no wallet of the policy has is refused, and nobody can move it with us. */
static enum status stop_asset(struct service *service, const struct digest *asset, struct fault *fault)
{
    struct wire_key_state_reply reply = {0};
    struct wire_freeze_alarm_request asked = {.scope = "asset"};
    struct fault why = {0};
    INVARIANT(name_parse(&asked.reason, "copied-use") == STATUS_OK);
    digest_format(asked.subject, asset);
    enum status status = wire_freeze_alarm(service->urgent_signers[WIRE_ROLE_TRANSFER], &reply, &asked,
                                           service->options.signer_timeout_ms, &why);
    if (status_info(status)->retryable) {
        return fault_set(fault, status, "signer", "%s", why.detail);
    }
    log_event(LOG_LEVEL_ERROR, "freeze.alarm", "asset", asked.subject, "reason", "copied-use", "state",
              status == STATUS_OK ? reply.state : status_info(status)->code, NULL);
    return STATUS_OK;
}

/* With `key.copied_use` how often the key had changed when it was stopped: an alarm until it changes again. */
static enum status tell_copied(struct service *service, const struct copied *copied, enum audit_action action,
                               bool anyway, struct fault *fault)
{
    char text[24];
    char key[DIGEST_HEX_LEN + 1];
    struct news news = {
        .action = action, .object_type = RECORD_TRANSACTION, .anyway = anyway, .once = !anyway, .value = "told"};
    digest_format(news.object_id, &copied->use.transaction);
    (void)snprintf(news.subject, sizeof(news.subject), "%s/%s", audit_action_text(action), news.object_id);
    (void)snprintf(text, sizeof(text), "%" PRIu64, copied->use.height);
    news.reason = action == AUDIT_KEY_COPIED_USE ? STATUS_MISMATCH : STATUS_OK;
    news_ref(&news, "transaction", &copied->use.transaction);
    news_ref(&news, "key", &copied->use.key);
    news_fact(&news, "height", text);
    digest_format(key, &copied->use.key);
    news_fact(&news, "key", key);
    if (action == AUDIT_KEY_COPIED_USE && copied->on != KEY_SPENDING_ON_UNKNOWN) {
        (void)snprintf(text, sizeof(text), "%" PRIu64, copied->on);
        news_fact(&news, "transitions", text);
    }
    return news_tell(NULL, service, &news, fault);
}

/*
 * True when the signed trail tells it. A mark is a row: whoever writes to the database sets it before, so that it seems
 * to be told, and takes an entry away that is on its way. Another process may have told it, too: so that is waited for,
 * not long.
 */
static bool tell_once(struct told *inout, struct service *service, const struct copied *copied,
                      enum audit_action action)
{
    bool known = false;
    enum status status = inout->done ? STATUS_OK : in_trail(&known, service, &copied->use.transaction, action, NULL);
    inout->done = inout->done || (status == STATUS_OK && known);
    if (inout->done) {
        return true;
    }
    bool lost = news_is_lost(&inout->last, service);
    if ((lost || inout->last.at_us == 0) && tell_copied(service, copied, action, lost, NULL) == STATUS_OK) {
        news_telling_now(&inout->last, service);
    }
    return false;
}

/* As the signer said last; that the key will be stopped, when it is not yet. */
static uint64_t transitions_when_stopped(struct service *service, const struct digest *key)
{
    struct key_board_entry entry;
    if (key_board_find(&entry, service->board, key) != STATUS_OK) {
        return KEY_SPENDING_ON_UNKNOWN;
    }
    return entry.key.on + (entry.state == KEY_STATE_ACTIVE || entry.state == KEY_STATE_INACTIVE ? 1 : 0);
}

static enum status stop_keys(const struct scan *scan, struct copied *copied)
{
    struct service *service = scan->spending->service;
    const struct digest *key = &copied->use.key;
    const struct key_spending_owner *owner = find_owner(scan, key);
    struct fault fault = {0};
    uint64_t ignored = 0;
    copied->on = transitions_when_stopped(service, key);
    enum status status = stop_key(&copied->on, service, key, &fault);
    for (size_t i = 0; owner != NULL && i < scan->owner_count; i++) {
        const struct key_spending_owner *other = &scan->owners[i];
        if (other != owner && owner->document != NULL && other->document != NULL &&
            key_document_siblings(owner->document, other->document)) {
            enum status also = stop_key(&ignored, service, &other->key, &fault);
            status = status == STATUS_OK ? also : status;
        }
    }
    return status;
}

/* The key, its siblings and the assets that moved. */
static bool stop(const struct scan *scan, struct copied *copied)
{
    struct fault fault = {0};
    enum status status = stop_keys(scan, copied);
    for (size_t i = 0; i < copied->use.asset_count; i++) {
        enum status also = stop_asset(scan->spending->service, &copied->use.assets[i], &fault);
        status = status == STATUS_OK ? also : status;
    }
    return status == STATUS_OK;
}

/* True when nothing is left to be done. */
static bool deal_with(const struct scan *scan, struct copied *copied)
{
    struct service *service = scan->spending->service;
    copied->stopped = copied->stopped || stop(scan, copied);
    bool told = tell_once(&copied->used, service, copied, AUDIT_KEY_COPIED_USE);
    return copied->stopped && told && tell_once(&copied->dealt_with, service, copied, AUDIT_KEY_ALARM);
}

static enum status add_pending(struct key_spending *spending, const struct key_spending_use *use, struct fault *fault)
{
    for (size_t i = 0; i < spending->pending_count; i++) {
        if (digest_equal(&spending->pending[i].use.transaction, &use->transaction)) {
            return STATUS_OK;
        }
    }
    if (spending->pending_count == PENDING_MAX) {
        return fault_set(fault, STATUS_BUSY, "keys", "too many uses of copied keys wait for their signer");
    }
    spending->pending[spending->pending_count++] =
        (struct copied){.use = *use, .seen_utc_us = clock_utc_us(spending->service->clock)};
    return STATUS_OK;
}

bool key_spending_untold(struct digest *out_key, int64_t *out_since_utc_us, const struct key_spending *spending,
                         size_t at)
{
    int64_t before_utc_us = clock_utc_us(spending->service->clock) - UNTOLD_US;
    for (size_t i = 0; i < spending->pending_count; i++) {
        const struct copied *copied = &spending->pending[i];
        if (!copied->used.done && copied->seen_utc_us <= before_utc_us && at-- == 0) {
            *out_key = copied->use.key;
            *out_since_utc_us = copied->seen_utc_us;
            return true;
        }
    }
    return false;
}

enum status key_spending_report(struct key_spending *spending, const struct key_spending_use *use, struct fault *fault)
{
    bool known = false;
    enum status status = in_trail(&known, spending->service, &use->transaction, AUDIT_KEY_ALARM, fault);
    return status != STATUS_OK || known ? status : add_pending(spending, use, fault);
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

/* A block that is looked at again has nothing dealt with twice: people may have decided since. */
static bool remember_dealt(struct key_spending *spending, const struct digest *transaction)
{
    struct digest *grown = realloc(spending->dealt, (spending->dealt_count + 1) * sizeof(*grown));
    if (grown != NULL) {
        spending->dealt = grown;
        spending->dealt[spending->dealt_count++] = *transaction;
    }
    return grown != NULL;
}

static bool was_dealt_with(const struct key_spending *spending, const struct digest *transaction)
{
    bool found = false;
    for (size_t i = 0; i < spending->dealt_count && !found; i++) {
        found = digest_equal(&spending->dealt[i], transaction);
    }
    return found;
}

static void work_off(const struct scan *scan)
{
    struct key_spending *spending = scan->spending;
    size_t left = 0;
    for (size_t i = 0; i < spending->pending_count; i++) {
        const struct digest *transaction = &spending->pending[i].use.transaction;
        if (!deal_with(scan, &spending->pending[i]) || !remember_dealt(spending, transaction)) {
            spending->pending[left++] = spending->pending[i];
        }
    }
    spending->pending_count = left;
}

/* Codes from before the signature was looked at, and of rows that no good signature is on. */
static bool signature_was_good(enum status code)
{
    return code != STATUS_INVALID && code != STATUS_MISMATCH && code != STATUS_ALGORITHM_REFUSED &&
           code != STATUS_UNKNOWN_KEY && code != STATUS_SIGNATURE_INVALID;
}

static const struct key_spending_owner *owner_of(const struct scan *scan, const struct account_id *account)
{
    for (size_t i = 0; i < scan->owner_count; i++) {
        if (account_id_equal(&scan->owners[i].account, account)) {
            return &scan->owners[i];
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
    if (owner == NULL || was_dealt_with(spending, &id)) {
        return STATUS_OK;
    }
    enum status status = key_spending_judge(&known, spending->service, &place, fault);
    if (status == STATUS_OK && !known && !(executed && scan->fresh)) {
        status = in_trail(&known, spending->service, &id, AUDIT_KEY_ALARM, fault);
    }
    if (status != STATUS_OK || known) {
        return status;
    }
    key_spending_use_of(&use, transaction, &id, &owner->key);
    use.height = scan->height;
    status = add_pending(spending, &use, fault);
    work_off(scan);
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
    for (size_t i = 0; i < scan->owner_count; i++) {
        if (leg->side == LEG_CREDIT && account_id_equal(&scan->owners[i].account, &leg->account) &&
            key_board_find(&entry, service->board, &scan->owners[i].key) == STATUS_OK &&
            entry.state != KEY_STATE_ACTIVE && entry.state != KEY_STATE_INACTIVE) {
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
    int64_t before_us = clock_monotonic_us(spending->service->clock) - UNTOLD_US;
    bool behind = false;
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

enum status key_spending_follow(struct key_spending *spending, const struct key_spending_owner *owners,
                                size_t owner_count, struct fault *fault)
{
    struct scan scan = {.spending = spending, .owners = owners, .owner_count = owner_count};
    struct fault why = {0};
    if (!may_compare(spending) || !policies_complete(spending->service->policies)) {
        return STATUS_OK;
    }
    work_off(&scan);
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
