/*
 * Rows against the tree that was signed.
 */
#include "trail_signed.h"

#include <inttypes.h>

#include "audit/leaf.h"
#include "base/log.h"
#include "trail_kept.h"
#include "trail_leaf.h"
#include "trail_state.h"

/* When TRAIL_DOUBTED_MAX rows are known, one more is told in this time. */
#define DOUBTED_MORE_US (3600 * INT64_C(1000000))

#define NEWEST_PAGE 16
#define LEFT_MAX 64 /* entries about one bound that are looked at, the newest first */

enum status trail_rows_list(struct store_leaf_list *out, struct trail *trail, const struct store_leaf_filter *filter,
                            struct fault *fault)
{
    struct store_tx *tx = NULL;
    enum status status = store_begin(&tx, trail->reader, STORE_SNAPSHOT, fault);
    if (status == STATUS_OK) {
        status = store_leaf_list(out, tx, filter, fault);
        store_rollback(tx);
    }
    return status;
}

/* One more field: what was before it is 32 bytes, so no field reaches into another. */
static void digest_add(struct digest *inout, const void *field, size_t len)
{
    const struct digest before = *inout;
    digest_sha256_two(inout, before.bytes32, sizeof(before.bytes32), field, len);
}

/* What a row says, as it stands there. */
static struct digest row_digest(const struct store_leaf *row)
{
    const char *texts[] = {row->actor,  row->act,   row->otype,       row->oid, row->outcome,
                           row->amount, row->asset, row->destination, row->key, row->wallet};
    struct digest digest = row->lh;
    digest_add(&digest, row->raw.data, row->raw.len);
    digest_add(&digest, &row->ts_utc_us, sizeof(row->ts_utc_us));
    digest_add(&digest, &row->ord, sizeof(row->ord));
    digest_add(&digest, &row->version, sizeof(row->version));
    digest_add(&digest, row->corr.bytes16, row->has_corr ? sizeof(row->corr.bytes16) : 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        digest_add(&digest, texts[i], strlen(texts[i]));
    }
    return digest;
}

/* The lock is held. */
static struct doubted *doubt_find(struct trail *trail, uint64_t seq)
{
    for (size_t i = 0; i < trail->doubted_count; i++) {
        if (trail->doubted[i].told.seq == seq) {
            return &trail->doubted[i];
        }
    }
    return NULL;
}

/* Whether it is another one than it was. `row`: zeros when it was not looked at. */
static bool doubt_again(struct doubted *known, const struct digest *row)
{
    bool looked_at = !digest_is_zero(row);
    bool again = known->mended || (looked_at && !digest_is_zero(&known->row) && !digest_equal(row, &known->row));
    if (looked_at) {
        known->row = *row;
    }
    return again;
}

/* The place of a row that was not known; NULL when so many are that it is not told. */
static struct doubted *doubt_new(struct trail *trail, int64_t now_us)
{
    if (trail->doubted_count < TRAIL_DOUBTED_MAX) {
        return &trail->doubted[trail->doubted_count++];
    }
    return now_us - trail->doubted[trail->doubted_count - 1].told.at_utc_us < DOUBTED_MORE_US ? NULL : trail->doubted;
}

/* Whether it is news. The lock is held. */
static bool doubt_add(struct trail *trail, uint64_t seq, const struct digest *row)
{
    int64_t now_us = clock_utc_us(trail->clock);
    struct doubted *place = doubt_find(trail, seq);
    if (place != NULL && !doubt_again(place, row)) {
        return false;
    }
    place = place == NULL ? doubt_new(trail, now_us) : place;
    if (place == NULL) {
        return false;
    }
    struct doubted *last = &trail->doubted[trail->doubted_count - 1];
    memmove(place, place + 1, (size_t)(last - place) * sizeof(*place));
    *last = (struct doubted){
        .told = {.seq = seq, .at_utc_us = now_us, .news = ++trail->doubted_news},
        .row = *row,
    };
    return true;
}

