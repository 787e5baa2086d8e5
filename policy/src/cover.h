/*
 * Sets of people, counted by class: the arithmetic of the analysis, which knows nothing of policies.
 *
 * People who are interchangeable form a class; a set is how many of each class are in it. A cover asks for at least
 * `need` people out of some classes. An alternative is a list of covers that must all hold; something happens when one
 * alternative holds. More people never hinder, so everything is said by the minimal sets: those who together suffice
 * (moves) and those without whom the rest does not (stops).
 */
#ifndef STRONGROOM_POLICY_SRC_COVER_H
#define STRONGROOM_POLICY_SRC_COVER_H

#include "base/status.h"

#include "policy/analyse.h"

#define COVERS_MAX 256       /* of one alternative */
#define ALTERNATIVES_MAX 256 /* of one case */

/* At least `need` people of the classes whose bit is set. */
struct cover {
    uint64_t classes;
    unsigned need;
};

/* Covers that must all hold; none says what another says already. */
struct covers {
    struct cover items[COVERS_MAX];
    size_t count;
};

/* How many people there are of each class, and which classes are of programs. */
struct crowd {
    unsigned size[ANALYSIS_CLASSES_MAX];
    size_t class_count;
    uint64_t automated;
};

/* What is left of the work that one analysis may take. Counted, not timed: the same policy ends alike everywhere. */
struct effort {
    uint64_t left;
};

/* Adds a cover unless it follows from another, and drops those that follow from it. STATUS_TOO_LARGE. */
MUST_CHECK enum status covers_add(struct covers *covers, uint64_t classes, unsigned need);

/* Whether everybody together meets them all. */
bool covers_possible(const struct covers *covers, const struct crowd *crowd);

/*
 * Appends the minimal sets that meet all covers. STATUS_TOO_LARGE when the effort or ANALYSIS_SETS_MAX is exhausted,
 * STATUS_NO_MEMORY. In/out: `out` with the width of the crowd.
 */
MUST_CHECK enum status covers_minimal(struct analysis_sets *out, const struct covers *covers, const struct crowd *crowd,
                                      struct effort *effort);

/* Minimal sets that meet at least one alternative, in order: fewer people first, then fewer programs. Out: free with
 * sets_free. Statuses as above.
 */
MUST_CHECK enum status cover_moves(struct analysis_sets *out, const struct covers *alternatives, size_t count,
                                   const struct crowd *crowd, struct effort *effort);

/*
 * Minimal sets without whom the rest of the crowd meets no alternative, in order. Every alternative is possible for the
 * whole crowd. Out: free with sets_free. Statuses as above.
 */
MUST_CHECK enum status cover_stops(struct analysis_sets *out, const struct covers *alternatives, size_t count,
                                   const struct crowd *crowd, struct effort *effort);

void sets_free(struct analysis_sets *sets);

#endif
