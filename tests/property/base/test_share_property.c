/*
 * Secret sharing over random secrets, thresholds and choices: any k shares give the secret, k-1 are refused and tell
 * nothing, a flipped bit anywhere is named.
 */
#include "base/share.h"

#include <criterion/criterion.h>
#include <string.h>

#include "random.h"

#define ROUNDS 400
#define LEN_MAX SHARE_PIN_BLOCK_LEN

static void setup(void)
{
    random_open();
    cr_assert_eq(secret_heap_open(NULL), STATUS_OK);
}

TestSuite(share_property, .init = setup);

/* A secret, its shares in random order, and their commitments. */
struct sharing {
    struct secret secret;
    struct share shares[SHARE_COUNT_MAX];
    struct digest commitments[SHARE_COUNT_MAX];
    unsigned k;
    unsigned n;
};

static void shuffle(struct sharing *sharing)
{
    for (size_t i = sharing->n; i > 1; i--) {
        size_t j = random_below(i);
        struct share share = sharing->shares[i - 1];
        sharing->shares[i - 1] = sharing->shares[j];
        sharing->shares[j] = share;
    }
}

static void sharing_init(struct sharing *out)
{
    *out = (struct sharing){.n = (unsigned)(2 + random_below(SHARE_COUNT_MAX - 1))};
    out->k = (unsigned)(2 + random_below(out->n - 1));
    cr_assert_eq(secret_new(&out->secret, 1 + random_below(LEN_MAX)), STATUS_OK);
    random_fill(out->secret.data, out->secret.len);
    cr_assert_eq(share_split(out->shares, &out->secret, out->k, out->n, NULL), STATUS_OK);
    shuffle(out);
    for (size_t i = 0; i < out->n; i++) {
        share_commitment(&out->commitments[i], &out->shares[i].value);
    }
}

static void sharing_wipe(struct sharing *sharing)
{
    secret_free(&sharing->secret);
    for (size_t i = 0; i < sharing->n; i++) {
        share_free(&sharing->shares[i]);
    }
}

static bool joins_to_secret(const struct sharing *sharing, size_t count)
{
    struct secret joined = {0};
    cr_assert_eq(share_join(&joined, sharing->shares, count, sharing->k, sharing->commitments, NULL), STATUS_OK);
    bool same = joined.len == sharing->secret.len && memcmp(joined.data, sharing->secret.data, joined.len) == 0;
    secret_free(&joined);
    return same;
}

Test(share_property, any_k_of_n_give_the_secret)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct sharing sharing;
        sharing_init(&sharing);
        cr_assert(joins_to_secret(&sharing, sharing.k), "%u of %u", sharing.k, sharing.n);
        cr_assert(joins_to_secret(&sharing, sharing.n), "%u of %u, all given", sharing.k, sharing.n);
        sharing_wipe(&sharing);
    }
}

Test(share_property, fewer_are_refused)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct sharing sharing;
        sharing_init(&sharing);
        struct secret joined = {0};
        size_t count = random_below(sharing.k);
        cr_assert_eq(share_join(&joined, sharing.shares, count, sharing.k, sharing.commitments, NULL),
                     STATUS_QUORUM_MISSING);
        cr_assert_null(joined.data);
        sharing_wipe(&sharing);
    }
}

/*
 * k-1 shares fit every secret: whatever byte is guessed, there is one value of a further share that gives it. Shown for
 * one byte: the further share runs through all 256 values, and all 256 secrets come out.
 */
Test(share_property, fewer_tell_nothing)
{
    for (int round = 0; round < 20; round++) {
        struct sharing sharing;
        sharing_init(&sharing);
        bool seen[256] = {false};
        struct share *last = &sharing.shares[sharing.k - 1];
        for (unsigned value = 0; value < 256; value++) {
            last->value.data[0] = (uint8_t)value;
            share_commitment(&sharing.commitments[sharing.k - 1], &last->value);
            struct secret joined = {0};
            cr_assert_eq(share_join(&joined, sharing.shares, sharing.k, sharing.k, sharing.commitments, NULL),
                         STATUS_OK);
            cr_assert_not(seen[joined.data[0]]);
            seen[joined.data[0]] = true;
            secret_free(&joined);
        }
        sharing_wipe(&sharing);
    }
}

Test(share_property, a_flipped_bit_is_named)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct sharing sharing;
        sharing_init(&sharing);
        struct share *bad = &sharing.shares[random_below(sharing.n)];
        bad->value.data[random_below(bad->value.len)] ^= (uint8_t)(1U << random_below(8));
        struct fault fault = {0};
        struct secret joined = {0};
        cr_assert_eq(share_join(&joined, sharing.shares, sharing.n, sharing.k, sharing.commitments, &fault),
                     STATUS_MISMATCH);
        char name[32];
        (void)snprintf(name, sizeof(name), "share %u is", bad->index);
        cr_assert(strstr(fault.detail, name) != NULL, "%s, not %s", fault.detail, name);
        cr_assert_null(joined.data);
        sharing_wipe(&sharing);
    }
}
