/*
 * What the token remembers of the trail, held against the guard.
 *
 * The token says a size and a root, as a checkpoint's body without a signature: only who has its PIN writes it, and who
 * has the PIN signs. It is a floor and nothing more: an older one, a missing one and a ruin refuse nothing.
 */
#include "signer/anchor.h"

#include "audit/log_keys.h"
#include "audit/tree.h"
#include "base/log.h"

#define WHERE "token.anchor"

/* Every guard of role audit has a log. */
static enum status origin_of(char out[AUDIT_ORIGIN_SIZE], const struct guard_state *state, struct fault *fault)
{
    struct audit_key key;
    enum status status = audit_key_parse(&key, state->log, fault);
    if (status == STATUS_OK) {
        memcpy(out, key.name, sizeof(key.name));
    }
    return status;
}

static enum status anchor_check(const struct guard_state *state, const struct audit_checkpoint *anchor,
                                struct fault *fault)
{
    if (anchor->size > state->size) {
        return fault_set(
            fault, STATUS_ROLLBACK, WHERE,
            "the token holds the checkpoint of size %llu and the guard that of %llu: the guard is an older "
            "copy; put back the newest one or order a new guard, which goes on from the token's",
            (unsigned long long)anchor->size, (unsigned long long)state->size);
    }
    return anchor->size == state->size && !digest_equal(&anchor->root, &state->root)
               ? fault_set(fault, STATUS_FORK, WHERE, "another root than the guard's for size %llu",
                           (unsigned long long)state->size)
               : STATUS_OK;
}

static bool is_fresh(const struct guard_state *state)
{
    const struct digest none = {{0}};
    return state->size == 0 && digest_equal(&state->note, &none);
}

/* In the guard's only writer. Nothing was signed by it, so nothing is forgotten. */
static enum status adopt(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct audit_checkpoint *anchor = context;
    struct bytes body = {0};
    if (!is_fresh(&txn->state)) {
        return fault_set(fault, STATUS_CONFLICT, WHERE, "a checkpoint was signed meanwhile");
    }
    enum status status = audit_checkpoint_build(&body, anchor, fault);
    if (status == STATUS_OK) {
        txn->state.size = anchor->size;
        txn->state.root = anchor->root;
        digest_sha256(&txn->state.note, body.data, body.len);
        bytes_free(&body);
    }
    return status;
}

static enum status anchor_adopt(struct guard *guard, struct audit_checkpoint *anchor, struct fault *fault)
{
    char size[24];
    enum status status = guard_commit(guard, adopt, anchor, fault);
    if (status == STATUS_OK) {
        (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)anchor->size);
        log_event(LOG_LEVEL_WARNING, "anchor.adopted", "size", size, "detail",
                  "a guard that has signed nothing goes on from what the token holds", NULL);
    }
    return status;
}

/* A log that follows this one was signed: so the guard once had the order that ended this one. */
static enum status check_origin(const char *origin, const struct audit_checkpoint *anchor, struct fault *fault)
{
    return audit_origin_is_later(anchor->origin, origin)
               ? fault_set(fault, STATUS_ROLLBACK, WHERE,
                           "the token holds a checkpoint of %s, which follows the guard's log: the guard is an older "
                           "copy; put back the newest one",
                           anchor->origin)
               : STATUS_OK;
}

/* Out: the largest of this origin, size 0 for none; what may go when it is replaced. */
static enum status anchors_judge(struct audit_checkpoint *largest, struct signer_anchor *anchors, size_t count,
                                 const struct guard_state *state, struct fault *fault)
{
    char origin[AUDIT_ORIGIN_SIZE];
    enum status status = origin_of(origin, state, fault);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        struct audit_checkpoint held;
        struct fault inner = {0};
        bool whole = audit_checkpoint_parse(&held, anchors[i].body, anchors[i].len, &inner) == STATUS_OK;
        anchors[i].own = !whole || strcmp(held.origin, origin) == 0;
        if (!whole) {
            log_event(LOG_LEVEL_WARNING, "anchor.garbled", "detail", "an anchor in the token is none", NULL);
        } else if (anchors[i].own) {
            status = is_fresh(state) ? STATUS_OK : anchor_check(state, &held, fault);
            *largest = held.size > largest->size ? held : *largest;
        } else {
            status = check_origin(origin, &held, fault);
        }
    }
    return status;
}

/* Just one, and that one the newest: there is nothing to write. */
static bool is_held(const struct signer_anchor *anchors, size_t count, const struct bytes *body)
{
    size_t own = 0;
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        own += anchors[i].own ? 1 : 0;
        found = found || (anchors[i].len == body->len && memcmp(anchors[i].body, body->data, body->len) == 0);
    }
    return found && own == 1;
}

static enum status next_build(struct bytes *next, const struct signer_anchor *anchors, size_t count,
                              const struct guard_state *state, struct fault *fault)
{
    struct audit_checkpoint newest = {.size = state->size, .root = state->root};
    enum status status = origin_of(newest.origin, state, fault);
    status = status == STATUS_OK ? audit_checkpoint_build(next, &newest, fault) : status;
    if (status == STATUS_OK && is_held(anchors, count, next)) {
        bytes_free(next);
    }
    return status;
}

enum status signer_anchor_settle(struct guard *guard, struct bytes *next, struct signer_anchor *anchors, size_t count,
                                 struct fault *fault)
{
    struct guard_state state;
    struct audit_checkpoint largest = {.size = 0};
    guard_read(guard, &state);
    enum status status = anchors_judge(&largest, anchors, count, &state, fault);
    if (status == STATUS_OK && is_fresh(&state) && !state.halted && largest.size > 0) {
        status = anchor_adopt(guard, &largest, fault);
        guard_read(guard, &state);
    }
    return status == STATUS_OK && state.size > 0 ? next_build(next, anchors, count, &state, fault) : status;
}
