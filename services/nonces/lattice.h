/*
 * Lattices of integer vectors: Lenstra-Lenstra-Lovasz reduction with floating-point Gram-Schmidt coefficients (Schnorr
 * and Euchner, 1994), and what is left of a vector after the nearest planes (Babai, 1986). Rounding can make a basis
 * less reduced, never another lattice: the vectors themselves are exact.
 */
#ifndef STRONGROOM_NONCES_LATTICE_H
#define STRONGROOM_NONCES_LATTICE_H

#include "base/bytes.h"
#include "wide.h"

#define LATTICE_MAX 64

struct lattice {
    size_t size; /* vectors, and numbers in each */
    struct wide rows[LATTICE_MAX][LATTICE_MAX];
    /* Gram-Schmidt, of the rows up to the one that was worked on last */
    long double reals[LATTICE_MAX][LATTICE_MAX];
    long double products[LATTICE_MAX][LATTICE_MAX]; /* of row i with the orthogonal part of row j */
    long double factors[LATTICE_MAX][LATTICE_MAX];  /* the same over the square of that part */
};

/* Reduces the basis in `rows`. False when the precision does not suffice. */
bool lattice_reduce(struct lattice *lattice);

/* Replaces `vector` by its difference to a vector of the reduced lattice that is near it. False as above. */
bool lattice_near(struct wide vector[LATTICE_MAX], const struct lattice *lattice);

#endif
