/*
 * k = h/s + (r/s) d for each signature, with one d: the nonces of n signatures are a vector that differs from a known
 * one by a vector of the lattice of all d. If the nonces are short, it is the nearest one. The signer normalises s, so
 * each nonce is known but for its sign: short ones stay short, and shared bits are looked for under every choice of
 * signs. All numbers here follow from what is public.
 */
#include "nonce_scan.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "lattice.h"

/* How many signatures are looked at together, and how many lower bits must be zero then. */
static const struct {
    size_t size;
    size_t step;
    int shift;
} windows[] = {{3, 1, 92}, {8, 4, 38}, {16, 8, 20}, {32, 16, 11}, {64, 32, 8}};

/* The same for bits that are the same in all, whatever they are. */
static const struct {
    size_t size;
    size_t step;
    int shift;
} shared[] = {{4, 2, 92}, {8, 4, 42}};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const reach[] = {
    "zero bits at the top or the bottom of every nonce: 92 in 3 signatures in a row, 38 in 8, 20 in 16, 11 in 32, 8 in "
    "64",
    "the same unknown bits at the top or the bottom of every nonce: 92 in 4 signatures in a row, 42 in 8",
};

const char *nonce_scan_reach(size_t line)
{
    return line < COUNT_OF(reach) ? reach[line] : NULL;
}

struct scan {
    BN_CTX *context;
    EC_GROUP *group;
    EC_POINT *public;
    EC_POINT *point;
    BIGNUM *order;
    BIGNUM **factors; /* r/s of each signature */
    BIGNUM **offsets; /* h/s */
    size_t count;
    struct lattice *lattice;
    bool failed;
};

static BIGNUM **numbers_new(size_t count)
{
    BIGNUM **out = calloc(count + 1, sizeof(*out));
    for (size_t i = 0; out != NULL && i < count; i++) {
        out[i] = BN_new();
    }
    return out;
}

static void numbers_free(BIGNUM **numbers, size_t count)
{
    for (size_t i = 0; numbers != NULL && i < count; i++) {
        BN_clear_free(numbers[i]);
    }
    free(numbers);
}

static bool read_numbers(struct scan *scan, size_t i, const struct nonce_signature *signature)
{
    BIGNUM *inverse = BN_bin2bn(signature->s32, 32, NULL);
    BIGNUM *r = BN_bin2bn(signature->r32, 32, NULL);
    BIGNUM *h = BN_bin2bn(signature->message.bytes32, 32, NULL);
    bool good = inverse != NULL && r != NULL && h != NULL && scan->factors[i] != NULL && scan->offsets[i] != NULL &&
                BN_mod_inverse(inverse, inverse, scan->order, scan->context) != NULL &&
                BN_mod_mul(scan->factors[i], r, inverse, scan->order, scan->context) == 1 &&
                BN_mod_mul(scan->offsets[i], h, inverse, scan->order, scan->context) == 1;
    BN_free(inverse);
    BN_free(r);
    BN_free(h);
    return good;
}

static void scan_close(struct scan *scan)
{
    numbers_free(scan->factors, scan->count);
    numbers_free(scan->offsets, scan->count);
    BN_free(scan->order);
    EC_POINT_free(scan->public);
    EC_POINT_free(scan->point);
    EC_GROUP_free(scan->group);
    BN_CTX_free(scan->context);
    free(scan->lattice);
}

static bool scan_open(struct scan *out, const struct key *key, const struct nonce_signature *signatures, size_t count)
{
    int curve = strcmp(key->alg, "p256") == 0 ? NID_X9_62_prime256v1 : NID_secp256k1;
    size_t point_len = 65; /* the DER bytes end with the point, uncompressed */
    *out = (struct scan){.context = BN_CTX_new(), .group = EC_GROUP_new_by_curve_name(curve), .count = count};
    out->order = BN_new();
    out->factors = numbers_new(count);
    out->offsets = numbers_new(count);
    out->lattice = calloc(1, sizeof(*out->lattice));
    bool good = out->context != NULL && out->group != NULL && out->order != NULL && out->factors != NULL &&
                out->offsets != NULL && out->lattice != NULL && key->der_len > point_len;
    if (good) {
        out->public = EC_POINT_new(out->group);
        out->point = EC_POINT_new(out->group);
        good = out->public != NULL && out->point != NULL && EC_GROUP_get_order(out->group, out->order, NULL) == 1 &&
               EC_POINT_oct2point(out->group, out->public, key->der + key->der_len - point_len, point_len,
                                  out->context) == 1;
    }
    for (size_t i = 0; good && i < count; i++) {
        good = read_numbers(out, i, &signatures[i]);
    }
    return good;
}

