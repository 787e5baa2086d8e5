/*
 * Whose an event is that lay in audit.pending: of a process that has the service's key for it, and, of this boot, one
 * that was enqueued.
 */
#include "trail_core.h"
#include "trail_state.h"

void trail_pending_mac(struct digest *out, const struct trail *trail, uint64_t since, const struct digest *event)
{
    uint8_t said[sizeof(since) + sizeof(event->bytes32)];
    INVARIANT(trail->pending_key.len == TRAIL_PENDING_KEY_LEN);
    for (size_t i = 0; i < sizeof(since); i++) {
        said[i] = (uint8_t)(since >> (8 * (sizeof(since) - 1 - i)));
    }
    memcpy(said + sizeof(since), event->bytes32, sizeof(event->bytes32));
    digest_hmac_sha256(out, trail->pending_key.data, trail->pending_key.len, said, sizeof(said));
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

bool trail_expects(struct trail *trail, const struct uuid *boot, uint64_t number, const struct digest *event)
{
    if (!uuid_equal(boot, &trail->boot)) {
        return true;
    }
    pthread_mutex_lock(&trail->mutex);
    bool expected = numbers_expect(&trail->numbers, number, event);
    pthread_mutex_unlock(&trail->mutex);
    return expected;
}
