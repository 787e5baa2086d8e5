/*
 * What in the database is the service's own: rows of audit.pending and the head row, by codes under a key that the
 * database does not have; of this boot, an event that was enqueued, and what is known of it.
 */
#include <inttypes.h>

#include "base/log.h"
#include "trail_core.h"
#include "trail_state.h"

/* What a code is over. The two kinds differ in length, so none stands for the other. */
struct said {
    uint8_t bytes[sizeof(uint64_t) + 2 * sizeof(struct digest)];
    size_t len;
};

static void say_number(struct said *said, uint64_t number)
{
    for (size_t i = 0; i < sizeof(number); i++) {
        said->bytes[said->len++] = (uint8_t)(number >> (8 * (sizeof(number) - 1 - i)));
    }
}

static void say_digest(struct said *said, const struct digest *digest)
{
    memcpy(said->bytes + said->len, digest->bytes32, sizeof(digest->bytes32));
    said->len += sizeof(digest->bytes32);
}

static void code(struct digest *out, const struct trail *trail, const struct said *said)
{
    INVARIANT(trail->pending_key.len == TRAIL_PENDING_KEY_LEN);
    digest_hmac_sha256(out, trail->pending_key.data, trail->pending_key.len, said->bytes, said->len);
}

void trail_pending_mac(struct digest *out, const struct trail *trail, uint64_t since, const struct digest *event)
{
    struct said said = {.len = 0};
    say_number(&said, since);
    say_digest(&said, event);
    code(out, trail, &said);
}

void trail_head_mac(struct digest *out, const struct trail *trail, uint64_t size, const struct digest *root,
                    const struct digest *last_lh)
{
    struct said said = {.len = 0};
    say_number(&said, size);
    say_digest(&said, root);
    say_digest(&said, last_lh);
    code(out, trail, &said);
}

bool trail_wrote(const struct trail *trail, int64_t since, const struct digest *event, const struct bytes *mac)
{
    struct digest expected;
    trail_pending_mac(&expected, trail, (uint64_t)since, event);
    return digest_hmac_is(&expected, mac->data, mac->len);
}

bool trail_remembers(struct trail *trail, const struct uuid *boot, uint64_t number)
{
    pthread_mutex_lock(&trail->mutex);
    bool known = uuid_equal(boot, &trail->boot) && numbers_find(&trail->numbers, number) != NULL;
    pthread_mutex_unlock(&trail->mutex);
    return known;
}

enum status trail_expects(struct trail *trail, const struct uuid *boot, uint64_t number, const struct digest *event)
{
    if (!uuid_equal(boot, &trail->boot)) {
        return STATUS_OK;
    }
    pthread_mutex_lock(&trail->mutex);
    enum status status = numbers_expect(&trail->numbers, number, event);
    pthread_mutex_unlock(&trail->mutex);
    return status;
}

bool trail_must_settle(struct trail *trail)
{
    pthread_mutex_lock(&trail->mutex);
    bool must = numbers_crowd(&trail->numbers);
    pthread_mutex_unlock(&trail->mutex);
    return must;
}

void trail_sequenced(struct trail *trail, const struct uuid *boot, uint64_t number, uint64_t seq)
{
    if (uuid_equal(boot, &trail->boot)) {
        pthread_mutex_lock(&trail->mutex);
        numbers_sequenced(&trail->numbers, number, seq);
        pthread_mutex_unlock(&trail->mutex);
    }
}

void trail_falsified(uint64_t seq)
{
    char number[24];
    (void)snprintf(number, sizeof(number), "%" PRIu64, seq);
    log_event(LOG_LEVEL_ERROR, "trail.falsified", "entry", number, NULL);
}