static struct wide wide_of(const BIGNUM *number)
{
    uint8_t bytes32[32];
    INVARIANT(BN_bn2binpad(number, bytes32, sizeof(bytes32)) == 32);
    return wide_read(bytes32, false);
}

/* Signatures that are looked at together: their numbers, or those of their differences to the first one. */
struct window {
    struct scan *scan;
    size_t size;
    BIGNUM **factors;
    BIGNUM **offsets;
    BIGNUM *number[2]; /* for intermediate results */
};

static bool window_open(struct window *out, struct scan *scan, size_t size)
{
    *out = (struct window){.scan = scan,
                           .size = size,
                           .factors = numbers_new(size),
                           .offsets = numbers_new(size),
                           .number = {BN_new(), BN_new()}};
    bool good = out->factors != NULL && out->offsets != NULL && out->number[0] != NULL && out->number[1] != NULL;
    for (size_t i = 0; good && i < size; i++) {
        good = out->factors[i] != NULL && out->offsets[i] != NULL;
    }
    return good;
}

static void window_close(struct window *window)
{
    numbers_free(window->factors, window->size);
    numbers_free(window->offsets, window->size);
    BN_clear_free(window->number[0]);
    BN_clear_free(window->number[1]);
}

static bool fill_plain(struct window *window, size_t first)
{
    bool good = true;
    for (size_t i = 0; good && i < window->size; i++) {
        good = BN_copy(window->factors[i], window->scan->factors[first + i]) != NULL &&
               BN_copy(window->offsets[i], window->scan->offsets[first + i]) != NULL;
    }
    return good;
}

/* What all nonces share is not in their differences; a nonce whose sign is another is added. */
static bool fill_differences(struct window *window, size_t first, unsigned signs)
{
    const struct scan *scan = window->scan;
    bool good = true;
    for (size_t i = 0; good && i < window->size; i++) {
        int (*const join)(BIGNUM *, const BIGNUM *, const BIGNUM *, const BIGNUM *, BN_CTX *) =
            (signs >> i & 1) != 0 ? BN_mod_add : BN_mod_sub;
        good = join(window->factors[i], scan->factors[first + 1 + i], scan->factors[first], scan->order,
                    scan->context) == 1 &&
               join(window->offsets[i], scan->offsets[first + 1 + i], scan->offsets[first], scan->order,
                    scan->context) == 1;
    }
    return good;
}

/* The vectors that nonces can differ by: the multiples of the factors, modulo the order. */
static bool fill_lattice(struct window *window)
{
    const struct scan *scan = window->scan;
    struct lattice *lattice = scan->lattice;
    BIGNUM *inverse = window->number[0];
    BIGNUM *number = window->number[1];
    memset(lattice, 0, sizeof(*lattice));
    lattice->size = window->size;
    bool good = BN_mod_inverse(inverse, window->factors[0], scan->order, scan->context) != NULL;
    for (size_t i = 0; good && i < window->size; i++) {
        good = BN_mod_mul(number, window->factors[i], inverse, scan->order, scan->context) == 1;
        if (good) {
            lattice->rows[i][i] = wide_of(scan->order);
            lattice->rows[0][i] = wide_of(number); /* the first of them is 1 */
        }
    }
    return good && lattice_reduce(lattice);
}

/* Whether the number is the private key. */
static bool is_private(const struct scan *scan, const BIGNUM *number)
{
    return EC_POINT_mul(scan->group, scan->point, number, NULL, NULL, scan->context) == 1 &&
           EC_POINT_cmp(scan->group, scan->point, scan->public, scan->context) == 0;
}

