/*
 * Replay: at the start the node believes nothing it has stored. It executes every block again into tables that are
 * thrown away, signatures of transactions included (a certificate says that the validator was asked, and whoever has
 * its socket can ask), compares headers, receipts and certificates byte by byte, and at the end the whole state.
 *
 * What it cannot see: a certificate exchanged for another valid one of the newest block.
 */
#include "node_internal.h"

struct replay {
    const struct ledger_node *node;
    const struct view *stored;
    const struct view *shadow;
    struct ledger_ordering_status ordered;
    uint64_t height; /* of the newest block */
    uint64_t confirmed;
    struct tip tip;
};

/* Which part of a header the blocks contradict, for the person who must find out why. */
static const char *header_difference(const struct ledger_header *a, const struct ledger_header *b)
{
    static const struct {
        const char *name;
        size_t offset;
    } digests[] = {
        {"chain", offsetof(struct ledger_header, chain)},
        {"prev", offsetof(struct ledger_header, prev)},
        {"last_certificate", offsetof(struct ledger_header, last_certificate)},
        {"batch", offsetof(struct ledger_header, batch)},
        {"tx_root", offsetof(struct ledger_header, tx_root)},
        {"receipts_root", offsetof(struct ledger_header, receipts_root)},
        {"history_root", offsetof(struct ledger_header, history_root)},
        {"validators", offsetof(struct ledger_header, validators)},
    };
    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
        if (memcmp((const char *)a + digests[i].offset, (const char *)b + digests[i].offset, sizeof(struct digest)) !=
            0) {
            return digests[i].name;
        }
    }
    return a->time_utc_us != b->time_utc_us ? "time" : "count, height or rules";
}

/* Names the height in a fault that came from below. */
static enum status refuse(struct fault *fault, uint64_t height, enum status status, const char *what,
                          const struct fault *inner)
{
    char where[48];
    (void)snprintf(where, sizeof(where), "height %llu", (unsigned long long)height);
    bool input = status != STATUS_NO_MEMORY && status != STATUS_IO;
    return fault_set(fault, input ? STATUS_CORRUPT : status, where, "%s%s%s%s%s", what, inner->where[0] ? ": " : "",
                     inner->where, inner->detail[0] ? ": " : "", inner->detail);
}

static bool value_is(const MDB_val *value, const struct bytes *bytes)
{
    return value->mv_size == bytes->len && memcmp(value->mv_data, bytes->data, bytes->len) == 0;
}

/* Out: digest of the certificate, zero for the newest block when it has none yet. */
static enum status check_certificate(struct digest *out, const struct replay *replay, uint64_t height,
                                     const MDB_val *header, struct fault *fault)
{
    MDB_val bytes;
    struct fault inner = {0};
    struct ledger_certificate certificate;
    enum status status = view_record(&bytes, replay->stored, STORE_CERTIFICATES, height, &inner);
    if (status == STATUS_NOT_FOUND && height == replay->height) {
        *out = (struct digest){0};
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = ledger_certificate_decode(&certificate, bytes.mv_data, bytes.mv_size, &inner);
    }
    if (status == STATUS_OK) {
        status = ledger_certificate_verify(&certificate, &replay->node->genesis.validators, header->mv_data,
                                           header->mv_size, &inner);
    }
    if (status != STATUS_OK) {
        return refuse(fault, height, status, "the certificate is missing or does not confirm the header", &inner);
    }
    ledger_certificate_digest(out, bytes.mv_data, bytes.mv_size);
    return STATUS_OK;
}

/* What was ordered is what was executed, as far as the ordering engine still has it. Then its time is the proposer's.
 */
static enum status check_ordered(const struct replay *replay, uint64_t height, struct ledger_proposal *proposal,
                                 struct fault *fault)
{
    struct ledger_ordering *ordering = replay->node->ordering;
    struct ledger_proposal ordered = {0};
    struct fault inner = {0};
    if (height < replay->ordered.first) {
        return STATUS_OK;
    }
    enum status status = ordering->calls->read(ordering->self, &ordered, height, 0, &inner);
    if (status != STATUS_OK) {
        return refuse(fault, height, status, "the ordering engine does not give it", &inner);
    }
    MDB_val batch = {.mv_size = ordered.batch.len, .mv_data = ordered.batch.data};
    if (!value_is(&batch, &proposal->batch) || !digest_equal(&ordered.audit, &proposal->audit)) {
        status = refuse(fault, height, STATUS_CORRUPT, "the ordering engine has another batch", &inner);
    }
    proposal->time_utc_us = ordered.time_utc_us;
    ledger_proposal_free(&ordered);
    return status;
}

static enum status compare_block(const struct replay *replay, const struct block *block, const MDB_val *header,
                                 const struct ledger_header *decoded, const MDB_val *receipts, struct fault *fault)
{
    const struct fault none = {0};
    struct bytes lines = {0};
    uint64_t height = replay->tip.height + 1;
    if (!value_is(header, &block->document)) {
        char what[96];
        (void)snprintf(what, sizeof(what), "the header does not follow from the blocks: %s",
                       header_difference(decoded, &block->header));
        return refuse(fault, height, STATUS_CORRUPT, what, &none);
    }
    enum status status = receipts_join(&lines, block->results.receipts, block->results.count);
    if (status == STATUS_OK && !value_is(receipts, &lines)) {
        status = STATUS_CORRUPT;
    }
    bytes_free(&lines);
    return status == STATUS_OK ? status
                               : refuse(fault, height, status, "the receipts do not follow from the blocks", &none);
}