static void note(struct trail *trail, uint64_t seq, const struct digest *row)
{
    char entry[TRAIL_DOUBTED_SIZE];
    pthread_mutex_lock(&trail->mutex);
    bool added = doubt_add(trail, seq, row);
    pthread_mutex_unlock(&trail->mutex);
    if (added) {
        trail_doubted_format(entry, seq);
        log_event(LOG_LEVEL_ERROR, "trail.corrupt", "entry", entry, "detail",
                  "what is stored is not the entry that was signed", NULL);
    }
}

void trail_corrupt_note(struct trail *trail, uint64_t seq, const struct store_leaf *row)
{
    const struct digest digest = row == NULL ? (struct digest){{0}} : row_digest(row);
    note(trail, seq, &digest);
}

static void note_missing(struct trail *trail, uint64_t seq)
{
    struct digest none;
    digest_sha256(&none, "", 0);
    note(trail, seq, &none);
}

void trail_mended_note(struct trail *trail, uint64_t seq)
{
    pthread_mutex_lock(&trail->mutex);
    struct doubted *known = doubt_find(trail, seq);
    if (known != NULL) {
        known->mended = true;
    }
    pthread_mutex_unlock(&trail->mutex);
}

static enum status not_signed(uint64_t seq, struct fault *fault)
{
    return fault_set(fault, STATUS_CORRUPT, "trail", "row %" PRIu64 " is not the entry that was signed", seq);
}

enum status trail_corrupt_row(struct trail *trail, uint64_t seq, const struct store_leaf *row, struct fault *fault)
{
    trail_corrupt_note(trail, seq, row);
    return not_signed(seq, fault);
}

/* Entries that are in the database and under the checkpoint: those of a tile, and the one that follows. */
struct span {
    uint64_t from;
    uint64_t to;
};

static enum status tile_span(struct span *out, struct trail *trail, uint64_t index, struct fault *fault)
{
    uint64_t from = index * AUDIT_TILE_WIDTH;
    uint64_t to = from + AUDIT_TILE_WIDTH + 1;
    uint64_t first = 0;
    const struct audit_checkpoint newest = trail_shown(trail);
    enum status status = trail_kept_from(&first, trail->reader, fault);
    *out = (struct span){.from = from < first ? first : from, .to = to < newest.size ? to : newest.size};
    return status;
}

/* Whether the row after it, which agrees with itself, says that there was another one. */
static bool is_denied_by(const struct store_leaf *row, const struct store_leaf *next)
{
    struct audit_leaf leaf;
    return next->seq == row->seq + 1 && trail_leaf_is(next, &next->lh) &&
           audit_leaf_parse(&leaf, next->raw.data, next->raw.len, NULL) == STATUS_OK &&
           !digest_equal(&leaf.previous, &row->lh);
}

/* Tells each one that is missing, disagrees with itself, or is denied by the row after it. Answers the first one. */
static uint64_t tell_doubtful(struct trail *trail, const struct store_leaf_list *list, const struct span *span)
{
    uint64_t first = TRAIL_TREE;
    size_t i = 0;
    for (uint64_t seq = span->from; seq < span->to; seq++) {
        const struct store_leaf *row = i < list->count && list->rows[i].seq == seq ? &list->rows[i++] : NULL;
        if (row != NULL && trail_leaf_is(row, &row->lh) && !(i < list->count && is_denied_by(row, &list->rows[i]))) {
            continue;
        }
        if (row == NULL) {
            note_missing(trail, seq);
        } else {
            trail_corrupt_note(trail, seq, row);
        }
        first = first == TRAIL_TREE ? seq : first;
    }
    return first;
}

/* Out: the first doubtful row of a tile, TRAIL_TREE when there is none. What cannot be read is not told. */
static uint64_t doubtful_of_tile(struct trail *trail, uint64_t index)
{
    struct store_leaf_list list = {0};
    struct span span = {0};
    uint64_t seq = TRAIL_TREE;
    enum status status = tile_span(&span, trail, index, NULL);
    if (status == STATUS_OK && span.from < span.to) {
        const struct store_leaf_filter filter = {
            .from_seq = span.from, .to_seq = span.to, .limit = AUDIT_TILE_WIDTH + 1};
        status = trail_rows_list(&list, trail, &filter, NULL);
    }
    if (status == STATUS_OK) {
        seq = tell_doubtful(trail, &list, &span);
        store_leaf_list_free(&list);
    }
    return seq;
}

