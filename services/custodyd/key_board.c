/*
 * The board. A look asks without the lock and swaps under it, so a signer that hangs holds up nobody who reads.
 */
#include "key_board.h"

#include <pthread.h>

#define KEYS_MAX 4096 /* of one signer; more is not believed */

struct role_keys {
    struct key_board_signer signer;
    struct key_board_policy policy;
    struct key_board_entry *entries; /* owned */
    size_t count;
    size_t freeze_count;
    struct wire_freeze freezes[WIRE_FREEZES_MAX];
    size_t suspended_count;
    struct wire_suspended suspended[WIRE_SUSPENDED_MAX];
};

/* Looks at a signer are numbered, one runs at a time: an older answer never replaces a newer one. */
struct looks {
    uint64_t begun;
    uint64_t ended; /* begun - 1 while one runs */
};

struct key_board {
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t looked;
    struct looks looks[KEY_BOARD_ROLES];
    struct role_keys roles[KEY_BOARD_ROLES];
};

enum status key_board_new(struct key_board **out, struct fault *fault)
{
    struct key_board *board = calloc(1, sizeof(*board));
    if (board == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
    }
    (void)pthread_mutex_init(&board->mutex, NULL);
    (void)pthread_cond_init(&board->looked, NULL);
    for (size_t i = 0; i < KEY_BOARD_ROLES; i++) {
        board->roles[i].signer.status = STATUS_NOT_READY;
    }
    *out = board;
    return STATUS_OK;
}

void key_board_free(struct key_board *board)
{
    if (board == NULL) {
        return;
    }
    for (size_t i = 0; i < KEY_BOARD_ROLES; i++) {
        free(board->roles[i].entries);
    }
    (void)pthread_cond_destroy(&board->looked);
    (void)pthread_mutex_destroy(&board->mutex);
    free(board);
}

static enum status add_page(struct role_keys *keys, const struct wire_key_list_reply *page, enum wire_role role,
                            struct fault *fault)
{
    struct key_board_entry *grown =
        realloc(keys->entries, (keys->count + page->count + 1) * sizeof(*grown)); /* never of size 0 */
    if (grown == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
    }
    keys->entries = grown;
    for (size_t i = 0; i < page->count; i++) {
        struct key_board_entry entry = {.role = role, .key = page->keys[i]};
        if (key_state_parse(&entry.state, entry.key.state) != STATUS_OK) {
            return fault_set(fault, STATUS_VERSION, wire_role_name(role), "a key has the unknown state %s",
                             entry.key.state);
        }
        keys->entries[keys->count++] = entry;
    }
    return STATUS_OK;
}

static enum status ask_keys(struct role_keys *keys, struct wire_pool *pool, enum wire_role role, int64_t timeout_ms,
                            struct fault *fault)
{
    struct digest after = {{0}};
    struct wire_key_list_reply page = {.more = true};
    enum status status = STATUS_OK;
    while (status == STATUS_OK && page.more) {
        status = wire_key_list(pool, &page, &after, timeout_ms, fault);
        if (status == STATUS_OK && (keys->count + page.count > KEYS_MAX || (page.more && page.count == 0))) {
            status = fault_set(fault, STATUS_TOO_LARGE, wire_role_name(role), "does not come to an end of its keys");
        }
        if (status == STATUS_OK) {
            status = add_page(keys, &page, role, fault);
        }
        if (status == STATUS_OK && page.count > 0) {
            after = page.keys[page.count - 1].key;
        }
    }
    return status;
}