/* Out: what d would be if the first nonce was `left`, times 2^shift: (left 2^shift - offset) / factor */
static bool solve(BIGNUM *out, const struct window *window, const struct wide *left, int shift)
{
    const struct scan *scan = window->scan;
    BIGNUM *inverse = window->number[1];
    uint8_t bytes32[32];
    bool minus = false;
    if (!wide_write(bytes32, &minus, left) || BN_bin2bn(bytes32, 32, out) == NULL) {
        return false;
    }
    BN_set_negative(out, minus ? 1 : 0);
    return BN_lshift(out, out, shift) == 1 &&
           BN_mod_sub(out, out, window->offsets[0], scan->order, scan->context) == 1 &&
           BN_mod_inverse(inverse, window->factors[0], scan->order, scan->context) != NULL &&
           BN_mod_mul(out, out, inverse, scan->order, scan->context) == 1;
}

/* Whether the nonces without their lowest `shift` bits are short enough to give the key away. */
static bool gives_away(struct window *window, int shift)
{
    struct scan *scan = window->scan;
    struct wide left[LATTICE_MAX];
    BIGNUM *unshift = window->number[0];
    BIGNUM *number = window->number[1];
    bool good = BN_one(unshift) == 1 && BN_lshift(unshift, unshift, shift) == 1 &&
                BN_mod_inverse(unshift, unshift, scan->order, scan->context) != NULL;
    for (size_t i = 0; good && i < window->size; i++) {
        good = BN_mod_mul(number, window->offsets[i], unshift, scan->order, scan->context) == 1;
        left[i] = good ? wide_of(number) : (struct wide){{0}};
    }
    good = good && lattice_near(left, scan->lattice);
    bool found = good && solve(window->number[0], window, &left[0], shift) && is_private(scan, window->number[0]);
    scan->failed = scan->failed || !good;
    OPENSSL_cleanse(left, sizeof(left));
    return found;
}

/* Both ends of the nonces of a window that is filled. */
static int look(struct window *window, int shift)
{
    if (!fill_lattice(window)) {
        window->scan->failed = true;
        return 0;
    }
    if (gives_away(window, 0)) {
        return 1;
    }
    return gives_away(window, shift) ? 2 : 0;
}

static enum nonce_flaw look_at(struct scan *scan, size_t first, size_t size, int shift, bool is_shared)
{
    static const enum nonce_flaw plain[] = {NONCE_FLAW_NONE, NONCE_FLAW_SHORT, NONCE_FLAW_EVEN};
    static const enum nonce_flaw common[] = {NONCE_FLAW_NONE, NONCE_FLAW_PREFIX, NONCE_FLAW_SUFFIX};
    struct window window;
    int end = 0;
    bool good = window_open(&window, scan, is_shared ? size - 1 : size);
    unsigned choices = is_shared ? 1U << (size - 1) : 1; /* of the signs, against the first one */
    for (unsigned signs = 0; good && end == 0 && signs < choices; signs++) {
        good = is_shared ? fill_differences(&window, first, signs) : fill_plain(&window, first);
        end = good ? look(&window, shift) : 0;
    }
    scan->failed = scan->failed || !good;
    window_close(&window);
    return is_shared ? common[end] : plain[end];
}

static void slide(struct nonce_finding *out, struct scan *scan, size_t size, size_t step, int shift, bool is_shared)
{
    size_t last = scan->count >= size ? scan->count - size : 0;
    for (size_t first = 0; scan->count >= size && out->flaw == NONCE_FLAW_NONE; first += step) {
        first = first > last ? last : first;
        *out = (struct nonce_finding){look_at(scan, first, size, shift, is_shared), first, size};
        if (first == last) {
            return;
        }
    }
}

bool nonce_scan(struct nonce_finding *out, const struct key *key, const struct nonce_signature *signatures,
                size_t count)
{
    struct scan scan;
    struct nonce_finding finding = {.flaw = NONCE_FLAW_NONE};
    bool good = scan_open(&scan, key, signatures, count);
    for (size_t i = 0; good && i < COUNT_OF(windows) && finding.flaw == NONCE_FLAW_NONE; i++) {
        slide(&finding, &scan, windows[i].size, windows[i].step, windows[i].shift, false);
    }
    for (size_t i = 0; good && i < COUNT_OF(shared) && finding.flaw == NONCE_FLAW_NONE; i++) {
        slide(&finding, &scan, shared[i].size, shared[i].step, shared[i].shift, true);
    }
    good = good && (!scan.failed || finding.flaw != NONCE_FLAW_NONE);
    scan_close(&scan);
    if (good) {
        *out = finding;
    }
    return good;
}
