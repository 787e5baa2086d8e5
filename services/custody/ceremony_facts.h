/*
 * Where the facts of a ceremony's step come from: words, a file that signerd printed, hashes computed here, a backup
 * document.
 */
#ifndef STRONGROOM_CUSTODY_CEREMONY_FACTS_H
#define STRONGROOM_CUSTODY_CEREMONY_FACTS_H

#include <jansson.h>

#include "ceremony_words.h"
#include "commands.h"
#include "policy/ceremony.h"
#include "policy/ceremony_refusal.h"

/* The facts of one step; what they borrow from is owned. */
struct ceremony_facts {
    json_t *values; /* name -> string */
    struct ceremony_fact facts[CEREMONY_FACTS_MAX];
    size_t count;
};

/* Hashes --module and --program, and reads their pinned hashes from --pins. */
MUST_CHECK enum status ceremony_facts_hashes(struct ceremony_hashes *out, const struct custody_options *options,
                                             struct fault *fault);

/*
 * Collects the facts of `step`; the words after the first are name=value. For the step `open` the hashes of --module
 * and
 * --program are computed here and held against --pins: STATUS_MISMATCH names the file whose hash is another. A fact
 * stated twice or that the step does not have is STATUS_USAGE. Out: ceremony_facts_free.
 */
MUST_CHECK enum status ceremony_facts_collect(struct ceremony_facts *out, const struct ceremony *ceremony,
                                              const struct ceremony_script_step *step,
                                              const struct command_input *input, struct fault *fault);

/*
 * After the step `open` was refused because a file is not the pinned one: has the administrator sign that, and writes
 * it to --out with ".refused" added. What hinders it is said on standard error.
 */
void ceremony_refusal_write(const struct ceremony *ceremony, const struct custody_options *options);

/* Frees what it owns and empties; an empty one is fine. */
void ceremony_facts_free(struct ceremony_facts *facts);

#endif