/* Whether a row from `from` on is told, which somebody may have mended just now. */
static bool is_told(struct trail *trail, uint64_t from)
{
    bool told = false;
    pthread_mutex_lock(&trail->mutex);
    for (size_t i = 0; i < trail->doubted_count; i++) {
        const struct doubted *known = &trail->doubted[i];
        told |= known->told.seq >= from && known->told.seq < TRAIL_TABLES && !known->mended;
    }
    pthread_mutex_unlock(&trail->mutex);
    return told;
}

/*
 * Every proof needs the rows of the last tile, which is not stored: they may be the reason for any, and no others are
 * for a tile that is stored.
 */
enum status trail_corrupt_tile(struct trail *trail, uint64_t index, struct fault *fault)
{
    const struct audit_checkpoint newest = trail_shown(trail);
    uint64_t last = newest.size == 0 ? 0 : (newest.size - 1) / AUDIT_TILE_WIDTH;
    uint64_t seq = doubtful_of_tile(trail, index);
    if (seq == TRAIL_TREE && index != last) {
        seq = doubtful_of_tile(trail, last);
    }
    if (seq != TRAIL_TREE) {
        return not_signed(seq, fault);
    }
    if (!is_told(trail, last * AUDIT_TILE_WIDTH)) {
        trail_corrupt_note(trail, TRAIL_TREE, NULL);
    }
    return fault_set(fault, STATUS_CORRUPT, "trail", "what is stored of the tree does not lead to the signed root");
}

void trail_doubted_format(char out[TRAIL_DOUBTED_SIZE], uint64_t seq)
{
    if (seq >= TRAIL_TABLES) {
        (void)snprintf(out, TRAIL_DOUBTED_SIZE, "%s",
                       seq == TRAIL_TREE   ? "tree"
                       : seq == TRAIL_HEAD ? "head"
                                           : "tables");
    } else {
        (void)snprintf(out, TRAIL_DOUBTED_SIZE, "%" PRIu64, seq);
    }
}

enum status trail_missing_check(struct trail *trail, uint64_t seq, struct fault *fault)
{
    uint64_t first = 0;
    enum status status = trail_kept_from(&first, trail->reader, fault);
    if (status != STATUS_OK || seq < first) {
        return status;
    }
    note_missing(trail, seq);
    return not_signed(seq, fault);
}

bool trail_doubted(struct trail_doubted *out, struct trail *trail)
{
    pthread_mutex_lock(&trail->mutex);
    size_t count = trail->doubted_count;
    if (count > 0) {
        *out = trail->doubted[count - 1].told;
    }
    pthread_mutex_unlock(&trail->mutex);
    return count > 0;
}

bool trail_doubted_after(struct trail_doubted *out, struct trail *trail, uint64_t told)
{
    bool found = false;
    pthread_mutex_lock(&trail->mutex);
    for (size_t i = 0; !found && i < trail->doubted_count; i++) {
        found = trail->doubted[i].told.news > told;
        if (found) {
            *out = trail->doubted[i].told;
        }
    }
    pthread_mutex_unlock(&trail->mutex);
    return found;
}

size_t trail_doubted_list(uint64_t out[TRAIL_DOUBTED_MAX], struct trail *trail)
{
    pthread_mutex_lock(&trail->mutex);
    size_t count = trail->doubted_count;
    for (size_t i = 0; i < count; i++) {
        out[i] = trail->doubted[i].told.seq;
    }
    pthread_mutex_unlock(&trail->mutex);
    return count;
}