/* The stored rows of one block. */
struct records {
    MDB_val header;
    MDB_val batch;
    MDB_val receipts;
    struct ledger_header decoded;
};

static enum status read_records(struct records *out, const struct replay *replay, uint64_t height, struct fault *fault)
{
    struct fault inner = {0};
    enum status status = view_record(&out->header, replay->stored, STORE_HEADERS, height, &inner);
    if (status == STATUS_OK) {
        status = view_record(&out->batch, replay->stored, STORE_BATCHES, height, &inner);
    }
    if (status == STATUS_OK) {
        status = view_record(&out->receipts, replay->stored, STORE_RECEIPTS, height, &inner);
    }
    if (status == STATUS_OK) {
        status = ledger_header_decode(&out->decoded, out->header.mv_data, out->header.mv_size, &inner);
    }
    if (status != STATUS_OK) {
        return refuse(fault, height, status, "a record is missing or unreadable", &inner);
    }
    struct digest batch;
    ledger_batch_digest(&batch, out->batch.mv_data, out->batch.mv_size);
    if (!digest_equal(&batch, &out->decoded.batch)) {
        return refuse(fault, height, STATUS_CORRUPT, "the batch is not that of the header", &inner);
    }
    return STATUS_OK;
}

static enum status replay_block(struct replay *replay, struct fault *fault)
{
    uint64_t height = replay->tip.height + 1;
    struct fault inner = {0};
    struct records records;
    struct digest certificate;
    struct block block = {0};
    enum status status = read_records(&records, replay, height, fault);
    if (status == STATUS_OK) {
        status = check_certificate(&certificate, replay, height, &records.header, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct ledger_proposal proposal = {.time_utc_us = records.decoded.time_utc_us, .audit = records.decoded.audit};
    proposal.batch = (struct bytes){.data = records.batch.mv_data, .len = records.batch.mv_size}; /* borrowed */
    status = check_ordered(replay, height, &proposal, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct stage stage = {.view = replay->shadow, .rules = &replay->node->rules};
    status = block_execute(&block, &stage, &replay->tip, &proposal, &inner);
    if (status != STATUS_OK) {
        return refuse(fault, height, status, "cannot be executed again", &inner);
    }
    status = compare_block(replay, &block, &records.header, &records.decoded, &records.receipts, fault);
    if (status == STATUS_OK) {
        status = tip_advance(&replay->tip, &block);
        replay->tip.certificate = certificate;
    }
    block_free(&block);
    return status;
}

static enum status check_heights(struct replay *replay, struct fault *fault)
{
    struct ledger_ordering *ordering = replay->node->ordering;
    enum status status = view_height(&replay->height, replay->stored, fault);
    if (status == STATUS_OK) {
        status = view_confirmed_height(&replay->confirmed, replay->stored, fault);
    }
    if (status == STATUS_OK) {
        status = ordering->calls->status(ordering->self, &replay->ordered, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (replay->confirmed > replay->height) {
        return fault_set(fault, STATUS_CORRUPT, "certificates", "a certificate for height %llu without its block",
                         (unsigned long long)replay->confirmed);
    }
    if (replay->ordered.last < replay->height || replay->ordered.first > replay->height + 1) {
        return fault_set(fault, STATUS_ROLLBACK, "ordering",
                         "the ordering engine holds heights %llu to %llu, the node stands at %llu",
                         (unsigned long long)replay->ordered.first, (unsigned long long)replay->ordered.last,
                         (unsigned long long)replay->height);
    }
    return STATUS_OK;
}

static enum status replay_all(struct replay *replay, struct fault *fault)
{
    enum status status = check_heights(replay, fault);
    while (status == STATUS_OK && replay->tip.height < replay->height) {
        status = replay_block(replay, fault);
    }
    if (status == STATUS_OK && replay->confirmed == replay->height) {
        status = view_before_clear(replay->shadow, fault);
    }
    return status == STATUS_OK ? view_compare(replay->stored, replay->shadow, fault) : status;
}

enum status node_replay(struct ledger_node *node, struct fault *fault)
{
    struct view stored = {0};
    struct view shadow = {0};
    struct replay replay = {.node = node, .stored = &stored, .shadow = &shadow};
    replay.tip.header = node->rules.chain;
    enum status status = view_begin(&stored, &node->store, false, fault);
    if (status == STATUS_OK) {
        status = view_begin(&shadow, &node->store, true, fault);
    }
    if (status == STATUS_OK) {
        status = view_shadow(&shadow, fault);
    }
    if (status == STATUS_OK) {
        status = replay_all(&replay, fault);
    }
    view_abort(&shadow); /* and with it all it has written */
    view_abort(&stored);
    if (status == STATUS_OK) {
        node->tip = replay.tip;
        node->height = replay.height;
        node->confirmed_height = replay.confirmed;
    }
    return status;
}
