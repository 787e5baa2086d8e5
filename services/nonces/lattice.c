/*
 * Reduction row by row: what is taken off a row is whole multiples of the rows before it, so that rounding errors cost
 * another round and nothing else.
 */
#include "lattice.h"

#include <math.h>
#include <string.h>

#define LOVASZ 0.99L
#define NEAR 0.501L        /* above a half by more than rounding errors, which would go to and fro */
#define ROUNDS_MAX 200     /* for one row */
#define SWAPS_MAX 2000000L /* for a basis; some 200,000 are usual at the largest size */

static long double dot(const long double *a, const long double *b, size_t size)
{
    long double sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static void read_reals(long double *out, const struct wide *row, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = wide_real(&row[i]);
    }
}

/* The coefficients of a vector against the first `count` rows. */
static void project(long double *out_products, long double *out_factors, const long double *reals,
                    const struct lattice *lattice, size_t count)
{
    for (size_t j = 0; j < count; j++) {
        long double product = dot(reals, lattice->reals[j], lattice->size);
        for (size_t i = 0; i < j; i++) {
            product -= lattice->factors[j][i] * out_products[i];
        }
        out_products[j] = product;
        out_factors[j] = product / lattice->products[j][j];
    }
}

/* Takes the nearest whole multiples of the first `count` rows off a vector. Out: whether there were any. */
static bool take_off(bool *out_any, struct wide *vector, long double *factors, const struct lattice *lattice,
                     size_t count)
{
    *out_any = false;
    for (size_t j = count; j-- > 0;) {
        long double whole = roundl(factors[j]);
        int exponent = 0;
        if (fabsl(factors[j]) <= NEAR) {
            continue;
        }
        if (!isfinite(whole)) {
            return false;
        }
        long double fraction = frexpl(whole, &exponent);
        int shift = exponent > 62 ? exponent - 62 : 0;
        if (shift >= 64 * WIDE_LIMBS) {
            return false;
        }
        int64_t times = (int64_t)ldexpl(fraction, exponent - shift);
        whole = ldexpl((long double)times, shift);
        for (size_t i = 0; i < lattice->size; i++) {
            wide_subtract(&vector[i], &lattice->rows[j][i], times, (unsigned)shift);
        }
        for (size_t i = 0; i < j; i++) {
            factors[i] -= whole * lattice->factors[j][i];
        }
        *out_any = true;
    }
    return true;
}

static bool reduce_vector(struct wide *vector, long double *reals, long double *products, long double *factors,
                          const struct lattice *lattice, size_t count)
{
    bool any = true;
    for (int round = 0; any; round++) {
        read_reals(reals, vector, lattice->size);
        project(products, factors, reals, lattice, count);
        if (round == ROUNDS_MAX || !take_off(&any, vector, factors, lattice, count)) {
            return false;
        }
    }
    return true;
}

static void swap_rows(struct lattice *lattice, size_t row)
{
    struct wide kept[LATTICE_MAX];
    memcpy(kept, lattice->rows[row], sizeof(kept));
    memcpy(lattice->rows[row], lattice->rows[row - 1], sizeof(kept));
    memcpy(lattice->rows[row - 1], kept, sizeof(kept));
}

/* Reduces row `k` against those before it, and takes its square. */
static bool reduce_row(struct lattice *lattice, size_t k)
{
    if (!reduce_vector(lattice->rows[k], lattice->reals[k], lattice->products[k], lattice->factors[k], lattice, k)) {
        return false;
    }
    long double square = dot(lattice->reals[k], lattice->reals[k], lattice->size);
    for (size_t j = 0; j < k; j++) {
        square -= lattice->factors[k][j] * lattice->products[k][j];
    }
    lattice->products[k][k] = square;
    return true;
}

bool lattice_reduce(struct lattice *lattice)
{
    size_t k = 0;
    long swaps = 0;
    while (k < lattice->size) {
        if (!reduce_row(lattice, k)) {
            return false;
        }
        long double factor = k > 0 ? lattice->factors[k][k - 1] : 0;
        if (k == 0 || lattice->products[k][k] >= (LOVASZ - factor * factor) * lattice->products[k - 1][k - 1]) {
            k++;
            continue;
        }
        if (++swaps > SWAPS_MAX) {
            return false;
        }
        swap_rows(lattice, k);
        k--;
    }
    return true;
}

bool lattice_near(struct wide vector[LATTICE_MAX], const struct lattice *lattice)
{
    long double reals[LATTICE_MAX];
    long double products[LATTICE_MAX];
    long double factors[LATTICE_MAX];
    return reduce_vector(vector, reals, products, factors, lattice, lattice->size);
}