enum status trail_signed_check(struct trail *trail, const struct store_leaf *leaf, struct fault *fault)
{
    unsigned at = leaf->seq % AUDIT_TILE_WIDTH;
    const struct audit_tile tile = {.index = leaf->seq / AUDIT_TILE_WIDTH, .width = at + 1};
    struct digest hashes[AUDIT_TILE_WIDTH];
    struct fault why = {0};
    enum status status = trail_tile(hashes, trail, &tile, &why);
    if (status == STATUS_NOT_FOUND) {
        return fault_set(fault, STATUS_NOT_READY, "trail", "no signed checkpoint covers row %" PRIu64, leaf->seq);
    }
    if (status == STATUS_CORRUPT) {
        return trail_corrupt_tile(trail, tile.index, fault);
    }
    if (status == STATUS_OK && !trail_leaf_is(leaf, &hashes[at])) {
        return trail_corrupt_row(trail, leaf->seq, leaf, fault);
    }
    return status == STATUS_OK ? status : fault_set(fault, status, why.where, "%s", why.detail);
}

/* Rows that are not shown to be signed leave the list. */
static enum status sift(struct store_leaf_list *list, struct trail *trail, struct fault *fault)
{
    enum status status = STATUS_OK;
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct fault why = {0};
        enum status checked = status == STATUS_OK ? trail_signed_check(trail, &list->rows[i], &why) : status;
        if (checked == STATUS_OK) {
            struct store_leaf row = list->rows[i];
            list->rows[i] = (struct store_leaf){0}; /* transferred */
            list->rows[kept++] = row;
            continue;
        }
        store_leaf_wipe(&list->rows[i]);
        list->rows[i] = (struct store_leaf){0};
        if (status == STATUS_OK && checked != STATUS_CORRUPT) {
            status = fault_set(fault, checked, why.where, "%s", why.detail);
        }
    }
    list->count = kept;
    return status;
}

/* Where a search looked, whatever it found there. */
struct looked {
    uint64_t below;  /* this number, the first that no checkpoint covers or the filter does not want */
    uint64_t last;   /* at this one at last */
    size_t rows;     /* at so many */
    size_t left_out; /* of them */
};

static enum status list_signed(struct store_leaf_list *out, struct looked *out_looked, struct trail *trail,
                               const struct store_leaf_filter *filter, struct fault *fault)
{
    struct store_leaf_list list = {0};
    struct store_leaf_filter under = *filter;
    struct trail_checkpoint newest = {0};
    enum status status = trail_checkpoint_newest(&newest, trail, fault);
    bytes_free(&newest.note);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t size = newest.checkpoint.size;
    under.to_seq = filter->to_seq == 0 || filter->to_seq > size ? size : filter->to_seq;
    status = trail_rows_list(&list, trail, &under, fault);
    struct looked looked = {.below = under.to_seq, .rows = list.count};
    if (status == STATUS_OK) {
        looked.last = list.count > 0 ? list.rows[list.count - 1].seq : 0;
        status = sift(&list, trail, fault);
    }
    if (status != STATUS_OK) {
        store_leaf_list_free(&list);
        return status;
    }
    looked.left_out = looked.rows - list.count;
    *out_looked = looked;
    *out = list;
    return STATUS_OK;
}

enum status trail_signed_list(struct store_leaf_list *out, size_t *out_left_out, struct trail *trail,
                              const struct store_leaf_filter *filter, struct fault *fault)
{
    struct looked looked;
    enum status status = list_signed(out, &looked, trail, filter, fault);
    if (status == STATUS_OK && out_left_out != NULL) {
        *out_left_out = looked.left_out;
    }
    return status;
}