static enum status ask(struct role_keys *keys, struct wire_pool *pool, enum wire_role role, int64_t timeout_ms,
                       struct fault *fault)
{
    struct wire_hello_reply hello = {0};
    struct wire_status_reply state = {0};
    struct key_board_signer *signer = &keys->signer;
    enum status status = wire_status(pool, &state, timeout_ms, fault);
    if (status == STATUS_OK) {
        status = wire_hello(pool, &hello, timeout_ms, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    *signer = (struct key_board_signer){.founded = true,
                                        .founding = hello.key,
                                        .ready = state.ready,
                                        .instance = state.instance,
                                        .program = state.program,
                                        .configuration = state.configuration};
    memcpy(signer->reason, state.reason, sizeof(signer->reason));
    signer->token_count = state.token_count;
    memcpy(signer->tokens, state.tokens, sizeof(signer->tokens));
    keys->policy = (struct key_board_policy){.heard = true,
                                             .policy = state.policy,
                                             .in_force_at = state.policy_in_force_at,
                                             .has_next = state.has_next,
                                             .next = state.next};
    keys->freeze_count = state.freeze_count;
    memcpy(keys->freezes, state.freezes, sizeof(keys->freezes));
    keys->suspended_count = state.suspended_count;
    memcpy(keys->suspended, state.suspended, sizeof(keys->suspended));
    status = ask_keys(keys, pool, role, timeout_ms, fault);
    signer->heard = status == STATUS_OK;
    return status;
}

/* Puts an answer on the board, or that there was none; what `seen` owns afterwards is old. Under the lock. */
static void post(struct role_keys *kept, struct role_keys *seen, enum status status)
{
    if (seen->signer.heard) {
        struct role_keys old = *kept;
        *kept = *seen;
        *seen = old;
    } else {
        kept->signer.ready = false;
        (void)snprintf(kept->signer.reason, sizeof(kept->signer.reason), "%s", status_info(status)->code);
    }
    kept->signer.status = status;
}

/*
 * Whoever comes while a look runs waits for the one after it, together with all others who came: nobody gets an answer
 * from before the own question, and a slow signer makes nobody wait for more than two looks.
 */
enum status key_board_look(struct key_board *board, struct wire_pool *pool, enum wire_role role, int64_t timeout_ms,
                           struct fault *fault)
{
    struct looks *looks = &board->looks[role];
    struct role_keys seen = {0};
    (void)pthread_mutex_lock(&board->mutex);
    const uint64_t mine = looks->begun + 1;
    while (looks->begun != looks->ended && looks->ended < mine) {
        (void)pthread_cond_wait(&board->looked, &board->mutex);
    }
    if (looks->ended >= mine) {
        enum status shared = board->roles[role].signer.status;
        (void)pthread_mutex_unlock(&board->mutex);
        return shared == STATUS_OK ? STATUS_OK : fault_set(fault, shared, wire_role_name(role), "%s", "");
    }
    looks->begun++;
    (void)pthread_mutex_unlock(&board->mutex);
    enum status status = ask(&seen, pool, role, timeout_ms, fault);
    (void)pthread_mutex_lock(&board->mutex);
    post(&board->roles[role], &seen, status);
    looks->ended = looks->begun;
    (void)pthread_cond_broadcast(&board->looked);
    (void)pthread_mutex_unlock(&board->mutex);
    free(seen.entries);
    return status;
}

void key_board_signer(struct key_board_signer *out, struct key_board *board, enum wire_role role)
{
    (void)pthread_mutex_lock(&board->mutex);
    *out = board->roles[role].signer;
    (void)pthread_mutex_unlock(&board->mutex);
}

void key_board_policy(struct key_board_policy *out, struct key_board *board, enum wire_role role)
{
    (void)pthread_mutex_lock(&board->mutex);
    *out = board->roles[role].policy;
    (void)pthread_mutex_unlock(&board->mutex);
}

enum status key_board_all(struct key_board_entry **out, size_t *out_count, struct key_board *board, struct fault *fault)
{
    size_t count = 0;
    (void)pthread_mutex_lock(&board->mutex);
    for (size_t i = 0; i < KEY_BOARD_ROLES; i++) {
        count += board->roles[i].count;
    }
    struct key_board_entry *entries = calloc(count + 1, sizeof(*entries));
    size_t at = 0;
    for (size_t i = 0; entries != NULL && i < KEY_BOARD_ROLES; i++) {
        const struct role_keys *keys = &board->roles[i];
        if (keys->count > 0) {
            memcpy(entries + at, keys->entries, keys->count * sizeof(*entries));
        }
        at += keys->count;
    }
    (void)pthread_mutex_unlock(&board->mutex);
    if (entries == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
    }
    *out = entries;
    *out_count = count;
    return STATUS_OK;
}

enum status key_board_find(struct key_board_entry *out, struct key_board *board, const struct digest *key)
{
    enum status status = STATUS_NOT_FOUND;
    (void)pthread_mutex_lock(&board->mutex);
    for (size_t i = 0; status != STATUS_OK && i < KEY_BOARD_ROLES; i++) {
        const struct role_keys *keys = &board->roles[i];
        for (size_t k = 0; status != STATUS_OK && k < keys->count; k++) {
            if (digest_equal(&keys->entries[k].key.key, key)) {
                *out = keys->entries[k];
                status = STATUS_OK;
            }
        }
    }
    (void)pthread_mutex_unlock(&board->mutex);
    return status;
}

size_t key_board_freezes(struct wire_freeze out[WIRE_FREEZES_MAX], struct key_board *board)
{
    const struct role_keys *keys = &board->roles[WIRE_ROLE_TRANSFER];
    (void)pthread_mutex_lock(&board->mutex);
    size_t count = keys->freeze_count;
    memcpy(out, keys->freezes, count * sizeof(*out));
    (void)pthread_mutex_unlock(&board->mutex);
    return count;
}

size_t key_board_suspended(struct wire_suspended out[WIRE_SUSPENDED_MAX], struct key_board *board, enum wire_role role)
{
    const struct role_keys *keys = &board->roles[role];
    (void)pthread_mutex_lock(&board->mutex);
    size_t count = keys->suspended_count;
    memcpy(out, keys->suspended, count * sizeof(*out));
    (void)pthread_mutex_unlock(&board->mutex);
    return count;
}

size_t key_board_suspended_names(struct name out[WIRE_SUSPENDED_MAX], struct key_board *board)
{
    struct wire_suspended rows[WIRE_SUSPENDED_MAX];
    size_t count = key_board_suspended(rows, board, WIRE_ROLE_TRANSFER);
    for (size_t i = 0; i < count; i++) {
        out[i] = rows[i].person;
    }
    return count;
}

static bool stops(const struct wire_freeze *freeze, const struct freeze_target *target)
{
    return freeze->frozen && strcmp(freeze->scope, freeze_scope_text(target->scope)) == 0 &&
           strcmp(freeze->subject, target->subject) == 0;
}

bool key_board_frozen(struct wire_freeze *out, struct key_board *board, const struct name *wallet,
                      const struct digest *asset)
{
    struct freeze_target targets[3] = {{.scope = FREEZE_EVERYTHING}};
    const struct role_keys *keys = &board->roles[WIRE_ROLE_TRANSFER];
    bool frozen = false;
    freeze_target_wallet(&targets[1], wallet);
    freeze_target_asset(&targets[2], asset);
    (void)pthread_mutex_lock(&board->mutex);
    for (size_t i = 0; i < keys->freeze_count && !frozen; i++) {
        for (size_t k = 0; k < sizeof(targets) / sizeof(targets[0]) && !frozen; k++) {
            frozen = stops(&keys->freezes[i], &targets[k]);
        }
        if (frozen) {
            *out = keys->freezes[i];
        }
    }
    (void)pthread_mutex_unlock(&board->mutex);
    return frozen;
}