enum status trail_signed_next(struct store_leaf_list *out, struct trail *trail, struct trail_search *inout,
                              struct fault *fault)
{
    struct store_leaf_list list = {0};
    struct looked looked;
    INVARIANT(inout->filter.newest_first && !inout->over);
    enum status status = list_signed(&list, &looked, trail, &inout->filter, fault);
    if (status != STATUS_OK) {
        return status;
    }
    inout->left_out += looked.left_out;
    bool full = looked.rows == inout->filter.limit;
    if (inout->left_out > TRAIL_LEFT_OUT_MAX || (full && looked.last >= looked.below)) {
        store_leaf_list_free(&list);
        return fault_set(fault, STATUS_CORRUPT, "trail",
                         "more than %d rows that a search met are not the entries that were signed",
                         TRAIL_LEFT_OUT_MAX);
    }
    inout->over = !full || looked.last == 0;
    inout->filter.to_seq = looked.last;
    *out = list;
    return STATUS_OK;
}

enum status trail_signed_newest(struct store_leaf_list *out, struct trail *trail,
                                const struct store_leaf_filter *filter, struct fault *fault)
{
    struct store_leaf_list list = {0};
    struct trail_search search = {.filter = *filter};
    enum status status = STATUS_OK;
    search.filter.newest_first = true;
    search.filter.limit = NEWEST_PAGE;
    while (status == STATUS_OK && list.count == 0 && !search.over) {
        store_leaf_list_free(&list);
        status = trail_signed_next(&list, trail, &search, fault);
    }
    if (status == STATUS_OK) {
        *out = list;
    }
    return status;
}

bool trail_signed_reached(struct trail *trail, int64_t at_utc_us)
{
    const struct store_leaf_filter any = {.act = NULL};
    struct store_leaf_list newest = {0};
    bool reached = trail_signed_newest(&newest, trail, &any, NULL) == STATUS_OK && newest.count > 0 &&
                   newest.rows[0].ts_utc_us >= at_utc_us;
    store_leaf_list_free(&newest);
    return reached;
}

/* Whether a signed entry tells the root of the first entries. `proof`: from them to the checkpoint. */
static bool tells_root(const struct store_leaf *row, uint64_t first, const struct audit_proof *proof,
                       const struct audit_checkpoint *checkpoint)
{
    struct digest root;
    return trail_leaf_ref(&root, row, "root") &&
           audit_consistency_verify(proof, first, &root, checkpoint->size, &checkpoint->root, NULL) == STATUS_OK;
}

/* Whether one of them does. STATUS_CORRUPT: what is stored does not lead to the signed root. */
static enum status find_left(bool *out, struct trail *trail, uint64_t first, const struct store_leaf_list *list,
                             struct fault *fault)
{
    struct audit_proof proof;
    struct fault why = {0};
    const struct audit_checkpoint newest = trail_shown(trail);
    if (list->count == 0 || first > newest.size) {
        return STATUS_OK;
    }
    enum status status = trail_prove_consistency(&proof, trail, first, newest.size, &why);
    if (status == STATUS_CORRUPT) {
        return trail_corrupt_tile(trail, (first - 1) / AUDIT_TILE_WIDTH, fault);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    for (size_t i = 0; i < list->count; i++) {
        *out = *out || tells_root(&list->rows[i], first, &proof, &newest);
    }
    return STATUS_OK;
}

/*
 * That entries have left is a number in the head row; that they might, an entry says, with the root that they have.
 * Rows that were edited to look like it are left out, and hide it from nobody.
 */
enum status trail_left_check(struct trail *trail, uint64_t first, struct fault *fault)
{
    char oid[24];
    struct store_leaf_list list = {0};
    (void)snprintf(oid, sizeof(oid), "%" PRIu64, first);
    const struct store_leaf_filter filter = {.act = audit_action_text(AUDIT_RETENTION_PRUNE),
                                             .otype = "archive",
                                             .oid = oid,
                                             .outcome = audit_outcome_text(AUDIT_OUTCOME_INTENT),
                                             .newest_first = true,
                                             .limit = LEFT_MAX};
    bool told = first == 0;
    enum status status = first == 0 ? STATUS_OK : trail_signed_list(&list, NULL, trail, &filter, fault);
    if (status == STATUS_OK) {
        status = find_left(&told, trail, first, &list, fault);
    }
    store_leaf_list_free(&list);
    return status == STATUS_OK && !told ? trail_corrupt_row(trail, first - 1, NULL, fault) : status;
}
